import assert from 'node:assert/strict'
import dnsPacket, { type Answer, type DecodedPacket } from 'dns-packet'
import fc from 'fast-check'
import t from 'tap'
import type { QueryType } from '../../src/dns/codes.ts'
import { encodeMessage, queryMessage } from '../../src/dns/message.ts'
import { nameText } from '../../src/dns/name.ts'
import { FORWARD, QueryHandler } from '../../src/dns/query-handler.ts'
import type { ResourceRecord } from '../../src/dns/record.ts'
import { EMPTY_PART, ZoneSet } from '../../src/dns/zone.ts'
import { holds } from './holds.ts'
import { APEX, apexRecords, sampleAddress, sampleZones } from './sample-zone.ts'
import { decoded } from './wire-client.ts'

const SHOP = `web.shop.${APEX}`
const SERVICES = `_http._tcp.${SHOP}`

function query(name: string, type: QueryType, udpPayloadBytes: number | null = 1232): Buffer {
  const edns = udpPayloadBytes === null ? null : { udpPayloadBytes, version: 0, dnssecOk: false }
  return encodeMessage(queryMessage(0xbeef, name, type, edns))
}

function handler(dynos: number, forwards: boolean = false): { handler: QueryHandler; seen: string[] } {
  const seen: string[] = []
  return {
    handler: new QueryHandler(sampleZones(dynos), forwards, (type, rcode) => seen.push(`${type} ${rcode}`)),
    seen,
  }
}

/** The bytes of the answer over UDP to an inside client. */
function answerTo(packet: Buffer, dynos: number = 3): Buffer {
  const answer = handler(dynos).handler.handle(packet, true, 'udp')
  if (!Buffer.isBuffer(answer)) throw new Error('no answer')
  return answer
}

function data(answers: readonly Answer[] | undefined): unknown[] {
  return (answers ?? []).map((answer) => (answer as { data?: unknown }).data)
}

t.test('the id, the question in its case and the flag of the query come back', async (t) => {
  const packet = query('wEb.ShOp.app.LOCALSPACE', 'A')
  const answer = dnsPacket.decode(answerTo(packet))
  t.equal(answer.id, 0xbeef)
  t.ok(answer.flag_qr && answer.flag_aa && answer.flag_rd)
  t.notOk(answer.flag_tc || answer.flag_ra || answer.flag_ad)
  t.equal(answer.questions?.[0]?.name, 'wEb.ShOp.app.LOCALSPACE')
  t.strictSame(new Set(answer.answers?.map(({ name }) => name)), new Set(['wEb.ShOp.app.LOCALSPACE']))
  packet[2] = 0
  packet[3] = 0x10
  const other = dnsPacket.decode(answerTo(packet))
  t.notOk(other.flag_rd)
  t.ok(other.flag_cd, 'RFC 4035 §3.1.6: copied')
})

t.test('names have the case of the question, not of the zone', async (t) => {
  const name = 'Web.Shop.App.Localspace'
  const records: ResourceRecord[] = [...apexRecords(APEX), { name, ttlSeconds: 5, type: 'A', address: '127.10.1.1' }]
  const server = new QueryHandler(new ZoneSet([{ apex: 'App.Localspace', records, names: [] }]), false, () => {})
  for (const asked of [SHOP, SHOP.toUpperCase()]) {
    t.equal(decoded(server.handle(query(asked, 'A'), true, 'udp') as Buffer).answers[0]?.name, asked)
  }
})

t.test('the order rotates, by one with each answer', async (t) => {
  const { handler: server } = handler(4)
  const orders = Array.from({ length: 5 }, () => {
    const answer = server.handle(query(SHOP, 'A'), true, 'udp') as Buffer
    return data(dnsPacket.decode(answer).answers)
  })
  for (const [index, order] of orders.entries()) {
    t.strictSame(new Set(order), new Set([1, 2, 3, 4].map(sampleAddress)))
    const before = orders[index - 1]
    if (before !== undefined) t.strictSame(order, [...before.slice(1), before[0]])
  }
})

t.test('services come with addresses and TXT of their targets in the same order', async (t) => {
  const { handler: server } = handler(3)
  for (let round = 0; round < 3; round++) {
    const packet = dnsPacket.decode(server.handle(query(SERVICES, 'SRV'), true, 'udp') as Buffer)
    const targets = packet.answers!.map((answer) => (answer as dnsPacket.SrvAnswer).data.target)
    const known = packet.additionals!.filter(({ type }) => type !== 'OPT')
    t.strictSame(
      known.map(({ type, name }) => `${type} ${name}`),
      [...targets.map((target) => `A ${target}`), ...targets.map((target) => `TXT ${target}`)],
    )
  }
})

