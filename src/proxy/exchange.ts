import type { App, CompiledSnapshot } from '../model/compiled-snapshot.ts'
import type { RetryReason } from '../telemetry/metric-table.ts'
import type { BodyFraming } from '../wire/body-framing.ts'
import type { RequestHead } from '../wire/request-head.ts'
import type { ClientFacts } from './access.ts'
import type { AppPool } from './balance.ts'
import type { DynoState } from './dyno-state.ts'
import { KeptBytes } from './kept-bytes.ts'
import type { PeerSocket } from './peer-socket.ts'
import type { ErrorCode } from './router-error.ts'
import type { GiveUpCode, Waiter, WaitQueue } from './wait-queue.ts'

/** Where an exchange stands. */
export const Phase = {
  /** No request. */
  idle: 0,
  /** In the queue of its app, until a dyno has room or is up. */
  queued: 1,
  connecting: 2,
  /** A kept connection was taken for it, and is looked at once more before anything is written. */
  taking: 3,
  /** The head is on its way to the dyno; nothing of an answer came yet. */
  sent: 4,
  /** The head of the answer is on its way to the client. */
  answering: 5,
  tunnel: 6,
  /** The answer is complete; the client still has to take the rest of it. */
  flushing: 7,
} as const
export type Phase = (typeof Phase)[keyof typeof Phase]

/** What the phases need of the client's connection. */
export interface ClientSide extends PeerSocket {
  readonly entrance: { readonly forwardedFor: 'replace' | 'append' }
  readonly facts: ClientFacts
  readonly destinationPort: number
  /** No request may follow the present one: the router stops, or there were as many as one connection may bring. */
  readonly spent: boolean
  readonly open: boolean
  /** This request's head: scratch, valid only while the exchange begins. */
  readonly head: RequestHead
  /** Where the request's body stands in what the client sent. */
  readonly body: BodyFraming
  /** The exchange is over: serve the next request on this connection, or say goodbye. */
  exchangeOver(keepAlive: boolean): void
  /** From now on the client is given up when it takes nothing for so long. Ends with `answerTaken`. */
  watchWrites(idleMs: number): void
  /** From now on its bytes go to `exchange.backend` as they are. */
  startTunnel(idleMs: number): void
  /** The other end of the tunnel lives. */
  touchTunnel(): void
}

/** What the phases need of the dyno's connection. */
export interface BackendSide extends PeerSocket {
  /** It carried a request before this one, so the dyno may have closed it meanwhile. */
  readonly reused: boolean
  /** The client of a tunnel has no more to say. */
  end(): void
  /** Close without looking back: what the dyno may still send is nobody's. */
  abort(): void
}

/** How a wait for a dyno ends. */
export interface WaitOutcomes {
  /** Counted for this request. */
  dynoClaimed(x: Exchange, dyno: DynoState): void
  waitEnded(x: Exchange, code: GiveUpCode): void
}

/** Payload kept while no dyno can take it; beyond it the client is not read (behaviour: 64 KiB to the dyno). */
const HELD_BYTES = 65_536

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/**
 * One request and its answer: every field from the start, in order of occurrence. It lives as long as its client connection
 * and is used again for the next request, so that a request costs no allocation of its own and the object keeps its shape.
 * Times are milliseconds of the monotonic clock; -1: did not happen.
 */
export class Exchange implements Waiter {
  readonly client: ClientSide
  phase: Phase = Phase.idle
  snapshot: CompiledSnapshot | null = null

  // The request as it was read.
  beganAtMs = -1
  method = ''
  target = ''
  host = ''
  minorVersion: 0 | 1 = 1
  accept = ''
  requestId = ''
  /** May another request follow? Several may forbid that. */
  keepAlive = false
  /** The client said that none will: `Connection: close`, or HTTP/1.0 without keep-alive. */
  closeRequested = false
  upgrade = ''
  /** Method and headers allow a second try when the first got no byte of an answer (RFC 9110 §9.2.2). */
  repeatable = false

  // What was decided.
  app: App | null = null
  pool: AppPool | null = null
  hashKey = ''
  /** The whole X-Forwarded-For value that goes to the dyno. */
  forwardedFor = ''

