import t, { type Test } from 'tap'
import type { Message } from '../../src/dns/message.ts'
import { Responder, type ResponderOptions } from '../../src/dns/responder.ts'
import type { ServerAddress } from '../../src/dns/server-address.ts'
import { answering, type FakeServer, fakeServer } from './fake-server.ts'
import { APEX, sampleZones } from './sample-zone.ts'
import { askUdp, queryBytes, TcpClient } from './wire-client.ts'

const NAME = 'Www.Example.com'
const SERVFAIL = 2

async function forwarding(
  t: Test,
  forwarders: readonly ServerAddress[],
  options: Partial<ResponderOptions> = {},
): Promise<Responder> {
  const responder = new Responder({
    host: '127.0.0.1',
    port: 0,
    zones: sampleZones(3),
    allow: (address) => address !== '127.66.6.6',
    forwarders,
    forwardTimeoutMs: 100,
    ...options,
  })
  await responder.start()
  t.teardown(() => responder.stop())
  return responder
}

function addressOf(query: Message, address: string): Partial<Message> {
  return { answers: [{ name: query.questions[0]!.name, ttlSeconds: 60, type: 'A', address }] }
}

function upstream(
  t: Test,
  parts: (query: Message) => Partial<Message> = (query) => addressOf(query, '192.0.2.1'),
): Promise<FakeServer> {
  return fakeServer(t, ({ message, reply }) => reply(answering(message, parts(message))))
}

t.test('a name outside of the zone is asked for elsewhere, in the client’s place', async (t) => {
  const server = await upstream(t)
  const heard: string[] = []
  const { address } = await forwarding(t, [server.address], {
    onQuery: (type, rcode) => heard.push(`${type} ${rcode}`),
  })
  const answer = await askUdp(address, queryBytes(NAME, 'A', 4711))
  t.match(answer, {
    id: 4711,
    rcode: 0,
    recursionAvailable: true,
    authoritative: false,
    answers: [{ address: '192.0.2.1' }],
  })
  t.equal(answer.questions[0]?.name, NAME, 'its case is kept')
  t.match(server.asked, [{ transport: 'udp', message: { recursionDesired: true, edns: { udpPayloadBytes: 1232 } } }])
  t.strictSame(heard, ['A NOERROR'])
})

t.test('each forwarded query has an id and a source port of its own', async (t) => {
  const server = await upstream(t)
  const { address } = await forwarding(t, [server.address])
  for (let n = 0; n < 16; n++) await askUdp(address, queryBytes(NAME, 'A', 1))
  t.ok(new Set(server.asked.map(({ message }) => message.id)).size > 12)
  t.ok(new Set(server.asked.map(({ peer }) => peer.port)).size > 12)
})

t.test('a client without EDNS is asked for without EDNS, and what is too long for it is truncated', async (t) => {
  const strings = ['x'.repeat(250), 'y'.repeat(250)]
  const server = await upstream(t, (query) => ({
    answers: [{ name: query.questions[0]!.name, ttlSeconds: 1, type: 'TXT', strings }],
  }))
  const { address } = await forwarding(t, [server.address])
  const answer = await askUdp(address, queryBytes(NAME, 'TXT', 1, false))
  t.equal(server.asked[0]?.message.edns, null)
  t.match(answer, { truncated: true, answers: [] })
})

t.test('a client over TCP is asked for over TCP', async (t) => {
  const server = await upstream(t)
  const { address } = await forwarding(t, [server.address])
  const client = await TcpClient.connect(address)
  client.send(queryBytes(NAME, 'A', 9))
  t.match(await client.receive(), [{ id: 9, answers: [{ address: '192.0.2.1' }] }])
  t.strictSame(
    server.asked.map(({ transport }) => transport),
    ['tcp'],
  )
  client.socket.destroy()
})

t.test('on a TCP connection a forwarded query does not hold up those behind it', async (t) => {
  const held: (() => void)[] = []
  const server = await fakeServer(t, ({ message, reply }) => {
    held.push(() => reply(answering(message, addressOf(message, '192.0.2.1'))))
  })
  const { address } = await forwarding(t, [server.address], { forwardTimeoutMs: 10_000 })
  const client = await TcpClient.connect(address)
  client.send(queryBytes(NAME, 'A', 1), queryBytes(`web.shop.${APEX}`, 'A', 2))
  t.match(await client.receive(), [{ id: 2 }])
  while (held.length === 0) await new Promise(setImmediate)
  held[0]!()
  t.match(await client.receive(), [{ id: 1 }])
  client.socket.destroy()
})

t.test('a client that has said all still gets a forwarded answer', async (t) => {
  const server = await upstream(t)
  const { address } = await forwarding(t, [server.address], { tcpIdleMs: 600_000 })
  const client = await TcpClient.connect(address)
  client.send(queryBytes(NAME, 'A', 1))
  client.socket.end()
  t.match(await client.receive(), [{ id: 1 }])
  client.socket.resume()
  await client.closed
})

