import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createServer } from 'node:net'
import t from 'tap'
import { acceptsConnections } from '../../src/control/boot-probe.ts'
import { systemClock } from '../../src/control/clock.ts'
import { ManualClock, settled } from './manual-clock.ts'

const never = new AbortController().signal

t.test('a program that speaks first is heard out, and is not shocked by a reset', async (t) => {
  const ended = Promise.withResolvers<void>()
  const server = createServer((socket: Socket) => {
    socket.on('error', ended.reject)
    socket.on('close', () => ended.resolve())
    socket.end('220 welcome\r\n'.repeat(1000))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { address, port } = server.address() as { address: string; port: number }
  const wanted = new AbortController()
  t.ok(await acceptsConnections({ address, port }, 10_000, systemClock, wanted.signal))
  wanted.abort()
  await ended.promise
})

t.test('nobody who accepts: it gives up in time, and at once when nobody wants to know any more', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { address, port } = server.address() as { address: string; port: number }
  server.close()
  await once(server, 'close')
  const clock = new ManualClock()
  const inTime = acceptsConnections({ address, port }, 60_000, clock, never)
  const ticking = setInterval(() => void clock.advance(1000), 1)
  t.notOk(await inTime)
  clearInterval(ticking)
  const wanted = new AbortController()
  const atOnce = acceptsConnections({ address, port }, 60_000, clock, wanted.signal)
  await settled()
  wanted.abort()
  t.notOk(await atOnce)
  t.equal(clock.nextMs, Number.POSITIVE_INFINITY, 'no timer stays behind')
})
