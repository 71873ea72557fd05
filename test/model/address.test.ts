import { isIP } from 'node:net'
import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import t from 'tap'
import { type Cidr, parseAddress, parseCidr } from '../../src/model/address.ts'

const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
/** Zero groups are likely, so that `::` has something to stand for. */
const v6Groups = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
const v6Bytes = v6Groups.map((groups) => groups.flatMap((group) => [group >>> 8, group & 255]))
/** What might be taken for an address: valid text with one character changed, and text of the right characters. */
const nearlyAddress = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'0123456789abcfF:.'), maxLength: 48 }),
  fc
    .array(fc.constantFrom('0', '1', 'ffff', '12345', '1.2.3.4', ':', '::', '.', '256', '01'), { maxLength: 18 })
    .map((parts) => parts.join('')),
  fc
    .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(), fc.constantFrom(...'0af:.%/ x'), fc.boolean())
    .map(([text, at, character, replace]) => {
      const place = at % (text.length + 1)
      return text.slice(0, place) + character + text.slice(place + (replace ? 1 : 0))
    }),
)

t.test('exactly the text that the system takes for an address is one', async () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.ipV4(), fc.ipV6(), nearlyAddress),
      (text) => (parseAddress(text) !== null) === (isIP(text) !== 0 && !text.includes('%')),
    ),
    { numRuns: 20_000 },
  )
})

t.test('the canonical text is that of RFC 5952, and stands for itself', async (t) => {
  fc.assert(
    fc.property(fc.oneof(octets(4), v6Bytes), (bytes) => {
      const oracle = ipaddr.process(ipaddr.fromByteArray([...bytes]).toString())
      const address = parseAddress(ipaddr.fromByteArray([...bytes]).toNormalizedString())!
      return address.text === oracle.toString() && parseAddress(address.text)!.text === address.text
    }),
    { numRuns: 5000 },
  )
  // RFC 5952 §4.2: the longest run of zeros, the first of equal ones, and never a single group.
  t.equal(parseAddress('2001:DB8:0:0:1:0:0:1')?.text, '2001:db8::1:0:0:1')
  t.equal(parseAddress('2001:0:0:1:0:0:0:1')?.text, '2001:0:0:1::1')
  t.equal(parseAddress('2001:db8:0:1:1:1:1:1')?.text, '2001:db8:0:1:1:1:1:1')
  t.equal(parseAddress('0:0:0:0:0:0:0:0')?.text, '::')
})

t.test('an IPv4-mapped address is the IPv4 address, however it is written', async (t) => {
  for (const text of ['::ffff:203.0.113.9', '::FFFF:cb00:7109', '0:0:0:0:0:ffff:203.0.113.9']) {
    t.match(parseAddress(text), { family: 4, text: '203.0.113.9' }, text)
  }
  t.match(parseAddress('::203.0.113.9'), { family: 6, text: '::cb00:7109' }, 'IPv4-compatible is not IPv4-mapped')
})

t.test('spellings that other parsers take for an IPv4 address are none', async (t) => {
  for (const text of [
    '127.1',
    '010.8.8.8',
    '2130706433',
    '0x7f.0.0.1',
    '1.2.3.4.',
    ' 1.2.3.4',
    '1.2.3.4 ',
    '1.2.3.256',
    '1.2.3',
    '1..2.3',
    '',
    '١.2.3.4',
  ]) {
    t.equal(parseAddress(text), null, JSON.stringify(text))
  }
})

t.test('a zone id is refused, except that of a link-local peer', async (t) => {
  t.equal(parseAddress('fe80::1%eth0'), null)
  t.equal(parseAddress('fe80::1%eth0', 'strip-link-local')?.text, 'fe80::1')
  for (const text of ['2001:db8::1%eth0', '::ffff:10.0.0.1%eth0', '10.0.0.1%eth0', 'fe80::1%', 'fe80::zz%eth0']) {
    t.equal(parseAddress(text, 'strip-link-local'), null, text)
  }
})

t.test('a CIDR has the network and the canonical text that ipaddr.js gives it', async () => {
  const cidr = fc.oneof(
    fc.tuple(octets(4), fc.integer({ min: 0, max: 32 })),
    fc.tuple(
      v6Bytes.filter((bytes) => bytes.slice(0, 10).some((byte) => byte !== 0)),
      fc.integer({ min: 0, max: 128 }),
    ),
  )
  fc.assert(
    fc.property(cidr, ([bytes, prefix]) => {
      const text = `${ipaddr.fromByteArray([...bytes]).toString()}/${prefix}`
      const network = (bytes.length === 4 ? ipaddr.IPv4 : ipaddr.IPv6).networkAddressFromCIDR(text)
      const canonical = `${network.toString()}/${prefix}`
      const parsed = parseCidr(canonical) as Cidr
      const withHostBits = parseCidr(text)
      return (
        parsed.text === canonical &&
        parsed.prefix === prefix &&
        (text === canonical || (typeof withHostBits === 'string' && withHostBits.includes(canonical)))
      )
    }),
    { numRuns: 5000 },
  )
})

t.test('a text that is no CIDR gets a sentence that says what would be right', async (t) => {
  const sentences: [text: string, says: RegExp][] = [
    ['10.0.0.1/16', /the network is 10\.0\.0\.0\/16, this one address is 10\.0\.0\.1\/32/],
    ['2001:db8::1/32', /the network is 2001:db8::\/32/],
    ['10.0.0.1', /for this one address write 10\.0\.0\.1\/32/],
    ['10.0.0.0/33', /10\.0\.0\.0\/0 to \/32/],
    ['10.0.0.0/08', /no valid prefix length/],
    ['10.0.0.0/', /no valid prefix length/],
    ['10.0.0.0/16/16', /no valid prefix length/],
    ['::/129', /::\/0 to \/128/],
    ['10.0/16', /is not a CIDR/],
    ['::ffff:0:0/90', /write the IPv4 network itself/],
  ]
  for (const [text, says] of sentences) t.match(parseCidr(text), says, text)
  t.match(
    parseCidr('::ffff:10.0.0.0/104'),
    { prefix: 8, text: '10.0.0.0/8' },
    'an IPv4-mapped network is the IPv4 network',
  )
})
