import type { HeaderPolicy } from '../model/snapshot.ts'
import { BodyKind } from '../wire/body-framing.ts'
import { writeRequestHead, writeResponseHead } from '../wire/head-writer.ts'
import { refusalOf } from '../wire/refusal.ts'
import type { AnswerHandler, BackendConnection, BackendFailure } from './backend-connection.ts'
import type { Clock } from './clock.ts'
import { type Exchange, Phase } from './exchange.ts'
import { forwardedElement, traceparent } from './headers.ts'
import type { KeptBytes } from './kept-bytes.ts'

/** What the forwarding of one request came to; the pipeline decides what follows. */
export interface ForwardOutcome
  extends Pick<AnswerHandler, 'connected' | 'backendFailed' | 'failed' | 'tunnelHalfClosed'> {
  /** The answer is whole, and all of it was written towards the client. */
  answered(x: Exchange, backend: BackendConnection): void
  switchedProtocols(x: Exchange, backend: BackendConnection): void
  /** What the dyno sent is no answer, or one that must not be passed on. */
  badAnswer(x: Exchange, code: 'H17' | 'H25', detail: string): void
}

export interface ForwardHost {
  readonly clock: Clock
  nowMs(): number
}

/** The dyno may send at most this many 1xx heads before its answer: each is work for the client. */
const INFORMATIONAL_HEADS = 32

/** Moves bytes: the request to the dyno, the answer to the client, both re-framed, nothing gathered that need not be. */
export class Forward implements AnswerHandler {
  readonly #host: ForwardHost
  readonly #outcome: ForwardOutcome

  constructor(host: ForwardHost, outcome: ForwardOutcome) {
    this.#host = host
    this.#outcome = outcome
  }

  // --- The request ---------------------------------------------------------------------------------------------------

  /** What goes to the dyno, whichever it will be: the client's head is at hand only while the exchange begins. */
  prepare(x: Exchange): void {
    const { client } = x
    const { head, facts } = client
    const { headers } = x.snapshot!.data
    const endToEnd = x.app!.entry.expectContinue === 'end-to-end'
    x.requestText = writeRequestHead(head, {
      forwardedFor: x.forwardedFor,
      proto: 'http',
      port: String(client.destinationPort),
      host: head.authority,
      requestId: x.requestId,
      requestStartMs: this.#host.clock.unixMs(),
      forwarded: headers.forwarded ? forwardedElement(head.forwarded, facts, head.authority, 'http') : '',
      traceparent: headers.traceparent ? traceparent(head.traceparent) : '',
      via: headers.via,
      expectContinue: head.expectContinue && endToEnd,
      connection: head.upgrade === '' ? 'keep-alive' : 'upgrade',
      chunkedBody: head.chunked,
      contentLength: head.contentLength,
    })
    if (!head.expectContinue) return
    if (endToEnd) x.continueFromDyno = true
    // A client that sends its body without waiting needs no word (RFC 9110 §10.1.1).
    else if (!x.requestEnded && x.requestBytes === 0) {
      x.continued = true
      client.writeText('HTTP/1.1 100 Continue\r\n\r\n')
    }
  }

  /** The head, and what of the body is here, in one write. */
  send(x: Exchange, backend: BackendConnection): void {
    const { client, held } = x
    const { timeouts } = x.app!.entry
    x.phase = Phase.sent
    x.servedAtMs = this.#host.nowMs()
    backend.feeder = client
    client.feeder = backend
    backend.serve(x, timeouts.idleMs)
    const payload = held.length === 0 ? null : held.bytes.subarray(held.start, held.end)
    backend.writeHeld(x.requestText, payload, x.requestChunked, x.requestEnded, client.body.trailers)
    if (x.requestEnded) {
      x.sentAtMs = x.servedAtMs
      backend.awaitAnswer(timeouts.firstByteMs)
    } else {
      // From here on the body is streamed, and what was streamed cannot be repeated.
      x.repeatable = false
      forget(held, backend)
      if (!backend.congested) client.resume()
    }
  }

  /** More of the body, or its end, in `bytes` by `x.client.body`. */
  payload(x: Exchange, bytes: Buffer): void {
    const backend = x.backend as BackendConnection
    backend.writePayload('', bytes, x.client.body, x.requestChunked)
    if (!x.requestEnded) return
    x.sentAtMs = this.#host.nowMs()
    backend.awaitAnswer(x.app!.entry.timeouts.firstByteMs)
  }

  // --- The answer ----------------------------------------------------------------------------------------------------

