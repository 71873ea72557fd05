import { refusalOf } from '../wire/refusal.ts'
import type { AppPools } from './app-pools.ts'
import { BackendConnection, type BackendFailure, type BackendHost } from './backend-connection.ts'
import type { BackendPool } from './backend-pool.ts'
import type { RequestHandler } from './client-connection.ts'
import type { DynoState } from './dyno-state.ts'
import { type Exchange, Phase } from './exchange.ts'
import { Finish, type FinishHost } from './finish.ts'
import { Forward, type ForwardHost, type ForwardOutcome } from './forward.ts'
import { hashKey } from './hash-key.ts'
import { forwardedFor, requestId } from './headers.ts'
import { letGo, release } from './release.ts'
import { findApp, outOfService } from './route.ts'
import { statusOf } from './router-error.ts'
import { Tunnels } from './tunnels.ts'
import { turn } from './turn.ts'
import type { GiveUpCode } from './wait-queue.ts'

/** What the pipeline works with. */
export interface PipelineHost extends BackendHost, ForwardHost, FinishHost {
  readonly pools: AppPools
  readonly backends: BackendPool
}

/**
 * The story of every request, and its exits: who comes (access), to which app (route), which dyno (claim), there and back
 * (forward), and one end (finish). Phases return here; none calls the next. docs/life-of-a-request.md tells it in words.
 */
export class Pipeline implements RequestHandler, ForwardOutcome {
  readonly tunnels: Tunnels
  readonly #host: PipelineHost
  readonly #forward: Forward
  readonly #finish: Finish
  /** Exchanges in phase `taking`; the other list is filled while this one is worked off. */
  #taking: Exchange[] = []
  #taken: Exchange[] = []

  constructor(host: PipelineHost) {
    this.#host = host
    this.#forward = new Forward(host, this)
    this.#finish = new Finish(host)
    this.tunnels = new Tunnels(this.#finish)
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
    if (verdict !== 'admitted') return this.#finish.block(x, verdict, facts.label)

    const app = findApp(snapshot, x.host, facts.inside)
    if (app === null) return this.#finish.refuse(x, 'P02')
    x.app = app
    const appVerdict = facts.judgeApp(app)
    if (appVerdict !== 'admitted') return this.#finish.block(x, appVerdict, facts.appLabel)
    const code = outOfService(app)
    if (code !== '') return this.#finish.refuse(x, code)
    const { entry } = app
    if (entry.maxBodyBytes > 0 && (head.contentLength > entry.maxBodyBytes || x.requestBytes > entry.maxBodyBytes)) {
      return this.#finish.refuse(x, 'H26', 413, 'body too large')
    }

    x.pool = this.#host.pools.of(app)
    x.pool.countRequest()
    if (entry.balance.algorithm === 'hash') x.hashKey = hashKey(x)
    this.#forward.prepare(x)
    this.#claim(x)
  }

  // --- Claim and connect: the one retry loop -------------------------------------------------------------------------

  #claim(x: Exchange): void {
    if (x.attemptsBeganAtMs === -1) x.attemptsBeganAtMs = x.beganAtMs
    const dyno = x.pool!.claim(x.hashKey, x.tried)
    if (dyno !== null) return this.dynoClaimed(x, dyno)
    const outcome = x.pool!.wait(x)
    if (outcome === 'queued') x.phase = Phase.queued
    else this.#finish.refuse(x, outcome === 'exhausted' ? x.connectFailure : outcome)
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
      if (this.#taking.push(x) === 1) turn.afterReads(this.#serveTaken)
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
      turn.pass()
      if (x.phase === Phase.taking) (x.backend as BackendConnection).checked()
    }
    exchanges.length = 0
  }

