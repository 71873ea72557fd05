import { type BodyFraming, BodyKind } from '../wire/body-framing.ts'
import type { HeadLimits } from '../wire/limits.ts'
import type { ResponseHead } from '../wire/response-head.ts'
import { AnswerReader, type AnswerReaderOwner } from './answer-reader.ts'
import type { DynoState } from './dyno-state.ts'
import type { BackendSide, Exchange } from './exchange.ts'
import { PeerSocket } from './peer-socket.ts'
import { TimerEntry, type TimerTarget, type TimerWheel } from './timer-wheel.ts'
import { connectTransport } from './transports.ts'
import type { WebSocketStream } from './websocket-stream.ts'

/** What a connection to a dyno asks of its surroundings. */
export interface BackendHost {
  readonly wheel: TimerWheel
  readonly headLimits: HeadLimits
  /** It was idle and is gone, by the dyno's doing or not. */
  idleClosed(backend: BackendConnection, byDyno: boolean): void
  /** A bug: the connection that it happened on is given up, the others go on. */
  fault(error: unknown): void
}

/** What became of an attempt that brought no whole answer. */
export type BackendFailure =
  /** No connection: refused, unreachable, reset. */
  | 'refused'
  /** No connection either, for want of descriptors or memory in this process: no dyno's fault. */
  | 'starved'
  | 'connect-timeout'
  /** The connection ended before the answer was whole. */
  | 'closed'
  /** The dyno was silent, or took nothing of the request, for too long. */
  | 'idle'

/** What is to happen with answers, in the order in which it may happen to one. */
export interface AnswerHandler {
  /** The request may be written. */
  connected(x: Exchange): void
  /** A 1xx head that is no upgrade is in `backend.head`. */
  informational(x: Exchange, backend: BackendConnection): void
  /** The final head (or a 101 that was asked for) is in `backend.head`; `backend.body` has what came of the payload in `bytes`. */
  answerBegan(x: Exchange, backend: BackendConnection, bytes: Buffer): void
  /** `backend.body` has payload in `bytes`, or the end. */
  answerPayload(x: Exchange, backend: BackendConnection, bytes: Buffer): void
  /** What came is no answer; `refusal` is the parser's (negative) result. */
  malformedAnswer(x: Exchange, refusal: number): void
  backendFailed(x: Exchange, failure: BackendFailure): void
  /** A bug showed while it was served. */
  failed(x: Exchange): void
  tunnelHalfClosed(x: Exchange, side: 'client' | 'dyno'): void
}

const State = { connecting: 0, idle: 1, taken: 2, serving: 3, closed: 4 } as const
type State = (typeof State)[keyof typeof State]

/** More than this waiting for a dyno, and its client is not read. */
const TO_DYNO_BYTES = 65_536

const OUT_OF_RESOURCES = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'])

const NO_BYTES = Buffer.alloc(0)

/**
 * One connection to a dyno: carries one exchange at a time, is idle in the pool between two, or is half of a tunnel. Its AnswerReader finds what the dyno
 * says.
 */
export class BackendConnection extends PeerSocket implements BackendSide, AnswerReaderOwner, TimerTarget {
  readonly dyno: DynoState
  readonly body: BodyFraming
  /** The exchange that it carries; null while idle and after the end. */
  exchange: Exchange | null
  reused = false
  /** The dyno said, or HTTP/1.1 means, that the connection may carry another exchange. */
  persistent = false
  /** `Keep-Alive: timeout=` of the dyno in ms; -1: it did not say. */
  keepAliveTimeoutMs = -1
  /** The request is through, and no byte of an answer has come since. */
  awaitsFirstByte = false
  /** Of a tunnel that is a WebSocket. */
  webSocket: WebSocketStream | null = null
  /** Place in time of its idleness: kept by the pool. */
  idleSinceMs = 0
  readonly #host: BackendHost
  readonly #handler: AnswerHandler
  readonly #reader: AnswerReader
  readonly #timer: TimerEntry
  #state: State = State.connecting
  #waitMs = 0
  #takenSeen = 0

