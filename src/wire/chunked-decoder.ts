import { DEFAULT_LIMITS, type HeadLimits } from './limits.ts'
import {
  BAD_CHUNK,
  BAD_CHUNK_EXTENSION,
  BAD_CHUNK_SIZE,
  BARE_CR,
  BARE_LF,
  CHUNK_EXTENSIONS_TOO_LONG,
} from './refusal.ts'
import { CR, HEX, LF, TOKEN, VALUE } from './tables.ts'
import { TrailerSection } from './trailer-section.ts'

const SIZE_START = 0
const SIZE = 1
const EXTENSION_NAME_START = 2
const EXTENSION_NAME = 3
const EXTENSION_VALUE_START = 4
const EXTENSION_VALUE = 5
const QUOTED = 6
const ESCAPED = 7
const AFTER_QUOTED = 8
const SIZE_LF = 9
const PAYLOAD = 10
const PAYLOAD_CR = 11
const PAYLOAD_LF = 12
const TRAILER_START = 13
const TRAILERS = 14
const LAST_LF = 15
const DONE = 16

const SEMICOLON = 0x3b
const EQUALS = 0x3d
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** 2^53 - 1 has fourteen digits; leading zeros are bounded too. */
const MOST_SIZE_DIGITS = 16
const LARGEST_BEFORE_DIGIT = Math.floor(Number.MAX_SAFE_INTEGER / 16)

/** Pairs in `ranges`: with chunks of a kilobyte a read of 64 KiB fits. */
const RANGES = 64

/**
 * A chunked body (RFC 9112 §7.1), byte by byte: any way of cutting it gives the same result. Stricter than the grammar where that allows white
 * space around the parts of extensions: no sender makes it, and parsers differ on it. Extensions are checked, counted and forgotten.
 */
export class ChunkedDecoder {
  /** Payload found by the last `decode`: pairs of start and end in its bytes. */
  readonly ranges = new Int32Array(RANGES * 2)
  rangeCount = 0
  /** Sum of these ranges. */
  payloadBytes = 0
  done = false
  /** Sanitised `Name: value\r\n` lines once done; '' for none. */
  trailers = ''
  #limits: HeadLimits = DEFAULT_LIMITS
  #state = SIZE_START
  /** Of the chunk; then what is missing of it. */
  #sizeBytes = 0
  #digits = 0
  #extensionBytes = 0
  #trailerSection: TrailerSection | null = null

  reset(limits: HeadLimits): void {
    this.done = false
    this.trailers = ''
    this.#limits = limits
    this.#state = SIZE_START
    this.#extensionBytes = 0
  }

