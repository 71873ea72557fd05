import type { CompiledSnapshot } from '../model/compiled-snapshot.ts'
import type { RouterMetrics } from '../telemetry/router-metrics.ts'
import { writeRequestHead } from '../wire/head-writer.ts'
import { refusalOf } from '../wire/refusal.ts'
import { header } from '../wire/request-head.ts'
import type { BlockReason } from './access.ts'
import type { AppPools } from './app-pools.ts'
import { BackendConnection, type BackendFailure, type BackendHost } from './backend-connection.ts'
import type { BackendPool } from './backend-pool.ts'
import type { RequestHandler } from './client-connection.ts'
import type { DynoState } from './dyno-state.ts'
import { type Exchange, Phase } from './exchange.ts'
import { Forward, type ForwardHost, type ForwardOutcome } from './forward.ts'
import { forwardedElement, forwardedFor, requestId, traceparent } from './headers.ts'
import { findApp, outOfService } from './route.ts'
import { ERRORS, type ErrorCode, errorAnswer, statusOf } from './router-error.ts'
import { turnWrites } from './turn-writes.ts'
import type { GiveUpCode } from './wait-queue.ts'
import { WebSocketStream } from './websocket-stream.ts'

/** What the pipeline works with. */
export interface PipelineHost extends ForwardHost, BackendHost {
  readonly snapshot: CompiledSnapshot
  readonly pools: AppPools
  readonly backends: BackendPool
  readonly metrics: RouterMetrics
  /** Open ones, so that a change of the rules can end them. */
  readonly tunnels: Set<Exchange>
  /** The one end of every exchange: counted and logged. */
  finished(x: Exchange): void
}

/**
 * The story of every request, and its exits: who comes (access), to which app (route), which dyno (claim), there and back
 * (forward), and one end (`#finish`) that counts and logs. Phases return here; none calls the next. docs/life-of-a-request.md
 * tells it in words.
 */
export class Pipeline implements RequestHandler, ForwardOutcome {
  readonly #host: PipelineHost
  readonly #forward: Forward
  /** Exchanges in phase `taking`; the other list is filled while this one is worked off. */
  #taking: Exchange[] = []
  #taken: Exchange[] = []

  constructor(host: PipelineHost) {
    this.#host = host
    this.#forward = new Forward(host, this)
  }

  // --- Access and route ----------------------------------------------------------------------------------------------

  begin(x: Exchange): void {
    const { client } = x
    const { head, facts } = client
    const { snapshot } = this.#host
    x.snapshot = snapshot
    x.requestId = requestId(head.requestId)
    const verdict = facts.judgeRequest(snapshot.access, head.forwardedFor)
    // After that: whether the peer is a trusted proxy is judged by the current rules.
    x.forwardedFor = forwardedFor(facts, head.forwardedFor, client.entrance.forwardedFor)
    if (verdict !== 'admitted') return this.#block(x, verdict, facts.label)

    const app = findApp(snapshot, x.host, facts.inside)
    if (app === null) return this.#refuse(x, 'P02')
    x.app = app
    const appVerdict = facts.judgeApp(app)
    if (appVerdict !== 'admitted') return this.#block(x, appVerdict, facts.appLabel)
    const code = outOfService(app)
    if (code !== '') return this.#refuse(x, code)
    const { entry } = app
    if (entry.maxBodyBytes > 0 && (head.contentLength > entry.maxBodyBytes || x.requestBytes > entry.maxBodyBytes)) {
      return this.#refuse(x, 'H26', 413, 'body too large')
    }

    x.pool = this.#host.pools.of(app)
    x.pool.countRequest()
    if (entry.balance.algorithm === 'hash') x.hashKey = this.#hashKey(x)
    x.requestText = this.#requestHead(x)
    if (head.expectContinue && x.minorVersion === 1) this.#expectContinue(x)
    this.#claim(x)
  }

