import { ZERO } from './tables.ts'

/** Digits of `Number.MAX_SAFE_INTEGER`. */
const TENTH_OF_LARGEST = Math.floor(Number.MAX_SAFE_INTEGER / 10)
const LAST_OF_LARGEST = Number.MAX_SAFE_INTEGER % 10

/** 1*DIGIT up to 2^53 - 1 (RFC 9110 §8.6), or -1: no sign, no list, no space. */
export function parseContentLength(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return -1
  let length = 0
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - ZERO
    if (digit < 0 || digit > 9) return -1
    if (length > TENTH_OF_LARGEST || (length === TENTH_OF_LARGEST && digit > LAST_OF_LARGEST)) return -1
    length = length * 10 + digit
  }
  return length
}
