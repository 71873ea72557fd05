import { once } from 'node:events'
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import type { AppEntry } from '../../src/model/snapshot.ts'
import { ListeningSockets } from '../../src/process/listening-sockets.ts'
import { settled, type TestDataPlane } from '../support/data-plane.ts'
import { app } from '../support/loopback-space.ts'
import { answering, OK, ScriptedDyno } from '../support/scripted-dyno.ts'
import { SilentPort } from '../support/silent-port.ts'
import { GET, openStage, request } from '../support/stage.ts'

// The promise: a dyno has never more requests than it may have, nobody who could be served is refused, and a dyno that does not answer the door costs its app
// next to nothing. The pool's own tests hold the rules; these hold that requests on real sockets follow them.

const path = (target: string) => `GET ${target} HTTP/1.1\r\nHost: shop.example.com\r\n\r\n`
const NOT_UP = { released: true, quantity: 1, starting: 1, crashed: 0 }

/** The next snapshot has this app instead. */
function apply(router: TestDataPlane, entry: AppEntry): void {
  const { data } = router.plane.snapshot
  router.plane.apply({ ...data, version: data.version + 1, apps: [entry] })
}

/** Ports on which nobody listens, and that nobody else is given before the end of the test: they are bound. */
function closedPorts(t: Test, count: number): number[] {
  const sockets = new ListeningSockets()
  t.teardown(() => sockets.close())
  const listeners = Array.from({ length: count }, (_, i) => ({
    name: `closed${i}`,
    host: '127.0.0.1',
    port: 0,
    exposure: 'public' as const,
    forwardedFor: 'replace' as const,
    proxyProtocol: null,
  }))
  sockets.prepare(listeners).commit()
  return sockets.all().map(({ address }) => Number(address.split(':').at(-1)))
}

/** The first bytes of the request on each connection that the dyno has seen. */
function targets(dyno: ScriptedDyno): string[] {
  return dyno.connections.map(({ text }) => text.split(' ')[1] ?? '')
}

t.test('a dyno gets at most maxInFlightPerDyno requests at once; the rest wait, first come first served', async (t) => {
  const { router, dyno } = await openStage(t, { app: { maxInFlightPerDyno: 2 } })
  const clients = await Promise.all(Array.from({ length: 5 }, () => router.client()))
  for (const [i, client] of clients.entries()) {
    client.send(path(`/${i}`))
    await settled()
  }
  t.strictSame(targets(dyno), ['/0', '/1'])
  t.equal(await router.metric('postern_requests_in_flight{app="shop"}'), 2)
  t.equal(await router.metric('postern_requests_queued{app="shop"}'), 3)
  const seen: string[] = []
  for (const [i, client] of clients.entries()) {
    // Each answer lets in the next one, on the connection that became free.
    const connection = dyno.connections.find(({ text }) => text.includes(`GET /${i} `))!
    seen.push(connection.text.split(' ')[1]!)
    connection.forget()
    connection.send(OK)
    t.equal((await client.answer()).status, 200)
    await settled()
  }
  t.strictSame(seen, ['/0', '/1', '/2', '/3', '/4'])
  t.equal(await router.metric('postern_requests_in_flight{app="shop"}'), 0)
})

t.test('a request is in flight until the last byte of its answer is through, not until its head', async (t) => {
  const { router, dyno } = await openStage(t, { app: { maxInFlightPerDyno: 1 } })
  const first = await router.client()
  first.send(path('/first'))
  const connection = await dyno.connection()
  await connection.until('\r\n\r\n')
  connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no')
  await first.until('\r\n\r\no')
  const second = await router.client()
  second.send(path('/second'))
  await settled()
  t.notMatch(connection.text, '/second')
  t.equal(dyno.connections.length, 1)
  connection.send('k')
  await connection.until('/second')
})

t.test('a tunnel is in flight until it ends', async (t) => {
  const { router, dyno } = await openStage(t, { app: { maxInFlightPerDyno: 1 } })
  const client = await router.client()
  client.send(request('GET', 'Connection: upgrade\r\nUpgrade: websocket\r\n'))
  const connection = await dyno.connection()
  connection.send('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n')
  await client.until('\r\n\r\n')
  const waiting = await router.client()
  waiting.send(GET)
  await settled()
  t.equal(dyno.connections.length, 1)
  connection.socket.end()
  await (await dyno.connection(1)).until('\r\n\r\n')
})

t.test('one more than the queue takes is H11 at once; those that wait are served in their turn', async (t) => {
  const { router, dyno } = await openStage(t, {
    app: { maxInFlightPerDyno: 1, queue: { limit: 2, timeoutMs: 30_000 } },
  })
  const clients = await Promise.all(Array.from({ length: 4 }, () => router.client()))
  for (const client of clients) {
    client.send(GET)
    await settled()
  }
  t.equal((await clients[3]!.answer()).status, 503)
  t.match(await router.line(), / code=H11 desc="Backlog too deep" .* dyno= connect= service= status=503 /)
  for (let served = 0; served < 3; served++) {
    const connection = dyno.connections[0]!
    await connection.until('\r\n\r\n')
    connection.forget()
    connection.send(OK)
    t.equal((await clients[served]!.answer()).status, 200)
  }
})

