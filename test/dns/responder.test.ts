import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { ResourceRecord } from '../../src/dns/record.ts'
import { Responder, type ResponderOptions } from '../../src/dns/responder.ts'
import { framed } from '../../src/dns/tcp-framing.ts'
import { EMPTY_PART } from '../../src/dns/zone.ts'
import { APEX, sampleAddress, sampleZones } from './sample-zone.ts'
import { askUdp, queryBytes, TcpClient } from './wire-client.ts'

const SHOP = `web.shop.${APEX}`
const SERVICES = `_http._tcp.${SHOP}`

async function started(t: Test, options: Partial<ResponderOptions> = {}): Promise<Responder> {
  const responder = new Responder({ host: '127.0.0.1', port: 0, zones: sampleZones(3), allow: () => true, ...options })
  await responder.start()
  t.teardown(() => responder.stop())
  return responder
}

t.test('answers over UDP and TCP at one port', async (t) => {
  const { address } = await started(t)
  const overUdp = await askUdp(address, queryBytes(SHOP, 'A'))
  const client = await TcpClient.connect(address)
  client.send(queryBytes(SHOP, 'A'))
  const [overTcp] = await client.receive()
  for (const answer of [overUdp, overTcp!]) {
    t.equal(answer.rcode, 0)
    t.strictSame(
      new Set(answer.answers.map((record) => 'address' in record && record.address)),
      new Set([1, 2, 3].map(sampleAddress)),
    )
  }
  client.socket.destroy()
})

t.test('answers on IPv6', async (t) => {
  const { address } = await started(t, { host: '::1' })
  t.equal((await askUdp(address, queryBytes(SHOP, 'A'))).answers.length, 3)
  const client = await TcpClient.connect(address)
  client.send(queryBytes(SHOP, 'A'))
  t.equal((await client.receive())[0]?.answers.length, 3)
  client.socket.destroy()
})

t.test('an IPv4 client of a responder on all addresses is asked about as IPv4', async (t) => {
  const asked: string[] = []
  const { address } = await started(t, { host: '::', allow: (client) => asked.push(client) > 0 })
  const server = { host: '127.0.0.1', port: address.port }
  t.equal((await askUdp(server, queryBytes(SHOP, 'A'))).rcode, 0)
  const client = await TcpClient.connect(server)
  client.send(queryBytes(SHOP, 'A'))
  await client.receive()
  client.socket.destroy()
  t.strictSame(asked, ['127.0.0.1', '127.0.0.1'])
})

t.test('a truncated answer is whole over TCP', async (t) => {
  const { address } = await started(t, { zones: sampleZones(100) })
  const part = await askUdp(address, queryBytes(SERVICES, 'SRV'))
  t.ok(part.truncated)
  const client = await TcpClient.connect(address)
  client.send(queryBytes(SERVICES, 'SRV'))
  const [whole] = await client.receive()
  t.notOk(whole!.truncated)
  t.equal(whole!.answers.length, 100)
  client.socket.destroy()
})

t.test('a connection serves several queries, one after the other', async (t) => {
  const { address } = await started(t)
  const client = await TcpClient.connect(address)
  for (let id = 1; id <= 5; id++) {
    client.send(queryBytes(SHOP, 'A', id))
    t.equal((await client.receive())[0]?.id, id)
  }
  client.socket.destroy()
})

t.test('pipelined queries are answered, in whatever pieces they come', async (t) => {
  const { address } = await started(t)
  const client = await TcpClient.connect(address)
  const ids = Array.from({ length: 20 }, (_, n) => n)
  const stream = Buffer.concat(ids.map((id) => framed(queryBytes(SHOP, 'A', id))))
  client.socket.write(stream.subarray(0, 201))
  for (const byte of stream.subarray(201, 260)) client.socket.write(Buffer.from([byte]))
  client.socket.write(stream.subarray(260))
  t.strictSame(
    (await client.receive(20)).map(({ id }) => id),
    ids,
  )
  client.socket.destroy()
})

t.test('a client that has said all gets its answers, then the end', async (t) => {
  const { address } = await started(t, { tcpIdleMs: 600_000 })
  const client = await TcpClient.connect(address)
  client.socket.end(Buffer.concat([framed(queryBytes(SHOP, 'A', 1)), framed(queryBytes(SHOP, 'A', 2))]))
  t.equal((await client.receive(2)).length, 2)
  client.socket.resume()
  await client.closed
  t.pass('closed')
})

t.test('while a client takes no answers its queries are not read', async (t) => {
  let handled = 0
  const { address } = await started(t, { zones: sampleZones(300), onQuery: () => handled++ })
  const client = await TcpClient.connect(address)
  // 32 KB for each: far more than sockets buffer.
  const queries = 1000
  client.send(...Array.from({ length: queries }, (_, id) => queryBytes(SERVICES, 'SRV', id)))
  let before = -1
  while (handled !== before || handled === 0) {
    before = handled
    await pause(50)
  }
  t.ok(handled < queries / 2, `${handled} of ${queries} were answered into the void`)
  const answers = await client.receiveBytes(queries)
  t.ok(answers.every((answer, id) => answer.readUInt16BE(0) === id && answer.length > 30_000))
  client.socket.destroy()
})

t.test('an idle connection is closed', async (t) => {
  const { address } = await started(t, { tcpIdleMs: 30 })
  const client = await TcpClient.connect(address)
  client.socket.resume()
  await client.closed
  t.pass('closed')
})

t.test('a connection with queries on it is not idle', async (t) => {
  const { address } = await started(t, { tcpIdleMs: 1500 })
  const client = await TcpClient.connect(address)
  for (let n = 0; n < 5; n++) {
    client.send(queryBytes(SHOP, 'A'))
    t.equal((await client.receive()).length, 1)
    await pause(400)
  }
  client.socket.destroy()
})

