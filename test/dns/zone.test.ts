import t from 'tap'
import type { ResourceRecord } from '../../src/dns/record.ts'
import { EMPTY_PART, Zone, ZoneSet } from '../../src/dns/zone.ts'
import { APEX, apexRecords, sampleZones } from './sample-zone.ts'

const SHOP = `web.shop.${APEX}`

t.test('a name has the records of the type that is asked for, in whatever case', async (t) => {
  const zones = sampleZones(2)
  const answer = zones.lookup('WEB.shop.App.LocalSpace.', 'A')
  t.strictSame(answer, {
    kind: 'answer',
    records: [
      { name: SHOP, ttlSeconds: 5, type: 'A', address: '127.10.1.1' },
      { name: SHOP, ttlSeconds: 5, type: 'A', address: '127.10.1.2' },
    ],
    additionals: [],
  })
})

t.test('SRV comes with the addresses of its targets, then with their TXT', async (t) => {
  const answer = sampleZones(2).lookup(`_http._tcp.${SHOP}`, 'SRV')
  t.equal(answer.kind, 'answer')
  if (answer.kind !== 'answer') return
  t.strictSame(
    answer.additionals.map(({ name, type }) => `${type} ${name}`),
    [`A 1.${SHOP}`, `A 2.${SHOP}`, `TXT 1.${SHOP}`, `TXT 2.${SHOP}`],
  )
})

t.test('two services at one target have its address once', async (t) => {
  const service = {
    name: `_http._tcp.${SHOP}`,
    ttlSeconds: 5,
    type: 'SRV',
    priority: 0,
    weight: 0,
    target: `1.${SHOP}`,
  } as const
  const records: ResourceRecord[] = [
    ...apexRecords(APEX),
    { ...service, port: 5000 },
    { ...service, port: 5001 },
    { name: `1.${SHOP}`, ttlSeconds: 5, type: 'A', address: '127.10.1.1' },
  ]
  const answer = new ZoneSet([{ apex: APEX, records, names: [] }]).lookup(service.name, 'SRV')
  t.equal(answer.kind === 'answer' && answer.records.length, 2)
  t.equal(answer.kind === 'answer' && answer.additionals.length, 1)
})

const kinds: [string, 'A' | 'AAAA' | 'TXT' | 'SRV' | 'PTR' | 'SOA' | 'NS' | 'ANY', string, string][] = [
  [SHOP, 'AAAA', 'nodata', 'it has other records'],
  [`shop.${APEX}`, 'A', 'nodata', 'an empty non-terminal'],
  [`_tcp.${SHOP}`, 'SRV', 'nodata', 'an empty non-terminal'],
  [`_tcp.${SHOP}`, 'ANY', 'nodata', 'an empty non-terminal has no set for ANY either'],
  [`web.idle.${APEX}`, 'A', 'nodata', 'a name that exists without records'],
  [`idle.${APEX}`, 'A', 'nodata', 'the parent of such a name'],
  [APEX, 'A', 'nodata', 'the apex'],
  [APEX, 'SOA', 'answer', 'the apex'],
  [APEX, 'NS', 'answer', 'the apex'],
  [SHOP, 'ANY', 'answer', 'every set'],
  [`nope.${SHOP}`, 'A', 'nxdomain', 'below a name with records'],
  [`worker.shop.${APEX}`, 'A', 'nxdomain', 'beside a name with records'],
  [`x\\.web.shop.${APEX}`, 'A', 'nxdomain', 'a dot inside of a label is not a dot'],
  [`9.9.10.127.in-addr.arpa`, 'PTR', 'nxdomain', 'an address that no one has'],
  [`1.10.127.in-addr.arpa`, 'PTR', 'nodata', 'above an address that someone has'],
  [`1.1.10.127.in-addr.arpa`, 'PTR', 'answer', 'an address'],
  ['localspace', 'A', 'outside', 'above the apex'],
  ['app.localspace.example', 'A', 'outside', 'only looks like it'],
  ['xapp.localspace', 'A', 'outside', 'ends like it, within a label'],
  ['1.1.11.127.in-addr.arpa', 'PTR', 'outside', 'not an address of the space'],
  ['', 'NS', 'outside', 'the root'],
  ['a..b', 'A', 'outside', 'not a name'],
]

for (const [name, type, kind, why] of kinds) {
  t.test(`${type} of ${name || 'the root'} is ${kind}: ${why}`, async (t) => {
    t.equal(sampleZones(1).lookup(name, type).kind, kind)
  })
}

