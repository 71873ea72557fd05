import type { RouterTimeouts } from '../model/snapshot.ts'
import { BodyFraming, BodyKind } from '../wire/body-framing.ts'
import type { HeadLimits } from '../wire/limits.ts'
import { ProxyHeader, parseProxyHeader } from '../wire/proxy-protocol.ts'
import { parseRequestHead, RequestHead } from '../wire/request-head.ts'
import { ClientFacts } from './access.ts'
import { type ClientSide, Exchange, Phase, type WaitOutcomes } from './exchange.ts'
import { KeptBytes } from './kept-bytes.ts'
import { PeerSocket } from './peer-socket.ts'
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

const State = { proxyHeader: 0, head: 1, exchange: 2, tunnel: 3, lingering: 4, closed: 5 } as const
type State = (typeof State)[keyof typeof State]

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

/** More than this waiting for a client, and its dyno is not read. With what one read adds it stays far below 1 MiB. */
const TO_CLIENT_BYTES = 262_144
/** Requests that a client sends ahead are kept up to this; then it is not read until their turn comes. */
const READ_AHEAD_BYTES = 65_536
/** After the last answer input is read and dropped this long, so that a reset cannot overtake the answer (RFC 9112 §9.6). */
const LINGER_MS = 2_000
/** A client that closed its side after a whole request counts as gone when it has taken nothing of an answer for so long. */
const GOODBYE_MS = 800
/** The parser skips two empty lines. */
const MOST_BLANK_BYTES = 4
const CR = 0x0d

/** Heads that come whole, nearly all, are parsed into this one; a head that comes in pieces gets one of its own. */
const wholeHead = new RequestHead()
const proxyHeader = new ProxyHeader()

