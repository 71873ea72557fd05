import type { HeadLimits } from './limits.ts'
import { BAD_STATUS_LINE, BARE_CR, BARE_LF, STATUS_LINE_TOO_LONG } from './refusal.ts'
import { CR, LF, SPACE, VALUE, ZERO } from './tables.ts'

/** `HTTP/1.1 200`; the digits may be others. */
const SHAPE = Uint8Array.from(Buffer.from('HTTP/1.', 'latin1'))
const MINOR = 7
const STATUS = 9
const START_BYTES = 12

/** The status line (RFC 9112 §4): can stop after any byte and goes on from there. Offsets count from the first byte of the head. */
export class StatusLine {
  status = 0
  minorVersion: 0 | 1 = 1
  /** 0 when not even the space before a reason came. */
  reasonStart = 0
  reasonEnd = 0
  /** After the CRLF; 0 until the line is whole. */
  lineEnd = 0
  #scanned = 0

  reset(): void {
    this.status = 0
    this.reasonStart = 0
    this.lineEnd = 0
  }

  /** Offset after the line, 0 when the bytes end before it does, or a refusal. */
  scan(bytes: Buffer, start: number, end: number, limits: HeadLimits): number {
    if (this.status === 0) {
      for (let i = 0; i < START_BYTES; i++) {
        if (start + i === end) return 0
        const byte = bytes[start + i]!
        if (!fits(byte, i)) return byte === LF ? BARE_LF : BAD_STATUS_LINE
      }
      this.status = (bytes[start + STATUS]! - ZERO) * 100 + (bytes[start + 10]! - ZERO) * 10 + bytes[start + 11]! - ZERO
      this.minorVersion = (bytes[start + MINOR]! - ZERO) as 0 | 1
      this.#scanned = START_BYTES
    }
    let at = start + this.#scanned
    const stop = Math.min(end, start + limits.responseLineBytes)
    // Some servers leave out the reason, and the space before it too.
    if (at === start + START_BYTES) {
      if (at === end) return 0
      if (bytes[at] === SPACE) this.reasonStart = START_BYTES + 1
    }
    if (this.reasonStart > 0) {
      while (at < stop && VALUE[bytes[at]!] === 1) at++
    }
    this.#scanned = at - start
    if (at === end) return 0
    if (bytes[at] !== CR) {
      if (at - start >= limits.responseLineBytes) return STATUS_LINE_TOO_LONG
      return bytes[at] === LF ? BARE_LF : BAD_STATUS_LINE
    }
    if (at + 1 === end) return 0
    if (bytes[at + 1] !== LF) return BARE_CR
    this.reasonEnd = at - start
    this.lineEnd = at + 2 - start
    return this.lineEnd
  }
}

function fits(byte: number, i: number): boolean {
  const digit = byte - ZERO
  if (i < MINOR) return byte === SHAPE[i]
  if (i === MINOR) return digit === 0 || digit === 1
  if (i === STATUS - 1) return byte === SPACE
  return digit >= (i === STATUS ? 1 : 0) && digit <= 9
}
