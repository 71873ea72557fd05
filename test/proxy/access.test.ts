import fc from 'fast-check'
import t from 'tap'
import { type App, compileSnapshot } from '../../src/model/compiled-snapshot.ts'
import type { SnapshotData, TrustedRange } from '../../src/model/snapshot.ts'
import { ClientFacts, type Verdict } from '../../src/proxy/access.ts'
import { appEntry, snapshotData } from '../support/snapshot-data.ts'

const allow = (cidr: string, label = ''): TrustedRange => ({ cidr, action: 'allow', label })
const deny = (cidr: string, label = ''): TrustedRange => ({ cidr, action: 'deny', label })

function rulesOf(given: Partial<SnapshotData>) {
  return compileSnapshot(snapshotData(given)).access
}

/** Who comes, by the socket's word and X-Forwarded-For, to a public listener unless said otherwise. */
function judge(
  given: Partial<SnapshotData>,
  peer: string | undefined,
  { forwardedFor = '', exposure = 'public' as 'public' | 'internal' } = {},
): { verdict: Verdict; text: string; inside: boolean; label: string } {
  const facts = new ClientFacts(peer, exposure)
  facts.judgeRequest(rulesOf(given), forwardedFor)
  const { verdict, text, inside, label } = facts
  return { verdict, text, inside, label }
}

t.test('an address of the space or of an active network is inside, everything else outside', async (t) => {
  const insideRanges = ['10.0.0.0/16', '172.20.0.0/16', 'fd00:1::/32']
  for (const [peer, inside] of [
    ['10.0.255.255', true],
    ['10.1.0.0', false],
    ['172.20.3.4', true],
    ['::ffff:10.0.0.7', true],
    ['fd00:1::7', true],
    ['fd00:2::7', false],
    ['fe80::1%eth0', false],
  ] as const) {
    t.equal(judge({ insideRanges }, peer).inside, inside, peer)
  }
})

t.test('without trusted ranges everyone may come, with an empty list no one from outside', async (t) => {
  t.equal(judge({ trustedIpRanges: null }, '203.0.113.9').verdict, 'admitted')
  t.equal(judge({ trustedIpRanges: [] }, '203.0.113.9').verdict, 'untrusted-source')
  t.equal(
    judge({ trustedIpRanges: [] }, '10.0.0.7').verdict,
    'admitted',
    'trusted ranges do not restrict inside clients',
  )
  t.equal(judge({ trustedIpRanges: [deny('10.0.0.0/8')] }, '10.0.0.7').verdict, 'admitted')
})

t.test(
  'only clients from trusted ranges may come, deny beats allow, and the label says which range decided',
  async (t) => {
    const trustedIpRanges = [
      allow('203.0.113.0/24', 'head office'),
      deny('203.0.113.66/32', 'compromised laptop'),
      allow('2001:db8::/32'),
    ]
    t.match(judge({ trustedIpRanges }, '203.0.113.9'), { verdict: 'admitted', label: 'head office' })
    t.match(judge({ trustedIpRanges }, '203.0.113.66'), { verdict: 'denied-range', label: 'compromised laptop' })
    t.match(judge({ trustedIpRanges }, '::ffff:203.0.113.66'), { verdict: 'denied-range', label: 'compromised laptop' })
    t.match(judge({ trustedIpRanges }, '2001:db8::9'), { verdict: 'admitted', label: '2001:db8::/32' })
    t.match(judge({ trustedIpRanges }, '198.51.100.1'), { verdict: 'untrusted-source', label: '' })
  },
)

t.test('an internal listener serves inside clients only, whatever is trusted', async (t) => {
  const trustedIpRanges = [allow('203.0.113.0/24')]
  t.equal(judge({ trustedIpRanges }, '203.0.113.9', { exposure: 'internal' }).verdict, 'internal-listener')
  t.equal(judge({ trustedIpRanges: null }, '203.0.113.9', { exposure: 'internal' }).verdict, 'internal-listener')
  t.equal(judge({ trustedIpRanges: [] }, '10.0.0.7', { exposure: 'internal' }).verdict, 'admitted')
})

t.test('a peer that is no address is refused even when everyone may come', async (t) => {
  for (const peer of [undefined, '', '127.1', '010.0.0.7', '2001:db8::1%eth0', 'unknown']) {
    t.match(
      judge({ trustedIpRanges: null }, peer),
      { verdict: 'untrusted-source', text: '', inside: false },
      String(peer),
    )
  }
})