t.test('single bytes do not keep a connection open', async (t) => {
  const { address } = await started(t, { tcpIdleMs: 100 })
  const client = await TcpClient.connect(address)
  client.socket.resume()
  const trickle = setInterval(() => client.socket.write(Buffer.from([1])), 10)
  await client.closed
  clearInterval(trickle)
  t.pass('closed')
})

t.test('there are never more connections than allowed', async (t) => {
  const { address } = await started(t, { maxTcpConnections: 2 })
  const first = await TcpClient.connect(address)
  const second = await TcpClient.connect(address)
  first.send(queryBytes(SHOP, 'A'))
  second.send(queryBytes(SHOP, 'A'))
  await Promise.all([first.receive(), second.receive()])
  const third = await TcpClient.connect(address)
  third.socket.resume()
  await third.closed
  first.send(queryBytes(SHOP, 'A'))
  t.equal((await first.receive()).length, 1, 'those that were there go on')
  first.socket.destroy()
  second.socket.destroy()
})

t.test('a message that is far too long for a query ends the connection', async (t) => {
  const { address } = await started(t)
  const client = await TcpClient.connect(address)
  client.socket.write(Buffer.from([0xff, 0xff]))
  client.socket.resume()
  await client.closed
  t.pass('closed')
})

t.test('what is no query ends a TCP connection, a malformed one is refused', async (t) => {
  const { address } = await started(t)
  const client = await TcpClient.connect(address)
  client.send(queryBytes(SHOP, 'A').subarray(0, 20))
  t.equal((await client.receive())[0]?.rcode, 1)
  client.send(Buffer.alloc(3))
  client.socket.resume()
  await client.closed
  t.pass('closed')
})

t.test('an outside client is refused, over TCP once', async (t) => {
  const { address } = await started(t, { allow: (client) => client.startsWith('127.10.') })
  t.equal((await askUdp(address, queryBytes(SHOP, 'A'), '127.0.0.1')).rcode, 5)
  t.equal((await askUdp(address, queryBytes(SHOP, 'A'), '127.10.9.9')).rcode, 0)
  const inside = await TcpClient.connect(address, '127.10.9.9')
  inside.send(queryBytes(SHOP, 'A'))
  t.equal((await inside.receive())[0]?.rcode, 0)
  inside.socket.destroy()
  const outside = await TcpClient.connect(address, '127.0.0.1')
  outside.send(queryBytes(SHOP, 'A', 1), queryBytes(SHOP, 'A', 2))
  const [refusal] = await outside.receive()
  t.equal(refusal?.rcode, 5)
  t.equal(refusal?.answers.length, 0)
  await t.rejects(outside.receive(), /ended/)
  await outside.closed
})

t.test('the hook hears of each answer', async (t) => {
  const heard: string[] = []
  const { address } = await started(t, { onQuery: (type, rcode) => heard.push(`${type} ${rcode}`) })
  await askUdp(address, queryBytes(SHOP, 'A'))
  await askUdp(address, queryBytes(`nope.${APEX}`, 'SRV'))
  await askUdp(address, queryBytes('example.com', 'TXT'))
  await askUdp(address, Buffer.alloc(12))
  t.strictSame(heard, ['A NOERROR', 'SRV NXDOMAIN', 'TXT REFUSED', 'none FORMERR'])
})

t.test('a changed zone is in the next answer', async (t) => {
  const zones = sampleZones(1)
  const responder = await started(t, { zones })
  t.equal((await askUdp(responder.address, queryBytes(SHOP, 'A'))).answers.length, 1)
  const records: ResourceRecord[] = [{ name: SHOP, ttlSeconds: 5, type: 'A', address: '127.10.1.2' }]
  responder.forget(zones.zones[0]!.replace(EMPTY_PART, { records, names: [] }))
  t.equal((await askUdp(responder.address, queryBytes(SHOP, 'A'))).answers.length, 2)
})

t.test('a port that is taken for TCP or UDP is an error, and nothing is held', async (t) => {
  const tcp = createServer().listen(0, '127.0.0.1')
  await once(tcp, 'listening')
  const { port } = tcp.address() as { port: number }
  const responder = new Responder({ host: '127.0.0.1', port, zones: sampleZones(1), allow: () => true })
  await t.rejects(responder.start(), { code: 'EADDRINUSE' })
  tcp.close()
  await once(tcp, 'close')

  const udp = createSocket('udp4')
  udp.bind(port, '127.0.0.1')
  await once(udp, 'listening')
  await t.rejects(responder.start(), { code: 'EADDRINUSE' })
  udp.close()
  await once(udp, 'close')

  await responder.start()
  t.equal((await askUdp(responder.address, queryBytes(SHOP, 'A'))).answers.length, 1)
  await responder.stop()
})

t.test('after the stop nothing listens and no connection is left', async (t) => {
  const responder = new Responder({ host: '127.0.0.1', port: 0, zones: sampleZones(1), allow: () => true })
  const address = await responder.start()
  const client = await TcpClient.connect(address)
  client.socket.resume()
  await responder.stop()
  await client.closed
  await t.rejects(TcpClient.connect(address), { code: 'ECONNREFUSED' })
  t.throws(() => responder.address, /does not listen/)
  await responder.stop()
  const next = new Responder({ ...address, zones: sampleZones(1), allow: () => true })
  await next.start()
  await next.stop()
})

t.test('a host that is no address is not listened on', async (t) => {
  t.throws(() => new Responder({ host: 'localhost', port: 0, zones: sampleZones(1), allow: () => true }), RangeError)
})
