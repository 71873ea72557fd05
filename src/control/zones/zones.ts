import type { Dyno } from '../../model/dyno.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Clock } from '../clock.ts'
import type { EventLog } from '../events.ts'
import type { Health } from '../health/readiness.ts'
import { ZONES } from '../placement.ts'
import { Refusal } from '../refusal.ts'
import type { DynoRegistry } from '../registry.ts'
import { dynoId } from '../registry.ts'
import type { ZoneDown } from '../state/records.ts'
import type { StateStore } from '../state/state-store.ts'
import { outageOf } from './zone-outage.ts'

export interface ZoneStatus {
  readonly zone: string
  readonly state: 'up' | 'down'
  /** Who marked it down, `postern` when it was found down; '' while it is up. */
  readonly by: string
  /** ISO 8601; '' while it is up. */
  readonly since: string
}

export interface ZonesContext {
  readonly store: StateStore
  readonly registry: DynoRegistry
  readonly events: EventLog
  readonly clock: Clock
  readonly log: Logger
  /** null: not checked. */
  healthOf(app: string, dynoId: string): Health | null
  /** Dynos may have to move: to other zones, or back. */
  onChange(): void
}

/** Whose name is on what nobody marked. */
const FOUND_BY = 'postern'
/** A zone that was found down is tried again after this, then after twice as long, and so on. */
const FIRST_RETRY_MS = 300_000
const LONGEST_RETRY_MS = 3_600_000

/** Which zones dynos may be placed in. What is down is durable, whoever said so. */
export class Zones {
  readonly #context: ZonesContext
  /** Of dynos that are crashed or failing: since when. By app, name and address, which stay when a dyno starts again. */
  readonly #failedSinceMs = new Map<string, number>()
  /** How often in a row a zone was found down, and when it was last. */
  readonly #found = new Map<string, { readonly times: number; readonly atMs: number }>()
  #looking = false
  #cancelRetry: (() => void) | null = null

  constructor(context: ZonesContext) {
    this.#context = context
    context.registry.subscribe(({ added, changed, removed }) => {
      for (const dyno of removed) this.#failedSinceMs.delete(keyOf(dyno))
      for (const dyno of [...added, ...changed.map(({ after }) => after)]) this.#noteState(dyno)
    })
  }

  start(): void {
    this.#retryLater()
  }

  stop(): void {
    this.#cancelRetry?.()
    this.#cancelRetry = null
  }

  isDown(zone: string): boolean {
    return this.#down(zone) !== undefined
  }

  /** Where dynos may go: when every zone is down, everywhere, since nowhere would be worse. */
  usable(): readonly string[] {
    const up = ZONES.filter((zone) => !this.isDown(zone))
    return up.length > 0 ? up : ZONES
  }

  list(): ZoneStatus[] {
    return ZONES.map((zone) => {
      const down = this.#down(zone)
      if (down === undefined) return { zone, state: 'up', by: '', since: '' }
      return { zone, state: 'down', by: down.by, since: new Date(down.sinceMs).toISOString() }
    })
  }