  /**
   * Returns the position after what was decoded, or a refusal. Less than `end` when the body is done, or when `ranges` is full: use them and call
   * again.
   */
  decode(bytes: Buffer, start: number, end: number): number {
    this.rangeCount = 0
    this.payloadBytes = 0
    let at = start
    while (at < end) {
      switch (this.#state) {
        case PAYLOAD:
          if (this.rangeCount === RANGES) return at
          at = this.#takePayload(at, end)
          break
        case SIZE_START:
        case SIZE: {
          const after = this.#readSize(bytes, at, end)
          if (after < 0) return after
          at = after
          break
        }
        case SIZE_LF:
          if (bytes[at] !== LF) return BARE_CR
          at++
          this.#state = this.#sizeBytes === 0 ? TRAILER_START : PAYLOAD
          break
        case PAYLOAD_CR:
          if (bytes[at] !== CR) return BAD_CHUNK
          at++
          this.#state = PAYLOAD_LF
          break
        case PAYLOAD_LF:
          if (bytes[at] !== LF) return BAD_CHUNK
          at++
          this.#state = SIZE_START
          break
        case TRAILER_START:
          this.#state = bytes[at] === CR ? LAST_LF : TRAILERS
          if (this.#state === LAST_LF) at++
          else this.#trailerSection = new TrailerSection(this.#limits)
          break
        case TRAILERS: {
          const section = this.#trailerSection!
          const after = section.read(bytes, at, end)
          if (after < 0) return after
          at = after
          if (section.done) {
            this.trailers = section.lines
            this.#finish()
          }
          break
        }
        case LAST_LF:
          if (bytes[at] !== LF) return BARE_CR
          at++
          this.#finish()
          break
        case DONE:
          return at
        default: {
          const refusal = this.#readExtension(bytes[at]!)
          if (refusal !== 0) return refusal
          at++
        }
      }
    }
    return at
  }

  #takePayload(at: number, end: number): number {
    const stop = Math.min(end, at + this.#sizeBytes)
    this.ranges[this.rangeCount * 2] = at
    this.ranges[this.rangeCount * 2 + 1] = stop
    this.rangeCount++
    this.payloadBytes += stop - at
    this.#sizeBytes -= stop - at
    if (this.#sizeBytes === 0) this.#state = PAYLOAD_CR
    return stop
  }

  #readSize(bytes: Buffer, start: number, end: number): number {
    if (this.#state === SIZE_START) {
      this.#sizeBytes = 0
      this.#digits = 0
      this.#state = SIZE
    }
    let at = start
    for (; at < end; at++) {
      const digit = HEX[bytes[at]!]!
      if (digit > 15) break
      if (++this.#digits > MOST_SIZE_DIGITS || this.#sizeBytes > LARGEST_BEFORE_DIGIT) return BAD_CHUNK_SIZE
      this.#sizeBytes = this.#sizeBytes * 16 + digit
    }
    if (at === end) return at
    const byte = bytes[at]!
    if (this.#digits > 0 && byte === CR) {
      this.#state = SIZE_LF
    } else if (this.#digits > 0 && byte === SEMICOLON) {
      this.#state = EXTENSION_NAME_START
      if (++this.#extensionBytes > this.#limits.chunkExtensionBytes) return CHUNK_EXTENSIONS_TOO_LONG
    } else {
      return byte === LF ? BARE_LF : BAD_CHUNK_SIZE
    }
    return at + 1
  }

  /** One byte after the first `;` of a chunk. */
  #readExtension(byte: number): number {
    const next = nextInExtension(this.#state, byte)
    if (next < 0) return byte === LF ? BARE_LF : BAD_CHUNK_EXTENSION
    this.#state = next
    if (next !== SIZE_LF && ++this.#extensionBytes > this.#limits.chunkExtensionBytes) return CHUNK_EXTENSIONS_TOO_LONG
    return 0
  }

  #finish(): void {
    this.#state = DONE
    this.#trailerSection = null
    this.done = true
  }
}

/** `;name`, `;name=token`, `;name="quoted \" string"`: the state after one more byte, or -1. */
function nextInExtension(state: number, byte: number): number {
  switch (state) {
    case EXTENSION_NAME_START:
      return TOKEN[byte] === 1 ? EXTENSION_NAME : -1
    case EXTENSION_NAME:
      if (TOKEN[byte] === 1) return EXTENSION_NAME
      return byte === EQUALS ? EXTENSION_VALUE_START : afterExtension(byte)
    case EXTENSION_VALUE_START:
      if (byte === QUOTE) return QUOTED
      return TOKEN[byte] === 1 ? EXTENSION_VALUE : -1
    case EXTENSION_VALUE:
      return TOKEN[byte] === 1 ? EXTENSION_VALUE : afterExtension(byte)
    case QUOTED:
      if (byte === QUOTE) return AFTER_QUOTED
      if (byte === BACKSLASH) return ESCAPED
      return VALUE[byte] === 1 ? QUOTED : -1
    case ESCAPED:
      return VALUE[byte] === 1 ? QUOTED : -1
    default:
      return afterExtension(byte)
  }
}

function afterExtension(byte: number): number {
  if (byte === SEMICOLON) return EXTENSION_NAME_START
  return byte === CR ? SIZE_LF : -1
}
