import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { encodeMessage, type Message } from '../../src/dns/message.ts'
import type { ResourceRecord } from '../../src/dns/record.ts'
import { Resolver } from '../../src/dns/resolver.ts'
import { parseServerAddress } from '../../src/dns/server-address.ts'
import { type Asked, answering, fakeServer } from './fake-server.ts'
import { apexRecords } from './sample-zone.ts'

const NAME = 'web.shop.app.localspace'

function address(name: string, text: string, ttlSeconds: number = 5): ResourceRecord {
  return { name, ttlSeconds, type: 'A', address: text }
}

/** A server that answers each query with what `parts` makes of it. */
async function serving(t: Test, parts: (asked: Asked, nth: number) => Partial<Message> | null) {
  let count = 0
  const server = await fakeServer(t, (asked) => {
    const answer = parts(asked, ++count)
    if (answer !== null) asked.reply(answering(asked.message, answer))
  })
  return { server, resolver: new Resolver({ server: server.address, timeoutMs: 200, attempts: 3 }) }
}

t.test('a query gives answers, additionals and the least TTL of the answers', async (t) => {
  const { resolver, server } = await serving(t, () => ({
    answers: [address(NAME, '10.0.0.1', 9), address('WEB.shop.app.localspace', '10.0.0.2', 4)],
    additionals: [address('other', '10.0.0.3', 1)],
  }))
  const result = await resolver.query(NAME, 'A')
  t.match(result, { rcode: 'NOERROR', ttlSeconds: 4, transport: 'udp', additionals: [{ address: '10.0.0.3' }] })
  t.strictSame(
    result.answers.map((record) => record.type === 'A' && record.address),
    ['10.0.0.1', '10.0.0.2'],
  )
  t.match(server.asked, [
    {
      transport: 'udp',
      message: { recursionDesired: true, edns: { udpPayloadBytes: 1232 }, questions: [{ name: NAME, type: 'A' }] },
    },
  ])
})

t.test('each query has an id and a source port that cannot be foretold', async (t) => {
  const { resolver, server } = await serving(t, () => ({}))
  for (let n = 0; n < 20; n++) await resolver.query(NAME, 'A')
  const ids = server.asked.map(({ message }) => message.id)
  t.ok(new Set(ids).size > 15)
  t.ok(ids.slice(1).some((id, index) => id !== ids[index]! + 1))
  t.ok(new Set(server.asked.map(({ peer }) => peer.port)).size > 15)
})

t.test('what does not answer the query is passed over', async (t) => {
  const server = await fakeServer(t, ({ message, reply }) => {
    const lie = answering(message, { answers: [address(NAME, '203.0.113.66')] })
    reply({ ...lie, id: (message.id + 1) & 0xffff })
    reply({ ...lie, questions: [{ name: 'web.shop.app.localspaze', type: 'A', class: 1 }] })
    reply({ ...lie, questions: [{ name: NAME, type: 'TXT', class: 1 }] })
    reply({ ...lie, questions: [{ name: NAME, type: 'A', class: 3 }] })
    reply({ ...lie, questions: [] })
    reply({ ...lie, opcode: 4 })
    reply({ ...lie, response: false })
    reply(Buffer.alloc(5))
    reply(answering(message, { answers: [address(NAME, '10.0.0.1')] }))
  })
  const result = await new Resolver({ server: server.address, attempts: 1, timeoutMs: 2000 }).query(NAME, 'A')
  t.match(result.answers, [{ address: '10.0.0.1' }])
})

t.test('the right answer from another port than was asked is not believed', async (t) => {
  const stranger = createSocket('udp4')
  stranger.bind(0, '127.0.0.1')
  await once(stranger, 'listening')
  t.teardown(() => stranger.close())
  const server = await fakeServer(t, ({ message, reply, peer }) => {
    const lie = encodeMessage(answering(message, { answers: [address(NAME, '203.0.113.66')] }))
    stranger.send(lie, peer.port, peer.address, () => {
      reply(answering(message, { answers: [address(NAME, '10.0.0.1')] }))
    })
  })
  const result = await new Resolver({ server: server.address, attempts: 1, timeoutMs: 2000 }).query(NAME, 'A')
  t.match(result.answers, [{ address: '10.0.0.1' }])
})