export class ClientConnection extends PeerSocket implements ClientSide, TimerTarget {
  readonly entrance: Entrance
  readonly exchange: Exchange
  readonly body = new BodyFraming()
  head = wholeHead
  /** Who the client is; null until the PROXY header said it. */
  facts: ClientFacts
  /** Port that the client connected to: the listener's, or what the PROXY header says. */
  destinationPort: number
  requests = 0
  /** Under which it counts for `limits.connectionsPerAddress`; '' when it does not. */
  countedAddress = ''
  /** There were too many already. */
  turnedAway = false
  readonly #host: ClientHost
  readonly #handler: RequestHandler
  readonly #timer: TimerEntry
  readonly #ahead = new KeptBytes()
  #state: State
  #wait: Wait = Wait.nothing
  #waitMs = 0
  #takenSeen = 0
  #sideClosed = false
  /** When it began to wait for a request. */
  #restsSinceMs: number
  #consuming = false

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
    this.exchange = new Exchange(this, handler)
    this.#timer = new TimerEntry(this)
    this.#restsSinceMs = host.wheel.clock.nowMs
    this.#state = needsProxyHeader ? State.proxyHeader : State.head
    if (needsProxyHeader) this.#waitFor(Wait.proxyHeader, host.timeouts.proxyHeaderMs)
    else this.#waitFor(Wait.firstByte, host.timeouts.requestFirstByteMs)
  }

  get open(): boolean {
    return this.#state !== State.closed && this.#state !== State.lingering
  }

  get spent(): boolean {
    const { closing, requestsPerConnection } = this.#host
    return closing || (requestsPerConnection > 0 && this.requests >= requestsPerConnection)
  }

  get tunnelling(): boolean {
    return this.#state === State.tunnel
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

  // --- Reading -------------------------------------------------------------------------------------------------------

  protected connected(): void {}

  /** The socket read `count` bytes into the shared buffer, which is overwritten after this call. */
  onRead(count: number, bytes: Buffer): void {
    try {
      if (this.#state === State.tunnel) {
        this.#touch()
        this.exchange.backend!.writeBytes(bytes, 0, count)
      } else if (this.#ahead.length > 0) {
        this.#ahead.append(bytes, 0, count)
        this.#consumeAhead()
      } else {
        this.#consuming = true
        const used = this.#consume(bytes, 0, count)
        this.#consuming = false
        if (used < count) this.#keepAhead(bytes, used, count)
      }
      this.reads.filled(count, this.#state === State.tunnel || (this.#state === State.exchange && !this.body.ended))
    } catch (error) {
      this.failed(error)
    }
  }

  protected failed(error: unknown): void {
    this.#host.fault(error)
    this.#consuming = false
    this.#forgetHead()
    try {
      if (this.#state === State.exchange || this.#state === State.tunnel) this.#handler.failed(this.exchange)
      this.sayGoodbye()
    } catch (another) {
      this.#host.fault(another)
      this.reset()
    }
  }

  #consumeAhead(): void {
    const ahead = this.#ahead
    this.#consuming = true
    const used = this.#consume(ahead.bytes, ahead.start, ahead.end) - ahead.start
    this.#consuming = false
    if (this.open) ahead.consume(used)
    else ahead.clear()
    this.#boundAhead()
    if (this.#sideClosed && this.open) this.peerEnded()
  }

  #keepAhead(bytes: Buffer, start: number, end: number): void {
    if (!this.open) return
    this.#ahead.append(bytes, start, end)
    this.#boundAhead()
  }

  /** Partial heads are bounded by the parser; requests sent ahead are bounded here. */
  #boundAhead(): void {
    if (this.#ahead.length >= READ_AHEAD_BYTES && this.#state === State.exchange) this.pause()
  }

  /** Takes what can be used now and returns the position after it. */
  #consume(bytes: Buffer, start: number, end: number): number {
    let at = start
    while (at < end) {
      switch (this.#state) {
        case State.head: {
          const result = parseRequestHead(bytes, at, end, this.head, this.#host.headLimits)
          if (result === 0) {
            this.#headIncomplete(bytes, at, end)
            return at
          }
          if (result < 0) {
            this.#refuseHead(result)
            return end
          }
          at = this.#begin(bytes, at + result, end)
          break
        }
        case State.exchange:
          // What follows a whole request is the next one: it waits for its turn.
          if (this.body.ended) return at
          at = this.#takeBody(bytes, at, end)
          if (at < 0) return end
          this.#handler.requestPayload(this.exchange, bytes)
          break
        case State.tunnel:
          this.exchange.backend!.writeBytes(bytes, at, end)
          return end
        case State.proxyHeader: {
          const result = parseProxyHeader(bytes, at, end, proxyHeader)
          if (result === 0) return at
          if (result < 0) {
            this.transport.close()
            return end
          }
          if (!this.#named()) {
            this.reset()
            return end
          }
          at += result
          break
        }
        default:
          return end
      }
    }
    return at
  }

  /** True when the client may come in. */
  #named(): boolean {
    if (!proxyHeader.local) {
      this.facts = new ClientFacts(proxyHeader.sourceAddress, this.entrance.exposure)
      this.destinationPort = proxyHeader.destinationPort
    }
    if (!this.#host.clientNamed(this)) return false
    // Turned away: there are too many already.
    if (!this.open) return true
    this.#state = State.head
    this.#waitFor(Wait.firstByte, this.#host.timeouts.requestFirstByteMs)
    return true
  }

  #headIncomplete(bytes: Buffer, start: number, end: number): void {
    if (this.head !== wholeHead) return
    // The parser remembers where it stopped, so not in the object that the next connection uses.
    wholeHead.reset()
    // Empty lines are no beginning of a request (RFC 9112 §2.2): who sends no more than these is idle.
    if (end - start <= MOST_BLANK_BYTES && bytes[end - 1]! <= CR) return
    this.head = new RequestHead()
    parseRequestHead(bytes, start, end, this.head, this.#host.headLimits)
    this.#waitFor(Wait.head, this.#host.timeouts.requestHeadMs)
  }

  #refuseHead(refusal: number): void {
    this.#state = State.exchange
    this.#waitFor(Wait.nothing, 0)
    this.exchange.start(this.head, this.#host.nowMs())
    this.#forgetHead()
    this.#handler.malformedHead(this.exchange, refusal)
  }

  /** A whole head: the exchange begins. Returns the position after what came of its body with it. */
  #begin(bytes: Buffer, start: number, end: number): number {
    const { head, body, exchange } = this
    const limits = this.#host.headLimits
    this.#state = State.exchange
    this.requests++
    let at = start
    exchange.start(head, this.#host.nowMs())
    if (head.chunked) body.start(BodyKind.chunked, 0, limits)
    else body.start(head.contentLength > 0 ? BodyKind.length : BodyKind.none, head.contentLength, limits)
    if (body.ended) {
      this.#waitFor(Wait.nothing, 0)
      exchange.requestEnded = true
    } else {
      this.#waitFor(Wait.body, this.#host.timeouts.requestBodyMs)
      if (at < end) {
        at = body.take(bytes, at, end)
        if (at < 0) {
          this.#forgetHead()
          this.#handler.malformedBody(exchange, at)
          return end
        }
        exchange.requestBytes = body.payloadBytes
        if (body.ended) {
          exchange.requestEnded = true
          this.#waitFor(Wait.nothing, 0)
        }
      }
    }
    this.#handler.begin(exchange)
    // Nothing was sent yet, but the router may have answered by itself.
    if (exchange.phase !== Phase.idle && exchange.requestBytes > 0) exchange.hold(bytes)
    this.#forgetHead()
    return at
  }

  #forgetHead(): void {
    this.head.reset()
    this.head = wholeHead
  }

  /** Position after the body bytes, or -1: the body is malformed and the exchange was told. */
  #takeBody(bytes: Buffer, start: number, end: number): number {
    const at = this.body.take(bytes, start, end)
    if (at < 0) {
      this.#handler.malformedBody(this.exchange, at)
      return -1
    }
    if (this.body.ended) {
      this.exchange.requestEnded = true
      if (this.#wait === Wait.body) this.#waitFor(Wait.nothing, 0)
    } else {
      this.#touch()
    }
    return at
  }

  // --- The exchange's end --------------------------------------------------------------------------------------------

  exchangeOver(keepAlive: boolean): void {
    this.feeder = null
    if (!this.open) return
    // Requests that were sent before the client closed its side are served all the same.
    if (!keepAlive || this.#host.closing || (this.#sideClosed && this.#ahead.length === 0)) {
      this.sayGoodbye()
      return
    }
    this.#state = State.head
    this.#restsSinceMs = this.#host.wheel.clock.nowMs
    this.#waitFor(Wait.keepAlive, this.#host.timeouts.clientKeepAliveMs)
    this.resume()
    if (this.#ahead.length > 0 && !this.#consuming) this.#consumeAhead()
  }

  /** Orderly end: what was written goes out, input is dropped for a moment, then the socket is gone. */
  sayGoodbye(): void {
    if (!this.open) return
    this.#state = State.lingering
    this.#ahead.clear()
    this.feeder = null
    this.resume()
    // A slow reader is not to lose the end of its answer.
    this.transport.end(() => this.#waitFor(Wait.linger, LINGER_MS))
    this.#watchTaking(Wait.lastWrites, this.#host.timeouts.requestBodyMs)
  }

  /** The connection broke, or is to look so: what is still in it is nobody's. */
  override reset(): void {
    this.#state = State.closed
    super.reset()
  }

  /** Now, whatever it is in. */
  close(): void {
    this.transport.close()
  }

  /** Ends the connection if it has been between two requests for so long. The router is stopping. */
  endIfIdle(restMs: number): void {
    if (this.#state !== State.head || this.#ahead.length > 0) return
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
    this.#state = State.tunnel
    this.#waitFor(Wait.tunnel, idleMs)
    this.resume()
    if (this.#ahead.length > 0 && !this.#consuming) this.#consumeAhead()
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
        this.#state = State.exchange
        exchange.start(this.head, this.#host.nowMs())
        this.#forgetHead()
        this.#handler.headTimedOut(exchange)
        break
      case Wait.body:
        this.#handler.clientIdle(exchange)
        break
      case Wait.writes:
        if (this.takenBytes !== this.#takenSeen) this.watchWrites(this.#waitMs)
        else this.#handler.clientIdle(exchange)
        break
      case Wait.lastWrites:
        if (this.takenBytes !== this.#takenSeen) this.#watchTaking(Wait.lastWrites, this.#waitMs)
        else this.reset()
        break
      case Wait.goodbye:
        if (this.takenBytes !== this.#takenSeen) this.#watchTaking(Wait.goodbye, GOODBYE_MS)
        else this.#handler.clientGone(exchange)
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
    switch (this.#state) {
      case State.exchange:
        if (!this.body.ended) this.#handler.clientGone(this.exchange)
        // One that still has to take what is written shows by that whether it is there.
        else if (this.#wait !== Wait.writes) this.#watchTaking(Wait.goodbye, GOODBYE_MS)
        break
      case State.tunnel:
        this.#handler.tunnelHalfClosed(this.exchange, 'client')
        break
      default:
        this.transport.closeSoon()
    }
  }

  protected closed(): void {
    const state = this.#state
    this.#state = State.closed
    this.#host.wheel.remove(this.#timer)
    this.#ahead.clear()
    if (state === State.exchange || state === State.tunnel) this.#handler.clientGone(this.exchange)
    this.#host.connectionClosed(this)
  }
}
