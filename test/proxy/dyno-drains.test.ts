import t from 'tap'
import { settled } from '../support/data-plane.ts'
import { app } from '../support/loopback-space.ts'
import type { RawClient } from '../support/raw-client.ts'
import type { DynoConnection } from '../support/scripted-dyno.ts'
import { GET, openStage, request, type Stage } from '../support/stage.ts'

// The promise: the clients of a dyno that drains are told in time. Each WebSocket gets a Close frame, 1012, between two frames and one after the
// other; what is still there at the end of the drain time is cut.

const CLOSE_1012 = '\x88\x02\x03\xf4'
const DRAIN_MS = 10_000

async function stage(t: { teardown(end: () => unknown): void }): Promise<Stage> {
  return openStage(t as never, { time: 'stopped', dynos: 2, space: { dynoDrainMs: DRAIN_MS } })
}

async function open({ router, dyno }: Stage, protocol = 'websocket'): Promise<[RawClient, DynoConnection]> {
  const number = dyno.connections.length
  const client = await router.client()
  client.send(request('GET', `Connection: upgrade\r\nUpgrade: ${protocol}\r\n`))
  const connection = await dyno.connection(number)
  connection.send(`HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: ${protocol}\r\n\r\n`)
  await client.until('\r\n\r\n')
  client.received = Buffer.alloc(0)
  return [client, connection]
}

/** The first dyno drains, the second one serves. */
function drain({ router, dynos }: Stage, more: readonly number[] = []): void {
  const { data } = router.plane.snapshot
  const [first, second] = dynos.map(({ port }) => port)
  const entry = { id: `dyno at ${first}`, address: '127.0.0.1', port: first!, draining: true }
  router.plane.apply({ ...data, version: data.version + 1, apps: [app({ dynos: [entry, second!, ...more] })] })
}

/** Requests take turns: so that all go to the first dyno there is only that one at first. */
async function onFirstDyno(stage: Stage): Promise<void> {
  const { data } = stage.router.plane.snapshot
  const apps = [app({ dynos: [stage.dyno.port] })]
  stage.router.plane.apply({ ...data, version: data.version + 1, apps })
}

t.test('WebSockets are closed one after the other over four fifths of the drain time', async (t) => {
  const all = await stage(t)
  await onFirstDyno(all)
  const tunnels: [RawClient, DynoConnection][] = []
  for (let i = 0; i < 8; i++) tunnels.push(await open(all))
  drain(all)
  const told = () => tunnels.filter(([client]) => client.text === CLOSE_1012).length
  await all.router.pass(200)
  t.equal(told(), 1)
  await all.router.pass(4300)
  t.equal(told(), 5)
  await all.router.pass(4000)
  t.equal(told(), 8)
  t.notOk(
    tunnels.some(([client]) => client.ending !== ''),
    'it is for the client to answer',
  )
  const [client, connection] = tunnels[0]!
  client.send('\x88\x82....xx')
  await connection.until('\x88\x82....xx')
  connection.send(CLOSE_1012)
  connection.socket.end()
  t.equal(await client.ended(), 'end')
  t.equal(client.text, CLOSE_1012, 'one Close is enough')
  t.match(await all.router.line(), /at=info method=GET .* status=101 /)
})

t.test('a Close waits for the end of the frame that is on its way, and nothing follows it', async (t) => {
  const all = await stage(t)
  await onFirstDyno(all)
  const [client, connection] = await open(all)
  connection.send('\x81\x02hi\x81\x05he')
  await client.until('he')
  drain(all)
  await all.router.pass(9000)
  t.equal(client.text, '\x81\x02hi\x81\x05he')
  connection.send('llo\x81\x04more')
  await client.until(CLOSE_1012)
  await settled()
  t.equal(client.text, `\x81\x02hi\x81\x05hello${CLOSE_1012}`)
})

t.test('where the dyno has said Close itself, there is nothing to add', async (t) => {
  const all = await stage(t)
  await onFirstDyno(all)
  const [client, connection] = await open(all)
  connection.send('\x88\x02\x03\xe8')
  await client.until('\x88')
  drain(all)
  await all.router.pass(9000)
  t.equal(client.text, '\x88\x02\x03\xe8')
})

t.test('what outlives the drain time is cut: H24; another dyno’s is not', async (t) => {
  const all = await stage(t)
  await onFirstDyno(all)
  const [webSocket] = await open(all)
  const [other] = await open(all, 'echo')
  const waiting = await all.router.client()
  waiting.send(GET)
  const request = await all.dyno.connection(2)
  await request.until('\r\n\r\n')
  drain(all)
  const elsewhere = await all.router.client()
  elsewhere.send(GET)
  const served = await all.dynos[1]!.connection()
  await served.until('\r\n\r\n')
  await all.router.pass(DRAIN_MS - 300)
  t.same([webSocket.ending, other.ending, other.text, waiting.text], ['', '', '', ''])
  await all.router.pass(600)
  await webSocket.ended()
  await other.ended()
  t.equal((await waiting.answer()).status, 503)
  await Promise.all([0, 1, 2].map(async (number) => (await all.dyno.connection(number)).untilClosed()))
  t.equal(all.router.lines.length, 3)
  for (const line of all.router.lines) t.match(line, /at=error code=H24 desc="Forced close"/)
  t.equal(all.router.plane.pools.inFlight(`dyno at ${all.dyno.port}`), 0)
  served.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  t.equal((await elsewhere.answer()).status, 200)
})

t.test('a dyno that takes requests again lets its tunnels be', async (t) => {
  const all = await stage(t)
  await onFirstDyno(all)
  const [client, connection] = await open(all)
  const [other] = await open(all)
  drain(all)
  await onFirstDyno(all)
  await all.router.pass(2 * DRAIN_MS)
  connection.send('\x81\x02hi')
  await client.until('hi')
  t.same([client.text, other.ending], ['\x81\x02hi', ''])
})