  // What goes to the dyno.
  requestText = ''
  requestChunked = false
  requestEnded = false
  requestBytes = 0
  readonly held = new KeptBytes()

  // The attempts.
  dyno: DynoState | null = null
  backend: BackendSide | null = null
  /** The dyno of the last attempt, for the log: `dyno` is null once it was released. */
  lastDyno: DynoState | null = null
  readonly tried: DynoState[] = []
  /** The next attempt does not use a kept connection. */
  freshOnly = false
  connectFailure: 'H19' | 'H21' = 'H21'
  attemptsBeganAtMs = -1
  connectBeganAtMs = -1
  connectMs = -1
  /** What ended the last attempt, until there is a next one; '' nothing did. */
  retryReason: RetryReason | '' = ''
  retries = 0
  notRetried = ''
  /** When the dyno's connection was there to take the request. */
  servedAtMs = -1
  sentAtMs = -1

  // The answer.
  firstByteAtMs = -1
  status = 0
  responseBytes = 0
  responseChunked = false
  /** Only the end of the connection tells the client where the answer ends. */
  closeDelimited = false
  /** 1xx heads that the dyno sent. */
  informational = 0
  /** The expectation was passed on: the dyno decides whether to say 100. */
  continueFromDyno = false
  continued = false
  /** What the client connection had written when it became a tunnel. */
  bytesBeforeTunnel = 0

  // The outcome: code of the error table, '' when all went well.
  code: ErrorCode | '' = ''
  detail = ''

  // Links of the queue that it waits in.
  queue: WaitQueue | null = null
  previousWaiter: Waiter | null = null
  nextWaiter: Waiter | null = null
  waitingSinceMs = 0

  readonly #waits: WaitOutcomes

  constructor(client: ClientSide, waits: WaitOutcomes) {
    this.client = client
    this.#waits = waits
  }

  wake(dyno: DynoState): void {
    this.#waits.dynoClaimed(this, dyno)
  }

  giveUp(code: GiveUpCode): void {
    this.#waits.waitEnded(this, code)
  }

  /** A new request: takes from the head what outlives it and forgets the one before. */
  start(head: RequestHead, nowMs: number): void {
    this.phase = Phase.idle
    this.snapshot = null
    this.beganAtMs = nowMs
    this.method = head.method
    this.target = head.target
    this.host = head.host
    this.minorVersion = head.minorVersion
    this.accept = head.accept
    this.requestId = ''
    this.keepAlive = head.keepAlive
    this.closeRequested = !head.keepAlive
    this.upgrade = head.upgrade
    this.app = null
    this.pool = null
    this.hashKey = ''
    this.forwardedFor = this.client.facts.peerText
    this.requestText = ''
    this.requestChunked = head.chunked
    this.requestEnded = false
    this.requestBytes = 0
    this.held.clear()
    const hasBody = head.chunked || head.contentLength > 0
    this.repeatable =
      SAFE_METHODS.has(head.method) ||
      (!hasBody && (head.method === 'PUT' || head.method === 'DELETE')) ||
      head.idempotencyKey
    this.dyno = null
    this.backend = null
    this.lastDyno = null
    this.tried.length = 0
    this.freshOnly = false
    this.attemptsBeganAtMs = -1
    this.connectBeganAtMs = -1
    this.connectMs = -1
    this.retryReason = ''
    this.retries = 0
    this.notRetried = ''
    this.servedAtMs = -1
    this.sentAtMs = -1
    this.firstByteAtMs = -1
    this.status = 0
    this.responseBytes = 0
    this.responseChunked = false
    this.closeDelimited = false
    this.informational = 0
    this.continueFromDyno = false
    this.continued = false
    this.bytesBeforeTunnel = 0
    this.code = ''
    this.detail = ''
  }

  /** Keeps the payload that the body just found in `bytes`, and stops reading the client when that is much. */
  hold(bytes: Buffer): void {
    const { body } = this.client
    for (let i = 0; i < body.rangeCount; i++) this.held.append(bytes, body.ranges[2 * i]!, body.ranges[2 * i + 1]!)
    if (!body.ended && this.held.length >= HELD_BYTES) this.client.pause()
  }
}
