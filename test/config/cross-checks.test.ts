import t from 'tap'
import { dynoCapacity } from '../../src/config/dyno-capacity.ts'
import { addressesOfZone, addressPlan, ZONES } from '../../src/control/placement.ts'
import { parseCidr } from '../../src/model/address.ts'
import { configWith, problemsOf, problemsWith, withApp } from './checked.ts'

const web = { command: 'node server.js' }

t.test('a domain leads to one app, and the other place is named', async (t) => {
  const text = `space: { name: acme }
listeners: [{ name: public, address: 127.0.0.1:0, exposure: public }]
apps:
  shop: { domains: [a.example.com, "*.example.com"] }
  billing:
    domains:
      - b.example.com
      - "*.Example.com"
      - A.example.COM
      - b.example.com
`
  const rule = 'a domain leads to one app, once'
  t.strictSame(problemsOf(text), [
    `t.yml:8:9: apps.billing.domains[1]: *.example.com is already at apps.shop.domains[1] (line 4); ${rule}`,
    `t.yml:9:9: apps.billing.domains[2]: a.example.com is already at apps.shop.domains[0] (line 4); ${rule}`,
    `t.yml:10:9: apps.billing.domains[3]: b.example.com is already at apps.billing.domains[0] (line 7); ${rule}`,
  ])
})

t.test('a wildcard and a name under it may be of different apps', async (t) => {
  t.equal(
    configWith({ apps: { a: { domains: ['*.example.com'] }, b: { domains: ['b.example.com', '*.b.example.com'] } } })
      .apps.length,
    2,
  )
})

t.test('listeners have names and sockets of their own', async (t) => {
  const listener = (name: string, address: string) => ({ name, address, exposure: 'public' })
  t.strictSame(
    problemsWith({
      listeners: [listener('a', '10.0.0.1:80'), listener('a', '10.0.0.1:81'), listener('b', '10.0.0.1:80')],
    }),
    [
      'listeners[1].name: a is already at listeners[0].name; each listener needs a name of its own',
      'listeners[2].address: 10.0.0.1:80 is already at listeners[0].address; each socket needs an address and port of its own',
    ],
  )
  t.match(problemsWith({ listeners: [listener('a', '[::1]:80'), listener('b', '[0:0::1]:80')] }), [
    /^listeners\[1\]\.address: \[::1\]:80 is already/,
  ])
  t.equal(configWith({ listeners: [listener('a', '127.0.0.1:0'), listener('b', '127.0.0.1:0')] }).listeners.length, 2)
})

t.test('the embedded DNS and the admin door need sockets of their own too', async (t) => {
  const listeners = [{ name: 'a', address: '127.0.0.1:5300', exposure: 'public' }]
  t.match(problemsWith({ listeners }), [
    /^listeners\[0\]\.address: 127\.0\.0\.1:5300 is already at dns\.address \(its default\)/,
  ])
  const admin = { address: '127.0.0.1:9900', tokens: [{ name: 'ci', sha256: '0'.repeat(64) }] }
  t.match(problemsWith({ dns: { address: '127.0.0.1:9900' }, admin }), [
    /^admin\.address: 127\.0\.0\.1:9900 is already at dns\.address; /,
  ])
  t.equal(configWith({ listeners, dns: { address: '127.0.0.1:0' } }).dns.port, 0)
})

t.test(
  'an admin door that every user of the machine can reach wants tokens, each with a name of its own',
  async (t) => {
    const address = '127.0.0.1:9900'
    t.match(problemsWith({ admin: { address } }), [
      /^admin\.address: every user of this machine could change things at 127\.0\.0\.1:9900; give admin\.tokens, /,
    ])
    const token = { name: 'ci', sha256: '0'.repeat(64) }
    t.match(problemsWith({ admin: { address, tokens: [token, token] } }), [
      /^admin\.tokens\[1\]\.name: ci is already at/,
    ])
    const [problem] = problemsWith({ admin: { address, tokens: [{ name: 'ci', sha256: 'the-secret' }] } })
    t.match(problem, /^admin\.tokens\[0\]\.sha256: 10 characters that are no SHA-256 in hex; give /)
    t.notMatch(problem, /the-secret/, 'the file may have the token itself in the wrong place')
    t.match(configWith({ admin: { address, tokens: [token] } }).admin, { port: 9900, tokens: [token] })
  },
)

