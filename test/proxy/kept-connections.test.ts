import t, { type Test } from 'tap'
import { settled } from '../support/data-plane.ts'
import { answering, OK } from '../support/scripted-dyno.ts'
import { openStage, request, type Stage, type StageParts } from '../support/stage.ts'

// The promise: connections to dynos are kept and used again, but a request that may not run twice never bets on one that its dyno may be closing.

/** Sends one request and tells on which connection (from 0) the dyno got it. */
type Ask = (method: 'GET' | 'POST') => Promise<number>

async function open(t: Test, space?: StageParts['space']): Promise<Stage & { ask: Ask }> {
  const stage = await openStage(t, { time: 'stopped', script: answering(OK), space })
  const ask: Ask = async (method) => {
    const before = stage.dyno.connections.map(({ socket }) => socket.bytesRead)
    const client = await stage.router.client()
    client.send(request(method))
    t.equal((await client.answer()).status, 200)
    client.close()
    await settled()
    return stage.dyno.connections.findIndex(({ socket }, i) => socket.bytesRead !== (before[i] ?? 0))
  }
  return { ...stage, ask }
}

t.test('a request that may run twice takes any kept connection', async (t) => {
  const { router, ask } = await open(t)
  t.equal(await ask('GET'), 0)
  await router.pass(89_000)
  t.equal(await ask('GET'), 0)
})

t.test('one that may not takes a connection that was just used, else a new one', async (t) => {
  const { router, ask } = await open(t)
  t.equal(await ask('POST'), 0)
  await router.pass(400)
  t.equal(await ask('POST'), 0)
  await router.pass(600)
  t.equal(await ask('POST'), 1)
})

t.test(
  'of a dyno that closes connections after some time, those that rested less than half of it are safe',
  async (t) => {
    const { router, dyno, ask } = await open(t)
    t.equal(await ask('GET'), 0)
    await router.pass(10_000)
    dyno.connections[0]!.socket.destroy()
    await settled()
    t.equal(await ask('GET'), 1)
    await router.pass(4900)
    t.equal(await ask('POST'), 1)
    await router.pass(5100)
    t.equal(await ask('POST'), 2)
  },
)

t.test('a dyno that closes at once gets a new connection for each such request', async (t) => {
  const { dyno, ask } = await open(t)
  t.equal(await ask('GET'), 0)
  dyno.connections[0]!.socket.destroy()
  await settled()
  t.equal(await ask('POST'), 1)
  t.equal(await ask('POST'), 2)
  t.equal(await ask('GET'), 2)
})

t.test('what a dyno did some minutes ago is forgotten', async (t) => {
  const { router, dyno, ask } = await open(t)
  t.equal(await ask('GET'), 0)
  dyno.connections[0]!.socket.destroy()
  await settled()
  t.equal(await ask('POST'), 1)
  t.equal(await ask('POST'), 2)
  await router.pass(59_000)
  await ask('GET')
  t.equal(await ask('POST'), 3)
  await router.pass(62_000)
  await ask('GET')
  t.equal(await ask('POST'), await ask('GET'))
})

t.test('a connection that was found closed when it was to carry a request teaches the same', async (t) => {
  const { dyno, ask } = await open(t)
  t.equal(await ask('GET'), 0)
  const { socket } = dyno.connections[0]!
  socket.removeAllListeners('data').on('data', () => socket.resetAndDestroy())
  t.equal(await ask('GET'), 0, 'seen by the first, answered by the second')
  t.equal(dyno.connections.length, 2)
  t.equal(await ask('POST'), 2)
})

t.test('at most limits.idleConnectionsPerDyno are kept, the last used first', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped', space: { limits: { idleConnectionsPerDyno: 2 } } })
  const clients = await Promise.all(Array.from({ length: 4 }, () => router.client()))
  for (const client of clients) client.send(request('GET'))
  await dyno.connection(3)
  await settled()
  for (const connection of dyno.connections) {
    connection.send(OK)
    await settled()
  }
  t.strictSame(
    dyno.connections.map(({ ended }) => ended),
    [false, false, true, true],
  )
  t.equal(await router.metric('postern_backend_connections{app="shop",use="idle"}'), 2)
  for (const connection of dyno.connections) connection.forget()
  clients[0]!.received = Buffer.alloc(0)
  clients[0]!.send(request('GET'))
  await dyno.connections[1]!.until('\r\n\r\n')
})