  /**
   * Marks a zone; its dynos that run here then move. `up` is also the end of an outage that was found. Resolves when it is durable.
   * @throws Refusal not_found, unavailable
   */
  async setZone(zone: string, state: 'up' | 'down', by: string): Promise<void> {
    if (!ZONES.includes(zone)) throw new Refusal('not_found', `there is no zone ${zone}; there are ${ZONES.join(', ')}`)
    if (state === 'down') {
      if (this.#down(zone)?.by === by) return
      await this.#mark(zone, by, `marked down by ${by}`)
    } else if (this.isDown(zone)) {
      this.#found.delete(zone)
      await this.#unmark(zone, by, `marked up by ${by}`)
    }
  }

  /** Checks came to another health of one of the app's dynos. */
  healthChanged(app: string): void {
    for (const dyno of this.#context.registry.ofApp(app)) this.#noteState(dyno)
  }

  #noteState(dyno: Dyno): void {
    const key = keyOf(dyno)
    const isFailing = this.#context.healthOf(dyno.app, dynoId(dyno)) === 'failing'
    if (dyno.state === 'crashed' || (dyno.state === 'up' && isFailing)) {
      if (!this.#failedSinceMs.has(key)) this.#failedSinceMs.set(key, this.#context.clock.now())
      this.#lookSoon()
    } else if (dyno.state === 'up') {
      this.#failedSinceMs.delete(key)
    }
  }

  /** Dynos that fail together are looked at together. */
  #lookSoon(): void {
    if (this.#looking) return
    this.#looking = true
    setImmediate(() => {
      this.#looking = false
      for (const zone of this.usable()) this.#look(zone)
    })
  }

  #look(zone: string): void {
    if (this.isDown(zone)) return
    const staying = this.#context.registry.all().filter(({ state }) => state !== 'draining' && state !== 'down')
    const witnesses = staying.map((dyno) => {
      const { app, az } = dyno
      return { app, az, failedSinceMs: this.#failedSinceMs.get(keyOf(dyno)) ?? null }
    })
    const dynos = outageOf(zone, witnesses)
    if (dynos === 0) return
    const before = this.#found.get(zone)
    const nowMs = this.#context.clock.now()
    const isAnother = before === undefined || nowMs - before.atMs > 2 * LONGEST_RETRY_MS
    this.#found.set(zone, { times: isAnother ? 1 : before.times + 1, atMs: nowMs })
    const reason = `found down: its ${dynos} dynos failed together, and those in other zones did not`
    // What cannot be written is not done, and found again by the next dyno that fails.
    this.#mark(zone, FOUND_BY, reason).catch((error: Error) => this.#context.log.error(error.message))
  }

  async #mark(zone: string, by: string, reason: string): Promise<void> {
    const { store, clock } = this.#context
    const marked: ZoneDown = { zone, by, sinceMs: clock.now() }
    await store.updateSpace((state) => ({ ...state, zonesDown: [...without(state.zonesDown, zone), marked] }))
    this.#tell(zone, 'down', by, reason)
    this.#retryLater()
  }

  async #unmark(zone: string, by: string, reason: string): Promise<void> {
    await this.#context.store.updateSpace((state) => ({ ...state, zonesDown: without(state.zonesDown, zone) }))
    // What it remembers of its dynos is of the outage.
    for (const dyno of this.#context.registry.all()) if (dyno.az === zone) this.#failedSinceMs.delete(keyOf(dyno))
    this.#tell(zone, 'up', by, reason)
  }

  #tell(zone: string, state: 'up' | 'down', by: string, reason: string): void {
    this.#context.log[state === 'down' ? 'warn' : 'info'](`zone ${zone} is ${state}: ${reason}`)
    this.#context.events.emit({ kind: 'zone', zone, state, by, reason })
    this.#context.onChange()
  }

  /** Nobody is there to say that a zone that was found down is back: a dyno that is moved there will tell. */
  #retryLater(): void {
    this.stop()
    const { store, clock, log } = this.#context
    const found = store.space().zonesDown.filter(({ by }) => by === FOUND_BY)
    if (found.length === 0) return
    const dueMs = (down: ZoneDown) => down.sinceMs + retryMs(this.#found.get(down.zone)?.times ?? 1)
    const next = found.reduce((one, other) => (dueMs(other) < dueMs(one) ? other : one))
    this.#cancelRetry = clock.after(Math.max(0, dueMs(next) - clock.now()), () => {
      this.#unmark(next.zone, FOUND_BY, 'it is tried again').then(
        () => this.#retryLater(),
        (error: Error) => log.error(error.message),
      )
    })
  }

  #down(zone: string): ZoneDown | undefined {
    return this.#context.store.space().zonesDown.find((down) => down.zone === zone)
  }
}

function retryMs(times: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** (times - 1), LONGEST_RETRY_MS)
}

function without(zones: readonly ZoneDown[], zone: string): ZoneDown[] {
  return zones.filter((each) => each.zone !== zone)
}

function keyOf({ app, processType, number, address }: Dyno): string {
  return `${app}/${processType}.${number}@${address}`
}