  #takeAnother(x: Exchange): void {
    this.#foundClosed(x, this.#host.nowMs())
    letGo(x)
    this.#claim(x)
  }

  /** The kept connection that it took was closed by the dyno at about this time. */
  #foundClosed(x: Exchange, atMs: number): void {
    x.dyno!.closedIdle(atMs - (x.backend as BackendConnection).idleSinceMs, atMs)
  }

  waitEnded(x: Exchange, code: GiveUpCode): void {
    this.#finish.refuse(x, code)
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
        if (failure === 'starved') this.#finish.refuse(x, 'H99', 503, 'no descriptor or memory left')
        else this.#connectFailed(x, failure)
        break
      case Phase.taking:
        this.#takeAnother(x)
        break
      case Phase.sent:
        if (failure === 'idle') this.#finish.refuse(x, (x.backend as BackendConnection).awaitsFirstByte ? 'H12' : 'H15')
        else this.#closedWithoutAnswer(x)
        break
      case Phase.answering:
        this.#finish.refuse(x, failure === 'idle' ? 'H15' : 'H18')
        break
      case Phase.tunnel:
        this.tunnels.over(x, '')
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
    letGo(x)
    if (this.#host.nowMs() - x.attemptsBeganAtMs >= x.snapshot!.data.timeouts.bootWaitMs) {
      return this.#finish.refuse(x, x.connectFailure)
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
    if (x.notRetried !== '') return this.#finish.refuse(x, x.requestEnded && !backend.answerBegun ? 'H13' : 'H18')
    x.freshOnly = true
    x.retryReason = 'stale-connection'
    letGo(x)
    this.#claim(x)
  }

  #whyNotAgain(x: Exchange, backend: BackendConnection): string {
    if (!backend.reused) return 'fresh connection'
    if (!x.repeatable) return x.requestEnded ? 'not idempotent' : 'body consumed'
    if (backend.answerBegun || x.informational > 0) return 'answer begun'
    return x.pool!.tryRetry() ? '' : 'retry budget'
  }

  // --- The request's body --------------------------------------------------------------------------------------------

  requestPayload(x: Exchange, bytes: Buffer): void {
    const { body } = x.client
    const limit = x.app === null ? 0 : x.app.entry.maxBodyBytes
    if (limit > 0 && x.requestBytes + body.payloadBytes > limit) {
      return this.#finish.refuse(x, 'H26', 413, 'body too large')
    }
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
    // A dyno whose upload was broken off may take what comes next for the rest of it.
    if (x.requestEnded && !x.dyno!.retired) {
      this.#host.backends.put(backend, timeouts.dynoKeepAliveMs, limits.idleConnectionsPerDyno, this.#host.nowMs())
    } else {
      backend.abort()
    }
    release(x)
    this.#finish.complete(x)
  }

  answerTaken(x: Exchange): void {
    this.#finish.taken(x)
  }

  badAnswer(x: Exchange, code: 'H17' | 'H25', detail: string): void {
    this.#finish.refuse(x, code, statusOf(code), detail)
  }

  // --- Tunnels -------------------------------------------------------------------------------------------------------

  switchedProtocols(x: Exchange, backend: BackendConnection): void {
    this.tunnels.begin(x, backend)
  }

  tunnelIdle(x: Exchange): void {
    this.tunnels.over(x, 'H15')
  }

  tunnelHalfClosed(x: Exchange, side: 'client' | 'dyno'): void {
    this.tunnels.halfClosed(x, side)
  }

  // --- The client's end ----------------------------------------------------------------------------------------------

  clientGone(x: Exchange): void {
    if (x.phase === Phase.tunnel) this.tunnels.over(x, '')
    else if (x.phase !== Phase.idle) this.#finish.abandon(x, 'H27')
  }

  clientIdle(x: Exchange): void {
    if (x.status !== 0 || x.requestEnded) this.#finish.abandon(x, 'H28')
    else this.#finish.refuse(x, 'H28', 408)
  }

  /** The router or the dyno stops and cannot wait any longer. */
  forceClose(x: Exchange): void {
    if (x.phase === Phase.tunnel) this.tunnels.over(x, 'H24')
    else if (x.phase === Phase.flushing) this.#finish.abandon(x, 'H24')
    else if (x.phase !== Phase.idle) this.#finish.refuse(x, 'H24')
  }

  /** A bug. The exchange gets the end that is left to it. */
  failed(x: Exchange): void {
    x.keepAlive = false
    if (x.phase === Phase.tunnel) this.tunnels.over(x, 'H99')
    else this.#finish.refuse(x, 'H99')
  }

  headTimedOut(x: Exchange): void {
    this.#finish.refuse(x, 'H26', 408, 'request head timeout')
  }

  malformedHead(x: Exchange, refusal: number): void {
    const { status, cause } = refusalOf(refusal)
    this.#finish.refuse(x, 'H26', status, cause)
  }

  malformedBody(x: Exchange, refusal: number): void {
    const { status, cause } = refusalOf(refusal)
    x.keepAlive = false
    this.#finish.refuse(x, 'H26', status, cause)
  }
}
