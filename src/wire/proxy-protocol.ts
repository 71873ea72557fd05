import { isIPv4, isIPv6 } from './address-text.ts'
import { parsePort } from './host.ts'
import { CR, LF, ZERO } from './tables.ts'

/** Nothing that comes is a PROXY header. */
export const MALFORMED_PROXY_HEADER = -1

/** What a connection says of the one that it carries on. Filled by `parseProxyHeader`. */
export class ProxyHeader {
  version: 1 | 2 = 1
  /** The sender speaks for itself (LOCAL), or does not know for whom (UNKNOWN): the socket's own addresses count. */
  local = false
  /** As sent by version 1, RFC 5952 from version 2; '' when local. */
  sourceAddress = ''
  sourcePort = 0
  destinationAddress = ''
  destinationPort = 0

  reset(): void {
    this.local = false
    this.sourceAddress = ''
    this.sourcePort = 0
    this.destinationAddress = ''
    this.destinationPort = 0
  }
}

/** The longest line is `PROXY UNKNOWN` with two full IPv6 addresses and ports. */
const V1_BYTES = 107
/** A header has to fit in the smallest TCP segment that every host takes. */
const V2_BYTES = 536
const V2_FIXED_BYTES = 16

const V1_PREFIX = Buffer.from('PROXY ', 'latin1')
const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

const COMMAND_LOCAL = 0x20
const COMMAND_PROXY = 0x21
const FAMILY_UNSPECIFIED = 0x00
const FAMILY_TCP4 = 0x11
const FAMILY_TCP6 = 0x21

/**
 * The PROXY protocol, versions 1 and 2, as HAProxy's `proxy-protocol.txt` defines it. Bytes consumed; 0 when there are too few: call again with the
 * same start and more; negative: malformed. UDP and UNIX sources are malformed here: no HTTP client has one, and to take the
 * sender's address for theirs would let them in as the sender.
 */
export function parseProxyHeader(bytes: Buffer, start: number, end: number, out: ProxyHeader): number {
  out.reset()
  return bytes[start] === CR ? parseV2(bytes, start, end, out) : parseV1(bytes, start, end, out)
}

function parseV1(bytes: Buffer, start: number, end: number, out: ProxyHeader): number {
  if (!agrees(bytes, start, end, V1_PREFIX)) return MALFORMED_PROXY_HEADER
  const stop = Math.min(end, start + V1_BYTES)
  let at = start
  while (at < stop && bytes[at] !== CR && bytes[at] !== LF) at++
  if (at < stop && bytes[at] === LF) return MALFORMED_PROXY_HEADER
  if (at + 1 >= stop) return stop - start === V1_BYTES ? MALFORMED_PROXY_HEADER : 0
  if (bytes[at + 1] !== LF) return MALFORMED_PROXY_HEADER
  out.version = 1
  return readV1Line(bytes, start + V1_PREFIX.length, at, out) ? at + 2 - start : MALFORMED_PROXY_HEADER
}

/** What follows `PROXY `, without the CRLF. */
function readV1Line(bytes: Buffer, start: number, end: number, out: ProxyHeader): boolean {
  const words = bytes.latin1Slice(start, end).split(' ')
  if (words[0] === 'UNKNOWN') {
    out.local = true
    return true
  }
  if (words.length !== 5 || (words[0] !== 'TCP4' && words[0] !== 'TCP6')) return false
  const isAddress = words[0] === 'TCP4' ? isIPv4 : isIPv6
  const source = start + 5
  const destination = source + words[1]!.length + 1
  const sourcePort = destination + words[2]!.length + 1
  const destinationPort = sourcePort + words[3]!.length + 1
  if (!isAddress(bytes, source, destination - 1) || !isAddress(bytes, destination, sourcePort - 1)) return false
  out.sourceAddress = words[1]!
  out.destinationAddress = words[2]!
  out.sourcePort = strictPort(bytes, sourcePort, destinationPort - 1)
  out.destinationPort = strictPort(bytes, destinationPort, end)
  return out.sourcePort >= 0 && out.destinationPort >= 0
}

function strictPort(bytes: Buffer, start: number, end: number): number {
  return bytes[start] === ZERO && end - start > 1 ? -1 : parsePort(bytes, start, end)
}

function parseV2(bytes: Buffer, start: number, end: number, out: ProxyHeader): number {
  if (!agrees(bytes, start, end, V2_SIGNATURE)) return MALFORMED_PROXY_HEADER
  if (end - start < V2_FIXED_BYTES) return 0
  const command = bytes[start + 12]!
  const family = bytes[start + 13]!
  const total = V2_FIXED_BYTES + bytes.readUInt16BE(start + 14)
  if ((command !== COMMAND_LOCAL && command !== COMMAND_PROXY) || total > V2_BYTES) return MALFORMED_PROXY_HEADER
  if (end - start < total) return 0
  out.version = 2
  // The sender's own connection, and one of whose kind it says nothing: whatever else is in there does not count.
  out.local = command === COMMAND_LOCAL || family === FAMILY_UNSPECIFIED
  if (out.local) return total
  const address = family === FAMILY_TCP4 ? 4 : family === FAMILY_TCP6 ? 16 : 0
  const vectors = V2_FIXED_BYTES + 2 * address + 4
  if (address === 0 || !areVectors(bytes, start + vectors, start + total)) return MALFORMED_PROXY_HEADER
  const source = start + V2_FIXED_BYTES
  const format = address === 4 ? formatIPv4 : formatIPv6
  out.sourceAddress = format(bytes, source)
  out.destinationAddress = format(bytes, source + address)
  out.sourcePort = bytes.readUInt16BE(source + 2 * address)
  out.destinationPort = bytes.readUInt16BE(source + 2 * address + 2)
  return total
}

/** Type, length in two bytes, value: as often as it takes to fill exactly what the addresses leave, which is no less than nothing. */
function areVectors(bytes: Buffer, start: number, end: number): boolean {
  let at = start
  while (at + 3 <= end) at += 3 + bytes.readUInt16BE(at + 1)
  return at === end
}

/** Whether what came so far is the beginning, or the whole, of what is expected. */
function agrees(bytes: Buffer, start: number, end: number, expected: Buffer): boolean {
  const length = Math.min(end - start, expected.length)
  return bytes.compare(expected, 0, length, start, start + length) === 0
}

function formatIPv4(bytes: Buffer, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`
}

/** RFC 5952 §4: lower case, no leading zeros, the first of the longest runs of two or more zero groups becomes `::`. */
function formatIPv6(bytes: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + 2 * i))
  let gapStart = -1
  let gapLength = 1
  for (let i = 0; i < 8; i++) {
    let length = 0
    while (groups[i + length] === 0) length++
    if (length > gapLength) {
      gapStart = i
      gapLength = length
    }
  }
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(':')
  if (gapStart === -1) return hex(groups)
  return `${hex(groups.slice(0, gapStart))}::${hex(groups.slice(gapStart + gapLength))}`
}