  constructor(host: BackendHost, handler: AnswerHandler, dyno: DynoState, exchange: Exchange, connectMs: number) {
    super(connectTransport(dyno.entry.address, dyno.entry.port), TO_DYNO_BYTES)
    this.#host = host
    this.#handler = handler
    this.dyno = dyno
    this.exchange = exchange
    this.#reader = new AnswerReader(host, this)
    this.body = this.#reader.body
    this.#timer = new TimerEntry(this)
    this.#waitFor(connectMs)
    this.transport.start(this)
  }

  /** Its dyno answered in full, the framing left no doubt, and nothing came after. */
  get reusable(): boolean {
    return this.#reader.cleanlyEnded && this.persistent && this.transport.writable
  }

  get head(): ResponseHead {
    return this.#reader.head
  }

  /** Out of the pool, for this exchange. What comes or ends before it is served belongs to no answer. */
  take(exchange: Exchange): void {
    this.exchange = exchange
    this.#state = State.taken
    this.#waitFor(0)
  }

  /** After `take`, when all that had come was read. */
  checked(): void {
    this.run(this.#onChecked)
  }

  #onChecked(): void {
    const x = this.exchange
    if (x === null) return
    // One that broke is closed only after this.
    if (this.transport.writable) this.#handler.connected(x)
    else this.#handler.backendFailed(x, 'closed')
  }

  /** A part of the head of the answer came. */
  get answerBegun(): boolean {
    return this.#reader.headBegun
  }

  /** Begins to carry an exchange; the caller writes its head. */
  serve(exchange: Exchange, idleMs: number): void {
    this.exchange = exchange
    this.#state = State.serving
    this.#reader.nextAnswer(exchange.method)
    this.awaitsFirstByte = false
    if (!exchange.requestEnded) this.#takenSeen = this.takenBytes
    this.#waitFor(idleMs)
  }

