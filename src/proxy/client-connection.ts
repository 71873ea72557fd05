import type { RouterTimeouts } from '../model/snapshot.ts'
import type { BodyFraming } from '../wire/body-framing.ts'
import type { HeadLimits } from '../wire/limits.ts'
import type { ProxyHeader } from '../wire/proxy-protocol.ts'
import type { RequestHead } from '../wire/request-head.ts'
import { ClientFacts } from './access.ts'
import { type ClientSide, Exchange, Phase, type WaitOutcomes } from './exchange.ts'
import { PeerSocket } from './peer-socket.ts'
import { RequestReader, type RequestReaderOwner } from './request-reader.ts'
import { TimerEntry, type TimerTarget, type TimerWheel } from './timer-wheel.ts'
import type { Transport } from './transport.ts'

/** The bound socket that a client came through. */
export interface Entrance {
  /** Place in the list of listeners: the label of its metrics. */
  readonly index: number
  readonly exposure: 'public' | 'internal'
  /** `append` keeps the X-Forwarded-For that an untrusted peer sent. */
  readonly forwardedFor: 'replace' | 'append'
  readonly port: number
}

/** What a client connection asks of its surroundings. */
export interface ClientHost {
  readonly wheel: TimerWheel
  readonly timeouts: RouterTimeouts
  readonly headLimits: HeadLimits
  /** 0: no limit. */
  readonly requestsPerConnection: number
  /** Monotonic milliseconds. */
  nowMs(): number
  /** True while the router stops: answers say `Connection: close`, idle connections end. */
  readonly closing: boolean
  /** The PROXY header was read and `client.facts` is known. False: it may not come in, and the connection was dealt with. */
  clientNamed(client: ClientConnection): boolean
  connectionClosed(client: ClientConnection): void
  /** A bug: the connection that it happened on is given up, the others go on. */
  fault(error: unknown): void
}

/** What is to happen with requests, in the order in which it may happen to one. */
export interface RequestHandler extends WaitOutcomes {
  /** What came is no head; `refusal` is the parser's (negative) result. Nothing more can be read from this client. */
  malformedHead(x: Exchange, refusal: number): void
  headTimedOut(x: Exchange): void
  /** The head in `x.client.head` is whole. What came of the body with it is held. */
  begin(x: Exchange): void
  /** `x.client.body` found payload in `bytes`, or the end. */
  requestPayload(x: Exchange, bytes: Buffer): void
  malformedBody(x: Exchange, refusal: number): void
  /** A bug showed while it was served. */
  failed(x: Exchange): void
  /** The client closed its connection, or it broke. */
  clientGone(x: Exchange): void
  /** It sends nothing of its body, or takes nothing of its answer. */
  clientIdle(x: Exchange): void
  tunnelIdle(x: Exchange): void
  /** One side of a tunnel said that it has no more to say. */
  tunnelHalfClosed(x: Exchange, side: 'client' | 'dyno'): void
  /** The client took the last byte of the answer. */
  answerTaken(x: Exchange): void
}

/** What the timer waits for. */
const Wait = {
  nothing: 0,
  proxyHeader: 1,
  firstByte: 2,
  head: 3,
  body: 4,
  writes: 5,
  goodbye: 6,
  tunnel: 7,
  keepAlive: 8,
  lastWrites: 9,
  linger: 10,
} as const
type Wait = (typeof Wait)[keyof typeof Wait]

/** More than this waiting for a client, and its dyno is not read. With what one read adds it stays below 1 MiB. */
const TO_CLIENT_BYTES = 262_144
/** After the last answer input is read and dropped this long, so that a reset cannot overtake the answer (RFC 9112 §9.6). */
const LINGER_MS = 2_000
/** A client that closed its side after a whole request counts as gone when it has taken nothing of an answer for so long. */
const GOODBYE_MS = 800