t.test('a lost query is sent again, with a new id', async (t) => {
  const { resolver, server } = await serving(t, (_, nth) => (nth < 3 ? null : { answers: [address(NAME, '10.0.0.1')] }))
  t.equal((await resolver.query(NAME, 'A')).answers.length, 1)
  t.equal(server.asked.length, 3)
  t.equal(new Set(server.asked.map(({ message }) => message.id)).size, 3)
})

t.test('a silent server is given up after as many tries as set', async (t) => {
  const { resolver, server } = await serving(t, () => null)
  await t.rejects(resolver.query(NAME, 'A'), { name: 'DnsError', code: 'timeout' })
  t.equal(server.asked.length, 3)
})

t.test('a server that is not there is unreachable', async (t) => {
  const gone = createSocket('udp4')
  gone.bind(0, '127.0.0.1')
  await once(gone, 'listening')
  const server = { host: '127.0.0.1', port: gone.address().port }
  gone.close()
  await once(gone, 'close')
  const resolver = new Resolver({ server, timeoutMs: 2000 })
  await t.rejects(resolver.query(NAME, 'A'), { code: 'unreachable', message: /ECONNREFUSED/ })
  await t.rejects(resolver.query(NAME, 'A', { transport: 'tcp' }), { code: 'unreachable' })
})

t.test('an answer that cannot be read is malformed', async (t) => {
  const server = await fakeServer(t, ({ bytes, reply }) => {
    const answer = Buffer.from(bytes)
    answer[2]! |= 0x80
    answer.writeUInt16BE(9, 6)
    reply(answer)
  })
  const resolver = new Resolver({ server: server.address, timeoutMs: 2000 })
  await t.rejects(resolver.query(NAME, 'A'), { code: 'malformed' })
  t.equal(server.asked.length, 3, 'it is tried again')
})

t.test('a truncated answer is asked for over TCP', async (t) => {
  const { resolver, server } = await serving(t, ({ transport }) =>
    transport === 'udp'
      ? { truncated: true, answers: [address(NAME, '10.0.0.1')] }
      : { answers: [address(NAME, '10.0.0.1'), address(NAME, '10.0.0.2')] },
  )
  const result = await resolver.query(NAME, 'A')
  t.match(result, { transport: 'tcp' })
  t.equal(result.answers.length, 2)
  t.strictSame(
    server.asked.map(({ transport }) => transport),
    ['udp', 'tcp'],
  )
})

t.test('who wants TCP gets TCP', async (t) => {
  const { resolver, server } = await serving(t, () => ({}))
  await resolver.query(NAME, 'A', { transport: 'tcp' })
  t.strictSame(
    server.asked.map(({ transport }) => transport),
    ['tcp'],
  )
})

t.test('a server from before EDNS is asked without it', async (t) => {
  const { resolver, server } = await serving(t, ({ message }) =>
    message.edns === null ? { answers: [address(NAME, '10.0.0.1')] } : { rcode: 1, questions: [] },
  )
  t.equal((await resolver.query(NAME, 'A')).rcode, 'NOERROR')
  t.strictSame(
    server.asked.map(({ message }) => message.edns === null),
    [false, true],
  )
})

t.test('what a server cannot say is a result', async (t) => {
  const { resolver } = await serving(t, () => ({ rcode: 2 }))
  t.match(await resolver.query(NAME, 'A'), { rcode: 'SERVFAIL', answers: [], ttlSeconds: 0 })
})

