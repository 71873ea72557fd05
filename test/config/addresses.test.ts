import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import t from 'tap'
import { endpointText, readAdminAddress, readCidr, readEndpoint } from '../../src/config/addresses.ts'
import type { Reading } from '../../src/config/scalars.ts'
import { problemsOf } from './checked.ts'

function said<T>(reading: Reading<T>): T | string {
  return 'value' in reading ? reading.value : reading.wrong
}

t.test('only strict addresses are addresses', async (t) => {
  const loose = [
    '127.1',
    '010.8.8.8',
    '2130706433',
    '0x7f.0.0.1',
    '10.0.0.256',
    '10.0.0',
    '10.0.0.1.2',
    '1.2.3.4 ',
    '٣.1.1.1',
  ]
  const odd = [':::1', '1::2::3', 'fe80::1%eth0', '::ffff:127.1', '12345::', 'localhost', '']
  for (const host of loose) t.match(readEndpoint(`${host}:80`, 'any'), { wrong: / is not an address and port: / }, host)
  for (const host of odd) t.match(readEndpoint(`[${host}]:80`, 'any'), { wrong: / is not an address and port: / }, host)
  for (const host of [...loose, ...odd]) t.match(readCidr(`${host}/32`), { wrong: / is not a CIDR: / }, host)
})

t.test('the forms that other programs take for an address are told why not', async (t) => {
  const why = 'is not four numbers from 0 to 255 without leading zeros; write all four'
  t.strictSame(
    problemsOf(`space: { name: acme }
listeners: [{ name: a, address: 127.1:80, exposure: public }]
trustedProxies:
  - 127.1/32
  - 010.8.8.8/32
  - "2130706433"
  - 2130706433
`),
    [
      `t.yml:2:33: listeners[0].address: "127.1:80" is not an address and port: 127.1 ${why}`,
      `t.yml:4:5: trustedProxies[0]: "127.1/32" is not a CIDR: 127.1 ${why}`,
      `t.yml:5:5: trustedProxies[1]: "010.8.8.8/32" is not a CIDR: 010.8.8.8 ${why}`,
      `t.yml:6:5: trustedProxies[2]: "2130706433" is not a CIDR: 2130706433 ${why}`,
      't.yml:7:5: trustedProxies[3]: found the number 2130706433; give a CIDR such as 10.0.0.0/16 or 2001:db8::/32',
    ],
  )
})

t.test('a CIDR with host bits names the network that would be right', async (t) => {
  t.match(said(readCidr('10.0.0.5/16')), 'the network is 10.0.0.0/16')
  t.match(said(readCidr('2001:db8::1/32')), 'the network is 2001:db8::/32')
  t.equal(said(readCidr('203.0.113.5')), '203.0.113.5 has no prefix length; for this one address write 203.0.113.5/32')
  t.match(said(readCidr('10.0.0.0/33')), 'has no valid prefix length')
  t.match(said(readCidr('10.0.0.0/08')), 'has no valid prefix length')
})

t.test('an IPv4-mapped CIDR is the IPv4 one', async (t) => {
  t.equal(said(readCidr('::ffff:10.0.0.0/104')), '10.0.0.0/8')
  t.equal(said(readCidr('::ffff:0:0/96')), '0.0.0.0/0')
  t.match(said(readCidr('::ffff:10.0.0.0/64')), 'covers more than the IPv4-mapped addresses')
})

t.test('for any network, ipaddr.js gives the same canonical text', async () => {
  const v4 = fc.tuple(fc.ipV4(), fc.nat(32))
  const v6 = fc
    .tuple(fc.ipV6(), fc.nat(128))
    .filter(([address]) => !ipaddr.parse(address).toString().startsWith('::ffff:'))
  fc.assert(
    fc.property(fc.oneof(v4, v6), ([address, prefix]) => {
      const family = ipaddr.parse(address).kind() === 'ipv4' ? ipaddr.IPv4 : ipaddr.IPv6
      const network = family.networkAddressFromCIDR(`${ipaddr.parse(address).toString()}/${prefix}`)
      const reading = readCidr(`${network.toString()}/${prefix}`)
      if (!('value' in reading)) return false
      const [theirs, theirPrefix] = ipaddr.parseCIDR(reading.value)
      return theirPrefix === prefix && theirs.toNormalizedString() === network.toNormalizedString()
    }),
  )
})