t.test('networks have names of their own and may overlap', async (t) => {
  const network = (name: string, cidr: string) => ({ name, kind: 'vpn', cidrs: [cidr] })
  t.match(problemsWith({ networks: [network('a', '10.0.0.0/8'), network('a', '10.1.0.0/16')] }), [
    /^networks\[1\]\.name: a is already/,
  ])
  t.equal(configWith({ networks: [network('a', '10.0.0.0/8'), network('b', '10.1.0.0/16')] }).networks.length, 2)
})

t.test('lists of trusted ranges keep to their limit', async (t) => {
  const ranges = (count: number) => Array.from({ length: count }, (_, index) => `203.0.113.${index}/32`)
  t.equal(configWith({ trustedIpRanges: ranges(20) }).trustedIpRanges?.length, 20)
  t.strictSame(problemsWith({ trustedIpRanges: ranges(21), ...withApp({ trustedIpRanges: ranges(22) }) }), [
    'trustedIpRanges[20]: 21 ranges where at most 20 may be; join neighbours into a larger range, or raise limits.trustedIpRanges',
    'apps.shop.trustedIpRanges[20]: 22 ranges where at most 20 may be; join neighbours into a larger range, or raise limits.trustedIpRanges',
  ])
  t.equal(configWith({ trustedIpRanges: ranges(30), limits: { trustedIpRanges: 30 } }).trustedIpRanges?.length, 30)
  t.match(problemsWith({ trustedIpRanges: ranges(3), limits: { trustedIpRanges: 2 } }), [
    /3 ranges where at most 2 may be/,
  ])
})

t.test('a list that only denies is a mistake: no one could come', async (t) => {
  const deny = { cidr: '203.0.113.0/24', action: 'deny' }
  t.match(problemsWith({ trustedIpRanges: [deny] }), [
    /^trustedIpRanges: only deny: no one may come; add what to allow/,
  ])
  t.match(problemsWith(withApp({ trustedIpRanges: [deny] })), [/^apps\.shop\.trustedIpRanges: only deny/])
  t.ok(configWith({ trustedIpRanges: [deny, '0.0.0.0/0'] }))
})

t.test('a process type says in exactly one way where its dynos are', async (t) => {
  const dynos = [{ address: '10.0.1.4:5000' }]
  const dns = { name: 'web.example', server: '10.0.0.2:53' }
  const said = (type: unknown) => problemsWith({ apps: { shop: { formation: { web: type } } } })
  t.strictSame(said({}), [
    'apps.shop.formation.web: does not say where its dynos are; give one of command, exec, dynos, registered or dns',
  ])
  t.strictSame(said({ quantity: 2 }), [
    'apps.shop.formation.web: does not say where its dynos are; give one of command, exec, dynos, registered or dns',
  ])
  t.strictSame(said({ dynos, dns }), [
    'apps.shop.formation.web.dns: dynos says already where the dynos are; give only one of command, exec, dynos, registered or dns',
  ])
  t.equal(said({ command: 'x', dynos, dns }).length, 2)
  t.strictSame(said({ dynos, quantity: 2, cwd: '.' }), [
    'apps.shop.formation.web.quantity: goes with command or exec, not with dynos; take it out',
    'apps.shop.formation.web.cwd: goes with command or exec, not with dynos; take it out',
  ])
  t.strictSame(said({ dynos: [...dynos, ...dynos] }), [
    'apps.shop.formation.web.dynos[1].address: 10.0.1.4:5000 is already at apps.shop.formation.web.dynos[0].address; list each dyno once',
  ])
  t.strictSame(said({ dynos: [] }), [], 'no dynos at all are right')
})