  /** The request is through: the dyno has this long for the first byte of its answer. */
  awaitAnswer(firstByteMs: number): void {
    if (!this.#reader.awaitsHead || this.#reader.headBegun) return
    this.awaitsFirstByte = true
    this.#waitFor(firstByteMs)
  }

  /** Into the pool, for so long. */
  rest(idleMs: number): void {
    this.exchange = null
    this.feeder = null
    this.reused = true
    this.#state = State.idle
    this.#reader.end()
    this.#waitFor(idleMs)
    this.resume()
  }

  /** `webSocket`: what goes to the client is frames, and may be ended between two of them. */
  startTunnel(webSocket: WebSocketStream | null): void {
    this.webSocket = webSocket
    this.#reader.tunnel()
    this.#waitFor(0)
    this.resume()
  }

  /** The client of a tunnel has no more to say. */
  end(): void {
    this.transport.end()
  }

  abort(): void {
    this.exchange = null
    this.feeder = null
    this.#state = State.closed
    this.#reader.end()
    this.transport.close()
  }

  // A dyno that is not read because its client is slow is not the one that is silent.
  override pause(): void {
    super.pause()
    this.#host.wheel.disarm(this.#timer)
  }

  override resume(): void {
    super.resume()
    this.#touch()
  }

  // --- What the dyno says --------------------------------------------------------------------------------------------

  onRead(bytes: Buffer, start: number, end: number): void {
    try {
      this.#touch()
      this.#reader.read(bytes, start, end)
      this.reads.filled(end - start, this.#reader.streaming)
    } catch (error) {
      this.failed(error)
    }
  }

  protected failed(error: unknown): void {
    this.#host.fault(error)
    this.#reader.forgetHead()
    const x = this.exchange
    if (this.#state === State.idle) this.#host.idleClosed(this, false)
    this.abort()
    if (x === null) return
    try {
      this.#handler.failed(x)
    } catch (another) {
      this.#host.fault(another)
      x.client.reset()
    }
  }

  headBegan(): void {
    this.#firstByteCame()
  }

  informationalCame(): void {
    this.#firstByteCame()
    this.#handler.informational(this.exchange!, this)
  }

  answerBegan(bytes: Buffer): void {
    const { head } = this
    if (head.status !== 101) {
      this.persistent = head.keepAlive && this.body.kind !== BodyKind.untilClose
      this.keepAliveTimeoutMs = head.keepAliveTimeoutMs
      this.#firstByteCame()
    }
    this.#handler.answerBegan(this.exchange!, this, bytes)
  }

  #firstByteCame(): void {
    this.awaitsFirstByte = false
    this.#waitFor(this.exchange!.app!.entry.timeouts.idleMs)
  }

  payloadCame(bytes: Buffer): void {
    this.#handler.answerPayload(this.exchange!, this, bytes)
  }

  answerRefused(refusal: number): void {
    this.#handler.malformedAnswer(this.exchange!, refusal)
  }

  tunnelBytesCame(bytes: Buffer, start: number, end: number): void {
    const { client } = this.exchange!
    client.touchTunnel()
    if (this.webSocket === null) client.writeBytes(bytes, start, end)
    else this.webSocket.pass(bytes, start, end)
  }

  /** They could be read as the answer to the next client's request (RFC 9112 §9.2): nobody gets this connection. */
  unsolicited(): void {
    if (this.#state === State.taken) this.#handler.backendFailed(this.exchange!, 'closed')
    if (this.#state !== State.idle) return
    this.#host.idleClosed(this, true)
    this.abort()
  }

  // --- Time and the peer's end ---------------------------------------------------------------------------------------

  #waitFor(ms: number): void {
    this.#waitMs = ms
    if (ms === 0) this.#host.wheel.disarm(this.#timer)
    else this.#host.wheel.arm(this.#timer, ms)
  }

  #touch(): void {
    if (this.#waitMs > 0) this.#host.wheel.arm(this.#timer, this.#waitMs)
  }

  timedOut(): void {
    this.run(this.#timedOut)
  }

  #timedOut(): void {
    const x = this.exchange
    if (x === null) {
      if (this.#state === State.idle) this.#host.idleClosed(this, false)
      this.abort()
    } else if (this.#state === State.connecting) {
      this.#handler.backendFailed(x, 'connect-timeout')
    } else if (!x.requestEnded && this.takenBytes !== this.#takenSeen) {
      this.#takenSeen = this.takenBytes
      this.#touch()
    } else if (!x.requestEnded && !this.congested && this.#reader.awaitsHead) {
      this.#touch() // the request is not through: it is the client that is slow, and its own timer runs
    } else {
      this.#handler.backendFailed(x, 'idle')
    }
  }

  protected connected(): void {
    const x = this.exchange
    if (x !== null) this.#handler.connected(x)
  }

  /** The dyno closed its side: the end of an answer that ends so, else of everything. */
  protected peerEnded(): void {
    const x = this.exchange
    if (x === null) {
      if (this.#state === State.idle) this.#host.idleClosed(this, true)
      this.abort()
    } else if (this.#reader.inTunnel) {
      this.#handler.tunnelHalfClosed(x, 'dyno')
    } else if (this.#reader.inputEnded()) {
      this.#handler.answerPayload(x, this, NO_BYTES)
    } else {
      this.#handler.backendFailed(x, 'closed')
    }
  }

  protected closed(error: string): void {
    const x = this.exchange
    const { connecting, idle } = State
    const state = this.#state
    this.#host.wheel.remove(this.#timer)
    if (state === idle) this.#host.idleClosed(this, true)
    this.#state = State.closed
    if (x === null) return
    this.#handler.backendFailed(
      x,
      state !== connecting ? 'closed' : OUT_OF_RESOURCES.has(error) ? 'starved' : 'refused',
    )
  }
}