t.test('endpoints have one way to be written', async (t) => {
  t.strictSame(said(readEndpoint('10.0.0.5:0', 'any')), { host: '10.0.0.5', port: 0 })
  t.strictSame(said(readEndpoint('[2001:DB8::0:5]:65535', 'remote')), { host: '2001:db8::5', port: 65_535 })
  t.equal(said(readEndpoint('10.0.0.5', 'any')), '10.0.0.5 has no port; write 10.0.0.5:8080')
  t.equal(said(readEndpoint('[::1]', 'any')), '[::1] has no port; write [::1]:8080')
  t.equal(said(readEndpoint('2001:db8::5', 'any')), '2001:db8::5 has no port, or no brackets; write [2001:db8::5]:8080')
  t.equal(
    said(readEndpoint('2001:db8:0:1:0:0:0:1:8080', 'any')),
    '"2001:db8:0:1:0:0:0:1:8080" has no brackets; write [2001:db8:0:1:0:0:0:1]:8080',
  )
  t.equal(said(readEndpoint('[10.0.0.5]:80', 'any')), '"[10.0.0.5]:80" has brackets; write 10.0.0.5:80')
  t.equal(
    said(readEndpoint('localhost:80', 'any')),
    '"localhost:80" is not an address and port: names are not looked up here; write the IP address itself',
  )
  t.equal(
    said(readEndpoint(':80', 'any')),
    '":80" is not an address and port: the address is missing; for every address write 0.0.0.0 or ::',
  )
  for (const port of ['65536', '99999', '-1', '080', '', '1e3', '0x50', ' 80']) {
    t.equal(
      said(readEndpoint(`10.0.0.5:${port}`, 'any')),
      `${JSON.stringify(port)} is not a port; give a whole number from 0 to 65535`,
    )
  }
})

t.test('what is connected to is one address and a real port', async (t) => {
  t.equal(said(readEndpoint('10.0.0.5:0', 'remote')), '"0" is not a port; give a whole number from 1 to 65535')
  for (const any of ['0.0.0.0:53', '[::]:53'])
    t.match(said(readEndpoint(any, 'remote')), 'means every address of this machine')
})

t.test('an endpoint is written as it was read', async () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.ipV4(),
        fc.ipV6().map((address) => `[${address}]`),
      ),
      fc.integer({ min: 1, max: 65_535 }),
      (host, port) => {
        const reading = readEndpoint(`${host}:${port}`, 'any')
        if (!('value' in reading)) return false
        const again = readEndpoint(endpointText(reading.value), 'any')
        return 'value' in again && again.value.host === reading.value.host && again.value.port === port
      },
    ),
  )
})

t.test('the admin door is a socket, or on a loopback address', async (t) => {
  t.strictSame(said(readAdminAddress('unix:run/postern.sock')), { socket: 'run/postern.sock' })
  t.strictSame(said(readAdminAddress('127.8.8.8:9900')), { host: '127.8.8.8', port: 9900 })
  t.strictSame(said(readAdminAddress('[::1]:9900')), { host: '::1', port: 9900 })
  t.strictSame(said(readAdminAddress('[::ffff:127.0.0.1]:9900')), { host: '127.0.0.1', port: 9900 })
  for (const address of ['0.0.0.0:9900', '10.0.0.5:9900', '[::]:9900', '128.0.0.1:9900']) {
    t.match(said(readAdminAddress(address)), 'is not a loopback address; give 127.0.0.1, [::1] or a unix: socket')
  }
  t.equal(said(readAdminAddress('unix:')), 'unix: without a path; write unix:postern.sock')
  t.match(said(readAdminAddress('postern.sock')), /, or unix:postern\.sock$/)
})
