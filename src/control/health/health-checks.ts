import type { AppConfig, HealthCheckConfig } from '../../config/config.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { RouterMetrics } from '../../telemetry/router-metrics.ts'
import { acceptsConnections } from '../boot-probe.ts'
import type { Clock } from '../clock.ts'
import { pause } from '../clock.ts'
import type { EventLog } from '../events.ts'
import { Turns } from '../turns.ts'
import type { Probe } from './http-probe.ts'
import type { Health } from './readiness.ts'
import { WatchedDyno } from './watched-dyno.ts'

/** So many checks are under way at once; each is a socket. */
const CHECKS_AT_ONCE = 128
/** How often it is looked whether requests of clients failed. */
const FAILURES_LOOK_MS = 1000
/** While a dyno boots. */
const BOOT_CHECK_PAUSE_MS = 250

/** A dyno as it is known to whoever sends requests to it. */
export interface CheckedDyno {
  readonly id: string
  /** `web.1` */
  readonly name: string
  readonly address: string
  readonly port: number
}

export interface HealthContext {
  readonly probe: Probe
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: RouterMetrics
  readonly events: EventLog
  /** Failed requests of the dyno since counting began. */
  failures(dynoId: string): number
  /** What is held of a dyno that is new here, until its checks say otherwise. */
  presume(app: string, dynoId: string): Health
  /** Another health of one of the app's dynos. */
  onChange(app: string): void
}

interface CheckedApp {
  readonly config: AppConfig
  readonly host: string
  readonly check: HealthCheckConfig | null
  readonly dynos: readonly CheckedDyno[]
  /** By id; empty when the app is not checked. */
  readonly watched: Map<string, WatchedDyno>
}

/**
 * The one place that knows how dynos are: those that run here, those that are listed, announced or learned from another DNS
 * server, all in the same way. What follows from it is in `readiness.ts`.
 */
export class HealthChecks {
  readonly #context: HealthContext
  readonly #apps = new Map<string, CheckedApp>()
  readonly #turns = new Turns(CHECKS_AT_ONCE)
  #cancelLook: (() => void) | null = null

  constructor(context: HealthContext) {
    this.#context = context
  }

  /** `zone`: of the embedded DNS, for the Host of an app without a domain. What changes of a check counts from its next one on. */
  configure(apps: readonly AppConfig[], zone: string): void {
    const names = new Set(apps.map(({ name }) => name))
    for (const [name, { watched }] of this.#apps) {
      if (names.has(name)) continue
      for (const dyno of watched.values()) dyno.stop()
      this.#apps.delete(name)
    }
    for (const config of apps) {
      const { name, domains, healthCheck } = config
      const before = this.#apps.get(name)
      if (before?.config === config) continue
      const host = domains.find((domain) => !domain.startsWith('*.')) ?? `web.${name}.${zone}`
      this.#apps.set(name, {
        config,
        host,
        check: healthCheck,
        dynos: before?.dynos ?? [],
        watched: before?.watched ?? new Map(),
      })
      this.#watch(name)
    }
  }

  /** The dynos of an app that are to be checked: all that may get requests. */
  follow(name: string, dynos: readonly CheckedDyno[]): void {
    const app = this.#apps.get(name)
    if (!app) return
    this.#apps.set(name, { ...app, dynos })
    this.#watch(name)
  }

  /** By dyno id; null: the app is not checked. */
  healthOf(name: string): ReadonlyMap<string, Health> | null {
    const app = this.#apps.get(name)
    if (!app?.check) return null
    return new Map([...app.watched].map(([id, dyno]) => [id, dyno.health]))
  }

  /** For people; null: the dyno is not checked. `reason` of the last check, '' when it passed. */
  statusOf(name: string, id: string): { readonly health: Health; readonly reason: string } | null {
    return this.#apps.get(name)?.watched.get(id) ?? null
  }

  /**
   * Waits until a dyno that boots accepts connections and passes the check of its app, `healthyAfter` times in a row. Resolves with '', or with why it
   * does not when the time is over or nobody waits any more.
   */
  async booted(
    name: string,
    target: { readonly address: string; readonly port: number },
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<string> {
    const { clock, probe } = this.#context
    const over = new AbortController()
    const cancel = clock.after(timeoutMs, () => over.abort())
    const until = AbortSignal.any([signal, over.signal])
    try {
      if (!(await acceptsConnections(target, timeoutMs, clock, until))) return 'it did not accept on its $PORT'
      let reason = 'it was not checked'
      for (let passed = 0; !until.aborted; ) {
        const app = this.#apps.get(name)
        if (!app?.check) return ''
        const { check, host } = app
        const said = await this.#turns.take(() => probe({ ...target, host }, check, until))
        if (until.aborted) break
        this.#context.metrics.app(name).healthChecked(said === '')
        reason = said || reason
        passed = said === '' ? passed + 1 : 0
        if (passed >= check.healthyAfter) return ''
        await pause(clock, BOOT_CHECK_PAUSE_MS, until)
      }
      return `it did not pass its health check (${reason})`
    } finally {
      cancel()
    }
  }

  stop(): void {
    this.#cancelLook?.()
    this.#cancelLook = null
    for (const { watched } of this.#apps.values()) for (const dyno of watched.values()) dyno.stop()
    this.#apps.clear()
  }

  #watch(name: string): void {
    const { check, dynos, watched } = this.#apps.get(name)!
    const ids = new Set(check === null ? [] : dynos.map(({ id }) => id))
    for (const [id, dyno] of watched) {
      if (ids.has(id)) continue
      dyno.stop()
      watched.delete(id)
    }
    if (check === null) return
    for (const dyno of dynos) {
      if (watched.has(dyno.id)) continue
      const started = this.#newlyWatched(name, dyno)
      watched.set(dyno.id, started)
      started.start()
    }
    if (watched.size > 0) this.#lookLater()
  }

  #newlyWatched(app: string, { id, name, address, port }: CheckedDyno): WatchedDyno {
    const { probe, clock, log, metrics, events, failures, presume, onChange } = this.#context
    const { host, check } = this.#apps.get(app)!
    return new WatchedDyno({ address, port }, presume(app, id), failures(id), {
      probe,
      clock,
      turns: this.#turns,
      check: () => this.#apps.get(app)?.check ?? check!,
      host: () => this.#apps.get(app)?.host ?? host,
      checked: (reason) => metrics.app(app).healthChecked(reason === ''),
      changed: (health, reason) => {
        const line = log.child({ app, dyno: name })
        if (health === 'failing') line.warn(`fails its health check: ${reason}`)
        else line.info('passes its health check')
        events.emit({ kind: 'dyno', app, dyno: name, health, reason })
        onChange(app)
      },
    })
  }

  #lookLater(): void {
    this.#cancelLook ??= this.#context.clock.after(FAILURES_LOOK_MS, () => {
      this.#cancelLook = null
      let watched = 0
      for (const app of this.#apps.values()) {
        watched += app.watched.size
        for (const [id, dyno] of app.watched) dyno.noteFailures(this.#context.failures(id))
      }
      if (watched > 0) this.#lookLater()
    })
  }
}