t.test('quantities have their bounds', async (t) => {
  const said = (quantity: unknown) => problemsWith(withApp({ formation: { web: { ...web, quantity } } }))
  t.strictSame(said(0), [])
  t.strictSame(said(1000), [])
  for (const quantity of [-1, 1.5, 1001]) {
    t.strictSame(said(quantity), [
      `apps.shop.formation.web.quantity: found the number ${quantity}; give a whole number from 0 to 1000`,
    ])
  }
})

t.test('dynos may be outside the space', async (t) => {
  t.ok(
    configWith(withApp({ formation: { web: { dynos: [{ address: '192.0.2.1:80' }, { address: '10.0.0.1:80' }] } } })),
  )
})

t.test('the space has room for the dynos that run in it', async (t) => {
  const space = (cidr: string, quantity: number) => ({
    space: { name: 'acme', cidr },
    apps: { shop: { formation: { web: { ...web, quantity }, worker: web } } },
  })
  t.ok(configWith(space('10.0.0.0/28', 5)))
  t.strictSame(problemsWith(space('10.0.0.0/28', 6)), [
    'space.cidr: 10.0.0.0/28 has room for 6 dynos, the apps have 7; give a larger network, such as 10.0.0.0/16',
  ])
  t.match(problemsWith(space('10.0.0.1/32', 0)), [
    /^space\.cidr: 10\.0\.0\.1\/32 has room for 0 dynos, the apps have 1/,
  ])
  t.ok(configWith({ space: { name: 'acme', cidr: '10.0.0.1/32' } }), 'without dynos there is always room')
})

t.test('the room that is counted is the room that placement gives', async (t) => {
  for (const cidr of [
    '10.0.0.0/28',
    '10.0.0.0/27',
    '10.0.0.0/24',
    '10.0.0.0/22',
    '10.8.0.0/20',
    '2001:db8::/124',
    '2001:db8::/116',
  ]) {
    const plan = addressPlan(cidr)
    const addresses = ZONES.flatMap((_, index) => [...addressesOfZone(plan, index)])
    const network = parseCidr(cidr)
    t.equal(typeof network !== 'string' && dynoCapacity(network), addresses.length, cidr)
  }
  for (const cidr of ['10.0.0.0/29', '10.0.0.0/32', '2001:db8::/125']) {
    const network = parseCidr(cidr)
    t.equal(typeof network !== 'string' && dynoCapacity(network), 0, cidr)
  }
})

t.test('what nothing would read is a mistake', async (t) => {
  const dynos = { web: { dynos: [{ address: '10.0.1.4:5000' }] } }
  t.match(problemsWith(withApp({ env: { A: '1' }, formation: dynos })), [
    /^apps\.shop\.env: no dyno of this app runs here/,
  ])
  t.ok(configWith({ apps: { shop: { env: { A: '1' } } } }), 'before the first release it may be there')
  t.strictSame(problemsWith(withApp({ balance: { algorithm: 'random', on: 'client' } })), [
    'apps.shop.balance.on: only hash looks at it; write algorithm: hash, or take it out',
  ])
})

t.test('checks between keys come together with those of single keys', async (t) => {
  t.strictSame(
    problemsWith({
      space: { name: 5 },
      trustedIpRanges: 'all',
      apps: {
        shop: { domains: ['a.com', 7, 'a.com'], formation: { web: [], worker: { command: 3, dns: 4 } } },
        other: null,
      },
    }),
    [
      'space.name: found the number 5; give the name of the space, such as shop-2',
      'trustedIpRanges: found "all"; give a list',
      'apps.shop.domains[1]: found the number 7; give a domain such as shop.example.com or *.shop.example.com',
      'apps.shop.formation.web: found a list; give a map with the keys command, exec, quantity, cwd …',
      'apps.shop.formation.worker.command: found the number 3; give a command line such as node server.js',
      'apps.shop.formation.worker.dns: found the number 4; give a map with the keys name, server, port',
      'apps.other: empty; give a map with the keys domains, internalRouting, maintenance, trustedIpRanges …',
      'apps.shop.domains[2]: a.com is already at apps.shop.domains[0]; a domain leads to one app, once',
      'apps.shop.formation.worker.dns: command says already where the dynos are; give only one of command, exec, dynos, registered or dns',
    ],
  )
})
