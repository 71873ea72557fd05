import { ChunkedDecoder } from './chunked-decoder.ts'
import type { HeadLimits } from './limits.ts'

/** How the end of a message's body is known (RFC 9112 §6.3). */
export const BodyKind = { none: 0, length: 1, chunked: 2, untilClose: 3 } as const
export type BodyKind = (typeof BodyKind)[keyof typeof BodyKind]

/** `0\r\n\r\n` */
export const LAST_CHUNK = '0\r\n\r\n'

/** What goes before a chunk of so many bytes, at least one; `\r\n` goes after it. */
export function chunkHead(bytes: number): string {
  return `${bytes.toString(16)}\r\n`
}

/**
 * Where one body stands: which of the bytes that come are its payload, and when it is over. Lives as long as its connection; `start` begins the
 * next body. Finds payload without copying it.
 */
export class BodyFraming {
  kind: BodyKind = BodyKind.none
  /** The message is whole: what follows is not part of it. */
  ended = true
  /** What the last `take` found: pairs of start and end in the bytes that it was given. */
  ranges: Int32Array
  rangeCount = 0
  /** Sum of these ranges. */
  payloadBytes = 0
  readonly #single = new Int32Array(2)
  #decoder: ChunkedDecoder | null = null
  #remainingBytes = 0

  constructor() {
    this.ranges = this.#single
  }

  /** `length` counts with BodyKind.length only. A body of no bytes has ended at once. */
  start(kind: BodyKind, length: number, limits: HeadLimits): void {
    this.kind = kind
    this.rangeCount = 0
    this.payloadBytes = 0
    this.#remainingBytes = length
    this.ended = kind === BodyKind.none || (kind === BodyKind.length && length === 0)
    if (kind === BodyKind.chunked) {
      this.#decoder ??= new ChunkedDecoder()
      this.#decoder.reset(limits)
      this.ranges = this.#decoder.ranges
    } else {
      this.ranges = this.#single
    }
  }

  /** Sanitised `Name: value\r\n` lines of a chunked body that has ended; '' for none. */
  get trailers(): string {
    return this.kind === BodyKind.chunked ? this.#decoder!.trailers : ''
  }

  /**
   * Returns the position after what belongs to the body, or a refusal. Less than `end` when the body ended there, or when very many small
   * chunks filled `ranges`: then use them and call again.
   */
  take(bytes: Buffer, start: number, end: number): number {
    this.rangeCount = 0
    this.payloadBytes = 0
    if (this.ended || start === end) return start
    if (this.kind === BodyKind.chunked) return this.#decode(this.#decoder!, bytes, start, end)
    let stop = end
    if (this.kind === BodyKind.length) {
      stop = Math.min(end, start + this.#remainingBytes)
      this.#remainingBytes -= stop - start
      this.ended = this.#remainingBytes === 0
    }
    this.#single[0] = start
    this.#single[1] = stop
    this.rangeCount = 1
    this.payloadBytes = stop - start
    return stop
  }

  /** The connection ended. True when the message is whole: it was already, or this is how it ends. */
  end(): boolean {
    this.rangeCount = 0
    this.payloadBytes = 0
    if (this.kind === BodyKind.untilClose) this.ended = true
    return this.ended
  }

  #decode(decoder: ChunkedDecoder, bytes: Buffer, start: number, end: number): number {
    const result = decoder.decode(bytes, start, end)
    if (result < 0) return result
    this.rangeCount = decoder.rangeCount
    this.payloadBytes = decoder.payloadBytes
    this.ended = decoder.done
    return result
  }
}
