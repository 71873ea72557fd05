import type { CompiledSnapshot } from '../model/compiled-snapshot.ts'
import type { RouterMetrics } from '../telemetry/router-metrics.ts'
import { type BlockReason, blockCause } from './access.ts'
import type { Clock } from './clock.ts'
import { type Exchange, Phase } from './exchange.ts'
import { requestId } from './headers.ts'
import type { Ledger } from './ledger.ts'
import { letGo } from './release.ts'
import { ERRORS, type ErrorCode, errorAnswer, statusOf } from './router-error.ts'

/** What the end of an exchange works with. */
export interface FinishHost {
  readonly snapshot: CompiledSnapshot
  readonly clock: Clock
  readonly metrics: RouterMetrics
  readonly ledger: Ledger
}

/**
 * The ends that an exchange can have. Whichever it is: the dyno is released, the exchange is entered in the ledger once, and the client's connection goes on,
 * says goodbye or is reset.
 */
export class Finish {
  readonly #host: FinishHost

  constructor(host: FinishHost) {
    this.#host = host
  }

  // --- With an answer ------------------------------------------------------------------------------------------------

  /** All of the answer was written. The next request waits for a client that does not read: else its answers would pile up. */
  complete(x: Exchange): void {
    if (!x.client.congested) return this.#over(x)
    x.phase = Phase.flushing
    x.client.watchWrites(x.app === null ? this.#host.snapshot.data.timeouts.requestBodyMs : x.app.entry.timeouts.idleMs)
  }

  /** The client took the last byte of it. */
  taken(x: Exchange): void {
    if (x.phase === Phase.flushing) this.#over(x)
  }

  /** The router answers in place of a dyno; when an answer is on its way already it is cut. */
  refuse(x: Exchange, code: ErrorCode, status = statusOf(code), detail = ''): void {
    x.code = code
    x.detail = detail
    letGo(x)
    // An answer is on its way, or was: another one would be taken for that of the next request.
    if (x.status !== 0) return this.#cut(x)
    // Whatever is left of the request, nobody knows where it ends or wants it; and what follows a request to upgrade may be meant for the tunnel.
    x.keepAlive &&= x.requestEnded && x.upgrade === '' && !x.client.spent
    // What was not understood got none yet; who reports the answer names it.
    if (x.requestId === '') x.requestId = requestId('')
    const answer = errorAnswer({
      code,
      status,
      accept: x.accept,
      method: x.method,
      requestId: x.requestId,
      date: this.#host.clock.date,
      connection: x.keepAlive ? (x.minorVersion === 0 ? 'keep-alive' : '') : 'close',
      requestIdToClient: x.snapshot?.data.headers.requestIdToClient ?? false,
    })
    x.status = status
    x.responseBytes = answer.bodyBytes
    x.client.writeText(answer.text)
    this.complete(x)
  }

  /** Half an answer must not look like a whole one. Where lengths or chunks show that, what was sent may still arrive. */
  #cut(x: Exchange): void {
    x.keepAlive = false
    if (x.closeDelimited) this.#reset(x)
    else this.#over(x)
  }

  // --- Without one ---------------------------------------------------------------------------------------------------

  /** Not from a trusted range. */
  block(x: Exchange, reason: BlockReason, label: string): void {
    this.#noteBlocked(x, reason, label)
    if (x.client.facts.mayBeTold(this.#host.snapshot.data.onUntrusted)) {
      x.keepAlive = false
      return this.refuse(x, 'P01', 403, x.detail)
    }
    x.code = 'P01'
    this.#reset(x)
  }

  /** The client is not there any more, or as good as. */
  abandon(x: Exchange, code: ErrorCode): void {
    x.code = code
    if (ERRORS[code].goneStatus !== 0) x.status = ERRORS[code].goneStatus
    letGo(x)
    this.#reset(x)
  }

  /** One side of a tunnel ended it, or the router did (`code`). What was written still goes to the client. */
  tunnelOver(x: Exchange, code: ErrorCode | ''): void {
    x.code = code
    letGo(x)
    this.#over(x)
  }

  /** The client of a tunnel may not come in any more: P01 with the reason, or P02 when its app does not exist for it any more. */
  tunnelWithdrawn(x: Exchange, reason: BlockReason | null, label: string): void {
    x.code = reason === null ? 'P02' : 'P01'
    letGo(x)
    if (reason !== null) this.#noteBlocked(x, reason, label)
    this.#reset(x)
  }

  #noteBlocked(x: Exchange, reason: BlockReason, label: string): void {
    this.#host.metrics.clientBlocked(reason)
    x.detail = blockCause(reason, label)
  }

  // --- What is left of the connection --------------------------------------------------------------------------------

  #over(x: Exchange): void {
    this.#host.ledger.finished(x)
    x.phase = Phase.idle
    x.client.exchangeOver(x.keepAlive)
  }

  #reset(x: Exchange): void {
    this.#host.ledger.finished(x)
    x.phase = Phase.idle
    x.client.reset()
  }
}