t.test('EDNS is answered with EDNS, and only then', async (t) => {
  const options = (packet: Buffer): Answer[] =>
    dnsPacket.decode(answerTo(packet)).additionals!.filter(({ type }) => type === 'OPT')
  t.match(options(query(SHOP, 'A')), [{ type: 'OPT', udpPayloadSize: 1232, ednsVersion: 0, flag_do: false }])
  t.strictSame(options(query(SHOP, 'A', null)), [])
  const dnssecOk = { udpPayloadBytes: 4096, version: 0, dnssecOk: true }
  t.match(options(encodeMessage(queryMessage(1, SHOP, 'A', dnssecOk))), [{ flag_do: true }])
})

t.test('negative answers carry the SOA, compressed into the question', async (t) => {
  const { handler: server } = handler(3)
  for (const [name, type, rcode] of [
    [`nope.${APEX}`, 'A', 'NXDOMAIN'],
    [`a.b.c.d.${SHOP}`, 'TXT', 'NXDOMAIN'],
    [SHOP, 'AAAA', 'NOERROR'],
    [APEX, 'A', 'NOERROR'],
    ['9.9.10.127.in-addr.arpa', 'PTR', 'NXDOMAIN'],
  ] as const) {
    const bytes = server.handle(query(name, type), true, 'udp') as Buffer
    const packet = dnsPacket.decode(bytes) as DecodedPacket & { rcode: string }
    t.equal(packet.rcode, rcode, name)
    t.equal(packet.answers?.length, 0)
    const apex = name.endsWith('arpa') ? '10.127.in-addr.arpa' : APEX
    t.match(packet.authorities, [{ type: 'SOA', name: apex, ttl: 5, data: { mname: `ns.${APEX}`, minimum: 5 } }])
    t.ok(packet.flag_aa)
  }
})

t.test('every answer says what the zone says, whatever was asked before', async (t) => {
  const zones = sampleZones(3)
  const known = zones.zones.flatMap((zone) => [...zone.nodes.keys()].map(nameText))
  const names = [...known, `no.${APEX}`, `mx.${SHOP}`, '9.9.10.127.in-addr.arpa']
  const types = ['A', 'AAAA', 'SRV', 'TXT', 'PTR', 'NS', 'SOA', 'ANY', 'TYPE99'] as const
  const question = fc.tuple(fc.constantFrom(...names), fc.constantFrom(...types))
  holds(t, fc.array(question, { minLength: 2, maxLength: 60 }), 100, (questions) => {
    const { handler: server } = handler(3)
    for (const [name, type] of questions) {
      const answer = decoded((server.handle(query(name, type), true, 'tcp') as Buffer).subarray(2))
      const expected = zones.lookup(name, type)
      if (expected.kind === 'answer') {
        assert.deepEqual(new Set(answer.answers), new Set(expected.records))
        assert.deepEqual(new Set(answer.additionals), new Set(expected.additionals))
      } else if (expected.kind !== 'outside') {
        assert.equal(answer.rcode, expected.kind === 'nodata' ? 0 : 3)
        assert.deepEqual(answer.authorities, [expected.authority])
      }
    }
  })
})

t.test('ANY gives every set of the name', async (t) => {
  const answer = dnsPacket.decode(answerTo(query(`1.${SHOP}`, 'ANY')))
  t.strictSame(
    answer.answers?.map(({ type }) => type),
    ['A', 'TXT'],
  )
})

t.test('what does not fit is left out as whole records, with TC', async (t) => {
  for (const [size, limit] of [
    [null, 512],
    [100, 512],
    [512, 512],
    [1000, 1000],
    [1232, 1232],
    [65535, 1232],
  ] as const) {
    for (const [name, type, recordBytes] of [
      [SHOP, 'A', 16],
      [SERVICES, 'SRV', 12 + 6 + 28],
    ] as const) {
      const bytes = answerTo(query(name, type, size), 100)
      const answer = dnsPacket.decode(bytes)
      t.ok(answer.flag_tc, `${type} in ${size}`)
      t.ok(bytes.length <= limit)
      t.ok(bytes.length > limit - recordBytes - 1, 'as much as fits')
      t.strictSame(
        answer.additionals!.filter((record) => record.type !== 'OPT'),
        [],
        'a part has no additional section',
      )
      t.equal(new Set(data(answer.answers).map((value) => JSON.stringify(value))).size, answer.answers!.length)
    }
  }
})