t.test('more forwarded queries on one connection than may wait are all answered', async (t) => {
  const server = await upstream(t)
  const { address } = await forwarding(t, [server.address], { forwardTimeoutMs: 5000 })
  const client = await TcpClient.connect(address)
  const ids = Array.from({ length: 50 }, (_, id) => id)
  client.send(...ids.map((id) => queryBytes(NAME, 'A', id)))
  const answers = await client.receive(50)
  t.strictSame(
    answers.map(({ id }) => id).sort((a, b) => a - b),
    ids,
  )
  client.socket.destroy()
})

t.test('the second server is asked when the first is silent, fails or talks nonsense', async (t) => {
  const bad = {
    silent: () => fakeServer(t, () => {}),
    failing: () => upstream(t, () => ({ rcode: SERVFAIL })),
    'not making sense': () =>
      fakeServer(t, ({ bytes, reply }) => reply(Buffer.concat([answerHeader(bytes), Buffer.alloc(3)]))),
    'answering without the question': () => fakeServer(t, ({ bytes, reply }) => reply(errorHeader(bytes))),
  }
  for (const [what, make] of Object.entries(bad)) {
    const first = await make()
    const second = await upstream(t)
    const { address } = await forwarding(t, [first.address, second.address])
    t.match(await askUdp(address, queryBytes(NAME, 'A')), { rcode: 0, answers: [{ address: '192.0.2.1' }] }, what)
    t.equal(first.asked.length, 1)
  }
})

/** The query, as if it were its answer. */
function answerHeader(query: Buffer): Buffer {
  const answer = Buffer.from(query)
  answer[2]! |= 0x80
  return answer
}

function errorHeader(query: Buffer): Buffer {
  const answer = answerHeader(query).subarray(0, 12)
  answer[3] = 1
  answer.fill(0, 4)
  return answer
}

t.test('a lone server is asked twice, then the answer is SERVFAIL', async (t) => {
  const server = await fakeServer(t, () => {})
  const heard: string[] = []
  const { address } = await forwarding(t, [server.address], {
    onQuery: (type, rcode) => heard.push(`${type} ${rcode}`),
  })
  const packet = queryBytes(NAME, 'A', 5)
  t.match(await askUdp(address, packet), { id: 5, rcode: SERVFAIL, answers: [] })
  t.equal(server.asked.length, 2)
  t.strictSame(heard, ['A SERVFAIL'])
})

t.test('an answer to another query is not believed', async (t) => {
  const server = await fakeServer(t, ({ message, reply }) => {
    const lie = answering(message, addressOf(message, '203.0.113.66'))
    reply({ ...lie, id: message.id ^ 1 })
    reply({ ...lie, questions: [{ ...message.questions[0]!, name: 'other.example' }] })
    reply({ ...lie, questions: [{ ...message.questions[0]!, type: 'AAAA' }] })
    reply({ ...lie, response: false })
    reply(answering(message, addressOf(message, '192.0.2.1')))
  })
  const { address } = await forwarding(t, [server.address])
  t.match(await askUdp(address, queryBytes(NAME, 'A')), { answers: [{ address: '192.0.2.1' }] })
})

t.test('no more queries are under way than allowed: the next is answered at once', async (t) => {
  const held: (() => void)[] = []
  const server = await fakeServer(t, ({ message, reply }) => {
    held.push(() => reply(answering(message, addressOf(message, '192.0.2.1'))))
  })
  const { address } = await forwarding(t, [server.address], { maxForwards: 2, forwardTimeoutMs: 10_000 })
  const first = askUdp(address, queryBytes(NAME, 'A', 1))
  const second = askUdp(address, queryBytes(NAME, 'A', 2))
  while (held.length < 2) await new Promise(setImmediate)
  t.match(await askUdp(address, queryBytes(NAME, 'A', 3)), { id: 3, rcode: SERVFAIL })
  for (const release of held) release()
  t.match(await Promise.all([first, second]), [{ rcode: 0 }, { rcode: 0 }])
  const third = askUdp(address, queryBytes(NAME, 'A', 4))
  while (held.length < 3) await new Promise(setImmediate)
  held[2]!()
  t.match(await third, { id: 4, rcode: 0 }, 'the places are free again')
})

t.test('outside clients, and those that desire no recursion, reach no forwarder', async (t) => {
  const server = await upstream(t)
  const { address } = await forwarding(t, [server.address])
  t.match(await askUdp(address, queryBytes(NAME, 'A'), '127.66.6.6'), { rcode: 5 })
  const packet = queryBytes(NAME, 'A')
  packet[2] = 0
  t.match(await askUdp(address, packet), { rcode: 5 })
  t.match(
    await askUdp(address, queryBytes(`nope.${APEX}`, 'A')),
    { rcode: 3, authoritative: true },
    'and our own names do not',
  )
  t.equal(server.asked.length, 0)
})

t.test('a stop does not wait for other servers', async (t) => {
  const server = await fakeServer(t, () => {})
  const responder = await forwarding(t, [server.address], { forwardTimeoutMs: 60_000 })
  const client = await TcpClient.connect(responder.address)
  client.send(queryBytes(NAME, 'A'))
  while (server.asked.length === 0) await new Promise(setImmediate)
  client.socket.resume()
  await responder.stop()
  await client.closed
  t.pass('stopped')
})