/** One client's connection: what it is waited for and for how long, and how it ends. Its RequestReader finds what the client says. */
export class ClientConnection extends PeerSocket implements ClientSide, RequestReaderOwner, TimerTarget {
  readonly entrance: Entrance
  readonly exchange: Exchange
  readonly body: BodyFraming
  /** Who the client is: the peer, until a PROXY header says whom it speaks for. */
  facts: ClientFacts
  /** Port that the client connected to: the listener's, or what the PROXY header says. */
  destinationPort: number
  requests = 0
  /** Under which it counts for `limits.connectionsPerAddress`; '' when it does not. */
  countedAddress = ''
  /** There were too many already. */
  turnedAway = false
  /** Where it is among those that are open; -1: nowhere. */
  place = -1
  readonly #host: ClientHost
  readonly #handler: RequestHandler
  readonly #reader: RequestReader
  readonly #timer: TimerEntry
  #wait: Wait = Wait.nothing
  #waitMs = 0
  #takenSeen = 0
  #sideClosed = false
  /** When it began to wait for a request. */
  #restsSinceMs: number

  constructor(
    host: ClientHost,
    handler: RequestHandler,
    entrance: Entrance,
    transport: Transport,
    facts: ClientFacts,
    needsProxyHeader: boolean,
  ) {
    super(transport, TO_CLIENT_BYTES)
    this.#host = host
    this.#handler = handler
    this.entrance = entrance
    this.facts = facts
    this.destinationPort = entrance.port
    this.#reader = new RequestReader(host, this, needsProxyHeader)
    this.body = this.#reader.body
    this.exchange = new Exchange(this, handler)
    this.#timer = new TimerEntry(this)
    this.#restsSinceMs = host.wheel.clock.nowMs
    if (needsProxyHeader) this.#waitFor(Wait.proxyHeader, host.timeouts.proxyHeaderMs)
    else this.#waitFor(Wait.firstByte, host.timeouts.requestFirstByteMs)
  }

  get open(): boolean {
    return !this.#reader.ended
  }

  get head(): RequestHead {
    return this.#reader.head
  }

  get spent(): boolean {
    const { closing, requestsPerConnection } = this.#host
    return closing || (requestsPerConnection > 0 && this.requests >= requestsPerConnection)
  }

  get tunnelling(): boolean {
    return this.#reader.inTunnel
  }

