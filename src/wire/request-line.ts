import type { HeadLimits } from './limits.ts'
import {
  BAD_METHOD,
  BAD_REQUEST_LINE,
  BAD_TARGET,
  BAD_VERSION,
  BARE_CR,
  BARE_LF,
  CONNECT_REFUSED,
  METHOD_TOO_LONG,
  REQUEST_LINE_TOO_LONG,
  TOO_MANY_EMPTY_LINES,
  VERSION_NOT_SUPPORTED,
} from './refusal.ts'
import { CR, LF, SLASH, SPACE, STAR, TARGET, TOKEN, ZERO } from './tables.ts'

export const ORIGIN_FORM = 0
export const ABSOLUTE_FORM = 1
export const ASTERISK_FORM = 2

const BEFORE = 0
const IN_METHOD = 1
const IN_TARGET = 2
const IN_VERSION = 3

/** RFC 9112 §2.2 asks for one; some clients end a body with one that they did not count. */
const MOST_EMPTY_LINES = 2

const VERSION = 'HTTP/'
const VERSION_BYTES = 8
const MAJOR = 5
const MINOR = 7
const LOWER_H = 0x68

/** Methods that need no new string, by length and first letter. */
const METHODS: string[] = Array.from({ length: 8 * 32 }, () => '')
for (const method of ['GET', 'PUT', 'HEAD', 'POST', 'PATCH', 'TRACE', 'DELETE', 'OPTIONS', 'CONNECT']) {
  METHODS[method.length * 32 + (method.charCodeAt(0) & 31)] = method
}

/** The request line (RFC 9112 §3): can stop after any byte and goes on from there. Offsets count from the first byte of the head. */
export class RequestLine {
  /** After the empty lines before it. */
  lineStart = 0
  /** '' for one that is not common: cut it out of the text. */
  method = ''
  methodEnd = 0
  targetEnd = 0
  form = ORIGIN_FORM
  minorVersion: 0 | 1 = 1
  /** After the CRLF; 0 until the line is whole. */
  lineEnd = 0
  #phase = BEFORE
  #scanned = 0

  reset(): void {
    this.methodEnd = 0
    this.targetEnd = 0
    this.lineEnd = 0
    this.#phase = BEFORE
    this.#scanned = 0
  }

  get targetStart(): number {
    return this.methodEnd + 1
  }

  /** Offset after the line, 0 when the bytes end before it does, or a refusal. */
  scan(bytes: Buffer, start: number, end: number, limits: HeadLimits): number {
    let at = start + this.#scanned
    if (this.#phase === BEFORE) {
      while (at < end && bytes[at] === CR) {
        if (at - start === MOST_EMPTY_LINES * 2) return TOO_MANY_EMPTY_LINES
        if (at + 1 === end) break
        if (bytes[at + 1] !== LF) return BARE_CR
        at += 2
      }
      if (at === end || bytes[at] === CR) return 0
      this.lineStart = at - start
      this.#phase = IN_METHOD
    }
    const lineStop = start + this.lineStart + limits.requestLineBytes

    if (this.#phase === IN_METHOD) {
      const methodStart = start + this.lineStart
      const stop = Math.min(end, lineStop, methodStart + limits.methodBytes)
      while (at < stop && TOKEN[bytes[at]!] === 1) at++
      if (at === end) return this.#pause(at - start)
      if (bytes[at] !== SPACE || at === methodStart) return badMethod(bytes[at]!, at, methodStart, lineStop, limits)
      this.methodEnd = at - start
      this.method = commonMethod(bytes, methodStart, at)
      if (this.method === 'CONNECT') return CONNECT_REFUSED
      at++
      this.#phase = IN_TARGET
    }

    if (this.#phase === IN_TARGET) {
      const targetStart = start + this.targetStart
      if (at === targetStart && at < end) {
        const refusal = this.#readForm(bytes[at]!)
        if (refusal !== 0) return refusal
      }
      while (at < end && TARGET[bytes[at]!] === 1) at++
      // The shortest version has to fit as well.
      if (at + 1 + VERSION_BYTES > lineStop) return REQUEST_LINE_TOO_LONG
      if (at === end) return this.#pause(at - start)
      if (bytes[at] !== SPACE) return badTarget(bytes[at]!)
      this.targetEnd = at - start
      at++
      this.#phase = IN_VERSION
    }

    return this.#readVersion(bytes, start, at, end)
  }

  #pause(scanned: number): number {
    this.#scanned = scanned
    return 0
  }

  #readForm(byte: number): number {
    if (byte === SLASH) this.form = ORIGIN_FORM
    else if ((byte | 0x20) === LOWER_H) this.form = ABSOLUTE_FORM
    else if (byte === STAR) this.form = ASTERISK_FORM
    else return byte === SPACE ? BAD_REQUEST_LINE : BAD_TARGET
    return 0
  }

  /** Version and line end: ten bytes at most, so they are looked at again when they come in pieces. */
  #readVersion(bytes: Buffer, start: number, at: number, end: number): number {
    this.#scanned = at - start
    for (let i = 0; i < VERSION_BYTES; i++) {
      if (at + i === end) return 0
      const byte = bytes[at + i]!
      const digit = byte - ZERO
      const fits = i === MAJOR || i === MINOR ? digit >= 0 && digit <= 9 : byte === VERSION_SHAPE[i]
      if (!fits) return byte === LF ? BARE_LF : byte === SPACE ? BAD_REQUEST_LINE : BAD_VERSION
    }
    const after = at + VERSION_BYTES
    if (after === end) return 0
    if (bytes[after] !== CR) return bytes[after] === LF ? BARE_LF : BAD_REQUEST_LINE
    if (after + 1 === end) return 0
    if (bytes[after + 1] !== LF) return BARE_CR
    if (bytes[at + MAJOR] !== ZERO + 1) return VERSION_NOT_SUPPORTED
    const minor = bytes[at + MINOR]! - ZERO
    if (minor > 1) return BAD_VERSION
    this.minorVersion = minor as 0 | 1
    this.lineEnd = after + 2 - start
    return this.lineEnd
  }
}

const VERSION_SHAPE = Uint8Array.from(Buffer.from(`${VERSION}0.0`, 'latin1'))

function commonMethod(bytes: Buffer, start: number, end: number): string {
  const length = end - start
  if (length > 7) return ''
  const method = METHODS[length * 32 + (bytes[start]! & 31)]!
  for (let i = 0; i < method.length; i++) {
    if (bytes[start + i] !== method.charCodeAt(i)) return ''
  }
  return method
}

function badMethod(byte: number, at: number, methodStart: number, lineStop: number, limits: HeadLimits): number {
  if (at >= lineStop) return REQUEST_LINE_TOO_LONG
  if (at - methodStart >= limits.methodBytes) return METHOD_TOO_LONG
  if (byte === LF) return BARE_LF
  return byte === SPACE || byte === CR ? BAD_REQUEST_LINE : BAD_METHOD
}

function badTarget(byte: number): number {
  if (byte === LF) return BARE_LF
  // HTTP/0.9 has no version.
  return byte === CR ? BAD_REQUEST_LINE : BAD_TARGET
}