t.test('additional records that do not fit are left out without TC (RFC 2181 §9)', async (t) => {
  const answer = dnsPacket.decode(answerTo(query(SERVICES, 'SRV'), 16))
  t.notOk(answer.flag_tc)
  t.equal(answer.answers?.length, 16)
  const addresses = answer.additionals!.filter(({ type }) => type === 'A')
  t.equal(addresses.length, 16, 'addresses come first')
  t.ok(answer.additionals!.filter(({ type }) => type === 'TXT').length < 16)
})

t.test('over TCP everything fits, behind its length', async (t) => {
  const bytes = handler(100).handler.handle(query(SERVICES, 'SRV', null), true, 'tcp') as Buffer
  t.equal(bytes.readUInt16BE(0), bytes.length - 2)
  const answer = dnsPacket.decode(bytes.subarray(2))
  t.notOk(answer.flag_tc)
  t.equal(answer.answers?.length, 100)
  t.equal(answer.additionals?.length, 200)
})

t.test('even over TCP there is an end: 65,535 bytes, whole records, TC', async (t) => {
  const bytes = handler(3000).handler.handle(query(SERVICES, 'SRV', null), true, 'tcp') as Buffer
  t.ok(bytes.length <= 2 + 65535)
  const answer = dnsPacket.decode(bytes.subarray(2))
  t.ok(answer.flag_tc)
  t.ok(answer.answers!.length > 1300)
})

t.test('another part of a zone is in the next answer', async (t) => {
  const zones = sampleZones(1)
  const server = new QueryHandler(zones, false, () => {})
  server.handle(query(SHOP, 'A'), true, 'udp')
  const records: ResourceRecord[] = [{ name: SHOP, ttlSeconds: 5, type: 'A', address: '127.10.1.2' }]
  server.forget(zones.zones[0]!.replace(EMPTY_PART, { records, names: [] }))
  t.equal(dnsPacket.decode(server.handle(query(SHOP, 'A'), true, 'udp') as Buffer).answers?.length, 2)
})

const base = query(SHOP, 'A', null)
function changed(change: (packet: Buffer) => void, packet: Buffer = base): Buffer {
  const copy = Buffer.from(packet)
  change(copy)
  return copy
}

const refusals: [string, string, Buffer][] = [
  ['another opcode', 'NOTIMP', changed((packet) => packet.writeUInt8(0x28, 2))],
  ['no question', 'FORMERR', changed((packet) => packet.writeUInt16BE(0, 4))],
  ['two questions (RFC 9619)', 'FORMERR', changed((packet) => packet.writeUInt16BE(2, 4))],
  ['an answer in it', 'FORMERR', changed((packet) => packet.writeUInt16BE(1, 6))],
  ['an authority in it', 'FORMERR', changed((packet) => packet.writeUInt16BE(1, 8))],
  ['an additional record that is not there', 'FORMERR', changed((packet) => packet.writeUInt16BE(1, 10))],
  ['a header only', 'FORMERR', base.subarray(0, 12)],
  ['a question cut short', 'FORMERR', base.subarray(0, base.length - 1)],
  ['a name cut short', 'FORMERR', base.subarray(0, 20)],
  ['bytes after its end', 'FORMERR', Buffer.concat([base, Buffer.alloc(1)])],
  ['a pointer in its question', 'FORMERR', changed((packet) => packet.writeUInt16BE(0xc00c, 12))],
  ['a label type that is not used', 'FORMERR', changed((packet) => packet.writeUInt8(0x43, 12))],
  ['a name of 256 bytes', 'FORMERR', longName(256)],
  ['two OPT records', 'FORMERR', twoOptions()],
  ['a record that is no OPT behind its question', 'FORMERR', signed()],
  ['an option beyond its OPT', 'FORMERR', brokenOption()],
  [
    'EDNS version 1',
    'BADVERS',
    encodeMessage(queryMessage(1, SHOP, 'A', { udpPayloadBytes: 1232, version: 1, dnssecOk: false })),
  ],
  ['class CH', 'REFUSED', changed((packet) => packet.writeUInt16BE(3, packet.length - 2))],
  ['a zone transfer', 'REFUSED', query(APEX, 'TYPE252')],
  ['type MAILA', 'NOTIMP', query(APEX, 'TYPE254')],
  ['a name outside of the zone', 'REFUSED', query('example.com', 'A')],
  ['the root', 'REFUSED', query('', 'NS')],
]

