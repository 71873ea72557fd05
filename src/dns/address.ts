import { isIPv4, isIPv6 } from 'node:net'

/**
 * The bytes of an address (4 or 16); null when it is not one.
 * Only dotted quads and RFC 4291 text count, and no scope (`%eth0`): it means nothing to anyone else.
 */
export function addressBytes(text: string): Uint8Array | null {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number)
  if (!isIPv6(text) || text.includes('%')) return null
  const quad = /(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1]
  const groups = quad === undefined ? text : text.slice(0, -quad.length) + quadGroups(quad)
  const [left, right] = groups.split('::') as [string, string?]
  const head = left === '' ? [] : left.split(':')
  const tail = right === undefined || right === '' ? [] : right.split(':')
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  for (const [index, group] of head.entries()) view.setUint16(index * 2, Number.parseInt(group, 16))
  for (const [index, group] of tail.entries()) view.setUint16((8 - tail.length + index) * 2, Number.parseInt(group, 16))
  return bytes
}

/** Canonical text of 4 or 16 bytes (RFC 5952: lower case, the first longest run of zero groups as `::`). */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16)
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(index * 2))
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff)
    return `::ffff:${bytes.slice(12).join('.')}`
  let start = 0
  let length = 0
  for (let at = 0; at < 8; at++) {
    let end = at
    while (end < 8 && groups[end] === 0) end++
    if (end - at > length) [start, length] = [at, end - at]
    at = Math.max(at, end - 1)
  }
  const hex = groups.map((group) => group.toString(16))
  // RFC 5952 §4.2.2: a single zero group is not shortened.
  if (length < 2) return hex.join(':')
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`
}

/** An IPv4 client of a socket that is bound to `::` counts as IPv4; a scope is dropped. */
export function plainAddress(address: string): string {
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice(7)
  const scope = address.indexOf('%')
  return scope < 0 ? address : address.slice(0, scope)
}

/** The name that holds the PTR records of an address (RFC 1035 §3.5, RFC 3596 §2.5). @throws RangeError */
export function reverseName(address: string): string {
  const bytes = requireBytes(address)
  return reverseLabels(bytes, bytes.length * (8 / labelBits(bytes)))
}

/**
 * The apexes of the reverse zones that hold exactly the addresses of a CIDR. One when the prefix ends where a label does
 * (8, 16, 24 bits; every 4 bits in IPv6), else one for each value of the label that it cuts: at most 128.
 * @throws RangeError when it is no CIDR
 */
export function reverseApexes(cidr: string): string[] {
  const [address = '', prefixText = ''] = cidr.split('/')
  const bytes = requireBytes(address)
  const prefix = Number(prefixText)
  if (!/^\d{1,3}$/.test(prefixText) || prefix > bytes.length * 8) throw new RangeError(`not a CIDR: ${cidr}`)
  const bits = labelBits(bytes)
  const labels = Math.ceil(prefix / bits)
  const spareBits = labels * bits - prefix
  return Array.from({ length: 2 ** spareBits }, (_, value) => {
    const network = bytes.slice()
    if (labels > 0) {
      const index = Math.floor(((labels - 1) * bits) / 8)
      const shift = bits === 4 && labels % 2 === 1 ? 4 : 0
      const keep = network[index]! & ~((2 ** spareBits - 1) << shift)
      network[index] = keep | (value << shift)
    }
    return reverseLabels(network, labels)
  })
}

function reverseLabels(bytes: Uint8Array, count: number): string {
  const labels = bytes.length === 4 ? [...bytes].map(String) : [...Buffer.from(bytes).toString('hex')]
  const suffix = bytes.length === 4 ? 'in-addr.arpa' : 'ip6.arpa'
  return [...labels.slice(0, count).reverse(), suffix].join('.')
}

function labelBits(bytes: Uint8Array): number {
  return bytes.length === 4 ? 8 : 4
}

function quadGroups(quad: string): string {
  const [a, b, c, d] = quad.split('.').map(Number) as [number, number, number, number]
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
}

function requireBytes(address: string): Uint8Array {
  const bytes = addressBytes(address)
  if (bytes === null) throw new RangeError(`not an IP address: ${address}`)
  return bytes
}
