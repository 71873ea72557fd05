import { readFileSync } from 'node:fs'
import type { Config } from './config/config.ts'
import { ControlPlane } from './control/control-plane.ts'
import { StateStore } from './control/state/state-store.ts'
import type { SnapshotData } from './model/snapshot.ts'
import { listenerOptions, openAccessLog } from './process/data-plane-options.ts'
import { DataPlane } from './proxy/data-plane.ts'
import { createLogger } from './telemetry/logger.ts'
import { processMetrics } from './telemetry/process-metrics.ts'
import { RouterMetrics } from './telemetry/router-metrics.ts'

/** A router with both planes in this process. */
export interface Router {
  /**
   * Binds everything and serves. Dynos that run here begin to start; requests for them wait until they are up.
   * @throws Error in one line when an address cannot be bound; then nothing is held and nothing runs.
   */
  start(): Promise<void>
  /**
   * Says so at /readyz for `shutdown.notice`, then takes no more connections, lets requests end within `shutdown.drain`, stops the dynos that run here, closes. Calling it
   * again with `hurry` cuts what is left and kills what runs.
   */
  stop(options?: { readonly hurry?: boolean }): Promise<void>
  /** What is bound; ports that were 0 are known once `start` has resolved. */
  readonly addresses: RouterAddresses
  /**
   * Takes another checked configuration into use, whole or not at all. Requests and tunnels that the change does not concern
   * never notice.
   * @throws RestartRequired when it changes `space`, `dns`, `admin` or `state`; Error when a listener cannot be bound.
   */
  apply(config: Config): Promise<void>
}

export interface RouterAddresses {
  /** Listener name to `host:port`. */
  readonly listeners: Readonly<Record<string, string>>
  /** Of the embedded DNS, UDP and TCP. */
  readonly dns: string
  /** `unix:/run/postern.sock` or `127.0.0.1:9900` */
  readonly admin: string
}

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

/**
 * Wires a router from a checked configuration (`loadConfig`, `defineConfig`). Nothing is bound and nothing runs before
 * `start`.
 */
export function createRouter(config: Config): Router {
  return new InProcessRouter(config)
}

class InProcessRouter implements Router {
  readonly #metrics = new RouterMetrics()
  readonly #ownMetrics = processMetrics()
  readonly #logger
  readonly #accessLog
  #control: ControlPlane | null = null
  #state: StateStore | null = null
  #config: Config
  #plane: DataPlane | null = null
  #stopped: Promise<void> | null = null
  readonly #hurried = Promise.withResolvers<void>()
  #listening = false

  constructor(config: Config) {
    this.#config = config
    this.#logger = createLogger({ level: config.log.level })
    this.#accessLog = openAccessLog(config.log, { logger: this.#logger, metrics: this.#metrics })
  }

  get addresses(): RouterAddresses {
    const listeners: Record<string, string> = {}
    for (const { name, host } of this.#config.listeners) {
      const port = this.#plane?.ports.get(name)
      if (port !== undefined) listeners[name] = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    }
    return { listeners, dns: '', admin: '', ...this.#control?.addresses }
  }

  async start(): Promise<void> {
    this.#state = await StateStore.open(this.#config.state)
    this.#control = new ControlPlane(this.#config, {
      dataPlane: {
        apply: (data) => this.#apply(data),
        inFlight: (dynoId) => this.#plane?.pools.inFlight(dynoId) ?? 0,
        observed: (dynoId) => this.#plane?.pools.observed(dynoId) ?? null,
      },
      log: this.#logger,
      metrics: this.#metrics,
      state: this.#state,
      version,
      listening: () => this.#listening,
      exposition: async () => this.#metrics.exposition() + (await this.#ownMetrics.metrics()),
    })
    try {
      await this.#control.start()
      await this.#plane!.listen(this.#config.listeners.map(listenerOptions))
      this.#listening = true
    } catch (error) {
      await this.stop({ hurry: true })
      throw error
    }
  }

  async apply(config: Config): Promise<void> {
    const before = this.#config
    await this.#plane!.listen(config.listeners.map(listenerOptions))
    try {
      await this.#control!.apply(config)
      this.#config = config
    } catch (error) {
      await this.#plane!.listen(before.listeners.map(listenerOptions))
      throw error
    }
  }

  async stop({ hurry = false } = {}): Promise<void> {
    if (hurry) this.#hurried.resolve()
    this.#stopped ??= this.#stop(hurry ? 0 : this.#config.shutdown.drainMs)
    if (hurry) {
      this.#plane?.hurry()
      this.#control?.hurry()
    }
    await this.#stopped
  }

  /** In reverse order of starting: first nothing comes in, then what runs ends, last the logs. */
  async #stop(drainMs: number): Promise<void> {
    const { noticeMs } = this.#config.shutdown
    this.#control?.announceStop()
    if (noticeMs > 0) {
      const notice = Promise.withResolvers<void>()
      const timer = setTimeout(notice.resolve, noticeMs)
      await Promise.race([notice.promise, this.#hurried.promise])
      clearTimeout(timer)
    }
    this.#listening = false
    await this.#plane?.stop(drainMs)
    await this.#control?.stop()
    await this.#state?.close()
    await this.#accessLog?.sink.close()
  }

  #apply(data: SnapshotData): void {
    if (this.#plane !== null) {
      this.#plane.apply(data)
      return
    }
    const log = this.#accessLog
    this.#plane = new DataPlane({
      snapshot: data,
      metrics: this.#metrics,
      logger: this.#logger,
      accessLog: log === null ? null : { format: log.format, write: (line) => log.sink.write(line) },
    })
  }
}
