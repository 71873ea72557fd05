import { COLON, DOT, HEX, ZERO } from './tables.ts'

/** Whether bytes are the text of an address, as strictly as it is written: what differs between parsers is none. */

/** Four decimal octets without leading zeros, which are octal to some parsers (RFC 6943 §3.1.1). */
export function isIPv4(bytes: Uint8Array, start: number, end: number): boolean {
  let octet = 0
  let digits = 0
  let dots = 0
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!
    if (byte === DOT) {
      if (digits === 0 || ++dots > 3) return false
      octet = 0
      digits = 0
      continue
    }
    const digit = byte - ZERO
    if (digit < 0 || digit > 9) return false
    if (digits > 0 && octet === 0) return false
    octet = octet * 10 + digit
    digits++
    if (octet > 255) return false
  }
  return dots === 3 && digits > 0
}

/** RFC 4291 §2.2, without zone id. `::` stands for at least one group. */
export function isIPv6(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 2) return false
  let groups = 0
  let gap = false
  let at = start
  if (bytes[at] === COLON) {
    if (bytes[at + 1] !== COLON) return false
    gap = true
    at += 2
  }
  while (at < end) {
    const groupStart = at
    while (at < end && HEX[bytes[at]!]! < 16) at++
    if (at < end && bytes[at] === DOT) {
      // An IPv4 tail takes the place of the last two groups.
      return isIPv4(bytes, groupStart, end) && (gap ? groups <= 5 : groups === 6)
    }
    if (at === groupStart || at - groupStart > 4) return false
    groups++
    if (at === end) break
    if (bytes[at] !== COLON) return false
    at++
    if (at === end) return false
    if (bytes[at] === COLON) {
      if (gap) return false
      gap = true
      at++
    }
  }
  return gap ? groups <= 7 : groups === 8
}
