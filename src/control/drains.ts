import type { Dyno } from '../model/dyno.ts'
import type { Clock } from './clock.ts'
import { dynoId } from './registry.ts'
import type { RoutingState } from './routing-state.ts'

const POLL_MS = 50

export interface DrainContext {
  readonly state: RoutingState
  readonly clock: Clock
  /** Requests and tunnels that are in flight on the dyno, also when it is no longer in the snapshot. */
  inFlight(dynoId: string): number
  /** How long a dyno may drain; read at every look. */
  drainMs(): number
  /** A dyno that had drained was taken out of the routing state. */
  onForgotten(): void
}

/** Says when a dyno has drained: no new requests may go to it and none is in flight, or its time for that is over. */
export class Drains {
  readonly #context: DrainContext
  readonly #waiting = new Set<{ dyno: Dyno; id: string; sinceMs: number; resolve(): void }>()
  #cancel: (() => void) | null = null

  constructor(context: DrainContext) {
    this.#context = context
  }

  /** Of a dyno that was announced as draining; the routing state may learn of that later. Never rejects. */
  drained(dyno: Dyno): Promise<void> {
    // The data plane knows no others.
    if (dyno.processType !== 'web') return Promise.resolve()
    return new Promise((resolve) => {
      this.#waiting.add({ dyno, id: dynoId(dyno), sinceMs: this.#context.clock.now(), resolve })
      this.watch()
    })
  }

  /** To be called when dynos may have begun to drain. */
  watch(): void {
    this.#cancel ??= this.#context.clock.after(POLL_MS, () => this.#look())
  }

  /** Whoever waits is told that it is over. */
  stop(): void {
    this.#cancel?.()
    this.#cancel = null
    for (const waiter of this.#waiting) waiter.resolve()
    this.#waiting.clear()
  }

  #look(): void {
    this.#cancel = null
    const { state, inFlight, clock, onForgotten } = this.#context
    const deadlineMs = clock.now() - this.#context.drainMs()
    const draining = state.draining()
    let left = draining.length
    for (const { id, sinceMs } of draining) {
      if (inFlight(id) > 0 && sinceMs > deadlineMs) continue
      state.forget(id)
      left--
    }
    if (left < draining.length) onForgotten()
    for (const waiter of this.#waiting) {
      const { dyno, id, sinceMs } = waiter
      if ((state.isClaimable(dyno.app, id) || inFlight(id) > 0) && sinceMs > deadlineMs) continue
      this.#waiting.delete(waiter)
      waiter.resolve()
    }
    if (left > 0 || this.#waiting.size > 0) this.watch()
  }
}
