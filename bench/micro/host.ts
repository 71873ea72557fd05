/**
 * Finding the app that a host names, among 50,000 domains of 10,000 apps; and what a new snapshot costs there. `node bench/micro/host.ts`
 */
import { compileSnapshot } from '../../src/model/compiled-snapshot.ts'
import { HostTable } from '../../src/model/host-table.ts'
import { findApp } from '../../src/proxy/route.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { appEntry, snapshotData } from '../../test/support/snapshot-data.ts'
import { describeMachine, nanosecondsPer, report } from './measure.ts'

const APPS = 10_000
/** Four exact ones and a wildcard each. */
const DOMAINS_PER_APP = 5
const QUERIES = 4096
const random = seededRandom(1)

describeMachine()
const apps = Array.from({ length: APPS }, (_, i) =>
  appEntry(`app-${i}`, {
    domains: [
      ...['www', 'api', 'admin', 'static'].map((name) => `${name}.app-${i}.example.com`),
      `*.app-${i}.example.net`,
    ],
    dynos: [1, 2, 3, 4].map((number) => ({ address: `10.0.${i >> 8}.${i & 255}`, port: 5000 + number })),
  }),
)
const data = snapshotData({ apps })
const snapshot = compileSnapshot(data)
const domains = apps.flatMap((app, index) => app.domains.map((domain) => [domain, index] as const))
console.log(`${APPS * DOMAINS_PER_APP} domains`)

for (const [what, hostOf] of [
  ['exact name', (i: number) => `api.app-${i}.example.com`],
  ['wildcard, one label', (i: number) => `shop.app-${i}.example.net`],
  ['wildcard, ten labels', (i: number) => `a.b.c.d.e.f.g.h.i.j.app-${i}.example.net`],
  ['unknown host', (i: number) => `unknown-${i}.example.org`],
  ['unknown host of 120 labels', (i: number) => `${'a.'.repeat(118)}x${i}.org`],
] as const) {
  // Cut out of a longer text, as hosts are out of a head: their hash is not known yet.
  const heads = Array.from({ length: QUERIES }, () => `Host: ${hostOf(Math.floor(random() * APPS))}\r\n`)
  report(
    `findApp: ${what}`,
    nanosecondsPer((i) => (findApp(snapshot, heads[i % QUERIES]!.slice(6, -2), false) === null ? 0 : 1)),
  )
}

report(
  'HostTable of all domains',
  nanosecondsPer(() => {
    const table = new HostTable()
    for (const [domain, index] of domains) table.add(domain, index)
    return table.find('www.app-1.example.com')
  }),
)
report(
  'compileSnapshot: everything',
  nanosecondsPer(() => compileSnapshot(data).version),
)
const oneDynoLess = { ...data, apps: data.apps.with(77, { ...data.apps[77]!, dynos: data.apps[77]!.dynos.slice(1) }) }
report(
  'compileSnapshot: one app has one dyno less',
  nanosecondsPer(() => compileSnapshot(oneDynoLess, snapshot).version),
)
const received = structuredClone(oneDynoLess)
report(
  'compileSnapshot: the same, come by message',
  nanosecondsPer(() => compileSnapshot(received, snapshot).version),
)
const oneDomainMore = {
  ...data,
  apps: data.apps.with(77, { ...data.apps[77]!, domains: [...data.apps[77]!.domains, 'new.example.com'] }),
}
report(
  'compileSnapshot: one app has one domain more',
  nanosecondsPer(() => compileSnapshot(oneDomainMore, snapshot).version),
)
