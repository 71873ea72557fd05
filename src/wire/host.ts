import { isIPv4, isIPv6 } from './address-text.ts'
import { COLON, DASH, DOT, LABEL, ZERO } from './tables.ts'

const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const NINE = 0x39
const UPPER_Z = 0x5a

/** RFC 1035 §2.3.4: a name's text, without the dot of the root. */
const LONGEST_NAME = 253
const LONGEST_LABEL = 63
const LARGEST_PORT = 65_535

/** Where the parts of a Host value lie. One scratch object per parser. */
export class HostParts {
  /** After the host, without port and without one trailing dot; an IPv6 literal includes its brackets. */
  hostEnd = 0
  /** -1: none. */
  port = -1
  /** Some letter may be upper case. */
  upper = false
}

/**
 * True for `host [":" port]` (RFC 9110 §7.2), stricter than RFC 3986 where that only invites doubt: a host is labels of letters, digits,
 * inner hyphens and underscores, a strict dotted quad, or an IPv6 literal. A name whose last label is a number is an address to
 * some parsers and a name to others (`127.1`), so it must be a dotted quad. A port has digits.
 */
export function parseHost(bytes: Uint8Array, start: number, end: number, parts: HostParts): boolean {
  parts.port = -1
  const after = bytes[start] === OPEN_BRACKET ? literalEnd(bytes, start, end, parts) : nameEnd(bytes, start, end, parts)
  if (after < 0) return false
  if (after === end) return true
  if (bytes[after] !== COLON) return false
  parts.port = parsePort(bytes, after + 1, end)
  return parts.port >= 0
}

/** 0 to 65,535, or -1. */
export function parsePort(bytes: Uint8Array, start: number, end: number): number {
  if (end === start || end - start > 5) return -1
  let port = 0
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - ZERO
    if (digit < 0 || digit > 9) return -1
    port = port * 10 + digit
  }
  return port <= LARGEST_PORT ? port : -1
}

/** Position after the name (with its trailing dot), or -1. */
function nameEnd(bytes: Uint8Array, start: number, end: number, parts: HostParts): number {
  let labelStart = start
  let numeric = true
  let upper = false
  let at = start
  for (; at < end; at++) {
    const byte = bytes[at]!
    if (LABEL[byte] === 1) {
      if (byte > NINE) {
        numeric = false
        if (byte <= UPPER_Z) upper = true
      } else if (byte === DASH) {
        numeric = false
        if (at === labelStart) return -1
      }
    } else if (byte === DOT) {
      if (!isLabelEnd(bytes, labelStart, at)) return -1
      labelStart = at + 1
      // Only the root's dot, at the end, has no label after it.
      if (at + 1 === end || bytes[at + 1] === COLON) {
        at++
        break
      }
      numeric = true
    } else {
      break
    }
  }
  const rooted = labelStart === at
  if (rooted ? at === start : !isLabelEnd(bytes, labelStart, at)) return -1
  const hostEnd = rooted ? at - 1 : at
  if (hostEnd - start > LONGEST_NAME) return -1
  if (numeric && !isIPv4(bytes, start, hostEnd)) return -1
  parts.hostEnd = hostEnd
  parts.upper = upper
  return at
}

function isLabelEnd(bytes: Uint8Array, labelStart: number, at: number): boolean {
  return at > labelStart && at - labelStart <= LONGEST_LABEL && bytes[at - 1] !== DASH
}

/** Position after `[` IPv6 address `]`, or -1. */
function literalEnd(bytes: Uint8Array, start: number, end: number, parts: HostParts): number {
  let at = start + 1
  while (at < end && bytes[at] !== CLOSE_BRACKET) at++
  if (at === end || !isIPv6(bytes, start + 1, at)) return -1
  parts.hostEnd = at + 1
  // Rare: lowered without a look at its letters.
  parts.upper = true
  return at + 1
}
