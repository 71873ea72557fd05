import t from 'tap'
import { accessTables } from '../../src/model/access-rules.ts'
import { parseAddress } from '../../src/model/address.ts'
import { appNamed, compileSnapshot } from '../../src/model/compiled-snapshot.ts'
import type { SnapshotData } from '../../src/model/snapshot.ts'
import { appEntry, snapshotData } from '../support/snapshot-data.ts'

const trusted = [{ cidr: '203.0.113.0/24', action: 'allow', label: 'head office' }] as const

function threeApps(): SnapshotData {
  return snapshotData({
    trustedIpRanges: trusted,
    trustedProxies: ['10.0.0.9/32'],
    apps: [
      appEntry('shop', {
        domains: ['shop.example.com', '*.shop.example.com'],
        dynos: [{}, {}],
        trustedIpRanges: trusted,
      }),
      appEntry('billing', { domains: ['billing.example.com'], internalRouting: true, dynos: [{}] }),
      appEntry('chat', { dynos: [{}] }),
    ],
  })
}

/** The same content, as it is after a message between processes. */
function received(data: SnapshotData): SnapshotData {
  return structuredClone(data)
}

t.test('what a new snapshot does not change is the same object as before', async (t) => {
  const before = compileSnapshot(threeApps())
  const after = compileSnapshot(received({ ...threeApps(), version: 2 }), before)
  t.equal(after.version, 2)
  t.equal(after.access, before.access)
  t.equal(after.hosts, before.hosts)
  for (const [index, app] of after.apps.entries()) t.equal(app, before.apps[index], app.name)
  t.equal(after.positions, before.positions)
  t.same([...after.positions.keys()], ['shop', 'billing', 'chat'])
})

t.test('a change of one app makes that app new and leaves the others and the hosts', async (t) => {
  const data = threeApps()
  const before = compileSnapshot(data)
  const shop = { ...data.apps[0]!, dynos: data.apps[0]!.dynos.slice(1) }
  const after = compileSnapshot(received({ ...data, version: 2, apps: data.apps.with(0, shop) }), before)
  t.not(after.apps[0], before.apps[0])
  t.equal(after.apps[0]!.entry.dynos.length, 1)
  t.equal(after.apps[0]!.trusted, before.apps[0]!.trusted, 'its ranges did not change')
  t.equal(after.apps[1], before.apps[1])
  t.equal(after.hosts, before.hosts)
  t.equal(appNamed(after, 'shop'), after.apps[0])
  t.equal(appNamed(after, 'nowhere'), undefined)
})

t.test('every field of an app, when it changes, makes the app new', async (t) => {
  const entry = appEntry('shop', { dynos: [{}] })
  const before = compileSnapshot(snapshotData({ apps: [entry] }))
  const changes = {
    domains: ['other.example.com'],
    internalRouting: true,
    maintenance: true,
    trustedIpRanges: [],
    balance: { ...entry.balance, hashName: 'x' },
    slowStartMs: 1,
    timeouts: { ...entry.timeouts, idleMs: 1 },
    maxInFlightPerDyno: 1,
    queue: { ...entry.queue, limit: 1 },
    maxBodyBytes: 1,
    expectContinue: 'end-to-end' as const,
    formation: { ...entry.formation, starting: 1 },
    dynos: [{ ...entry.dynos[0]!, draining: true }],
  }
  t.same(['name', ...Object.keys(changes)].sort(), Object.keys(entry).sort(), 'the list is complete')
  for (const [field, value] of Object.entries(changes)) {
    const after = compileSnapshot(snapshotData({ apps: [{ ...entry, [field]: value }] }), before)
    t.not(after.apps[0], before.apps[0], field)
  }
})

t.test('a field that only one of two snapshots has is a change', async (t) => {
  const entry = appEntry('shop')
  const more = { ...entry, added: 1 }
  for (const [first, then] of [
    [entry, more],
    [more, entry],
  ] as const) {
    const before = compileSnapshot(snapshotData({ apps: [first] }))
    t.not(compileSnapshot(snapshotData({ apps: [then] }), before).apps[0], before.apps[0])
  }
})

t.test('a change of domains, of internal routing or of the order of apps changes the hosts', async (t) => {
  const data = threeApps()
  const before = compileSnapshot(data)
  const [shop, billing, chat] = data.apps
  const changed = [
    [{ ...shop!, domains: ['shop.example.org'] }, billing!, chat!],
    [shop!, { ...billing!, internalRouting: false }, chat!],
    [chat!, shop!, billing!],
    [shop!, billing!],
  ]
  for (const apps of changed) {
    const after = compileSnapshot(snapshotData({ apps }), before)
    t.not(after.hosts, before.hosts)
    for (const [index, app] of apps.entries()) t.equal(after.hosts.inside.find(app.domains[0]!), index, app.name)
  }
})

t.test('internal apps are in the hosts for inside clients alone', async (t) => {
  const { hosts } = compileSnapshot(threeApps())
  t.equal(hosts.inside.find('billing.example.com'), 1)
  t.equal(hosts.outside.find('billing.example.com'), -1)
  t.equal(hosts.outside.find('a.shop.example.com'), 0)
})

t.test('a change of any range list makes new access rules', async (t) => {
  const data = threeApps()
  const before = compileSnapshot(data)
  const changes: Partial<SnapshotData>[] = [
    { insideRanges: ['10.0.0.0/16', '172.20.0.0/16'] },
    { trustedIpRanges: null },
    { trustedIpRanges: [] },
    { trustedIpRanges: [{ ...trusted[0], action: 'deny' }] },
    { trustedProxies: [] },
  ]
  for (const change of changes) t.not(compileSnapshot({ ...data, ...change }, before).access, before.access)
})

t.test('whoever has tables of the ranges already compiles none', async (t) => {
  const data = threeApps()
  const tables = structuredClone(accessTables(data))
  const first = compileSnapshot(data, undefined, tables)
  t.equal(first.access.tables, tables)
  t.equal(first.access.trusted?.set.find(parseAddress('203.0.113.9')!), 0)
  t.ok(first.access.proxies.has(parseAddress('10.0.0.9')!))
  t.equal(compileSnapshot(received({ ...data, version: 2 }), first, tables).access, first.access)
  const closed = { ...data, version: 3, trustedIpRanges: [] }
  t.equal(
    compileSnapshot(closed, first, accessTables(closed)).access.trusted?.set.find(parseAddress('203.0.113.9')!),
    -1,
  )
})

t.test('a range that does not parse is a bug and throws', async (t) => {
  t.throws(() => compileSnapshot(snapshotData({ insideRanges: ['10.0.0.1/16'] })), /the network is 10\.0\.0\.0\/16/)
})
