import type { BackendConnection } from './backend-connection.ts'
import type { DynoState } from './dyno-state.ts'

/**
 * A connection that rested less than this is as good as one in use, with a dyno that was not seen to close one: programs whose connections rest
 * have them for 2 s (gunicorn) and more. One that closes sooner shows it soon.
 */
const JUST_USED_MS = 500
/** Our side gives up an idle connection this long before the dyno said that it would. */
const MARGIN_MS = 1_000

/** Idle keep-alive connections to dynos, the last used first: the ones that are not needed grow old and go. */
export class BackendPool {
  readonly #idle = new Map<DynoState, BackendConnection[]>()

  /** How many rest here for a dyno. */
  idleCount(dyno: DynoState): number {
    return this.#idle.get(dyno)?.length ?? 0
  }

  /**
   * A connection that may carry a request now, or null: open a new one. A request that must not be sent twice gets none that the dyno might be closing
   * at this very moment: none that rested half as long as the shortest rest after which the dyno closed one.
   */
  take(dyno: DynoState, repeatable: boolean, nowMs: number): BackendConnection | null {
    const idle = this.#idle.get(dyno)
    const newest = idle?.at(-1)
    if (idle === undefined || newest === undefined) return null
    if (!repeatable && nowMs - newest.idleSinceMs >= safeRestMs(dyno, nowMs)) return null
    idle.pop()
    return newest
  }

  /** After a cleanly framed exchange. Closes the connection when it may not or need not be kept. */
  put(backend: BackendConnection, idleMs: number, limit: number, nowMs: number): void {
    const told = backend.keepAliveTimeoutMs
    const restMs = told < 0 ? idleMs : Math.min(idleMs, told - MARGIN_MS)
    const idle = this.#idleOf(backend.dyno)
    if (!backend.reusable || restMs <= 0 || idle.length >= limit) {
      backend.abort()
      return
    }
    backend.idleSinceMs = nowMs
    backend.rest(restMs)
    idle.push(backend)
  }

  /** It rested as long as it may, or the dyno closed it (`byDyno`), or said something that nobody asked for. */
  remove(backend: BackendConnection, byDyno: boolean, nowMs: number): void {
    const { dyno } = backend
    if (byDyno) dyno.closedIdle(nowMs - backend.idleSinceMs, nowMs)
    const idle = this.#idle.get(dyno)
    const index = idle === undefined ? -1 : idle.lastIndexOf(backend)
    if (index !== -1) idle!.splice(index, 1)
  }

  /** The dyno takes no more requests: its idle connections are of no use. */
  drop(dyno: DynoState): void {
    const idle = this.#idle.get(dyno)
    if (idle === undefined) return
    this.#idle.delete(dyno)
    for (const backend of idle) backend.abort()
  }

  /** Those of dynos that are draining or gone. */
  dropRetired(): void {
    for (const dyno of [...this.#idle.keys()]) {
      if (dyno.retired) this.drop(dyno)
    }
  }

  dropAll(): void {
    for (const dyno of [...this.#idle.keys()]) this.drop(dyno)
  }

  #idleOf(dyno: DynoState): BackendConnection[] {
    let idle = this.#idle.get(dyno)
    if (idle === undefined) {
      idle = []
      this.#idle.set(dyno, idle)
    }
    return idle
  }
}

/** A connection that rested less than this is one that its dyno is not about to close. */
function safeRestMs(dyno: DynoState, nowMs: number): number {
  const closesAfterMs = dyno.closesIdleAfterMs(nowMs)
  return closesAfterMs === Number.POSITIVE_INFINITY ? JUST_USED_MS : closesAfterMs / 2
}
