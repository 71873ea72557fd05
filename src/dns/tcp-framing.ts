/** Of the length in front of each message over TCP (RFC 1035 §4.2.2). */
export const LENGTH_BYTES = 2

/** A message as it goes over TCP. */
export function framed(message: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + message.length)
  frame.writeUInt16BE(message.length)
  message.copy(frame, LENGTH_BYTES)
  return frame
}

/**
 * Takes a TCP stream apart into messages, in whatever pieces it comes. A message that came in one piece is a view of that piece.
 * It holds at most one message of `maxBytes` and the piece that is being read.
 */
export class FrameReader {
  /** A frame was announced that is longer than allowed: nothing more comes out of this stream. */
  tooLong = false
  readonly #maxBytes: number
  #piece: Buffer = EMPTY
  #at = 0
  /** The message of which a part has come, its length once that is known, and how much of it is there. */
  #frame: Buffer | null = null
  #filled = 0
  /** First byte of a length of which the second is not there yet; -1: none. */
  #lengthByte = -1

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Whether `next` has bytes to look at. */
  get pending(): boolean {
    return this.#at < this.#piece.length
  }

  /** The piece must not be changed afterwards. What is left of the one before it is kept: pause the stream while there is some. */
  push(piece: Buffer): void {
    this.#piece = this.pending ? Buffer.concat([this.#piece.subarray(this.#at), piece]) : piece
    this.#at = 0
  }

  /** The next whole message; null when there is none yet. */
  next(): Buffer | null {
    if (this.tooLong) return null
    if (this.#frame === null) {
      const length = this.#readLength()
      if (length < 0) return null
      if (length > this.#maxBytes) {
        this.tooLong = true
        return null
      }
      const end = this.#at + length
      if (end <= this.#piece.length) {
        const message = this.#piece.subarray(this.#at, end)
        this.#at = end
        return message
      }
      this.#frame = Buffer.allocUnsafe(length)
      this.#filled = 0
    }
    const copied = this.#piece.copy(this.#frame, this.#filled, this.#at)
    this.#at += copied
    this.#filled += copied
    if (this.#filled < this.#frame.length) return null
    const message = this.#frame
    this.#frame = null
    return message
  }

  /** -1 until both bytes are there. */
  #readLength(): number {
    if (this.#lengthByte < 0) {
      if (!this.pending) return -1
      this.#lengthByte = this.#piece[this.#at++]!
    }
    if (!this.pending) return -1
    const length = (this.#lengthByte << 8) | this.#piece[this.#at++]!
    this.#lengthByte = -1
    return length
  }
}

const EMPTY = Buffer.alloc(0)
