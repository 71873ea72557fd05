import { appNamed, type CompiledSnapshot } from '../model/compiled-snapshot.ts'
import type { BackendConnection } from './backend-connection.ts'
import type { Exchange } from './exchange.ts'
import { TICK_MS, TimerEntry, type TimerTarget, type TimerWheel } from './timer-wheel.ts'

export interface DynoDrainsHost {
  readonly wheel: TimerWheel
  readonly tunnels: ReadonlySet<Exchange>
  nowMs(): number
  /** Those that are in flight. */
  exchanges(): Iterable<Exchange>
  /** H24 */
  forceClose(x: Exchange): void
}

interface DynoDrain {
  readonly beganAtMs: number
  readonly drainMs: number
  /** WebSockets that there were when it began. */
  readonly webSockets: number
}

/** WebSockets are closed over this part of the time, so that clients have some to answer, and come back one after the other. */
const CLOSING_SHARE = 0.8

/** The end of what is in flight on dynos that drain: WebSockets are closed one by one, and at the end of the time the rest is cut. */
export class DynoDrains implements TimerTarget {
  readonly #host: DynoDrainsHost
  readonly #timer = new TimerEntry(this)
  /** By dyno id. */
  readonly #drains = new Map<string, DynoDrain>()

  constructor(host: DynoDrainsHost) {
    this.#host = host
  }

  /** Drains that are new begin; a dyno that takes requests again ends its own. One that is gone from the snapshot keeps its time. */
  follow({ data, apps }: CompiledSnapshot, before: CompiledSnapshot | null): void {
    for (const [index, app] of apps.entries()) {
      // An app that did not change is the same object, and most often in the same place; there may be thousands of them.
      if (before !== null && (before.apps[index] === app || appNamed(before, app.name) === app)) continue
      for (const { id, draining } of app.entry.dynos) {
        // When all apps change, the ids of a hundred thousand dynos are looked at: to look each up takes longer than all the rest.
        if (!draining) {
          if (this.#drains.size > 0) this.#drains.delete(id)
        } else if (!this.#drains.has(id)) this.#begin(id, data.dynoDrainMs)
      }
    }
    if (this.#drains.size > 0) this.#host.wheel.arm(this.#timer, TICK_MS)
  }

  timedOut(): void {
    const nowMs = this.#host.nowMs()
    const over = new Set<string>()
    for (const [id, drain] of this.#drains) {
      const elapsedMs = nowMs - drain.beganAtMs
      if (elapsedMs < drain.drainMs) this.#closeWebSockets(id, drain, elapsedMs)
      else over.add(id)
    }
    if (over.size > 0) {
      for (const x of [...this.#host.exchanges()]) if (over.has(x.dyno?.id ?? '')) this.#host.forceClose(x)
    }
    for (const id of over) this.#drains.delete(id)
    if (this.#drains.size > 0) this.#host.wheel.arm(this.#timer, TICK_MS)
  }

  #begin(id: string, drainMs: number): void {
    const webSockets = this.#open(id).length
    this.#drains.set(id, { beganAtMs: this.#host.nowMs(), drainMs, webSockets })
  }

  #closeWebSockets(id: string, { drainMs, webSockets }: DynoDrain, elapsedMs: number): void {
    const open = this.#open(id)
    const allowed = Math.floor(webSockets * Math.max(0, 1 - elapsedMs / (CLOSING_SHARE * drainMs)))
    for (const stream of open.slice(0, Math.max(0, open.length - allowed))) stream.close()
  }

  /** WebSockets of the dyno that nobody has asked to end, oldest first. */
  #open(id: string) {
    const open = []
    for (const { dyno, backend } of this.#host.tunnels) {
      const stream = dyno?.id === id ? (backend as BackendConnection | null)?.webSocket : null
      if (stream && !stream.endAsked) open.push(stream)
    }
    return open
  }
}
