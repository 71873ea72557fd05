import type { HealthCheckConfig } from '../../config/config.ts'
import type { Clock } from '../clock.ts'
import { pause } from '../clock.ts'
import type { Turns } from '../turns.ts'
import type { Probe } from './http-probe.ts'
import type { Health } from './readiness.ts'

/** Every interval is shortened by up to this part of it, so that checks of many dynos spread. */
const JITTER = 0.1

export interface WatchedDynoContext {
  readonly probe: Probe
  readonly clock: Clock
  /** Bound on the checks under way at once, of all dynos. */
  readonly turns: Turns
  /** Both are read before every check. */
  check(): HealthCheckConfig
  host(): string
  /** `reason` is '' for a check that passed. */
  checked(reason: string): void
  changed(health: Health, reason: string): void
}

/** The checks of one dyno, one after the other, for as long as it is watched. */
export class WatchedDyno {
  readonly #address: string
  readonly #port: number
  readonly #context: WatchedDynoContext
  readonly #stopped = new AbortController()
  #wait = new AbortController()
  #health: Health
  /** Checks in a row that spoke against what is held of the dyno. */
  #contradictions = 0
  #reason = ''
  /** Failed requests that were known of at the last look. */
  #failures: number

  /** `health`: what is held of it until checks say otherwise. */
  constructor(
    { address, port }: { readonly address: string; readonly port: number },
    health: Health,
    failures: number,
    context: WatchedDynoContext,
  ) {
    this.#address = address
    this.#port = port
    this.#health = health
    this.#failures = failures
    this.#context = context
  }

  get health(): Health {
    return this.#health
  }

  /** Of the last check; '' when it passed. */
  get reason(): string {
    return this.#reason
  }

  start(): void {
    void this.#live()
  }

  stop(): void {
    this.#stopped.abort()
    this.#wait.abort()
  }

  /** Requests of clients fail on it: the next check comes now. `failures`: how many since counting began. */
  noteFailures(failures: number): void {
    const before = this.#failures
    this.#failures = failures
    if (failures > before) this.#wait.abort()
  }

  async #live(): Promise<void> {
    const { clock, turns, check, checked } = this.#context
    const { signal } = this.#stopped
    // What serves already can wait for its turn; of the others all that they wait for is the first check.
    if (this.#health === 'passing') await this.#pause(clock, check().intervalMs * Math.random())
    while (!signal.aborted) {
      const reason = await turns.take(async () => (signal.aborted ? '' : this.#probe()))
      if (signal.aborted) return
      checked(reason)
      this.#judge(reason)
      await this.#pause(clock, check().intervalMs * (1 - JITTER * Math.random()))
    }
  }

  #probe(): Promise<string> {
    const { probe, check, host } = this.#context
    return probe({ address: this.#address, port: this.#port, host: host() }, check(), this.#stopped.signal)
  }

  #judge(reason: string): void {
    const { healthyAfter, unhealthyAfter } = this.#context.check()
    const said: Health = reason === '' ? 'passing' : 'failing'
    const saidBefore: Health = this.#reason === '' ? 'passing' : 'failing'
    this.#reason = reason
    if (said === this.#health) {
      this.#contradictions = 0
      return
    }
    this.#contradictions = said === saidBefore || this.#health !== 'unknown' ? this.#contradictions + 1 : 1
    if (this.#contradictions < (said === 'passing' ? healthyAfter : unhealthyAfter)) return
    this.#health = said
    this.#contradictions = 0
    this.#context.changed(said, reason)
  }

  async #pause(clock: Clock, ms: number): Promise<void> {
    this.#wait = new AbortController()
    if (this.#stopped.signal.aborted) return
    await pause(clock, ms, this.#wait.signal)
  }
}
