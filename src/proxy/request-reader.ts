import { BodyFraming, BodyKind } from '../wire/body-framing.ts'
import type { HeadLimits } from '../wire/limits.ts'
import { ProxyHeader, parseProxyHeader } from '../wire/proxy-protocol.ts'
import { parseRequestHead, RequestHead } from '../wire/request-head.ts'
import { KeptBytes } from './kept-bytes.ts'

/** Who is told what a client says, in the order in which it may. Any of these calls may lead to one that says what is read next. */
export interface RequestReaderOwner {
  /** A PROXY header; a request may follow. */
  proxyHeaderCame(header: ProxyHeader): void
  /** It should have been one. */
  proxyHeaderRefused(): void
  /** A part of a head. */
  headBegan(): void
  /** What came is no head; `refusal` is the parser's (negative) result. Nothing more can be read. */
  headRefused(refusal: number): void
  /** A whole head is in `head`. */
  headCame(): void
  /** After `headCame`: `body` found payload in `bytes`, or its end, or nothing yet. */
  requestBegan(bytes: Buffer): void
  /** `body` found payload in `bytes`, or the end. */
  payloadCame(bytes: Buffer): void
  bodyRefused(refusal: number): void
  /** For the other end of the tunnel. */
  tunnelBytesCame(bytes: Buffer, start: number, end: number): void
  /** Too much was sent ahead: nothing is to be read until its turn has come. */
  pause(): void
}

/** What comes next: `request` is the body of one, and after its end nothing that can be used before it was answered. */
const Reading = { proxyHeader: 0, head: 1, request: 2, tunnel: 3, nothing: 4 } as const
type Reading = (typeof Reading)[keyof typeof Reading]

/** Requests that a client sends ahead are kept up to this; then it is not read until their turn comes. */
const READ_AHEAD_BYTES = 65_536
/** The parser skips two empty lines. */
const MOST_BLANK_BYTES = 4
const CR = 0x0d

/** Heads that come whole, nearly all, are parsed into this one; a head that comes in pieces gets one of its own. */
const wholeHead = new RequestHead()
const proxyHeader = new ProxyHeader()

/** Finds requests in what one client sends, wherever that is cut, one at a time. Knows neither the socket nor time. */
export class RequestReader {
  /** Of the present request; scratch, valid within the calls that say so. */
  head = wholeHead
  readonly body = new BodyFraming()
  readonly #host: { readonly headLimits: HeadLimits }
  readonly #owner: RequestReaderOwner
  readonly #ahead = new KeptBytes()
  #reading: Reading
  #consuming = false

  constructor(host: { readonly headLimits: HeadLimits }, owner: RequestReaderOwner, needsProxyHeader: boolean) {
    this.#host = host
    this.#owner = owner
    this.#reading = needsProxyHeader ? Reading.proxyHeader : Reading.head
  }

  // --- Where it stands -----------------------------------------------------------------------------------------------

  /** Nothing more is read. */
  get ended(): boolean {
    return this.#reading === Reading.nothing
  }

  /** A request was read, or is being read, and has no end yet. */
  get inRequest(): boolean {
    return this.#reading === Reading.request
  }

  get inTunnel(): boolean {
    return this.#reading === Reading.tunnel
  }

  /** What comes next is payload. */
  get streaming(): boolean {
    return this.#reading === Reading.tunnel || (this.#reading === Reading.request && !this.body.ended)
  }

  /** Between two requests, and nothing of the next one is here. */
  get idle(): boolean {
    return this.#reading === Reading.head && this.#ahead.length === 0
  }

  /** Something was sent ahead. */
  get hasAhead(): boolean {
    return this.#ahead.length > 0
  }

  // --- What is read next ---------------------------------------------------------------------------------------------

  /** The next request. `readAhead` follows. */
  nextRequest(): void {
    this.#reading = Reading.head
  }

  /** The head that has begun counts as a request. Its owner looks at it, and then forgets it. */
  giveUpHead(): void {
    this.#reading = Reading.request
  }

  forgetHead(): void {
    this.head.reset()
    this.head = wholeHead
  }

