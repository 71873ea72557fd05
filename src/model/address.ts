/**
 * IP addresses as text and as numbers. Only strict dotted quads and RFC 4291 §2.2 text are addresses: `127.1`, `010.8.8.8` and
 * `2130706433` mean different hosts to different parsers, so they mean none here. An IPv4-mapped address (`::ffff:a.b.c.d`,
 * RFC 4291 §2.5.5.2) is the IPv4 address that it carries: one client has one identity, whichever socket it came through.
 */
export class IpAddress {
  readonly family: 4 | 6
  /** Signed 32-bit words (V8 keeps them unboxed, unlike unsigned ones), most significant first. IPv4 has only the first. */
  readonly w0: number
  readonly w1: number
  readonly w2: number
  readonly w3: number
  /** Canonical: dotted quad, or RFC 5952. */
  readonly text: string

  constructor(family: 4 | 6, w0: number, w1: number, w2: number, w3: number) {
    this.family = family
    this.w0 = w0 | 0
    this.w1 = w1 | 0
    this.w2 = w2 | 0
    this.w3 = w3 | 0
    this.text = family === 4 ? formatV4(w0) : formatV6(w0, w1, w2, w3)
  }
}

/** A network: an address without host bits and how many of its leading bits count. */
export interface Cidr {
  readonly network: IpAddress
  /** 0 to 32, or 0 to 128. */
  readonly prefix: number
  /** Canonical: `10.0.0.0/16`. */
  readonly text: string
}

/**
 * What to do with a zone id (`fe80::1%eth0`, RFC 4007 §11). A zone id means nothing beyond one machine, so it is refused, except that a
 * socket reports its link-local peers with one.
 */
export type ZoneIds = 'refuse' | 'strip-link-local'

/** `0000:0000:0000:0000:0000:ffff:255.255.255.255` */
const LONGEST_TEXT = 45

const DOT = 0x2e
const COLON = 0x3a

/** The eight groups of the IPv6 text being parsed. */
const groups = new Uint16Array(8)

export function parseAddress(text: string, zoneIds: ZoneIds = 'refuse'): IpAddress | null {
  let end = text.length
  const percent = text.indexOf('%')
  if (percent !== -1) {
    if (zoneIds === 'refuse' || percent === end - 1) return null
    end = percent
  }
  if (end > LONGEST_TEXT) return null
  if (!text.includes(':')) {
    if (percent !== -1) return null
    const value = parseV4(text, 0, end)
    return value < 0 ? null : new IpAddress(4, value, 0, 0, 0)
  }
  if (!parseV6(text, end)) return null
  if (percent !== -1 && (groups[0]! & 0xffc0) !== 0xfe80) return null
  const w0 = word(0)
  const w1 = word(2)
  const w2 = word(4)
  const w3 = word(6)
  if (w0 === 0 && w1 === 0 && w2 === 0xffff) return new IpAddress(4, w3, 0, 0, 0)
  return new IpAddress(6, w0, w1, w2, w3)
}

/** The network, or a sentence that says what is wrong with the text and what would be right. */
export function parseCidr(text: string): Cidr | string {
  const slash = text.indexOf('/')
  const address = parseAddress(slash === -1 ? text : text.slice(0, slash))
  if (address === null) {
    return `${JSON.stringify(text)} is not a CIDR; write one like 10.0.0.0/16 or 2001:db8::/32`
  }
  const bits = address.family === 4 ? 32 : 128
  if (slash === -1) {
    return `${text} has no prefix length; for this one address write ${address.text}/${bits}`
  }
  // Text with a colon that became IPv4 was IPv4-mapped: its prefix counts 96 bits that are fixed.
  const mapped = address.family === 4 && text.includes(':')
  const written = text.slice(slash + 1)
  const writtenBits = mapped ? 128 : bits
  if (!/^(0|[1-9][0-9]{0,2})$/.test(written) || Number(written) > writtenBits) {
    return `${text} has no valid prefix length; write ${text.slice(0, slash)}/0 to /${writtenBits}`
  }
  if (mapped && Number(written) < 96) {
    return `${text} covers more than the IPv4-mapped addresses; write the IPv4 network itself, like 10.0.0.0/8`
  }
  const prefix = mapped ? Number(written) - 96 : Number(written)
  const cidr = { network: address, prefix, text: `${address.text}/${prefix}` }
  if (!contains(cidr, address)) {
    const network = networkOf(address, prefix)
    return `${text} has bits set after its prefix; the network is ${network.text}/${prefix}, this one address is ${address.text}/${bits}`
  }
  return cidr
}

