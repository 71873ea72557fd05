import t from 'tap'
import { dynoZones, nextSerial } from '../../src/control/dyno-zone.ts'
import type { QueryType } from '../../src/dns/codes.ts'
import type { RecordData, ResourceRecord } from '../../src/dns/record.ts'
import { ZoneSet } from '../../src/dns/zone.ts'
import type { Dyno } from '../../src/model/dyno.ts'

const OPTIONS = {
  zone: 'app.localspace',
  cidr: '127.10.0.0/16',
  ttlSeconds: 5,
  serial: 7,
  nameServerAddresses: ['127.0.0.1'],
}

function dyno(number: number, change: Partial<Dyno> = {}): Dyno {
  return {
    app: 'shop',
    processType: 'web',
    number,
    address: `127.10.1.${number}`,
    port: 5000,
    az: 'a',
    release: 'v7',
    state: 'up',
    sinceMs: 0,
    ...change,
  }
}

function zonesOf(...dynos: Dyno[]): ZoneSet {
  return new ZoneSet(dynoZones(dynos, OPTIONS))
}

/** What a record says, as a line; or the kind of a negative answer. */
function look(zones: ZoneSet, name: string, type: QueryType): string | string[] {
  const answer = zones.lookup(name, type)
  return answer.kind === 'answer' ? answer.records.map(line).sort() : answer.kind
}

function line(record: ResourceRecord): string {
  const data: RecordData = record
  switch (data.type) {
    case 'A':
    case 'AAAA':
      return `${data.type} ${data.address}`
    case 'SRV':
      return `SRV ${data.port} ${data.target}`
    case 'TXT':
      return `TXT ${data.strings.join(' ')}`
    case 'NS':
    case 'PTR':
      return `${data.type} ${data.target}`
    default:
      return data.type
  }
}

const SET = 'web.shop.app.localspace'
const SERVICE = `_http._tcp.${SET}`

t.test('dynos that are up are in the set, have services, names and pointers', async (t) => {
  const zones = zonesOf(dyno(1), dyno(2, { az: 'b', port: 5001 }))
  t.strictSame(look(zones, SET, 'A'), ['A 127.10.1.1', 'A 127.10.1.2'])
  t.strictSame(look(zones, `2.${SET}`, 'A'), ['A 127.10.1.2'])
  t.strictSame(look(zones, SERVICE, 'SRV'), [`SRV 5000 1.${SET}`, `SRV 5001 2.${SET}`])
  t.strictSame(look(zones, `2.${SET}`, 'TXT'), ['TXT az=b release=v7 state=up'])
  t.strictSame(look(zones, '2.1.10.127.in-addr.arpa', 'PTR'), [`PTR 2.${SET}`])
  const services = zones.lookup(SERVICE, 'SRV')
  t.strictSame(services.kind === 'answer' && services.additionals.map(line), [
    'A 127.10.1.1',
    'A 127.10.1.2',
    'TXT az=a release=v7 state=up',
    'TXT az=b release=v7 state=up',
  ])
})

for (const state of ['starting', 'draining', 'crashed'] as const) {
  t.test(`a dyno that is ${state} is in no set, and its own name tells why`, async (t) => {
    const zones = zonesOf(dyno(1), dyno(2, { state }))
    t.strictSame(look(zones, SET, 'A'), ['A 127.10.1.1'])
    t.strictSame(look(zones, SERVICE, 'SRV'), [`SRV 5000 1.${SET}`])
    t.strictSame(look(zones, `2.${SET}`, 'TXT'), [`TXT az=a release=v7 state=${state}`])
    t.equal(look(zones, `2.${SET}`, 'A'), 'nodata')
    t.equal(look(zones, '2.1.10.127.in-addr.arpa', 'PTR'), 'nxdomain')
  })

  t.test(`when all dynos are ${state} their set is there and empty`, async (t) => {
    const zones = zonesOf(dyno(1, { state }))
    t.equal(look(zones, SET, 'A'), 'nodata')
    t.equal(look(zones, SERVICE, 'SRV'), 'nodata')
    t.equal(look(zones, `3.${SET}`, 'TXT'), 'nxdomain')
  })
}

t.test('a dyno that is down is not there at all', async (t) => {
  const zones = zonesOf(dyno(1), dyno(2, { state: 'down' }), dyno(1, { app: 'chat', state: 'down' }))
  t.equal(look(zones, `2.${SET}`, 'TXT'), 'nxdomain')
  t.equal(look(zones, 'web.chat.app.localspace', 'A'), 'nxdomain')
  t.equal(look(zones, 'chat.app.localspace', 'A'), 'nxdomain')
})

