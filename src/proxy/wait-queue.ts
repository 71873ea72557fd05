import type { DynoState } from './dyno-state.ts'
import type { UnservableCode } from './route.ts'

/** H11: no room in time or no place to wait. H20: none came up in time. The rest: while it waited, waiting became vain. */
export type GiveUpCode = 'H11' | 'H20' | UnservableCode

/** A request that waits for a dyno: itself the node of the list, so that waiting allocates nothing. */
export interface Waiter {
  readonly hashKey: string
  /** Dynos that it has tried, at most as many as `limits.connectAttempts`. */
  readonly tried: readonly DynoState[]
  /** Links; only the queue sets them. */
  queue: WaitQueue | null
  previousWaiter: Waiter | null
  nextWaiter: Waiter | null
  waitingSinceMs: number
  /** The dyno is claimed for it; it has left the queue. */
  wake(dyno: DynoState): void
  /** It has left the queue. */
  giveUp(code: GiveUpCode): void
}

/** First in, first out; leaving from the middle costs the same as from the front. */
export class WaitQueue {
  first: Waiter | null = null
  length = 0
  #last: Waiter | null = null

  push(waiter: Waiter, nowMs: number): void {
    if (waiter.queue !== null) throw new Error('the request waits already')
    waiter.queue = this
    waiter.waitingSinceMs = nowMs
    waiter.previousWaiter = this.#last
    waiter.nextWaiter = null
    if (this.#last === null) this.first = waiter
    else this.#last.nextWaiter = waiter
    this.#last = waiter
    this.length++
  }

  /** Does nothing when it is not in this queue: a client may go away at any time. */
  remove(waiter: Waiter): void {
    if (waiter.queue !== this) return
    if (waiter.previousWaiter === null) this.first = waiter.nextWaiter
    else waiter.previousWaiter.nextWaiter = waiter.nextWaiter
    if (waiter.nextWaiter === null) this.#last = waiter.previousWaiter
    else waiter.nextWaiter.previousWaiter = waiter.previousWaiter
    waiter.queue = null
    waiter.previousWaiter = null
    waiter.nextWaiter = null
    this.length--
  }
}