  /** Everything from now on. `readAhead` follows. */
  tunnel(): void {
    this.#reading = Reading.tunnel
  }

  /** What else comes is dropped. */
  end(): void {
    this.#reading = Reading.nothing
    this.#ahead.clear()
  }

  // --- Reading -------------------------------------------------------------------------------------------------------

  /** `bytes` from `start` to `end` were read, and are overwritten after this call. */
  read(bytes: Buffer, start: number, end: number): void {
    if (this.#reading === Reading.tunnel) {
      this.#owner.tunnelBytesCame(bytes, start, end)
    } else if (this.#ahead.length > 0) {
      this.#ahead.append(bytes, start, end)
      this.readAhead()
    } else {
      this.#consuming = true
      const used = this.#consume(bytes, start, end)
      this.#consuming = false
      if (used === end) return
      this.#ahead.append(bytes, used, end)
      this.#boundAhead()
    }
  }

  /** Takes what was sent ahead as far as its turn has come. False: nothing was, or it is being taken at this moment. */
  readAhead(): boolean {
    const ahead = this.#ahead
    if (ahead.length === 0 || this.#consuming) return false
    this.#consuming = true
    const used = this.#consume(ahead.bytes, ahead.start, ahead.end) - ahead.start
    this.#consuming = false
    ahead.consume(used)
    this.#boundAhead()
    return true
  }

  /** Partial heads are bounded by the parser; requests sent ahead are bounded here. */
  #boundAhead(): void {
    if (this.#ahead.length >= READ_AHEAD_BYTES && this.#reading === Reading.request) this.#owner.pause()
  }

  /** Takes what can be used now and returns the position after it. */
  #consume(bytes: Buffer, start: number, end: number): number {
    let at = start
    while (at < end) {
      switch (this.#reading) {
        case Reading.head: {
          const result = parseRequestHead(bytes, at, end, this.head, this.#host.headLimits)
          if (result === 0) {
            this.#headIncomplete(bytes, at, end)
            return at
          }
          this.#reading = Reading.request
          if (result < 0) {
            this.#owner.headRefused(result)
            this.forgetHead()
            return end
          }
          at = this.#headComplete(bytes, at + result, end)
          break
        }
        case Reading.request:
          // What follows a whole request is the next one: it waits for its turn.
          if (this.body.ended) return at
          at = this.body.take(bytes, at, end)
          if (at < 0) {
            this.#owner.bodyRefused(at)
            return end
          }
          this.#owner.payloadCame(bytes)
          break
        case Reading.tunnel:
          this.#owner.tunnelBytesCame(bytes, at, end)
          return end
        case Reading.proxyHeader: {
          const result = parseProxyHeader(bytes, at, end, proxyHeader)
          if (result === 0) return at
          if (result < 0) {
            this.#owner.proxyHeaderRefused()
            return end
          }
          at += result
          this.#reading = Reading.head
          this.#owner.proxyHeaderCame(proxyHeader)
          break
        }
        default:
          return end
      }
    }
    return at
  }

  #headIncomplete(bytes: Buffer, start: number, end: number): void {
    if (this.head !== wholeHead) return
    // The parser remembers where it stopped, so not in the object that the next connection uses.
    wholeHead.reset()
    // Empty lines are no beginning of a request (RFC 9112 §2.2): who sends no more than these is idle.
    if (end - start <= MOST_BLANK_BYTES && bytes[end - 1]! <= CR) return
    this.head = new RequestHead()
    parseRequestHead(bytes, start, end, this.head, this.#host.headLimits)
    this.#owner.headBegan()
  }

  /** Returns the position after what came of the body with it. */
  #headComplete(bytes: Buffer, start: number, end: number): number {
    const { head, body } = this
    const limits = this.#host.headLimits
    if (head.chunked) body.start(BodyKind.chunked, 0, limits)
    else body.start(head.contentLength > 0 ? BodyKind.length : BodyKind.none, head.contentLength, limits)
    this.#owner.headCame()
    const at = body.take(bytes, start, end)
    if (at < 0) this.#owner.bodyRefused(at)
    else this.#owner.requestBegan(bytes)
    this.forgetHead()
    return at < 0 ? end : at
  }
}