t.test('names between those of dynos and the apex exist', async (t) => {
  const zones = zonesOf(dyno(1))
  t.equal(look(zones, 'shop.app.localspace', 'A'), 'nodata')
  t.equal(look(zones, `_tcp.${SET}`, 'SRV'), 'nodata')
  t.equal(look(zones, 'worker.shop.app.localspace', 'A'), 'nxdomain')
  t.equal(look(zones, 'localspace', 'A'), 'outside')
})

t.test('while a release takes over, the dyno that is up speaks for the name', async (t) => {
  const old = dyno(1, { release: 'v6', address: '127.10.2.1', state: 'draining', sinceMs: 9 })
  for (const dynos of [
    [old, dyno(1)],
    [dyno(1), old],
  ]) {
    const zones = zonesOf(...dynos)
    t.strictSame(look(zones, `1.${SET}`, 'TXT'), ['TXT az=a release=v7 state=up'])
    t.strictSame(look(zones, `1.${SET}`, 'A'), ['A 127.10.1.1'])
  }
  const starting = dyno(1, { state: 'starting', sinceMs: 10 })
  t.strictSame(look(zonesOf(starting, old), `1.${SET}`, 'TXT'), ['TXT az=a release=v7 state=starting'])
  const up = [dyno(1, { sinceMs: 10 }), { ...old, state: 'up' as const }]
  for (const dynos of [up, up.toReversed()]) {
    const both = zonesOf(...dynos)
    t.strictSame(look(both, SERVICE, 'SRV'), [`SRV 5000 1.${SET}`], 'one name never stands for two processes')
    t.strictSame(look(both, `1.${SET}`, 'A'), ['A 127.10.1.1'], 'the one that came up last')
  }
})

t.test('two dynos may share an address', async (t) => {
  const zones = zonesOf(dyno(1), dyno(2, { address: '127.10.1.1', port: 5001 }))
  t.strictSame(look(zones, SET, 'A'), ['A 127.10.1.1'])
  t.strictSame(look(zones, SERVICE, 'SRV'), [`SRV 5000 1.${SET}`, `SRV 5001 2.${SET}`])
  t.strictSame(look(zones, '1.1.10.127.in-addr.arpa', 'PTR'), [`PTR 1.${SET}`, `PTR 2.${SET}`])
})

t.test('a dyno that listens nowhere has no service', async (t) => {
  const zones = zonesOf(dyno(1, { processType: 'worker', port: 0 }))
  t.strictSame(look(zones, '1.worker.shop.app.localspace', 'A'), ['A 127.10.1.1'])
  t.equal(look(zones, '_http._tcp.worker.shop.app.localspace', 'SRV'), 'nodata')
})

t.test('IPv6 dynos have AAAA records; what is not known of a dyno is not said', async (t) => {
  const zones = zonesOf(dyno(1, { address: 'fd00::1', az: '', release: '' }))
  t.strictSame(look(zones, SET, 'AAAA'), ['AAAA fd00::1'])
  t.equal(look(zones, SET, 'A'), 'nodata')
  t.strictSame(look(zones, `1.${SET}`, 'TXT'), ['TXT state=up'])
})

t.test('only addresses of the space have pointers here', async (t) => {
  const zones = zonesOf(dyno(1, { address: '10.0.1.4' }))
  t.equal(look(zones, '4.1.0.10.in-addr.arpa', 'PTR'), 'outside')
  t.strictSame(look(zones, SET, 'A'), ['A 10.0.1.4'])
  const odd = new ZoneSet(dynoZones([dyno(1, { address: '10.0.5.4' })], { ...OPTIONS, cidr: '10.0.4.0/22' }))
  t.strictSame(look(odd, '4.5.0.10.in-addr.arpa', 'PTR'), [`PTR 1.${SET}`])
  t.equal(look(odd, '4.8.0.10.in-addr.arpa', 'PTR'), 'outside')
})

t.test('every apex has its SOA and NS, and the name server an address', async (t) => {
  const zones = zonesOf()
  for (const apex of ['app.localspace', '10.127.in-addr.arpa']) {
    t.match(zones.lookup(apex, 'SOA'), {
      records: [{ primary: 'ns.app.localspace', serial: 7, minimumSeconds: 5, ttlSeconds: 5 }],
    })
    t.strictSame(look(zones, apex, 'NS'), ['NS ns.app.localspace'])
  }
  t.strictSame(look(zones, 'ns.app.localspace', 'A'), ['A 127.0.0.1'])
})

t.test('the serial grows with every change, however fast they come', async (t) => {
  t.equal(nextSerial(0, 1_700_000_000_999), 1_700_000_000)
  t.equal(nextSerial(1_700_000_000, 1_700_000_000_999), 1_700_000_001)
  t.equal(nextSerial(1_700_000_005, 1_700_000_001_000), 1_700_000_006)
})
