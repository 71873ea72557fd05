import { appNamed, type CompiledSnapshot } from '../model/compiled-snapshot.ts'
import type { BlockReason } from './access.ts'
import type { BackendConnection } from './backend-connection.ts'
import { type Exchange, Phase } from './exchange.ts'
import type { Finish } from './finish.ts'
import type { ErrorCode } from './router-error.ts'
import { WebSocketStream } from './websocket-stream.ts'

/**
 * Exchanges that became tunnels: from the 101 on both connections are a byte pipe, and requests never come again that could be judged, so tunnels are
 * judged by each snapshot instead.
 */
export class Tunnels {
  readonly #finish: Finish
  readonly #open = new Set<Exchange>()

  constructor(finish: Finish) {
    this.#finish = finish
  }

  get open(): ReadonlySet<Exchange> {
    return this.#open
  }

  /** The head with status 101 was written to the client. */
  begin(x: Exchange, backend: BackendConnection): void {
    x.phase = Phase.tunnel
    x.keepAlive = false
    const isWebSocket = backend.head.upgrade.trim().toLowerCase() === 'websocket'
    backend.startTunnel(isWebSocket ? new WebSocketStream(x.client) : null)
    x.client.startTunnel(x.app!.entry.timeouts.idleMs)
    this.#open.add(x)
  }

  /** One side closed. The client may still want what the dyno has to say; without the dyno there is nothing to wait for. */
  halfClosed(x: Exchange, side: 'client' | 'dyno'): void {
    if (side === 'client') x.backend!.end()
    else this.over(x, '')
  }

  /** `code` says why; '' for the ends that a tunnel has by itself. */
  over(x: Exchange, code: ErrorCode | ''): void {
    this.#remove(x)
    this.#finish.tunnelOver(x, code)
  }

  /** The router stops, and nobody knows when a tunnel would end by itself. */
  dismiss(x: Exchange): void {
    ;(x.backend as BackendConnection).webSocket?.close()
    this.over(x, '')
  }

  /** Ends those whose client may not come in any more. */
  judge(snapshot: CompiledSnapshot): void {
    for (const x of [...this.#open]) {
      const objection = objectionTo(x, snapshot)
      if (objection === null) continue
      this.#remove(x)
      this.#finish.tunnelWithdrawn(x, objection.reason, objection.label)
    }
  }

  /** How many of each app `judge` would end if `planned` came after `current`. */
  endedBy(planned: CompiledSnapshot, current: CompiledSnapshot): Map<string, number> {
    const ended = new Map<string, number>()
    for (const x of this.#open) {
      const { name } = x.app!
      if (objectionTo(x, planned) !== null) ended.set(name, (ended.get(name) ?? 0) + 1)
      // A client remembers by which rules it was judged last.
      x.client.facts.judgeAgain(current.access)
    }
    return ended
  }

  #remove(x: Exchange): void {
    x.responseBytes = x.client.writtenBytes - x.bytesBeforeTunnel
    this.#open.delete(x)
  }
}

/** Why a tunnel may not go on by this snapshot; null: it may. `reason` null: there is no such app for its client. */
function objectionTo(
  x: Exchange,
  snapshot: CompiledSnapshot,
): { readonly reason: BlockReason | null; readonly label: string } | null {
  const { facts } = x.client
  const app = appNamed(snapshot, x.app!.name)
  const verdict = facts.judgeAgain(snapshot.access)
  if (verdict !== 'admitted') return { reason: verdict, label: facts.label }
  if (app === undefined || (app.entry.internalRouting && !facts.inside)) return { reason: null, label: '' }
  const appVerdict = facts.judgeApp(app)
  return appVerdict === 'admitted' ? null : { reason: appVerdict, label: facts.appLabel }
}