t.test('X-Forwarded-For of an untrusted peer changes nothing', async (t) => {
  const given = { trustedIpRanges: [allow('203.0.113.0/24')], trustedProxies: ['192.0.2.0/24'] }
  for (const forwardedFor of ['203.0.113.9', '10.0.0.7', '192.0.2.1', 'nonsense', '203.0.113.9, 192.0.2.1']) {
    t.match(
      judge(given, '198.51.100.1', { forwardedFor }),
      { verdict: 'untrusted-source', text: '198.51.100.1', inside: false },
      forwardedFor,
    )
    t.match(
      judge(given, '203.0.113.8', { forwardedFor }),
      { verdict: 'admitted', text: '203.0.113.8', inside: false },
      forwardedFor,
    )
  }
})

t.test('behind trusted proxies the client is the first address from the right that is not one', async (t) => {
  const given = { trustedProxies: ['192.0.2.0/24', '2001:db8:f::/48'] }
  for (const [forwardedFor, client] of [
    ['203.0.113.9', '203.0.113.9'],
    ['10.0.0.7, 203.0.113.9', '203.0.113.9'],
    ['10.0.0.7, 203.0.113.9, 192.0.2.5', '203.0.113.9'],
    ['10.0.0.7,203.0.113.9 ,\t192.0.2.5,2001:db8:f::1', '203.0.113.9'],
    ['nonsense, 203.0.113.9, 192.0.2.5', '203.0.113.9'],
    [', 203.0.113.9', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['2001:DB8:0::9', '2001:db8::9'],
    ['192.0.2.7, 192.0.2.6', '192.0.2.7'],
    ['', '192.0.2.1'],
  ] as const) {
    t.equal(judge(given, '192.0.2.1', { forwardedFor }).text, client, JSON.stringify(forwardedFor))
  }
})

t.test('what a trusted proxy says that is no address fails closed', async (t) => {
  const given = { trustedIpRanges: null, trustedProxies: ['192.0.2.0/24'] }
  for (const forwardedFor of [
    'unknown',
    '203.0.113.9:4711',
    '203.0.113.9,',
    '203.0.113.9, ',
    ',',
    ' ',
    ', 192.0.2.5',
    '203.0.113.9,,192.0.2.5',
    '127.1, 192.0.2.5',
    '203.0.113.9\u00a0',
    'fe80::1%eth0',
    '[2001:db8::9]',
  ]) {
    t.match(
      judge(given, '192.0.2.1', { forwardedFor }),
      { verdict: 'untrusted-source', text: '', inside: false },
      JSON.stringify(forwardedFor),
    )
  }
})

t.test('the walk agrees with its definition for any list of entries', async () => {
  const entry = fc.constantFrom('203.0.113.9', '10.0.0.7', '192.0.2.5', '192.0.2.6', '2001:db8::9', 'unknown', '')
  const given = { trustedProxies: ['192.0.2.0/24'] }
  fc.assert(
    fc.property(
      fc.array(entry, { minLength: 1, maxLength: 6 }),
      fc.constantFrom(',', ', ', ' ,\t'),
      (entries, comma) => {
        const forwardedFor = entries.join(comma)
        const isProxy = (text: string) => text.startsWith('192.0.2.')
        const expected = forwardedFor === '' ? '192.0.2.1' : (entries.findLast((text) => !isProxy(text)) ?? entries[0])
        return judge(given, '192.0.2.1', { forwardedFor }).text === (expected === 'unknown' ? '' : expected)
      },
    ),
    { numRuns: 3000 },
  )
})

t.test('whom a trusted proxy speaks for is judged as if that client had come itself', async (t) => {
  const given = { trustedIpRanges: [allow('203.0.113.0/24', 'head office')], trustedProxies: ['10.0.0.9/32'] }
  t.match(judge(given, '10.0.0.9', { forwardedFor: '203.0.113.9' }), {
    verdict: 'admitted',
    inside: false,
    label: 'head office',
  })
  t.match(judge(given, '10.0.0.9', { forwardedFor: '198.51.100.1' }), { verdict: 'untrusted-source', inside: false })
  t.match(judge(given, '10.0.0.9', { forwardedFor: '10.0.0.7' }), { verdict: 'admitted', inside: true })
  t.equal(judge(given, '10.0.0.9', { forwardedFor: '203.0.113.9', exposure: 'internal' }).verdict, 'internal-listener')
})

t.test('before a request only the peer is judged, and a trusted proxy has to wait for one', async (t) => {
  const rules = rulesOf({ trustedIpRanges: [allow('203.0.113.0/24')], trustedProxies: ['192.0.2.1/32'] })
  t.equal(new ClientFacts('198.51.100.1', 'public').judgePeer(rules), 'untrusted-source')
  t.equal(new ClientFacts('203.0.113.9', 'public').judgePeer(rules), 'admitted')
  t.equal(new ClientFacts('203.0.113.9', 'internal').judgePeer(rules), 'internal-listener')
  t.equal(new ClientFacts(undefined, 'public').judgePeer(rules), 'untrusted-source')
  const proxy = new ClientFacts('192.0.2.1', 'public')
  t.equal(proxy.judgePeer(rules), 'admitted')
  t.equal(proxy.proxied, true)
  t.equal(proxy.judgeRequest(rules, ''), 'untrusted-source', 'the proxy itself is not in a trusted range')
  t.equal(proxy.judgeRequest(rules, '203.0.113.9'), 'admitted')
  t.equal(proxy.judgeRequest(rules, '198.51.100.1'), 'untrusted-source', 'each request speaks for another client')
})

t.test('a range that is removed stops a client at its next request and its tunnels', async (t) => {
  const before = rulesOf({ trustedIpRanges: [allow('203.0.113.0/24')], trustedProxies: ['192.0.2.1/32'] })
  const after = rulesOf({ trustedIpRanges: [], trustedProxies: ['192.0.2.1/32'] })
  const facts = new ClientFacts('203.0.113.9', 'public')
  t.equal(facts.judgeRequest(before, ''), 'admitted')
  t.equal(facts.judgeRequest(after, ''), 'untrusted-source')
  const proxied = new ClientFacts('192.0.2.1', 'public')
  t.equal(proxied.judgeRequest(before, '203.0.113.9'), 'admitted')
  t.equal(proxied.judgeAgain(before), 'admitted')
  t.equal(proxied.judgeAgain(after), 'untrusted-source')
})

t.test('a proxy that is no longer trusted speaks for itself only', async (t) => {
  const facts = new ClientFacts('192.0.2.1', 'public')
  facts.judgeRequest(rulesOf({ trustedProxies: ['192.0.2.1/32'] }), '10.0.0.7')
  t.equal(facts.inside, true)
  facts.judgeRequest(rulesOf({ trustedProxies: [] }), '10.0.0.7')
  t.match(facts, { inside: false, text: '192.0.2.1', proxied: false })
})

t.test('what a peer said before it was trusted is not believed afterwards', async (t) => {
  const facts = new ClientFacts('192.0.2.1', 'public')
  facts.judgeRequest(rulesOf({ trustedProxies: [] }), '10.0.0.7')
  facts.judgeAgain(rulesOf({ trustedProxies: ['192.0.2.1/32'] }))
  t.match(facts, { inside: false, text: '192.0.2.1', proxied: true })
})

t.test("an app's own ranges narrow the space's, for outside clients", async (t) => {
  const data = snapshotData({
    trustedIpRanges: [allow('203.0.113.0/24')],
    trustedProxies: ['192.0.2.1/32'],
    apps: [
      appEntry('shop'),
      appEntry('office', {
        trustedIpRanges: [allow('203.0.113.64/26', 'second floor'), deny('203.0.113.66/32', 'printer')],
      }),
      appEntry('closed', { trustedIpRanges: [] }),
      appEntry('wide', { trustedIpRanges: [allow('0.0.0.0/0')] }),
    ],
  })
  const snapshot = compileSnapshot(data)
  const [shop, office, closed, wide] = snapshot.apps as [App, App, App, App]
  const facts = new ClientFacts('203.0.113.9', 'public')
  facts.judgeRequest(snapshot.access, '')
  t.equal(facts.judgeApp(shop), 'admitted')
  t.equal(facts.judgeApp(office), 'app-range')
  t.equal(facts.appLabel, '')
  t.equal(facts.judgeApp(closed), 'app-range')
  t.equal(facts.judgeApp(wide), 'admitted')

  const proxied = new ClientFacts('192.0.2.1', 'public')
  proxied.judgeRequest(snapshot.access, '203.0.113.65')
  t.equal(proxied.judgeApp(office), 'admitted')
  t.equal(proxied.appLabel, 'second floor')
  proxied.judgeRequest(snapshot.access, '203.0.113.66')
  t.equal(proxied.judgeApp(office), 'app-range', 'the next request is for another client')
  t.equal(proxied.appLabel, 'printer')
  t.equal(
    proxied.judgeRequest(snapshot.access, '198.51.100.1'),
    'untrusted-source',
    'an app cannot widen what the space allows',
  )

  const inside = new ClientFacts('10.0.0.7', 'public')
  inside.judgeRequest(snapshot.access, '')
  t.equal(inside.judgeApp(closed), 'admitted')
})