  /** The bytes of the head that go to the dyno, whichever it will be. */
  #requestHead(x: Exchange): string {
    const { client } = x
    const { head, facts } = client
    const { headers } = x.snapshot!.data
    return writeRequestHead(head, {
      forwardedFor: x.forwardedFor,
      proto: 'http',
      port: String(client.destinationPort),
      host: head.authority,
      requestId: x.requestId,
      requestStartMs: Date.now(),
      forwarded: headers.forwarded ? forwardedElement(head.forwarded, facts, head.authority, 'http') : '',
      traceparent: headers.traceparent ? traceparent(head.traceparent) : '',
      via: headers.via,
      expectContinue: head.expectContinue && x.app!.entry.expectContinue === 'end-to-end',
      connection: head.upgrade === '' ? 'keep-alive' : 'upgrade',
      chunkedBody: head.chunked,
      contentLength: head.contentLength,
    })
  }

  #expectContinue(x: Exchange): void {
    if (x.app!.entry.expectContinue === 'end-to-end') x.continueFromDyno = true
    // A client that sends its body without waiting needs no word (RFC 9110 §10.1.1).
    else if (!x.requestEnded && x.requestBytes === 0) {
      x.continued = true
      x.client.writeText('HTTP/1.1 100 Continue\r\n\r\n')
    }
  }

  #hashKey(x: Exchange): string {
    const { hashOn, hashName } = x.app!.entry.balance
    const { head, facts } = x.client
    if (hashOn === 'header') return header(head, hashName)
    return hashOn === 'cookie' ? cookieValue(head.cookie, hashName) : facts.text
  }

  // --- Claim and connect: the one retry loop -------------------------------------------------------------------------

  #claim(x: Exchange): void {
    if (x.attemptsBeganAtMs === -1) x.attemptsBeganAtMs = x.beganAtMs
    const dyno = x.pool!.claim(x.hashKey, x.tried)
    if (dyno !== null) return this.dynoClaimed(x, dyno)
    const outcome = x.pool!.wait(x)
    if (outcome === 'queued') x.phase = Phase.queued
    else this.#refuse(x, outcome === 'exhausted' ? x.connectFailure : outcome)
  }

  /** A dyno is counted for this request: at once, or after a wait. */
  dynoClaimed(x: Exchange, dyno: DynoState): void {
    const { snapshot, backends } = this.#host
    const nowMs = this.#host.nowMs()
    x.dyno = dyno
    if (x.retryReason !== '') {
      x.retries++
      this.#host.metrics.app(x.app!.name).retried(x.retryReason)
      x.retryReason = ''
    }
    const idle = x.freshOnly ? null : backends.take(dyno, x.repeatable, nowMs)
    if (idle !== null) {
      x.connectMs = 0
      x.backend = idle
      x.phase = Phase.taking
      idle.take(x)
      if (this.#taking.push(x) === 1) setImmediate(this.#serveTaken)
      return
    }
    x.phase = Phase.connecting
    x.connectBeganAtMs = nowMs
    // All attempts together end when a wait for a booting dyno would.
    const leftMs = Math.max(1, x.attemptsBeganAtMs + snapshot.data.timeouts.bootWaitMs - nowMs)
    const connectMs = Math.min(x.app!.entry.timeouts.connectMs, leftMs)
    x.backend = new BackendConnection(this.#host, this.#forward, dyno, x, connectMs)
  }

  /**
   * A kept connection carries a request only after all that can be read now was read: when its dyno closed it, or said something that nobody asked for,
   * another one is taken while nothing is lost, and such bytes are never read as the answer (RFC 9112 §11.2).
   */
  readonly #serveTaken = (): void => {
    const exchanges = this.#taking
    this.#taking = this.#taken
    this.#taken = exchanges
    for (const x of exchanges) {
      if (x.phase === Phase.taking) (x.backend as BackendConnection).checked()
    }
    exchanges.length = 0
    turnWrites.writeOut()
  }

  #takeAnother(x: Exchange): void {
    this.#foundClosed(x, this.#host.nowMs())
    this.#letGo(x)
    this.#claim(x)
  }

  /** The kept connection that it took was closed by the dyno at about this time. */
  #foundClosed(x: Exchange, atMs: number): void {
    x.dyno!.closedIdle(atMs - (x.backend as BackendConnection).idleSinceMs, atMs)
  }

  waitEnded(x: Exchange, code: GiveUpCode): void {
    this.#refuse(x, code)
  }

  connected(x: Exchange): void {
    if (x.phase === Phase.connecting) {
      x.connectMs = this.#host.nowMs() - x.connectBeganAtMs
      x.pool!.connected(x.dyno!)
    }
    this.#forward.send(x, x.backend as BackendConnection)
  }

  backendFailed(x: Exchange, failure: BackendFailure): void {
    switch (x.phase) {
      case Phase.connecting:
        if (failure === 'starved') this.#refuse(x, 'H99', 503, 'no descriptor or memory left')
        else this.#connectFailed(x, failure)
        break
      case Phase.taking:
        this.#takeAnother(x)
        break
      case Phase.sent:
        if (failure === 'idle') this.#refuse(x, (x.backend as BackendConnection).awaitsFirstByte ? 'H12' : 'H15')
        else this.#closedWithoutAnswer(x)
        break
      case Phase.answering:
        this.#refuse(x, failure === 'idle' ? 'H15' : 'H18')
        break
      case Phase.tunnel:
        this.#tunnelOver(x, '')
        break
      default:
    }
  }

  /** Nothing was written: another dyno is safe, whatever the method. Bounded by attempts and quarantine, not by the budget. */
  #connectFailed(x: Exchange, failure: BackendFailure): void {
    x.connectMs = this.#host.nowMs() - x.connectBeganAtMs
    x.connectFailure = failure === 'connect-timeout' ? 'H19' : 'H21'
    const dyno = x.dyno!
    x.tried.push(dyno)
    x.pool!.quarantine(dyno)
    this.#host.metrics.app(x.app!.name).quarantined()
    this.#letGo(x)
    if (this.#host.nowMs() - x.attemptsBeganAtMs >= x.snapshot!.data.timeouts.bootWaitMs) {
      return this.#refuse(x, x.connectFailure)
    }
    x.retryReason = failure === 'connect-timeout' ? 'connect-timeout' : 'connect-refused'
    this.#claim(x)
  }

  /**
   * A kept connection that ends before one byte of an answer was most likely closed by the dyno before it saw the request;
   * but only a request that may run twice is sent again, once, on a fresh connection (RFC 9112 §9.3.1).
   */
  #closedWithoutAnswer(x: Exchange): void {
    const backend = x.backend as BackendConnection
    if (backend.reused) this.#foundClosed(x, x.servedAtMs)
    x.notRetried = this.#whyNotAgain(x, backend)
    if (x.notRetried !== '') return this.#refuse(x, x.requestEnded && !backend.answerBegun ? 'H13' : 'H18')
    x.freshOnly = true
    x.retryReason = 'stale-connection'
    this.#letGo(x)
    this.#claim(x)
  }

  #whyNotAgain(x: Exchange, backend: BackendConnection): string {
    if (!backend.reused) return 'fresh connection'
    if (!x.repeatable) return x.requestEnded ? 'not idempotent' : 'body consumed'
    if (backend.answerBegun || x.informational > 0) return 'answer begun'
    return x.pool!.tryRetry() ? '' : 'retry budget'
  }

  /** The dyno's side of an attempt is over. A connection that is still there is not: who knows what it would say next. */
  #letGo(x: Exchange): void {
    const { backend, dyno, pool } = x
    x.client.feeder = null
    if (backend !== null) backend.abort()
    x.backend = null
    if (x.phase === Phase.queued) pool!.leave(x)
    if (dyno !== null) {
      x.lastDyno = dyno
      x.dyno = null
      this.#tally(x, dyno)
      pool!.release(dyno)
    }
  }

  /** How the dyno did in the attempt that ends: `x.code` says why when it was not for an answer. */
  #tally(x: Exchange, dyno: DynoState): void {
    if (x.phase === Phase.connecting || x.phase === Phase.taking) {
      // It got nothing of the request: that is its fault when it did not let us in, and nobody's business otherwise.
      if (x.phase === Phase.connecting && x.code === '') dyno.tally.count(true, -1)
      return
    }
    // What it closed while we wrote is served again.
    if (x.status === 0 && x.code === '') return
    const failed = x.status >= 500 || (x.code !== '' && ERRORS[x.code].side === 'dyno')
    const hadItAtMs = x.sentAtMs === -1 ? x.servedAtMs : x.sentAtMs
    dyno.tally.count(failed, x.firstByteAtMs === -1 ? -1 : x.firstByteAtMs - hadItAtMs)
  }

  // --- The request's body --------------------------------------------------------------------------------------------

  requestPayload(x: Exchange, bytes: Buffer): void {
    const { body } = x.client
    const limit = x.app === null ? 0 : x.app.entry.maxBodyBytes
    if (limit > 0 && x.requestBytes + body.payloadBytes > limit) return this.#refuse(x, 'H26', 413, 'body too large')
    x.requestBytes += body.payloadBytes
    switch (x.phase) {
      case Phase.queued:
      case Phase.connecting:
      case Phase.taking:
        x.hold(bytes)
        break
      case Phase.sent:
      case Phase.answering:
        this.#forward.payload(x, bytes)
        break
      default: // the answer is complete: nobody wants the rest
    }
  }

  // --- The answer ----------------------------------------------------------------------------------------------------

  answered(x: Exchange, backend: BackendConnection): void {
    const { timeouts, limits } = this.#host.snapshot.data
    x.client.feeder = null
    x.backend = null
    const dyno = x.dyno!
    x.lastDyno = dyno
    x.dyno = null
    // A dyno whose upload was broken off may take what comes next for the rest of it.
    if (x.requestEnded && !dyno.retired) {
      this.#host.backends.put(backend, timeouts.dynoKeepAliveMs, limits.idleConnectionsPerDyno, this.#host.nowMs())
    } else {
      backend.abort()
    }
    this.#tally(x, dyno)
    x.pool!.release(dyno)
    this.#complete(x, x.keepAlive)
  }

  answerTaken(x: Exchange): void {
    if (x.phase === Phase.flushing) this.#finish(x, x.keepAlive)
  }

  badAnswer(x: Exchange, code: 'H17' | 'H25', detail: string): void {
    this.#refuse(x, code, statusOf(code), detail)
  }

  // --- Tunnels -------------------------------------------------------------------------------------------------------

  switchedProtocols(x: Exchange, backend: BackendConnection): void {
    x.phase = Phase.tunnel
    x.keepAlive = false
    const isWebSocket = backend.head.upgrade.trim().toLowerCase() === 'websocket'
    backend.startTunnel(isWebSocket ? new WebSocketStream(x.client) : null)
    x.client.startTunnel(x.app!.entry.timeouts.idleMs)
    this.#host.tunnels.add(x)
  }

  tunnelIdle(x: Exchange): void {
    this.#tunnelOver(x, 'H15')
  }

  /** One side closed. The client may still want what the dyno has to say; without the dyno there is nothing to wait for. */
  tunnelHalfClosed(x: Exchange, side: 'client' | 'dyno'): void {
    if (side === 'client') x.backend!.end()
    else this.#tunnelOver(x, '')
  }

  /** The client of a tunnel may not come in any more: P01 with the reason, or P02 when its app does not exist for it any more. */
  tunnelWithdrawn(x: Exchange, reason: BlockReason | null, label: string): void {
    this.#tunnelEnded(x, reason === null ? 'P02' : 'P01')
    if (reason !== null) this.#noteBlocked(x, reason, label)
    this.#log(x)
    x.phase = Phase.idle
    x.client.reset()
  }

  /** The router or the dyno stops and cannot wait any longer. */
  forceClose(x: Exchange): void {
    if (x.phase === Phase.tunnel) this.#tunnelOver(x, 'H24')
    else if (x.phase === Phase.flushing) this.#abandon(x, 'H24')
    else if (x.phase !== Phase.idle) this.#refuse(x, 'H24')
  }

  /** The router stops, and nobody knows when a tunnel would end by itself. */
  endTunnel(x: Exchange): void {
    ;(x.backend as BackendConnection).webSocket?.close()
    this.#tunnelOver(x, '')
  }

  #tunnelOver(x: Exchange, code: ErrorCode | ''): void {
    this.#tunnelEnded(x, code)
    this.#finish(x, false)
  }

  #tunnelEnded(x: Exchange, code: ErrorCode | ''): void {
    x.responseBytes = x.client.writtenBytes - x.bytesBeforeTunnel
    this.#host.tunnels.delete(x)
    x.code = code
    this.#letGo(x)
  }

  // --- The client's end ----------------------------------------------------------------------------------------------

  clientGone(x: Exchange): void {
    if (x.phase === Phase.tunnel) this.#tunnelOver(x, '')
    else if (x.phase !== Phase.idle) this.#abandon(x, 'H27')
  }

  clientIdle(x: Exchange): void {
    if (x.status !== 0 || x.requestEnded) this.#abandon(x, 'H28')
    else this.#refuse(x, 'H28', 408)
  }

  /** A bug. The exchange gets the end that is left to it. */
  failed(x: Exchange): void {
    x.keepAlive = false
    if (x.phase === Phase.tunnel) this.#tunnelOver(x, 'H99')
    else this.#refuse(x, 'H99')
  }

  headTimedOut(x: Exchange): void {
    this.#refuse(x, 'H26', 408, 'request head timeout')
  }

  malformedHead(x: Exchange, refusal: number): void {
    const { status, cause } = refusalOf(refusal)
    this.#refuse(x, 'H26', status, cause)
  }

  malformedBody(x: Exchange, refusal: number): void {
    const { status, cause } = refusalOf(refusal)
    x.keepAlive = false
    this.#refuse(x, 'H26', status, cause)
  }

  // --- Ends ----------------------------------------------------------------------------------------------------------

  /** Not from a trusted range. */
  #block(x: Exchange, reason: BlockReason, label: string): void {
    this.#noteBlocked(x, reason, label)
    if (this.#host.snapshot.data.onUntrusted === 'forbid') {
      x.keepAlive = false
      return this.#refuse(x, 'P01', 403, x.detail)
    }
    x.code = 'P01'
    this.#log(x)
    x.client.reset()
  }

  #noteBlocked(x: Exchange, reason: BlockReason, label: string): void {
    this.#host.metrics.clientBlocked(reason)
    x.detail = label === '' ? reason : `${reason} (${label})`
  }

  /** The router answers in place of a dyno; when an answer is on its way already it is cut. */
  #refuse(x: Exchange, code: ErrorCode, status = statusOf(code), detail = ''): void {
    x.code = code
    x.detail = detail
    this.#letGo(x)
    // An answer is on its way, or was: another one would be taken for that of the next request.
    if (x.status !== 0) return this.#cut(x)
    // Whatever is left of the request, nobody knows where it ends or wants it; and what follows a request to upgrade may be meant for the tunnel.
    const keepAlive = x.keepAlive && x.requestEnded && x.upgrade === '' && !x.client.spent
    // What was not understood got none yet; who reports the answer names it.
    if (x.requestId === '') x.requestId = requestId('')
    const answer = errorAnswer({
      code,
      status,
      accept: x.accept,
      method: x.method,
      requestId: x.requestId,
      date: this.#host.clock.date,
      connection: keepAlive ? (x.minorVersion === 0 ? 'keep-alive' : '') : 'close',
      requestIdToClient: x.snapshot?.data.headers.requestIdToClient ?? false,
    })
    x.status = status
    x.responseBytes = answer.bodyBytes
    x.client.writeText(answer.text)
    this.#complete(x, keepAlive)
  }

  /** All of the answer was written. The next request waits for a client that does not read: else its answers would pile up. */
  #complete(x: Exchange, keepAlive: boolean): void {
    if (!x.client.congested) return this.#finish(x, keepAlive)
    x.keepAlive = keepAlive
    x.phase = Phase.flushing
    x.client.watchWrites(x.app === null ? this.#host.snapshot.data.timeouts.requestBodyMs : x.app.entry.timeouts.idleMs)
  }

  /** Half an answer must not look like a whole one. Where lengths or chunks show that, what was sent may still arrive. */
  #cut(x: Exchange): void {
    this.#log(x)
    x.phase = Phase.idle
    if (x.closeDelimited) x.client.reset()
    else x.client.exchangeOver(false)
  }

  /** The client is not there any more, or as good as. */
  #abandon(x: Exchange, code: ErrorCode): void {
    x.code = code
    if (ERRORS[code].goneStatus !== 0) x.status = ERRORS[code].goneStatus
    this.#letGo(x)
    this.#log(x)
    x.phase = Phase.idle
    x.client.reset()
  }

  #finish(x: Exchange, keepAlive: boolean): void {
    this.#log(x)
    x.phase = Phase.idle
    x.client.exchangeOver(keepAlive)
  }

  #log(x: Exchange): void {
    this.#host.finished(x)
  }
}

/** The value of one cookie (RFC 6265 §4.2.1); '' when it is not there. */
function cookieValue(header: string, name: string): string {
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals !== -1 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
  }
  return ''
}
