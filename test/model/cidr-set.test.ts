import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import t from 'tap'
import { type Cidr, type IpAddress, parseAddress, parseCidr } from '../../src/model/address.ts'
import { CidrSet } from '../../src/model/cidr-set.ts'
import { seededRandom } from '../support/seeded-random.ts'

interface Rule {
  readonly cidr: Cidr
  readonly deny: boolean
}

/** Rules as people write them: `allow 10.0.0.0/8`. */
function setOf(...rules: string[]): CidrSet {
  return CidrSet.of(rules.map(rule))
}

function rule(text: string): Rule {
  const [action, cidr] = text.split(' ')
  return { cidr: parseCidr(cidr!) as Cidr, deny: action === 'deny' }
}

function find(set: CidrSet, address: string): number {
  return set.find(parseAddress(address)!)
}

/** The rule by its definition, one range after the other. */
function decidingRule(rules: readonly Rule[], address: IpAddress): number {
  const parsed = ipaddr.parse(address.text)
  let best = -1
  for (const [index, { cidr, deny }] of rules.entries()) {
    if (parsed.kind() !== ipaddr.parse(cidr.network.text).kind()) continue
    if (!parsed.match(ipaddr.parseCIDR(cidr.text))) continue
    const before = rules[best]
    const decides = before === undefined || (deny === before.deny ? cidr.prefix > before.cidr.prefix : deny)
    if (decides) best = index
  }
  return best
}

function textOf(bytes: readonly number[]): string {
  return ipaddr.fromByteArray([...bytes]).toString()
}

/** Few different bytes, so that ranges nest, touch and repeat. */
const fewBytes = fc.constantFrom(0, 1, 127, 128, 255)
const addressBytes = fc.oneof(
  fc.array(fewBytes, { minLength: 4, maxLength: 4 }),
  // Not the IPv4-mapped prefix, which would become IPv4.
  fc.array(fewBytes, { minLength: 15, maxLength: 15 }).map((bytes) => [0x20, ...bytes]),
)
const rules = fc.array(
  fc.tuple(addressBytes, fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean()).map(([bytes, share, deny]) => {
    const prefix = Math.floor(share * bytes.length * 8)
    const family = bytes.length === 4 ? ipaddr.IPv4 : ipaddr.IPv6
    const network = family.networkAddressFromCIDR(`${textOf(bytes)}/${prefix}`)
    return { cidr: parseCidr(`${network}/${prefix}`) as Cidr, deny }
  }),
  { maxLength: 40 },
)

/** First and last address of a range and their neighbours outside it. */
function edges({ cidr }: Rule): IpAddress[] {
  const family = cidr.network.family === 4 ? ipaddr.IPv4 : ipaddr.IPv6
  const bits = cidr.network.family === 4 ? 32 : 128
  const number = (address: ipaddr.IPv4 | ipaddr.IPv6) =>
    address.toByteArray().reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  const first = number(family.networkAddressFromCIDR(cidr.text))
  const last = first + (1n << BigInt(bits - cidr.prefix)) - 1n
  return [first - 1n, first, last, last + 1n]
    .filter((value) => value >= 0n && value < 1n << BigInt(bits))
    .map((value) => {
      const bytes = Array.from({ length: bits / 8 }, (_, i) => Number((value >> BigInt(bits - 8 - i * 8)) & 255n))
      return parseAddress(textOf(bytes))!
    })
    .filter((address) => address.family === cidr.network.family)
}

t.test('the rule that decides is the one that checking every range finds', async () => {
  fc.assert(
    fc.property(rules, fc.array(addressBytes, { minLength: 10, maxLength: 10 }), (list, others) => {
      const set = CidrSet.of(list)
      const addresses = [...list.flatMap(edges), ...others.map((bytes) => parseAddress(textOf(bytes))!)]
      for (const address of addresses) {
        const expected = decidingRule(list, address)
        const found = set.find(address)
        if (found !== expected) throw new Error(`${address.text}: rule ${found} instead of ${expected}`)
      }
    }),
    { numRuns: 300 },
  )
})