const [authority] = apexRecords('app.localspace')
const negatives: [string, Partial<Message>, string, number][] = [
  ['NXDOMAIN with an SOA', { rcode: 3, authorities: [{ ...authority!, ttlSeconds: 60 }] }, 'NXDOMAIN', 5],
  ['NODATA with an SOA of a short TTL', { authorities: [{ ...authority!, ttlSeconds: 2 }] }, 'NOERROR', 2],
  ['NXDOMAIN without an SOA', { rcode: 3 }, 'NXDOMAIN', 0],
  ['NODATA without an SOA', {}, 'NOERROR', 0],
  [
    'an alias that leads nowhere',
    { answers: [{ name: NAME, ttlSeconds: 99, type: 'CNAME', target: 'x' }], authorities: [authority!] },
    'NOERROR',
    5,
  ],
]
for (const [what, parts, rcode, ttlSeconds] of negatives) {
  t.test(`${what} may be kept for ${ttlSeconds} s (RFC 2308)`, async (t) => {
    const { resolver } = await serving(t, () => parts)
    t.match(await resolver.query(NAME, 'A'), { rcode, ttlSeconds })
  })
}

t.test('aliases are followed, other names are not believed, circles end', async (t) => {
  const alias = (name: string, target: string): ResourceRecord => ({ name, ttlSeconds: 5, type: 'CNAME', target })
  const { resolver } = await serving(t, () => ({
    answers: [address('evil', '203.0.113.66'), address('c', '10.0.0.1', 3), alias('b', 'C'), alias(NAME, 'b')],
  }))
  const result = await resolver.query(NAME, 'A')
  t.strictSame(
    result.answers.map(({ type, name }) => `${type} ${name}`),
    [`CNAME ${NAME}`, 'CNAME b', 'A c'],
  )
  t.equal(result.ttlSeconds, 3)
  const circle = await serving(t, () => ({ answers: [alias(NAME, 'b'), alias('b', NAME)] }))
  t.ok(await circle.resolver.query(NAME, 'A'))
})

t.test('a query can be aborted, before and while it waits', async (t) => {
  const { resolver, server } = await serving(t, () => null)
  const reason = new Error('no longer wanted')
  await t.rejects(resolver.query(NAME, 'A', { signal: AbortSignal.abort(reason) }), reason)
  t.equal(server.asked.length, 0)
  for (const transport of ['udp', 'tcp'] as const) {
    const abort = new AbortController()
    const pending = resolver.query(NAME, 'A', { signal: abort.signal, transport })
    const before = server.asked.length
    while (server.asked.length === before) await new Promise(setImmediate)
    abort.abort(reason)
    await t.rejects(pending, reason)
  }
})

t.test('a name that is none is not asked for', async (t) => {
  const { resolver, server } = await serving(t, () => ({}))
  await t.rejects(resolver.query('a..b', 'A'), RangeError)
  t.equal(server.asked.length, 0)
})

t.test('a TCP server that hangs up is unreachable', async (t) => {
  const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const resolver = new Resolver({ server: { host: '127.0.0.1', port }, attempts: 1, timeoutMs: 5000 })
  await t.rejects(resolver.query(NAME, 'A', { transport: 'tcp' }), { code: 'unreachable' })
})

t.test('the address of a server in a configuration', async (t) => {
  t.strictSame(parseServerAddress('10.0.0.2'), { host: '10.0.0.2', port: 53 })
  t.strictSame(parseServerAddress('10.0.0.2:8600'), { host: '10.0.0.2', port: 8600 })
  t.strictSame(parseServerAddress('fd00::2'), { host: 'fd00::2', port: 53 })
  t.strictSame(parseServerAddress('[fd00::2]:8600'), { host: 'fd00::2', port: 8600 })
  for (const bad of [
    '',
    'localhost',
    'localhost:53',
    '10.0.0.2:0',
    '10.0.0.2:65536',
    '[10.0.0.2]:53',
    '[fd00::2]',
    '10.0.0.2:',
  ]) {
    t.equal(parseServerAddress(bad), null, bad)
  }
})