  connected(x: Exchange): void {
    this.#outcome.connected(x)
  }

  informational(x: Exchange, backend: BackendConnection): void {
    const { head } = backend
    if (++x.informational > INFORMATIONAL_HEADS) {
      this.#outcome.badAnswer(x, 'H17', 'too many interim answers')
      return
    }
    // HTTP/1.0 knows no 1xx (RFC 9110 §15.2).
    if (x.minorVersion === 0) return
    if (head.status === 100) {
      // Who said it first, the router or the dyno, said it for both.
      if (x.continued) return
      x.continued = true
    }
    x.client.writeText(writeResponseHead(head, this.#headOptions(x, 'none', true)))
  }

  answerBegan(x: Exchange, backend: BackendConnection, bytes: Buffer): void {
    const { client } = x
    const { head, body } = backend
    x.firstByteAtMs = this.#host.nowMs()
    if (head.status === 101 && !offered(x.upgrade, head.upgrade)) {
      this.#outcome.badAnswer(x, 'H17', 'switched to a protocol that was not offered')
      return
    }
    x.status = head.status
    forget(x.held, backend)
    if (head.status === 101) {
      client.writeText(writeResponseHead(head, this.#headOptions(x, 'none', true)))
      x.bytesBeforeTunnel = client.writtenBytes
      this.#outcome.switchedProtocols(x, backend)
      return
    }
    x.phase = Phase.answering
    x.responseChunked = body.kind === BodyKind.chunked && x.minorVersion === 1
    x.closeDelimited = body.kind === BodyKind.untilClose || (body.kind === BodyKind.chunked && x.minorVersion === 0)
    // What a client that wanted to upgrade sent ahead was not meant as a request; what belongs to a body that nobody read is none.
    if (
      !x.requestEnded ||
      x.closeDelimited ||
      x.upgrade !== '' ||
      (x.continueFromDyno && !x.continued) ||
      client.spent
    ) {
      x.keepAlive = false
    }
    const framing =
      body.kind === BodyKind.none ? 'none' : x.responseChunked ? 'chunked' : x.closeDelimited ? 'close' : 'length'
    const text = writeResponseHead(head, this.#headOptions(x, framing, x.keepAlive))
    x.responseBytes = body.payloadBytes
    client.writePayload(text, bytes, body, x.responseChunked)
    this.#written(x, backend)
  }

  answerPayload(x: Exchange, backend: BackendConnection, bytes: Buffer): void {
    const { body } = backend
    x.responseBytes += body.payloadBytes
    x.client.writePayload('', bytes, body, x.responseChunked)
    this.#written(x, backend)
  }

  #written(x: Exchange, backend: BackendConnection): void {
    if (backend.body.ended) this.#outcome.answered(x, backend)
    else if (x.client.congested) x.client.watchWrites(x.app!.entry.timeouts.idleMs)
  }

  malformedAnswer(x: Exchange, refusal: number): void {
    const { code, detail } = refusalOf(refusal)
    this.#outcome.badAnswer(x, code, detail)
  }

  backendFailed(x: Exchange, failure: BackendFailure): void {
    this.#outcome.backendFailed(x, failure)
  }

  failed(x: Exchange): void {
    this.#outcome.failed(x)
  }

  tunnelHalfClosed(x: Exchange, side: 'client' | 'dyno'): void {
    this.#outcome.tunnelHalfClosed(x, side)
  }

  #headOptions(x: Exchange, framing: 'length' | 'chunked' | 'close' | 'none', keepAlive: boolean) {
    const policy: HeaderPolicy = x.snapshot!.data.headers
    return {
      clientMinorVersion: x.minorVersion,
      framing,
      keepAlive,
      requestId: policy.requestIdToClient ? x.requestId : '',
      date: this.#host.clock.date,
      upgrade: x.status === 101,
      via: policy.via,
    }
  }
}

/** What was held for this dyno was written; the kernel has all of it, or the write still refers to it. */
function forget(held: KeptBytes, backend: BackendConnection): void {
  if (backend.unsentBytes === 0) held.recycle()
  else held.clear()
}

/** A tunnel begins only with a protocol that the client named (RFC 9110 §7.8); else its bytes could pass for something else. */
function offered(upgrade: string, chosen: string): boolean {
  if (upgrade === '' || chosen === '') return false
  const names = upgrade.toLowerCase().split(',')
  return chosen
    .toLowerCase()
    .split(',')
    .every((name) => names.some((offer) => offer.trim() === name.trim()))
}
