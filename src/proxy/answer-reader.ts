import { BodyFraming } from '../wire/body-framing.ts'
import type { HeadLimits } from '../wire/limits.ts'
import { parseResponseHead, ResponseHead } from '../wire/response-head.ts'
import { KeptBytes } from './kept-bytes.ts'

/** Who is told what a dyno says, in the order in which it may. Any of these calls may lead to one that says what is read next. */
export interface AnswerReaderOwner {
  /** A part of a head. */
  headBegan(): void
  /** A 1xx head that is no upgrade is in `head`. */
  informationalCame(): void
  /** The final head, or a 101, is in `head`; `body` has what came of the payload in `bytes`. */
  answerBegan(bytes: Buffer): void
  /** `body` found payload in `bytes`, or the end. */
  payloadCame(bytes: Buffer): void
  /** What came is no answer; `refusal` is the parser's (negative) result. */
  answerRefused(refusal: number): void
  /** For the other end of the tunnel. */
  tunnelBytesCame(bytes: Buffer, start: number, end: number): void
  /** Bytes that nobody asked for. */
  unsolicited(): void
}

/** What comes next: `answered` when an answer is whole. */
const Reading = { nothing: 0, head: 1, body: 2, answered: 3, tunnel: 4 } as const
type Reading = (typeof Reading)[keyof typeof Reading]

/** Heads that come whole, nearly all, are parsed into this one; a head that comes in pieces gets one of its own. */
const wholeHead = new ResponseHead()

/** Finds answers in what one dyno sends, wherever that is cut. Knows neither the socket nor time nor what was asked, but for the method. */
export class AnswerReader {
  /** Of the present answer; scratch, valid within the calls that say so. */
  head = wholeHead
  readonly body = new BodyFraming()
  readonly #host: { readonly headLimits: HeadLimits }
  readonly #owner: AnswerReaderOwner
  readonly #ahead = new KeptBytes()
  #reading: Reading = Reading.nothing
  #method = ''
  /** Bytes came after the end of the answer. */
  #dirty = false

  constructor(host: { readonly headLimits: HeadLimits }, owner: AnswerReaderOwner) {
    this.#host = host
    this.#owner = owner
  }

  // --- Where it stands -----------------------------------------------------------------------------------------------

  /** The final head is not whole yet. */
  get awaitsHead(): boolean {
    return this.#reading === Reading.head
  }

  /** A part of a head came. */
  get headBegun(): boolean {
    return this.head !== wholeHead
  }

  /** What comes next is payload. */
  get streaming(): boolean {
    return this.#reading === Reading.body || this.#reading === Reading.tunnel
  }

  get inTunnel(): boolean {
    return this.#reading === Reading.tunnel
  }

  /** The answer is whole, and nothing came after it. */
  get cleanlyEnded(): boolean {
    return this.#reading === Reading.answered && !this.#dirty
  }

  // --- What is read next ---------------------------------------------------------------------------------------------

  /** The answer to a request of this method. */
  nextAnswer(method: string): void {
    this.#reading = Reading.head
    this.#method = method
  }

  /** Everything from now on. */
  tunnel(): void {
    this.#reading = Reading.tunnel
  }

  /** Whatever comes is unsolicited. */
  end(): void {
    this.#reading = Reading.nothing
  }

  forgetHead(): void {
    this.head.reset()
    this.head = wholeHead
  }

  // --- Reading -------------------------------------------------------------------------------------------------------

  /** `bytes` from `start` to `end` were read, and are overwritten after this call. */
  read(bytes: Buffer, start: number, end: number): void {
    if (this.#reading === Reading.tunnel) {
      this.#owner.tunnelBytesCame(bytes, start, end)
    } else if (this.#ahead.length > 0) {
      const ahead = this.#ahead
      ahead.append(bytes, start, end)
      ahead.consume(this.#consume(ahead.bytes, ahead.start, ahead.end) - ahead.start)
    } else {
      const used = this.#consume(bytes, start, end)
      if (used < end) this.#ahead.append(bytes, used, end)
    }
  }

  /** The dyno closed its side. True when that is the end of the answer, which is whole then. */
  inputEnded(): boolean {
    if (this.#reading !== Reading.body || !this.body.end()) return false
    this.#reading = Reading.answered
    return true
  }

  /** Takes what can be used now and returns the position after it. */
  #consume(bytes: Buffer, start: number, end: number): number {
    let at = start
    while (at < end) {
      switch (this.#reading) {
        case Reading.head: {
          const result = parseResponseHead(bytes, at, end, this.head, this.#host.headLimits, this.#method)
          if (result === 0) {
            this.#headIncomplete(bytes, at, end)
            return at
          }
          if (result < 0) {
            this.forgetHead()
            this.#owner.answerRefused(result)
            return end
          }
          at = this.#headComplete(bytes, at + result, end)
          break
        }
        case Reading.body:
          at = this.#takeBody(bytes, at, end)
          if (at < 0) {
            this.#owner.answerRefused(at)
            return end
          }
          this.#owner.payloadCame(bytes)
          break
        case Reading.tunnel:
          this.#owner.tunnelBytesCame(bytes, at, end)
          return end
        default:
          this.#owner.unsolicited()
          return end
      }
    }
    return end
  }

  #headIncomplete(bytes: Buffer, start: number, end: number): void {
    if (this.head !== wholeHead) return
    // The parser remembers where it stopped, so not in the object that the next connection uses.
    wholeHead.reset()
    this.head = new ResponseHead()
    parseResponseHead(bytes, start, end, this.head, this.#host.headLimits, this.#method)
    this.#owner.headBegan()
  }

  /** Returns the position after what came of the payload. */
  #headComplete(bytes: Buffer, start: number, end: number): number {
    const { head, body } = this
    let at = start
    if (head.status < 200 && head.status !== 101) {
      this.#owner.informationalCame()
    } else if (head.status === 101) {
      this.#owner.answerBegan(bytes)
    } else {
      body.start(head.bodyKind, head.contentLength, this.#host.headLimits)
      this.#reading = Reading.body
      at = this.#takeBody(bytes, start, end)
      if (at < 0) this.#owner.answerRefused(at)
      else this.#owner.answerBegan(bytes)
    }
    this.forgetHead()
    return at < 0 ? end : at
  }

  #takeBody(bytes: Buffer, start: number, end: number): number {
    const at = this.body.take(bytes, start, end)
    if (this.body.ended) {
      this.#reading = Reading.answered
      this.#dirty = at < end
    }
    return at
  }
}