t.test('both negative answers carry the SOA of the zone', async (t) => {
  const negative = sampleZones(1).lookup(`nope.${APEX}`, 'A')
  t.match(negative, { kind: 'nxdomain', authority: { name: APEX, type: 'SOA', minimumSeconds: 5 } })
  const reverse = sampleZones(1).lookup('1.10.127.in-addr.arpa', 'PTR')
  t.match(reverse, { kind: 'nodata', authority: { name: '10.127.in-addr.arpa' } })
})

t.test('of two zones the one with the longer apex has the say', async (t) => {
  const zones = new ZoneSet([
    { apex: 'localspace', records: [...apexRecords('localspace')], names: ['web.app.localspace'] },
    { apex: APEX, records: apexRecords(APEX), names: [] },
  ])
  t.match(zones.lookup('web.app.localspace', 'A'), { kind: 'nxdomain', authority: { name: APEX } })
  t.match(zones.lookup('web.localspace', 'A'), { kind: 'nxdomain', authority: { name: 'localspace' } })
})

t.test('a record twice counts once, and a set has one TTL', async (t) => {
  const address = { name: SHOP, type: 'A', address: '127.10.1.1' } as const
  const records: ResourceRecord[] = [
    ...apexRecords(APEX),
    { ...address, ttlSeconds: 5 },
    { ...address, name: SHOP.toUpperCase(), ttlSeconds: 5 },
    { ...address, address: '127.10.1.2', ttlSeconds: 2 },
  ]
  const answer = new ZoneSet([{ apex: APEX, records, names: [] }]).lookup(SHOP, 'A')
  t.strictSame(answer.kind === 'answer' && answer.records.map((record) => record.ttlSeconds), [2, 2])
})

t.test('a zone that cannot be right is not made', async (t) => {
  const make =
    (records: ResourceRecord[], names: string[] = []) =>
    () =>
      new ZoneSet([{ apex: APEX, records, names }])
  t.throws(make([]), /exactly one SOA/)
  t.throws(make([...apexRecords(APEX), ...apexRecords(APEX, 2)]), /exactly one SOA/)
  t.throws(make(apexRecords(`web.${APEX}`)), /exactly one SOA/)
  t.throws(make(apexRecords('localspace')), /outside/)
  t.throws(make(apexRecords(APEX), ['example.com']), /outside/)
  t.throws(make(apexRecords(APEX), ['a..b']), /not a domain name/)
})

t.test('a part that is replaced takes along what nothing else needs', async (t) => {
  const address = (name: string, address: string, ttlSeconds = 5): ResourceRecord => {
    return { name, ttlSeconds, type: 'A', address }
  }
  const zones = new ZoneSet([{ apex: APEX, records: apexRecords(APEX), names: [] }])
  const zone = zones.zones[0] as Zone
  const shop = { records: [address(`1.${SHOP}`, '127.10.1.1'), address(SHOP, '127.10.1.1', 2)], names: [] }
  const idle = { records: [address(SHOP, '127.10.1.2')], names: [`web.idle.${APEX}`] }
  const before = [...zone.nodes.keys()]
  zone.replace(EMPTY_PART, shop)
  zone.replace(EMPTY_PART, idle)
  const both = zones.lookup(SHOP, 'A')
  t.match(both, { records: [{ ttlSeconds: 2 }, { ttlSeconds: 2 }] })
  zone.replace(shop, EMPTY_PART)
  t.match(zones.lookup(SHOP, 'A'), { records: [{ address: '127.10.1.2', ttlSeconds: 5 }] }, 'its own TTL again')
  t.equal(zones.lookup(`1.${SHOP}`, 'A').kind, 'nxdomain')
  t.equal(zones.lookup(`shop.${APEX}`, 'A').kind, 'nodata')
  zone.replace(idle, EMPTY_PART)
  t.strictSame([...zone.nodes.keys()], before)
})

t.test('a part that cannot be right changes nothing', async (t) => {
  const zone = new Zone({ apex: APEX, records: apexRecords(APEX), names: [] })
  const before = [...zone.nodes.keys()]
  t.throws(() => zone.replace(EMPTY_PART, { records: [], names: [SHOP, 'example.com'] }), /outside/)
  t.throws(() => zone.replace(EMPTY_PART, { records: apexRecords(APEX, 2), names: [SHOP] }), /exactly one SOA/)
  t.strictSame([...zone.nodes.keys()], before)
  t.equal(zone.authority.serial, 1)
})
