import { COMMA, HTAB, LOWER, SPACE } from './tables.ts'

/** Comma-separated lists in header values (RFC 9110 §5.6.1), read by bytes. */

/** Position of the comma that ends the element which begins at `at`, or `end`. */
export function elementEnd(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && bytes[at] !== COMMA) at++
  return at
}

export function skipBlanks(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && isBlank(bytes[at]!)) at++
  return at
}

/** Position after the last byte that is no white space. */
export function trimBlanks(bytes: Uint8Array, start: number, end: number): number {
  while (end > start && isBlank(bytes[end - 1]!)) end--
  return end
}

/** Whether the bytes spell the word, which is in lower case, in any case. */
export function isWord(bytes: Uint8Array, start: number, end: number, word: string): boolean {
  return end - start === word.length && startsWithWord(bytes, start, end, word)
}

export function startsWithWord(bytes: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start < word.length) return false
  for (let i = 0; i < word.length; i++) {
    if (LOWER[bytes[start + i]!] !== word.charCodeAt(i)) return false
  }
  return true
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === HTAB
}
