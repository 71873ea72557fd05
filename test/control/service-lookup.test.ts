import type { Socket } from 'node:dgram'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Answer, Packet } from 'dns-packet'
import dnsPacket from 'dns-packet'
import t from 'tap'
import { lookupByDns } from '../../src/control/service-lookup.ts'

const NAME = '_http._tcp.legacy.service.consul'
const signal = new AbortController().signal

/** Another DNS server: answers each question as the test says; null is silence. */
async function server(t: Tap, reply: (type: string, name: string) => Partial<Packet> | null) {
  const socket: Socket = createSocket('udp4')
  socket.on('message', (bytes, sender) => {
    const query = dnsPacket.decode(bytes)
    const [question] = query.questions!
    const packet = reply(question!.type, question!.name)
    if (packet)
      socket.send(
        dnsPacket.encode({ id: query.id!, type: 'response', questions: query.questions!, ...packet }),
        sender.port,
      )
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  return { name: NAME, host: '127.0.0.1', port: socket.address().port, servicePort: null as number | null }
}

type Tap = { teardown(end: () => unknown): void }

const srv = (target: string, port: number, priority = 1): Answer => ({
  type: 'SRV',
  name: NAME,
  ttl: 30,
  data: { target, port, priority, weight: 1 },
})
const a = (name: string, data: string, ttl = 30): Answer => ({ type: 'A', name, ttl, data })
const txt = (name: string, ...data: string[]): Answer => ({ type: 'TXT', name, ttl: 30, data })

t.test('SRV gives address and port, TXT zone and release, and the least TTL paces', async (t) => {
  const question = await server(t, (type) =>
    type === 'SRV'
      ? {
          answers: [srv('1.web.legacy', 5000), srv('n2.node', 5001)],
          additionals: [
            a('1.web.legacy', '10.0.0.1'),
            a('n2.node', '10.0.0.2', 7),
            txt('1.web.legacy', 'az=a', 'release=v7'),
          ],
        }
      : { answers: [] },
  )
  const found = await lookupByDns(question, signal)
  t.equal(found.ttlMs, 7000)
  t.same(
    [...found.dynos].sort((one, other) => one.port - other.port),
    [
      { target: '1.web.legacy', address: '10.0.0.1', port: 5000, az: 'a', release: 'v7' },
      { target: 'n2.node', address: '10.0.0.2', port: 5001, az: '', release: '' },
    ],
  )
})

t.test('targets that stand by for others are not used beside them', async (t) => {
  const question = await server(t, () => ({
    answers: [srv('first', 1, 10), srv('standby', 2, 20)],
    additionals: [a('first', '10.0.0.1'), a('standby', '10.0.0.2'), txt('first', ''), txt('standby', '')],
  }))
  const { dynos } = await lookupByDns(question, signal)
  t.same(
    dynos.map(({ target }) => target),
    ['first'],
  )
})

t.test('a name without SRV has dynos at its addresses when the configuration gives the port', async (t) => {
  const question = await server(t, (type) =>
    type === 'A'
      ? { answers: [a(NAME, '10.0.0.1', 9), a(NAME, '10.0.0.2', 9)] }
      : type === 'AAAA'
        ? { answers: [{ type: 'AAAA', name: NAME, ttl: 4, data: 'fd00::1' }] }
        : { answers: [] },
  )
  t.same((await lookupByDns(question, signal)).dynos, [])
  const found = await lookupByDns({ ...question, servicePort: 8000 }, signal)
  t.equal(found.ttlMs, 4000)
  t.same(
    found.dynos.map(({ address, port }) => `${address} ${port}`),
    ['10.0.0.1 8000', '10.0.0.2 8000', 'fd00::1 8000'],
  )
})

t.test('a name that does not exist is an answer without dynos', async (t) => {
  const question = await server(t, () => ({ flags: 3 }))
  t.same((await lookupByDns(question, signal)).dynos, [])
  t.same((await lookupByDns({ ...question, servicePort: 8000 }, signal)).dynos, [])
})

t.test('a server that fails or that nobody runs is no answer', async (t) => {
  const failing = await server(t, () => ({ flags: 2 }))
  await t.rejects(lookupByDns(failing, signal), /SERVFAIL/)
  await t.rejects(lookupByDns({ ...failing, servicePort: 8000 }, signal), /SERVFAIL/)
  const gone = createSocket('udp4')
  gone.bind(0, '127.0.0.1')
  await once(gone, 'listening')
  const { port } = gone.address()
  gone.close()
  await once(gone, 'close')
  await t.rejects(lookupByDns({ ...failing, port }, signal))
})

t.test('a question that nobody waits for any more ends', async (t) => {
  const silent = await server(t, () => null)
  const controller = new AbortController()
  const asked = lookupByDns(silent, controller.signal)
  controller.abort(new Error('no longer wanted'))
  await t.rejects(asked, /no longer wanted/)
})