t.test('a client that leaves the queue makes room in it, and its request never reaches a dyno', async (t) => {
  const { router, dyno } = await openStage(t, {
    app: { maxInFlightPerDyno: 1, queue: { limit: 1, timeoutMs: 30_000 } },
  })
  const [busy, leaving, next] = await Promise.all([router.client(), router.client(), router.client()])
  busy.send(path('/busy'))
  await settled()
  leaving.send(path('/leaving'))
  await settled()
  leaving.socket.resetAndDestroy()
  t.match(await router.line(), / code=H27 .* path="\/leaving" .* dyno= .* status=499 /)
  next.send(path('/next'))
  await settled()
  t.equal(router.lines.length, 1)
  const connection = dyno.connections[0]!
  connection.forget()
  connection.send(OK)
  await connection.until('/next')
  t.notMatch(connection.text, '/leaving')
})

t.test('a request whose body came while it waited arrives whole', async (t) => {
  const { router, dyno } = await openStage(t, { app: { maxInFlightPerDyno: 1 } })
  const busy = await router.client()
  busy.send(GET)
  await (await dyno.connection()).until('\r\n\r\n')
  const client = await router.client()
  client.send(request('POST', 'Content-Length: 300000\r\n'))
  for (let i = 0; i < 3; i++) client.send(Buffer.alloc(100_000, String(i)))
  await settled()
  dyno.connections[0]!.send(OK)
  await busy.answer()
  const sent = () => dyno.connections.map(({ text }) => text).join('')
  const connection = dyno.connections[1] ?? dyno.connections[0]!
  await connection.when(() => sent().endsWith('2'.repeat(100_000)))
  t.match(sent(), /\r\n\r\n0{100000}1{100000}2{100000}$/)
})

t.test('a dyno that refuses is passed over for 5 s, then tried again', async (t) => {
  const good = await ScriptedDyno.start(answering(OK))
  t.teardown(() => good.stop())
  const [bad] = closedPorts(t, 1)
  const { router } = await openStage(t, { time: 'stopped', app: { dynos: [bad!, good.port] } })
  const client = await router.client()
  const retries = async (requests: number) => {
    const before = router.lines.length
    for (let i = 0; i < requests; i++) t.equal((await client.get()).status, 200)
    return router.lines.slice(before).filter((line) => / retries=1\n$/.test(line)).length
  }
  t.equal(await retries(4), 1, 'found out once')
  t.equal(await router.metric('postern_quarantines_total{app="shop"}'), 1)
  t.equal(await router.metric('postern_retries_total{app="shop",reason="connect-refused"}'), 1)
  await router.pass(4500)
  t.equal(await retries(4), 0)
  await router.pass(600)
  t.equal(await retries(4), 1, 'and once more')
})

t.test('a body goes to the next dyno when the first one refuses: nothing of it was written', async (t) => {
  const good = await ScriptedDyno.start(answering(OK, 10))
  t.teardown(() => good.stop())
  const ports = closedPorts(t, 3)
  const { router } = await openStage(t, { app: { dynos: [...ports, good.port] } })
  for (const lines of ['Content-Length: 10\r\n', 'Content-Length: 10\r\nExpect: 100-continue\r\n']) {
    const client = await router.client()
    client.send(request('POST', lines, '0123456789'))
    t.equal((await client.answer()).status, 200)
  }
  t.equal(await router.metric('postern_quarantines_total{app="shop"}'), 3)
})

t.test('as many dynos are tried as there are, and at most limits.connectAttempts: then H21', async (t) => {
  for (const [count, connectAttempts, retries] of [
    [1, 10, 0],
    [3, 10, 2],
    [12, 10, 9],
    [12, 2, 1],
  ] as const) {
    const { router } = await openStage(t, {
      app: { dynos: closedPorts(t, count) },
      space: { limits: { connectAttempts } },
    })
    const client = await router.client()
    t.equal((await client.get()).status, 503)
    t.match(await router.line(), new RegExp(` code=H21 desc="Backend connection refused" .* retries=${retries}\n$`))
    t.equal(await router.metric('postern_quarantines_total{app="shop"}'), retries + 1)
    t.equal(await router.metric('postern_retries_total{app="shop",reason="connect-refused"}'), retries)
  }
})