  // While the client is not read because its dyno is slow, it is not the one that is idle.
  override pause(): void {
    super.pause()
    if (this.#wait === Wait.body) this.#host.wheel.disarm(this.#timer)
  }

  override resume(): void {
    super.resume()
    if (this.#wait === Wait.body) this.#touch()
  }

  /** Begins to read. */
  start(): void {
    this.transport.start(this)
  }

  // --- What the client says ------------------------------------------------------------------------------------------

  protected connected(): void {}

  onRead(bytes: Buffer, start: number, end: number): void {
    try {
      this.#reader.read(bytes, start, end)
      this.reads.filled(end - start, this.#reader.streaming)
    } catch (error) {
      this.failed(error)
    }
  }

  protected failed(error: unknown): void {
    this.#host.fault(error)
    this.#reader.forgetHead()
    try {
      if (this.#serving) this.#handler.failed(this.exchange)
      this.sayGoodbye()
    } catch (another) {
      this.#host.fault(another)
      this.reset()
    }
  }

  proxyHeaderCame(header: ProxyHeader): void {
    if (!header.local) {
      this.facts = new ClientFacts(header.sourceAddress, this.entrance.exposure)
      this.destinationPort = header.destinationPort
    }
    if (!this.#host.clientNamed(this)) return this.reset()
    // Not when it was turned away: there are too many already.
    if (this.open) this.#waitFor(Wait.firstByte, this.#host.timeouts.requestFirstByteMs)
  }

  proxyHeaderRefused(): void {
    this.transport.close()
  }

  headBegan(): void {
    this.#waitFor(Wait.head, this.#host.timeouts.requestHeadMs)
  }

  headRefused(refusal: number): void {
    this.#waitFor(Wait.nothing, 0)
    this.exchange.start(this.head, this.#host.nowMs())
    this.#handler.malformedHead(this.exchange, refusal)
  }

  headCame(): void {
    this.requests++
    this.exchange.start(this.head, this.#host.nowMs())
  }

  requestBegan(bytes: Buffer): void {
    const { body, exchange } = this
    exchange.requestEnded = body.ended
    exchange.requestBytes = body.payloadBytes
    if (body.ended) this.#waitFor(Wait.nothing, 0)
    else this.#waitFor(Wait.body, this.#host.timeouts.requestBodyMs)
    this.#handler.begin(exchange)
    // Nothing was sent yet, but the router may have answered by itself.
    if (exchange.phase !== Phase.idle && exchange.requestBytes > 0) exchange.hold(bytes)
  }

  payloadCame(bytes: Buffer): void {
    if (!this.body.ended) {
      this.#touch()
    } else {
      this.exchange.requestEnded = true
      if (this.#wait === Wait.body) this.#waitFor(Wait.nothing, 0)
    }
    this.#handler.requestPayload(this.exchange, bytes)
  }

  bodyRefused(refusal: number): void {
    this.#handler.malformedBody(this.exchange, refusal)
  }

  tunnelBytesCame(bytes: Buffer, start: number, end: number): void {
    this.#touch()
    this.exchange.backend!.writeBytes(bytes, start, end)
  }

  /** What was sent ahead, and then what was not read for its sake. */
  #readOn(): void {
    this.resume()
    // The client's end comes after all that it sent before.
    if (this.#reader.readAhead() && this.#sideClosed && this.open) this.peerEnded()
  }

  /** A request or a tunnel is under way. */
  get #serving(): boolean {
    return this.#reader.inRequest || this.#reader.inTunnel
  }

  // --- The exchange's end --------------------------------------------------------------------------------------------

  exchangeOver(keepAlive: boolean): void {
    this.feeder = null
    if (!this.open) return
    // Requests that were sent before the client closed its side are served all the same.
    if (!keepAlive || this.#host.closing || (this.#sideClosed && !this.#reader.hasAhead)) {
      if (this.#saysNoMore) this.#part()
      else this.sayGoodbye()
      return
    }
    this.#reader.nextRequest()
    this.#restsSinceMs = this.#host.wheel.clock.nowMs
    this.#waitFor(Wait.keepAlive, this.#host.timeouts.clientKeepAliveMs)
    this.#readOn()
  }

  /** The client itself asked for the end, all of its request was read, and after that a client says nothing (RFC 9112 §9.6). */
  get #saysNoMore(): boolean {
    const { exchange } = this
    return exchange.closeRequested && exchange.requestEnded && this.#reader.inRequest && !this.#reader.hasAhead
  }

  /** What was written goes out, then the socket is gone: nothing can come that would make a reset of that. */
  #part(): void {
    this.#reader.end()
    this.resume()
    this.transport.closeSoon()
    if (this.unsentBytes > 0) this.#watchTaking(Wait.lastWrites, this.#host.timeouts.requestBodyMs)
  }

  /** Orderly end: what was written goes out, input is dropped for a moment, then the socket is gone. */
  sayGoodbye(): void {
    if (!this.open) return
    this.#reader.end()
    this.feeder = null
    this.resume()
    // A slow reader is not to lose the end of its answer.
    this.transport.end(() => this.#waitFor(Wait.linger, LINGER_MS))
    this.#watchTaking(Wait.lastWrites, this.#host.timeouts.requestBodyMs)
  }

  /** The connection broke, or is to look so: what is still in it is nobody's. */
  override reset(): void {
    this.#reader.end()
    super.reset()
  }

  /** Now, whatever it is in. */
  close(): void {
    this.transport.close()
  }

  /** Ends the connection if it has been between two requests for so long. The router is stopping. */
  endIfIdle(restMs: number): void {
    if (!this.#reader.idle) return
    if (this.#host.wheel.clock.nowMs - this.#restsSinceMs >= restMs) this.sayGoodbye()
  }

  watchWrites(idleMs: number): void {
    this.#watchTaking(Wait.writes, idleMs)
  }

  #watchTaking(wait: Wait, idleMs: number): void {
    this.#takenSeen = this.takenBytes
    this.#waitFor(wait, idleMs)
  }

  startTunnel(idleMs: number): void {
    this.#reader.tunnel()
    this.#waitFor(Wait.tunnel, idleMs)
    this.#readOn()
  }

  /** The other end of the tunnel sent something. */
  touchTunnel(): void {
    this.#touch()
  }

  protected override drained(): void {
    super.drained()
    if (this.#wait === Wait.writes) {
      if (!this.body.ended) this.#waitFor(Wait.body, this.#host.timeouts.requestBodyMs)
      else if (this.#sideClosed) this.#watchTaking(Wait.goodbye, GOODBYE_MS)
      else this.#waitFor(Wait.nothing, 0)
      this.#handler.answerTaken(this.exchange)
    }
  }

  // --- Time and the peer's end ---------------------------------------------------------------------------------------

  #waitFor(wait: Wait, ms: number): void {
    this.#wait = wait
    this.#waitMs = ms
    if (wait === Wait.nothing || (wait === Wait.body && this.paused)) this.#host.wheel.disarm(this.#timer)
    else this.#host.wheel.arm(this.#timer, ms)
  }

  #touch(): void {
    if (this.#wait !== Wait.nothing) this.#host.wheel.arm(this.#timer, this.#waitMs)
  }

  timedOut(): void {
    this.run(this.#timedOut)
  }

  #timedOut(): void {
    const { exchange } = this
    switch (this.#wait) {
      case Wait.head:
        this.#reader.giveUpHead()
        exchange.start(this.head, this.#host.nowMs())
        this.#reader.forgetHead()
        this.#handler.headTimedOut(exchange)
        break
      case Wait.body:
        this.#handler.clientIdle(exchange)
        break
      case Wait.writes:
        if (!this.#stillTakes()) this.#handler.clientIdle(exchange)
        break
      case Wait.lastWrites:
        if (!this.#stillTakes()) this.reset()
        break
      case Wait.goodbye:
        if (!this.#stillTakes()) this.#handler.clientGone(exchange)
        break
      case Wait.tunnel:
        if (this.#tunnelMoves()) this.#touch()
        else this.#handler.tunnelIdle(exchange)
        break
      case Wait.firstByte:
      case Wait.keepAlive:
        this.sayGoodbye()
        break
      default:
        this.transport.close()
    }
  }

  /** It took some of what is written for it: then it is waited for as long again. */
  #stillTakes(): boolean {
    if (this.takenBytes === this.#takenSeen) return false
    this.#watchTaking(this.#wait, this.#waitMs)
    return true
  }

  /** Nothing came from either side; but one of them may be slow to take what came before. */
  #tunnelMoves(): boolean {
    const backend = this.exchange.backend!
    if (this.unsentBytes + backend.unsentBytes === 0) return false
    const before = this.#takenSeen
    this.#takenSeen = this.takenBytes + backend.takenBytes
    return this.#takenSeen !== before
  }

  /** The client closed its side; it may still read. */
  protected peerEnded(): void {
    this.#sideClosed = true
    if (this.#reader.inTunnel) {
      this.#handler.tunnelHalfClosed(this.exchange, 'client')
    } else if (!this.#reader.inRequest) {
      this.transport.closeSoon()
    } else if (!this.body.ended) {
      this.#handler.clientGone(this.exchange)
    } else if (this.#wait !== Wait.writes) {
      // One that still has to take what is written shows by that whether it is there.
      this.#watchTaking(Wait.goodbye, GOODBYE_MS)
    }
  }

  protected closed(): void {
    const serving = this.#serving
    this.#reader.end()
    this.#host.wheel.remove(this.#timer)
    if (serving) this.#handler.clientGone(this.exchange)
    this.#host.connectionClosed(this)
  }
}