/** Whether the address is in the network; of the same family. */
export function contains({ network, prefix }: Cidr, address: IpAddress): boolean {
  return (
    keepBits(address.w0, prefix) === network.w0 &&
    keepBits(address.w1, prefix - 32) === network.w1 &&
    keepBits(address.w2, prefix - 64) === network.w2 &&
    keepBits(address.w3, prefix - 96) === network.w3
  )
}

function networkOf(address: IpAddress, prefix: number): IpAddress {
  return new IpAddress(
    address.family,
    keepBits(address.w0, prefix),
    keepBits(address.w1, prefix - 32),
    keepBits(address.w2, prefix - 64),
    keepBits(address.w3, prefix - 96),
  )
}

/** The first `bits` bits of a word. */
function keepBits(value: number, bits: number): number {
  if (bits >= 32) return value
  // JavaScript shifts by bits mod 32: a shift by 32 would keep everything.
  return bits <= 0 ? 0 : value & (-1 << (32 - bits))
}

function word(group: number): number {
  return (groups[group]! << 16) | groups[group + 1]!
}

/** The address as an unsigned 32-bit number, or -1. */
function parseV4(text: string, start: number, end: number): number {
  let value = 0
  let octet = 0
  let digits = 0
  let dots = 0
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i)
    if (code === DOT) {
      if (digits === 0 || ++dots > 3) return -1
      value = value * 256 + octet
      octet = 0
      digits = 0
      continue
    }
    const digit = code - 0x30
    if (digit < 0 || digit > 9) return -1
    // A leading zero is octal to some parsers (RFC 6943 §3.1.1).
    if (digits > 0 && octet === 0) return -1
    octet = octet * 10 + digit
    digits++
    if (octet > 255) return -1
  }
  return dots === 3 && digits > 0 ? value * 256 + octet : -1
}

/** Fills `groups`; false when the text is not RFC 4291 §2.2. */
function parseV6(text: string, end: number): boolean {
  let count = 0
  let gap = -1
  let i = 0
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return false
    gap = 0
    i = 2
  }
  while (i < end) {
    if (count === 8) return false
    const start = i
    let value = 0
    while (i < end) {
      const digit = hexDigit(text.charCodeAt(i))
      if (digit < 0) break
      if (i - start === 4) return false
      value = value * 16 + digit
      i++
    }
    if (i < end && text.charCodeAt(i) === DOT) {
      if (count > 6) return false
      const tail = parseV4(text, start, end)
      if (tail < 0) return false
      groups[count++] = tail >>> 16
      groups[count++] = tail & 0xffff
      break
    }
    if (i === start) return false
    groups[count++] = value
    if (i === end) break
    if (text.charCodeAt(i) !== COLON) return false
    i++
    if (i === end) return false
    if (text.charCodeAt(i) === COLON) {
      if (gap !== -1) return false
      gap = count
      i++
    }
  }
  if (gap === -1) return count === 8
  // `::` stands for at least one group.
  if (count === 8) return false
  groups.copyWithin(8 - (count - gap), gap, count)
  groups.fill(0, gap, 8 - (count - gap))
  return true
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

function formatV4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`
}

/** RFC 5952 §4: lower case, no leading zeros, the first of the longest runs of two or more zero groups becomes `::`. */
function formatV6(w0: number, w1: number, w2: number, w3: number): string {
  const all = [w0 >>> 16, w0 & 0xffff, w1 >>> 16, w1 & 0xffff, w2 >>> 16, w2 & 0xffff, w3 >>> 16, w3 & 0xffff]
  let gapStart = -1
  let gapLength = 1
  for (let i = 0; i < 8; i++) {
    let length = 0
    while (all[i + length] === 0) length++
    if (length > gapLength) {
      gapStart = i
      gapLength = length
    }
    i += length
  }
  let text = ''
  for (let i = 0; i < 8; i++) {
    if (i === gapStart) {
      text += '::'
      i += gapLength - 1
      continue
    }
    if (i > 0 && i !== gapStart + gapLength) text += ':'
    text += all[i]!.toString(16)
  }
  return text
}