t.test('what ended the last attempt is what the client is told: H19 or H21', async (t) => {
  const silent = await SilentPort.open()
  t.teardown(() => silent.close())
  const dynos = [...silent.dynos(1), ...closedPorts(t, 1).map((port) => ({ port }))]
  const { router } = await openStage(t, { time: 'stopped', app: { dynos } })
  // In turns: one begins with the silent dyno, the other one with the one that refuses.
  const clients = await Promise.all([router.client(), router.client()])
  for (const client of clients) client.send(GET)
  for (let i = 0; i < 2; i++) await router.pass(5200)
  for (const client of clients) t.equal((await client.answer()).status, 503)
  for (const ending of [/ code=H19 .* dyno=web\.1 .* retries=1\n$/, / code=H21 .* dyno=web\.2 .* retries=1\n$/]) {
    t.equal(router.lines.filter((line) => ending.test(line)).length, 1, String(ending))
  }
})

t.test('when all dynos are in quarantine the one that failed longest ago is tried all the same', async (t) => {
  const [port] = closedPorts(t, 1)
  const { router } = await openStage(t, { time: 'stopped', app: { dynos: [port!] } })
  const client = await router.client()
  t.equal((await client.get()).status, 503)
  const server = createServer(({ remotePort }) => void remotePort)
  t.teardown(() => server.close())
  server.on('connection', (socket) => socket.on('error', () => {}).on('data', () => socket.end(OK)))
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.equal((await client.get()).status, 200, 'without a wait')
})

t.test('a request for an app that boots is served as soon as a dyno is up', async (t) => {
  const { router, dyno } = await openStage(t, {
    time: 'stopped',
    script: answering(OK),
    app: { dynos: [], formation: NOT_UP },
  })
  const client = await router.client()
  client.send(GET)
  await router.pass(70_000)
  t.strictSame(router.lines, [])
  apply(router, app({ dynos: [dyno.port] }))
  t.equal((await client.answer()).status, 200)
})

t.test('requests that wait are told at once when waiting became vain', async (t) => {
  for (const [code, formation] of [
    ['H10', { released: true, quantity: 1, starting: 0, crashed: 1 }],
    ['H14', { released: true, quantity: 0, starting: 0, crashed: 0 }],
    ['H81', { released: false, quantity: 0, starting: 0, crashed: 0 }],
  ] as const) {
    const { router } = await openStage(t, { app: { dynos: [], formation: NOT_UP } })
    const client = await router.client()
    client.send(GET)
    await settled()
    apply(router, app({ formation }))
    t.equal((await client.answer()).status, 503)
    t.match(await router.line(), ` code=${code} `)
  }
})

t.test('maintenance begins and ends between two requests of one connection', async (t) => {
  const { router, dyno } = await openStage(t, { script: answering(OK) })
  const client = await router.client()
  const statuses: number[] = []
  for (const maintenance of [false, true, false]) {
    apply(router, app({ dynos: [dyno.port], maintenance }))
    statuses.push((await client.get()).status)
  }
  t.strictSame(statuses, [200, 503, 200])
})

t.test('a draining dyno finishes its requests, gets no new ones, and is left without connections', async (t) => {
  const { router, dynos } = await openStage(t, { dynos: 2 })
  const [leaving, staying] = dynos as [ScriptedDyno, ScriptedDyno]
  const clients = await Promise.all(Array.from({ length: 4 }, () => router.client()))
  for (const client of clients) client.send(GET)
  await settled()
  t.strictSame([leaving.connections.length, staying.connections.length], [2, 2])
  // One connection of each becomes idle, one goes on.
  leaving.connections[0]!.send(OK)
  staying.connections[0]!.send(OK)
  await settled()
  apply(router, app({ dynos: [{ ...onPort(leaving), draining: true }, onPort(staying)] }))
  await leaving.connections[0]!.untilClosed()
  t.equal(router.plane.pools.inFlight(`dyno at ${leaving.port}`), 1)

  const next = await router.client()
  next.send(GET)
  await settled()
  t.equal(leaving.connections.length, 2)
  leaving.connections[1]!.send(OK)
  await leaving.connections[1]!.untilClosed()
  t.equal(router.plane.pools.inFlight(`dyno at ${leaving.port}`), 0)
  await answeredBy(t, clients, 3)
})

t.test('a dyno that is gone from the snapshot finishes what it has', async (t) => {
  const { router, dyno } = await openStage(t)
  const client = await router.client()
  client.send(GET)
  const connection = await dyno.connection()
  await connection.until('\r\n\r\n')
  apply(router, app({ formation: NOT_UP }))
  connection.send(OK)
  t.equal((await client.answer()).status, 200)
  await connection.untilClosed()
})

function onPort({ port }: ScriptedDyno) {
  return { id: `dyno at ${port}`, address: '127.0.0.1', port }
}

/** So many of them have got an answer. */
async function answeredBy(t: Test, clients: readonly { readonly text: string }[], count: number): Promise<void> {
  await settled()
  t.equal(clients.filter(({ text }) => text.startsWith('HTTP/1.1 200')).length, count)
}
