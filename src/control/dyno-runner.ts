import type { ExecCommands } from '../config/config.ts'
import type { Dyno, DynoState } from '../model/dyno.ts'
import { dynoName } from '../model/dyno.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Adoptable } from './adoption.ts'
import type { Clock } from './clock.ts'
import { pause } from './clock.ts'
import { dynoEnvironment } from './dyno-environment.ts'
import type { PortPool } from './port-pool.ts'
import type { DynoRegistry } from './registry.ts'
import { endpoint } from './registry.ts'
import type { Instance, Runtime } from './runtimes/runtime.ts'
import { LaunchError } from './runtimes/runtime.ts'

/** One release of a process type: what its dynos run. */
export interface Release {
  /** `v3` */
  readonly name: string
  readonly command: string
  /** Absolute. */
  readonly cwd: string
  /** The command starts the dyno somewhere and ends; left out: it is the dyno. */
  readonly exec?: ExecCommands
  readonly env: Readonly<Record<string, string>>
}

/** One dyno that is to run, and where. */
export interface Assignment {
  readonly app: string
  readonly processType: string
  /** 1-based. */
  readonly number: number
  readonly az: string
  readonly address: string
  readonly release: Release
}

/** What all runners share. */
export interface RunnerContext {
  readonly runtime: Runtime
  readonly registry: DynoRegistry
  readonly ports: PortPool
  readonly clock: Clock
  readonly log: Logger
  /** Name of the embedded zone, for the dyno's environment. */
  readonly zone: string
  /** Ends when no request is in flight on the dyno, or its time for that is over. Never rejects. */
  drained(dyno: Dyno): Promise<void>
  /**
   * Waits until a web dyno that boots may get requests: '', or why it may not when the time is over. Never rejects; the signal
   * says that nobody waits any more.
   */
  booted(
    app: string,
    target: { readonly address: string; readonly port: number },
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<string>
  /** Between SIGTERM and SIGKILL; read when a dyno is stopped. */
  graceMs(): number
  /** A web dyno accepts on its port, and passes its health check, within this; read when one starts. */
  bootTimeoutMs(): number
}

const FIRST_BACK_OFF_MS = 1000
const LONGEST_BACK_OFF_MS = 300_000
/** A dyno that was up for so long starts over with the first back-off. */
const BACK_OFF_RESET_MS = 600_000
/** So many ports in a row are tried before it is called a crash. */
const PORT_TRIES = 20

/** How long the n-th crash in a row (from 1) keeps a dyno down. */
export function backOffMs(crashes: number): number {
  return Math.min(FIRST_BACK_OFF_MS * 2 ** (crashes - 1), LONGEST_BACK_OFF_MS)
}

/**
 * The life of one dyno: starting → up → draining → down, and crashed → starting again for as long as it is wanted.
 * Every change of state is announced to the registry; nobody else announces it.
 */
export class DynoRunner {
  readonly assignment: Assignment
  readonly #context: RunnerContext
  readonly #log: Logger
  readonly #name: string
  /** Aborted when the dyno is to end: it starts nothing any more and waits for nothing. */
  readonly #ending = new AbortController()
  readonly #onChange: () => void
  #announced: Dyno | null = null
  #instance: Instance | null = null
  #life: Promise<void> = Promise.resolve()
  #stopped: Promise<void> | null = null
  #killed = false
  /** How often it ended unasked, or could not be started. */
  crashes = 0
  /** Why, the last time. */
  lastFailure = ''

  /** `onChange` is called whenever it enters a state, with the registry as it is then. */
  constructor(assignment: Assignment, context: RunnerContext, onChange: () => void = () => {}) {
    this.assignment = assignment
    this.#context = context
    this.#onChange = onChange
    this.#name = dynoName(assignment.processType, assignment.number)
    this.#log = context.log.child({ app: assignment.app, dyno: this.#name })
  }

  /** As it is announced; null before and after. */
  get dyno(): Dyno | null {
    return this.#announced
  }

  get state(): DynoState {
    return this.#announced?.state ?? 'down'
  }

  start(): void {
    this.#life = this.#live(null)
  }

  /** Instead of `start`, for a program that runs already: up when this returns, if it was up before. */
  adopt(running: Adoptable): void {
    this.#life = this.#live(running)
  }

  /** No new requests, the old ones to their end, then SIGTERM, the grace time, SIGKILL. Resolves when nothing is left. */
  stop(): Promise<void> {
    this.#stopped ??= this.#end()
    return this.#stopped
  }

  /** Ends it at once, without a drain and without SIGTERM; `stop` resolves then. */
  kill(): void {
    this.#killed = true
    this.#ending.abort()
    this.#instance?.kill()
    void this.stop()
  }

