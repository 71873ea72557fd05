/**
 * Finding the range that an address is in, against ipaddr.js matching one range after the other; and what the address costs to parse, once per
 * connection. `node bench/micro/cidr.ts`
 */
import ipaddr from 'ipaddr.js'
import { type Cidr, type IpAddress, parseAddress, parseCidr } from '../../src/model/address.ts'
import { CidrSet } from '../../src/model/cidr-set.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { describeMachine, nanosecondsPer, report } from './measure.ts'

const QUERIES = 4096
const random = seededRandom(1)

describeMachine()
for (const family of [4, 6] as const) {
  for (const count of [10, 1000, 10_000]) {
    const texts = Array.from({ length: count }, () => randomCidr(family))
    const cidrs = texts.map((text) => parseCidr(text) as Cidr)
    const set = CidrSet.of(cidrs.map((cidr) => ({ cidr, deny: false })))
    const peers = ipaddr.parse(family === 4 ? '10.0.0.0' : '2001::').kind()
    const ranges = texts.map((text) => ipaddr.parseCIDR(text))
    // Every second one is in some range.
    const queries = Array.from({ length: QUERIES }, (_, i) =>
      i % 2 === 0 ? addressIn(cidrs[Math.floor(random() * count)]!) : randomAddress(family),
    )
    const oracle = queries.map((query) => ipaddr.parse(query.text))
    for (const [i, query] of queries.entries()) {
      if (set.has(query) !== matches(oracle[i]!, ranges))
        throw new Error(`${query.text} is found by only one of the two`)
    }
    const ours = nanosecondsPer((i) => set.find(queries[i % QUERIES]!))
    const theirs = nanosecondsPer((i) => (matches(oracle[i % QUERIES]!, ranges) ? 1 : 0))
    report(`${count} ${peers} ranges: CidrSet.find`, ours)
    report(`${count} ${peers} ranges: ipaddr.js match, one by one`, theirs, `${(theirs / ours).toFixed(0)}×`)
  }
}
for (const [what, texts] of [
  ['IPv4', Array.from({ length: QUERIES }, () => randomAddress(4).text)],
  ['IPv6', Array.from({ length: QUERIES }, () => randomAddress(6).text)],
  ['IPv4-mapped', Array.from({ length: QUERIES }, () => `::ffff:${randomAddress(4).text}`)],
] as const) {
  report(
    `${what}: parseAddress`,
    nanosecondsPer((i) => parseAddress(texts[i % QUERIES]!)!.w0),
  )
  report(
    `${what}: ipaddr.process`,
    nanosecondsPer((i) => ipaddr.process(texts[i % QUERIES]!).toByteArray()[0]!),
  )
}

function matches(address: ipaddr.IPv4 | ipaddr.IPv6, ranges: [ipaddr.IPv4 | ipaddr.IPv6, number][]): boolean {
  return ranges.some((range) => address.match(range))
}

/** /12 to /28, or /24 to /64. */
function randomCidr(family: 4 | 6): string {
  const prefix = family === 4 ? 12 + Math.floor(random() * 17) : 24 + Math.floor(random() * 41)
  const network =
    family === 4
      ? ipaddr.IPv4.networkAddressFromCIDR(`${randomAddress(4).text}/${prefix}`)
      : ipaddr.IPv6.networkAddressFromCIDR(`${randomAddress(6).text}/${prefix}`)
  return `${network.toString()}/${prefix}`
}

function randomAddress(family: 4 | 6): IpAddress {
  const bytes = Array.from({ length: family === 4 ? 4 : 16 }, () => Math.floor(random() * 256))
  // 2000::/3 is what is given out; not the IPv4-mapped prefix either way.
  if (family === 6) bytes[0] = 0x20 | (bytes[0]! & 0x1f)
  return parseAddress(ipaddr.fromByteArray(bytes).toString())!
}

function addressIn(cidr: Cidr): IpAddress {
  const bytes = ipaddr.parse(cidr.network.text).toByteArray()
  for (let bit = cidr.prefix; bit < bytes.length * 8; bit++) {
    if (random() < 0.5) bytes[bit >> 3]! |= 0x80 >> (bit & 7)
  }
  return parseAddress(ipaddr.fromByteArray(bytes).toString())!
}