t.test('ten thousand ranges are searched as few are', async (t) => {
  const list = Array.from({ length: 10_000 }, (_, i) => rule(`allow 10.${i >> 8}.${i & 255}.64/26`))
  const set = CidrSet.of(list)
  for (const i of [0, 1, 255, 256, 5000, 9999]) {
    t.equal(find(set, `10.${i >> 8}.${i & 255}.63`), -1)
    t.equal(find(set, `10.${i >> 8}.${i & 255}.64`), i)
    t.equal(find(set, `10.${i >> 8}.${i & 255}.127`), i)
    t.equal(find(set, `10.${i >> 8}.${i & 255}.128`), -1)
  }
})

t.test('ranges that share any number of leading bits are told apart', async (t) => {
  const random = seededRandom(1)
  for (let sharedBits = 3; sharedBits < 128; sharedBits += 5) {
    const address = () => {
      let value = 0x20n << 120n
      for (let bit = sharedBits; bit < 128; bit++) if (random() < 0.5) value |= 1n << BigInt(127 - bit)
      return parseAddress(textOf(Array.from({ length: 16 }, (_, i) => Number((value >> BigInt(120 - i * 8)) & 255n))))!
    }
    const list = Array.from({ length: 25 }, () => rule(`allow ${address().text}/128`))
    const set = CidrSet.of(list)
    const wrong = [...list.flatMap(edges), address(), address()].filter(
      (other) => set.find(other) !== decidingRule(list, other),
    )
    t.same(wrong, [], `${sharedBits} shared bits`)
  }
})

t.test('deny beats allow, however specific the allow is', async (t) => {
  const set = setOf('allow 203.0.113.66/32', 'deny 203.0.113.0/24', 'allow 203.0.0.0/16')
  t.equal(find(set, '203.0.113.66'), 1)
  t.equal(find(set, '203.0.113.255'), 1)
  t.equal(find(set, '203.0.114.0'), 2)
})

t.test('of the same action the most specific range decides, of equal ones the first', async (t) => {
  const set = setOf(
    'allow 10.0.0.0/8',
    'allow 10.1.0.0/16',
    'allow 10.1.0.0/16',
    'deny 172.16.0.0/12',
    'deny 172.16.1.0/24',
  )
  t.equal(find(set, '10.1.2.3'), 1)
  t.equal(find(set, '10.2.2.3'), 0)
  t.equal(find(set, '172.16.1.1'), 4)
  t.equal(find(set, '172.16.2.1'), 3)
})

t.test('a range may begin at the first address and end at the last', async (t) => {
  const everything = setOf('allow 0.0.0.0/0', 'allow ::/0')
  t.equal(find(everything, '0.0.0.0'), 0)
  t.equal(find(everything, '255.255.255.255'), 0)
  t.equal(find(everything, '::'), 1)
  t.equal(find(everything, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'), 1)
  const ends = setOf('allow 255.255.255.255/32', 'allow 0.0.0.0/32')
  t.equal(find(ends, '255.255.255.255'), 0)
  t.equal(find(ends, '255.255.255.254'), -1)
  t.equal(find(ends, '0.0.0.0'), 1)
})

t.test('all of IPv6 holds no IPv4 address, and the other way round', async (t) => {
  t.equal(find(setOf('allow ::/0'), '203.0.113.9'), -1)
  t.equal(find(setOf('allow 0.0.0.0/0'), '2001:db8::1'), -1)
  t.equal(find(setOf('allow 0.0.0.0/0'), '::ffff:203.0.113.9'), 0, 'IPv4-mapped is IPv4')
})

t.test('a set without ranges holds nothing', async (t) => {
  t.equal(setOf().has(parseAddress('10.0.0.1')!), false)
  t.equal(setOf().has(parseAddress('::1')!), false)
})
