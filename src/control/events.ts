import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'

export type EventKind =
  /** A dyno enters a state. */
  | 'dyno'
  | 'release'
  /** A deploy takes a step. */
  | 'deploy'
  | 'batch'
  | 'gate'
  | 'zone'
  | 'maintenance'
  | 'formation'
  | 'inbound-ruleset'
  /** Another configuration was taken into use. */
  | 'config'

/** What happened: plain data, small enough to keep a thousand of. */
export interface EventContent {
  readonly kind: EventKind
  readonly app?: string
  readonly [more: string]: unknown
}

export interface SpaceEvent extends EventContent {
  /** Grows with every event, over a restart too. */
  readonly id: number
  /** ISO 8601 */
  readonly at: string
}

/** So many are kept for whoever was away. */
export const KEPT_EVENTS = 1000
/** The first number of a log is the time when it began, in microseconds: no log before it can have come so far. */
const NUMBERS_PER_MS = 1000

/** What happens in the space, in order, for those who watch it. Not durable: what has to last is in the state. */
export class EventLog {
  readonly #clock: Clock
  readonly #events: SpaceEvent[] = []
  readonly #listeners = new Set<(event: SpaceEvent) => void>()
  #next: number

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
    this.#next = clock.now() * NUMBERS_PER_MS
  }

  /** Listeners are called before it returns; they must not throw. */
  emit(content: EventContent): void {
    const event: SpaceEvent = { id: this.#next++, at: new Date(this.#clock.now()).toISOString(), ...content }
    this.#events.push(event)
    if (this.#events.length > KEPT_EVENTS) this.#events.shift()
    for (const listener of this.#listeners) listener(event)
  }

  subscribe(listener: (event: SpaceEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Those that are kept and came after event `id`, oldest first. */
  since(id: number): SpaceEvent[] {
    const first = this.#events.findIndex((event) => event.id > id)
    return first === -1 ? [] : this.#events.slice(first)
  }

  /** Whether there were events after event `id` that are not kept any more. */
  isGone(id: number): boolean {
    return id + 1 < (this.#events[0]?.id ?? this.#next)
  }
}