function longName(bytes: number): Buffer {
  const label = Buffer.concat([Buffer.from([63]), Buffer.alloc(63, 'x')])
  const last = bytes - 3 * 64 - 2
  const name = Buffer.concat([label, label, label, Buffer.from([last]), Buffer.alloc(last, 'x'), Buffer.alloc(1)])
  return Buffer.concat([base.subarray(0, 12), name, base.subarray(base.length - 4)])
}

function twoOptions(): Buffer {
  const packet = query(SHOP, 'A')
  const twice = Buffer.concat([packet, packet.subarray(packet.length - 11)])
  twice.writeUInt16BE(2, 10)
  return twice
}

function signed(): Buffer {
  const packet = query(SHOP, 'A')
  packet.writeUInt16BE(250, packet.length - 10)
  return packet
}

function brokenOption(): Buffer {
  const packet = Buffer.concat([query(SHOP, 'A'), Buffer.from([0, 10, 0, 8])])
  packet.writeUInt16BE(4, packet.length - 6)
  return packet
}

for (const [what, rcode, packet] of refusals) {
  t.test(`a query with ${what} gets ${rcode} and no more bytes than it had`, async (t) => {
    for (const transport of ['udp', 'tcp'] as const) {
      const { handler: server, seen } = handler(100)
      const bytes = server.handle(packet, true, transport) as Buffer
      const answer = transport === 'tcp' ? bytes.subarray(2) : bytes
      t.ok(answer.length <= packet.length)
      t.equal(answer.readUInt16BE(0), packet.readUInt16BE(0))
      const decoded = dnsPacket.decode(answer) as DecodedPacket & { rcode: string }
      const extended = decoded.additionals!.find(({ type }) => type === 'OPT') as { extendedRcode: number } | undefined
      t.equal(extended?.extendedRcode === 1 ? 'BADVERS' : decoded.rcode, rcode)
      t.match(seen, [new RegExp(` ${rcode}$`)])
      t.notOk(decoded.flag_aa)
    }
  })
}

t.test('a name of 255 bytes is a question like any other', async (t) => {
  const answer = dnsPacket.decode(answerTo(longName(255))) as DecodedPacket & { rcode: string }
  t.equal(answer.rcode, 'REFUSED')
  t.equal(answer.questions?.length, 1)
})

t.test('what is no query gets nothing', async (t) => {
  const { handler: server, seen } = handler(1)
  t.equal(server.handle(Buffer.alloc(0), true, 'udp'), null)
  t.equal(server.handle(base.subarray(0, 11), true, 'udp'), null)
  t.equal(
    server.handle(
      changed((packet) => packet.writeUInt8(0x80, 2)),
      true,
      'udp',
    ),
    null,
    'an answer: two servers must not talk',
  )
  t.strictSame(seen, [])
})

t.test('a client that is not allowed gets REFUSED, whatever it asks', async (t) => {
  const { handler: server, seen } = handler(100, true)
  for (const packet of [
    ...refusals.map(([, , refused]) => refused),
    query(SERVICES, 'SRV'),
    query('example.com', 'A'),
  ]) {
    const answer = server.handle(packet, false, 'udp') as Buffer
    t.equal((dnsPacket.decode(answer) as DecodedPacket & { rcode: string }).rcode, 'REFUSED')
    t.ok(answer.length <= packet.length)
  }
  t.ok(seen.every((entry) => entry.endsWith(' REFUSED')))
})

t.test('with forwarders a name outside of the zone is to be forwarded, if recursion is desired', async (t) => {
  const { handler: server } = handler(1, true)
  const packet = query('example.com', 'A')
  t.equal(server.handle(packet, true, 'udp'), FORWARD)
  t.not(server.handle(query(`nope.${APEX}`, 'A'), true, 'udp'), FORWARD, 'what is ours to deny is denied')
  packet[2] = 0
  const refused = dnsPacket.decode(server.handle(packet, true, 'udp') as Buffer) as DecodedPacket & { rcode: string }
  t.equal(refused.rcode, 'REFUSED')
  t.ok(refused.flag_ra, 'recursion is available')
})

t.test('the types in metrics are a closed set', async (t) => {
  const { handler: server, seen } = handler(1)
  server.handle(query(SHOP, 'A'), true, 'udp')
  server.handle(query(SHOP, 'TYPE65'), true, 'udp')
  server.handle(query(SHOP, 'TYPE12345'), true, 'udp')
  server.handle(query(SHOP, 'ANY'), true, 'udp')
  server.handle(base.subarray(0, 12), true, 'udp')
  t.strictSame(seen, ['A NOERROR', 'other NOERROR', 'other NOERROR', 'ANY NOERROR', 'none FORMERR'])
})
