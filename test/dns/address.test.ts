import assert from 'node:assert/strict'
import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import t from 'tap'
import { addressBytes, addressText, plainAddress, reverseApexes, reverseName } from '../../src/dns/address.ts'
import { holds } from './holds.ts'

t.test('the bytes of an IPv4 address are those that ipaddr.js finds', async (t) => {
  holds(t, fc.ipV4(), 100, (text) => {
    assert.deepEqual([...(addressBytes(text) ?? [])], ipaddr.parse(text).toByteArray())
  })
})

// ipaddr.js takes ::1.2.3.4 for ::ffff:1.2.3.4, so here the URL parser is the oracle: it writes all 128 bits as groups.
t.test('the bytes of an IPv6 address are those that the URL parser finds', async (t) => {
  holds(t, fc.ipV6(), 500, (text) => {
    const groups = Buffer.from(addressBytes(text) ?? [])
      .toString('hex')
      .match(/.{4}/g)!
    assert.equal(new URL(`http://[${text}]`).hostname, new URL(`http://[${groups.join(':')}]`).hostname)
  })
})

t.test('the text of bytes is canonical and leads back to them', async (t) => {
  const group = fc.oneof(fc.constant([0, 0]), fc.tuple(fc.nat(255), fc.nat(255)))
  holds(t, fc.array(group, { minLength: 8, maxLength: 8 }), 500, (groups) => {
    const bytes = Uint8Array.from(groups.flat())
    const text = addressText(bytes)
    assert.deepStrictEqual(addressBytes(text), bytes)
    if (!text.startsWith('::ffff:')) assert.equal(text, new URL(`http://[${text}]`).hostname.slice(1, -1))
  })
})

for (const bad of ['127.1', '010.8.8.8', '2130706433', 'fe80::1%lo', '1.2.3.4.5', '::g', '', '1.2.3.4 ']) {
  t.test(`${JSON.stringify(bad)} is no address`, async (t) => {
    t.equal(addressBytes(bad), null)
  })
}

t.test('an IPv4 client of an IPv6 socket is an IPv4 client', async (t) => {
  t.equal(plainAddress('::ffff:127.0.0.1'), '127.0.0.1')
  t.equal(plainAddress('fe80::1%eth0'), 'fe80::1')
  t.equal(plainAddress('10.0.0.1'), '10.0.0.1')
  t.equal(plainAddress('::1'), '::1')
})

t.test('reverse names', async (t) => {
  t.equal(reverseName('127.10.3.1'), '1.3.10.127.in-addr.arpa')
  t.equal(reverseName('fd00::1'), `1.${'0.'.repeat(29)}d.f.ip6.arpa`)
  t.equal(reverseName('2001:db8::567:89ab'), 'b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa')
})

t.test('a CIDR that ends where a label ends is one reverse zone', async (t) => {
  t.strictSame(reverseApexes('127.10.0.0/16'), ['10.127.in-addr.arpa'])
  t.strictSame(reverseApexes('10.0.0.0/8'), ['10.in-addr.arpa'])
  t.strictSame(reverseApexes('10.1.2.3/32'), ['3.2.1.10.in-addr.arpa'])
  t.strictSame(reverseApexes('0.0.0.0/0'), ['in-addr.arpa'])
  t.strictSame(reverseApexes('fd00:1::/32'), ['1.0.0.0.0.0.d.f.ip6.arpa'])
})

t.test('a CIDR that cuts a label is a zone for each value of it', async (t) => {
  t.strictSame(
    reverseApexes('10.0.4.0/22'),
    ['4.0.10', '5.0.10', '6.0.10', '7.0.10'].map((z) => `${z}.in-addr.arpa`),
  )
  t.equal(reverseApexes('10.0.0.128/25').length, 128)
  t.equal(reverseApexes('10.0.0.128/25')[0], '128.0.0.10.in-addr.arpa')
  t.strictSame(reverseApexes('fd00::/7'), ['c.f.ip6.arpa', 'd.f.ip6.arpa'])
  t.strictSame(reverseApexes('f800::/5'), [
    '8.f.ip6.arpa',
    '9.f.ip6.arpa',
    'a.f.ip6.arpa',
    'b.f.ip6.arpa',
    'c.f.ip6.arpa',
    'd.f.ip6.arpa',
    'e.f.ip6.arpa',
    'f.f.ip6.arpa',
  ])
  t.strictSame(reverseApexes('c000::/3'), ['c.ip6.arpa', 'd.ip6.arpa'])
})

t.test('the reverse zones of a CIDR hold its addresses and no others', async (t) => {
  const cases = fc.tuple(fc.nat(0xffffffff), fc.integer({ min: 1, max: 32 }), fc.nat(0xffffffff))
  holds(t, cases, 300, ([base, prefix, other]) => {
    const mask = (0xffffffff << (32 - prefix)) >>> 0
    const quad = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.')
    const apexes = reverseApexes(`${quad((base & mask) >>> 0)}/${prefix}`)
    const isHeld = (address: string): boolean =>
      apexes.some((apex) => reverseName(address) === apex || reverseName(address).endsWith(`.${apex}`))
    assert.ok(isHeld(quad(base)))
    assert.ok(isHeld(quad(((base & mask) | (other & ~mask)) >>> 0)))
    assert.equal(isHeld(quad(other)), (other & mask) >>> 0 === (base & mask) >>> 0)
  })
})

t.test('what is no CIDR throws', async (t) => {
  for (const bad of ['10.0.0.0', '10.0.0.0/33', 'x/8', '10.0.0.0/', 'fd00::/129', '10.0.0.0/-1']) {
    t.throws(() => reverseApexes(bad), RangeError)
  }
  t.throws(() => reverseName('web'), RangeError)
})