  async #end(): Promise<void> {
    if (this.#announced?.state === 'up') {
      this.#enter('draining')
      await Promise.race([this.#context.drained(this.#announced), aborted(this.#ending.signal)])
    }
    this.#ending.abort()
    if (this.#instance) await this.#stopInstance(this.#instance)
    await this.#life
    if (this.#announced) this.#context.registry.update([], [this.#announced])
    this.#announced = null
  }

  async #live(running: Adoptable | null): Promise<void> {
    const { clock } = this.#context
    let inARow = 0
    let adopted = running
    while (!this.#stopped) {
      const run = await this.#run(inARow, adopted)
      adopted = null
      if (this.#stopped) return
      inARow = run.upMs >= BACK_OFF_RESET_MS ? 1 : inARow + 1
      const delayMs = backOffMs(inARow)
      this.crashes++
      this.lastFailure = run.reason
      this.#enter('crashed')
      this.#log.error(`crashed: ${run.reason}; next start in ${delayMs / 1000} s`)
      await pause(clock, delayMs, this.#ending.signal)
    }
  }

  /** From a start to its end, however far it came. */
  async #run(inARow: number, adopted: Adoptable | null): Promise<{ reason: string; upMs: number }> {
    const { clock, ports } = this.#context
    let upSinceMs = Number.POSITIVE_INFINITY
    let reason: string
    let port = 0
    try {
      if (adopted) {
        port = adopted.launch.port
        ports.keep(port)
        this.#instance = adopted.instance
        if (!adopted.up) this.#enter('starting', port)
      } else {
        port = ports.take()
      }
      for (let tries = 1; !this.#instance; tries++) {
        this.#enter('starting', port)
        try {
          this.#instance = await this.#launch(port)
        } catch (error) {
          if (!(error instanceof LaunchError && error.portTaken) || tries === PORT_TRIES || this.#stopped) throw error
          ports.give(port)
          port = ports.take()
        }
      }
      if (this.#ending.signal.aborted) await this.#stopInstance(this.#instance)
      // No turn of the event loop in between: the first snapshot has to show it as it is.
      reason = adopted?.up ? '' : ((await this.#boot(this.#instance, port)) ?? '')
      if (reason === '') {
        upSinceMs = clock.now()
        if (!this.#stopped) {
          this.#enter('up', port)
          // The first boot is routine; that a crash is over is news.
          this.#log[inARow > 0 ? 'info' : 'debug'](`up on ${endpoint(this.assignment.address, port)}`)
        }
        reason = await this.#instance.ended
      }
    } catch (error) {
      reason = (error as Error).message
      // What is not the operator's to mend is ours.
      if (!(error instanceof LaunchError)) this.#log.error({ err: error }, 'could not be started')
    } finally {
      this.#instance = null
      ports.give(port)
    }
    return { reason, upMs: Math.max(0, clock.now() - upSinceMs) }
  }

  #launch(port: number): Promise<Instance> {
    const { app, processType, number, az, address, release } = this.assignment
    const identity = { app, processType, number, address, port, release: release.name }
    const env = dynoEnvironment(identity, this.#context.zone, release.env)
    const { command, cwd, exec = null } = release
    return this.#context.runtime.launch({ ...identity, az, command, cwd, exec, env }, (line) => this.#log.info(line))
  }

  /** null when it is up, else why it is not. */
  async #boot(instance: Instance, port: number): Promise<string | null> {
    const { app, address, processType } = this.assignment
    // Only web dynos have to listen; the others are up when they run.
    if (processType !== 'web') return null
    const watching = new AbortController()
    const signal = AbortSignal.any([watching.signal, this.#ending.signal])
    const timeoutMs = this.#context.bootTimeoutMs()
    const booted = this.#context.booted(app, { address, port }, timeoutMs, signal)
    const outcome = await Promise.race([
      booted.then((reason) => ({ reason, ended: false })),
      instance.ended.then((reason) => ({ reason, ended: true })),
    ])
    watching.abort()
    if (outcome.ended) return outcome.reason
    if (outcome.reason === '') return null
    // Whoever ends it while it boots gives it the grace time that it is due.
    if (this.#ending.signal.aborted) return instance.ended
    instance.kill()
    await instance.ended
    return `${outcome.reason} within ${timeoutMs / 1000} s`
  }

  async #stopInstance(instance: Instance): Promise<void> {
    if (this.#killed) instance.kill()
    else await instance.stop(this.#context.graceMs())
  }

  #enter(state: DynoState, port = this.#announced?.port ?? 0): void {
    const { app, processType, number, az, address, release } = this.assignment
    const before = this.#announced
    const sinceMs = this.#context.clock.now()
    this.#announced = { app, processType, number, address, port, az, release: release.name, state, sinceMs }
    this.#context.registry.update([this.#announced], before && before.port !== port ? [before] : [])
    this.#onChange()
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
