import {
  FIELD_DROP,
  FIELD_STRIDE,
  type HeadLines,
  KIND,
  KIND_SHIFT,
  LINE_START,
  NAME_END,
  VALUE_END,
  VALUE_START,
} from './head-lines.ts'
import {
  CONNECTION,
  CONTENT_LENGTH,
  FORWARDED,
  HOST,
  headerId,
  KEEP_ALIVE,
  TRANSFER_ENCODING,
  TWIN,
  UPGRADE,
} from './header-names.ts'
import { elementEnd, isWord, skipBlanks, startsWithWord, trimBlanks } from './list-value.ts'
import { BAD_CONNECTION, PROTECTED_HEADER_NAMED, TOO_MANY_OPTIONS } from './refusal.ts'
import { LOWER, TOKEN } from './tables.ts'

/** Every named header is looked for among all headers: without a bound one head could cost options × headers comparisons. */
const MOST_OPTIONS = 64

/** What the Connection lines of one head ask for (RFC 9110 §7.6.1). */
export class ConnectionOptions {
  keepAlive = false
  close = false
  upgrade = false
  #count = 0
  #namesHeaders = false

  reset(): void {
    this.keepAlive = false
    this.close = false
    this.upgrade = false
    this.#count = 0
    this.#namesHeaders = false
  }

  /** Reads one more Connection value: 0, or a refusal. */
  read(bytes: Uint8Array, start: number, end: number): number {
    // What nearly all say.
    if (isWord(bytes, start, end, 'keep-alive')) {
      this.keepAlive = true
      return 0
    }
    for (let at = start; at < end; ) {
      const stop = elementEnd(bytes, at, end)
      const optionStart = skipBlanks(bytes, at, stop)
      const optionEnd = trimBlanks(bytes, optionStart, stop)
      at = stop + 1
      if (optionStart === optionEnd) continue
      const refusal = this.#readOption(bytes, optionStart, optionEnd)
      if (refusal !== 0) return refusal
    }
    return 0
  }

  /** Marks the lines of every header that was named: they end here. Call once, when all lines are known. */
  dropNamed(lines: HeadLines, bytes: Uint8Array, start: number): void {
    if (!this.#namesHeaders) return
    const { fields, fieldCount } = lines
    for (let at = 0; at < fieldCount * FIELD_STRIDE; at += FIELD_STRIDE) {
      if (fields[at + KIND]! >> KIND_SHIFT !== CONNECTION) continue
      const end = start + fields[at + VALUE_END]!
      for (let option = start + fields[at + VALUE_START]!; option < end; ) {
        const stop = elementEnd(bytes, option, end)
        const optionStart = skipBlanks(bytes, option, stop)
        dropLines(lines, bytes, start, optionStart, trimBlanks(bytes, optionStart, stop))
        option = stop + 1
      }
    }
  }

  #readOption(bytes: Uint8Array, start: number, end: number): number {
    for (let at = start; at < end; at++) {
      if (TOKEN[bytes[at]!] !== 1) return BAD_CONNECTION
    }
    if (++this.#count > MOST_OPTIONS) return TOO_MANY_OPTIONS
    switch (headerId(bytes, start, end)) {
      case KEEP_ALIVE:
        this.keepAlive = true
        return 0
      case UPGRADE:
        this.upgrade = true
        return 0
      case HOST:
      case CONTENT_LENGTH:
      case CONTENT_LENGTH + TWIN:
      case TRANSFER_ENCODING:
      case TRANSFER_ENCODING + TWIN:
      case FORWARDED:
        return PROTECTED_HEADER_NAMED
    }
    if (isWord(bytes, start, end, 'close')) {
      this.close = true
      return 0
    }
    if (startsWithWord(bytes, start, end, 'x-forwarded-')) return PROTECTED_HEADER_NAMED
    this.#namesHeaders = true
    return 0
  }
}

function dropLines(lines: HeadLines, bytes: Uint8Array, start: number, nameStart: number, nameEnd: number): void {
  const { fields, fieldCount } = lines
  const length = nameEnd - nameStart
  for (let at = 0; at < fieldCount * FIELD_STRIDE; at += FIELD_STRIDE) {
    const from = fields[at + LINE_START]!
    if (fields[at + NAME_END]! - from !== length) continue
    let i = 0
    while (i < length && LOWER[bytes[start + from + i]!] === LOWER[bytes[nameStart + i]!]) i++
    if (i === length) lines.setAction(at, FIELD_DROP)
  }
}
