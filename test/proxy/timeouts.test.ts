import t, { type Test } from 'tap'
import { settled, type TestDataPlane } from '../support/data-plane.ts'
import type { RawClient } from '../support/raw-client.ts'
import { answering, filled, OK, ScriptedDyno, streaming } from '../support/scripted-dyno.ts'
import { SilentPort } from '../support/silent-port.ts'
import { GET, openStage, request } from '../support/stage.ts'

// The promise: every wait ends at its time and in its way. Time stands still in these tests until they let it pass, so that they hold the defaults
// themselves. A timer is never early, and late by at most two ticks of 100 ms.

const LATEST_MS = 200

/** Still open, and nothing was said. */
async function waits(t: Test, client: RawClient): Promise<void> {
  await settled()
  t.equal(client.ending, '', 'the connection is open')
  t.equal(client.text, '', 'nothing was answered')
}

async function openTunnel(router: TestDataPlane, dyno: ScriptedDyno) {
  const client = await router.client()
  client.send(request('GET', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'))
  const connection = await dyno.connection()
  await connection.until('\r\n\r\n')
  connection.send('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n')
  await client.until('\r\n\r\n')
  client.received = Buffer.alloc(0)
  return { client, connection }
}

t.test('a new connection that sends nothing is closed after 10 s, without a word', async (t) => {
  const { router } = await openStage(t, { time: 'stopped' })
  const client = await router.client()
  await router.pass(10_000)
  await waits(t, client)
  await router.pass(LATEST_MS)
  t.equal(await client.ended(), 'end')
  t.equal(client.text, '')
  t.strictSame(router.lines, [])
})

t.test('empty lines are no beginning of a request', async (t) => {
  const { router } = await openStage(t, { time: 'stopped' })
  const client = await router.client()
  await router.pass(5000)
  client.send('\r\n')
  await router.pass(5000 + LATEST_MS)
  t.equal(await client.ended(), 'end')
  t.equal(client.text, '')
})

t.test(
  'a head that began is answered 408 when it is not whole 30 s after its first byte, however steadily it comes',
  async (t) => {
    const { router, dyno } = await openStage(t, { time: 'stopped' })
    const client = await router.client()
    await router.pass(9000)
    client.send('GET / HTTP/1.1\r\nHost: shop.example.com\r\nX-Slow: ')
    for (let second = 0; second < 30; second++) {
      await router.pass(1000)
      await waits(t, client)
      client.send('x')
    }
    await router.pass(LATEST_MS)
    const answer = await client.answer()
    t.equal(answer.status, 408)
    t.strictSame(answer.headers.get('connection'), ['close'])
    t.equal(await client.ended(), 'end')
    t.match(await router.line(), / code=H26 desc="Request Error" cause="request head timeout" .* status=408 /)
    t.equal(dyno.connections.length, 0)
  },
)

t.test('each head on a connection has 30 s of its own, from its first byte', async (t) => {
  const { router } = await openStage(t, { time: 'stopped', script: answering(OK) })
  const client = await router.client()
  client.send(GET.slice(0, 8))
  await router.pass(20_000)
  client.send(GET.slice(8))
  t.equal((await client.answer()).status, 200)
  await router.pass(50_000)
  client.send(GET.slice(0, 8))
  await router.pass(30_000)
  await waits(t, client)
  await router.pass(LATEST_MS)
  t.equal((await client.answer()).status, 408)
})

t.test('a body that pauses for 55 s is answered 408 (H28), and the dyno does not see the end of it', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped' })
  const client = await router.client()
  client.send(request('POST', 'Content-Length: 4\r\n', 'ab'))
  const connection = await dyno.connection()
  await connection.until('ab')
  await router.pass(55_000)
  await waits(t, client)
  await router.pass(LATEST_MS)
  const answer = await client.answer()
  t.equal(answer.status, 408)
  t.strictSame(answer.headers.get('connection'), ['close'])
  t.match(await router.line(), /at=warning code=H28 desc="Client Connection Idle" .* status=408 /)
  await connection.untilClosed()
})

t.test('a body may take as long as it likes when no pause in it is too long', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped' })
  const client = await router.client()
  client.send(request('POST', 'Transfer-Encoding: chunked\r\n'))
  const connection = await dyno.connection()
  for (let minute = 0; minute < 60; minute++) {
    await router.pass(54_000)
    client.send('1\r\nx\r\n')
  }
  client.send('0\r\n\r\n')
  await connection.until('0\r\n\r\n')
  connection.send(OK)
  t.equal((await client.answer()).status, 200)
})

t.test('when the answer has begun a client that pauses in its body is cut after 55 s', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped', app: { timeouts: { idleMs: 300_000 } } })
  const client = await router.client()
  client.send(request('POST', 'Content-Length: 4\r\n', 'ab'))
  const connection = await dyno.connection()
  await connection.until('ab')
  connection.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234')
  await client.until('01234')
  await router.pass(55_000)
  t.equal(client.ending, '')
  await router.pass(LATEST_MS)
  t.equal(await client.ended(), 'reset')
  await connection.untilClosed()
  t.match(await router.line(), /at=warning code=H28 .* status=499 bytes=5 /)
})

t.test('while the dyno takes nothing the client is not the one that is idle', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped', script: ({ socket }) => socket.pause() })
  const client = await router.client()
  client.send(request('POST', `Content-Length: ${64 * 1024 * 1024}\r\n`))
  await dyno.connection()
  client.send(Buffer.alloc(64 * 1024 * 1024))
  await router.pass(55_000)
  await waits(t, client)
  await router.pass(55_000 + LATEST_MS)
  t.equal((await client.answer()).status, 503)
  t.match(await router.line(), /at=error code=H15 desc="Idle connection" .* status=503 /)
})

t.test('nor is it when it has just taken the beginning of an early answer', async (t) => {
  const { router, dyno } = await openStage(t, {
    time: 'stopped',
    script: ({ socket }) => socket.pause(),
    app: { timeouts: { idleMs: 300_000 } },
  })
  const client = await router.client()
  client.socket.pause()
  client.send(request('POST', `Content-Length: ${64 * 1024 * 1024}\r\n`))
  client.send(Buffer.alloc(64 * 1024 * 1024))
  const connection = await dyno.connection()
  await settled()
  const bytes = 32 * 1024 * 1024
  connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes + 1}\r\n\r\n`)
  connection.send(Buffer.alloc(bytes))
  await filled(connection)
  let taken = 0
  client.socket.resume()
  await client.when(() => {
    taken += client.received.length
    client.received = Buffer.alloc(0)
    return taken > bytes
  })
  await router.pass(100_000)
  t.strictSame(router.lines, [])
})

t.test(
  'while its request waits in the queue a client that has sent what is kept is not the one that is idle',
  async (t) => {
    const { router } = await openStage(t, {
      time: 'stopped',
      app: { maxInFlightPerDyno: 1, queue: { limit: 10, timeoutMs: 120_000 }, timeouts: { firstByteMs: 300_000 } },
    })
    const first = await router.client()
    first.send(GET)
    await settled()
    const client = await router.client()
    client.send(request('POST', 'Content-Length: 1000000\r\n', 'x'.repeat(500_000)))
    await router.pass(120_000)
    await waits(t, client)
    await router.pass(LATEST_MS)
    t.equal((await client.answer()).status, 503)
    t.match(await router.line(), / code=H11 /)
  },
)

t.test('a connect that takes 5 s goes to another dyno', async (t) => {
  const silent = await SilentPort.open()
  t.teardown(() => silent.close())
  const dyno = await ScriptedDyno.start(answering(OK))
  t.teardown(() => dyno.stop())
  const { router } = await openStage(t, { time: 'stopped', app: { dynos: [...silent.dynos(1), { port: dyno.port }] } })
  // In turns: one of the two meets the dyno that is silent.
  const clients = await Promise.all([router.client(), router.client()])
  for (const client of clients) client.send(GET)
  await router.line(0)
  await router.pass(5000)
  t.equal(router.lines.length, 1)
  await router.pass(LATEST_MS)
  for (const client of clients) t.equal((await client.answer()).status, 200)
  t.match(await router.line(1), /at=info .* dyno=web\.2 .* status=200 .* retries=1\n/)
  t.equal(await router.metric('postern_quarantines_total{app="shop"}'), 1)
  t.equal(await router.metric('postern_retries_total{app="shop",reason="connect-timeout"}'), 1)
})

t.test('when every connect takes too long it is H19, after one attempt per dyno', async (t) => {
  const silent = await SilentPort.open()
  t.teardown(() => silent.close())
  const { router } = await openStage(t, { time: 'stopped', app: { dynos: silent.dynos(3) } })
  const client = await router.client()
  client.send(GET)
  await router.pass(5000)
  await router.pass(5000 + LATEST_MS)
  await waits(t, client)
  await router.pass(5000 + LATEST_MS)
  t.equal((await client.answer()).status, 503)
  t.match(await router.line(), / code=H19 desc="Backend connection timeout" .* retries=2\n/)
})

t.test('all attempts to connect together end after 75 s', async (t) => {
  const silent = await SilentPort.open()
  t.teardown(() => silent.close())
  const { router } = await openStage(t, {
    time: 'stopped',
    app: { dynos: silent.dynos(10), timeouts: { connectMs: 30_000 } },
  })
  const client = await router.client()
  client.send(GET)
  for (let attempt = 0; attempt < 2; attempt++) await router.pass(30_000 + LATEST_MS)
  await router.pass(14_000)
  await waits(t, client)
  await router.pass(1000)
  t.equal((await client.answer()).status, 503)
  t.match(await router.line(), / code=H19 .* retries=2\n/)
})

t.test('a dyno has 30 s for the first byte of its answer, from the end of the request on', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped' })
  const client = await router.client()
  client.send(request('POST', 'Content-Length: 2\r\n', 'a'))
  const connection = await dyno.connection()
  await router.pass(40_000)
  client.send('b')
  await connection.until('ab')
  await router.pass(30_000)
  await waits(t, client)
  await router.pass(LATEST_MS)
  t.equal((await client.answer()).status, 503)
  t.match(
    await router.line(),
    /at=error code=H12 desc="Request timeout" .* dyno=web\.1 connect=0ms service=70\d\d\dms status=503 /,
  )
  await connection.untilClosed()
})

t.test('after its first byte a head of the dyno may pause for 55 s; then it is H15', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped' })
  const client = await router.client()
  client.send(GET)
  const connection = await dyno.connection()
  await connection.until('\r\n\r\n')
  await router.pass(29_000)
  connection.send('HTTP/1.1 200 OK\r\nX-Slow: ')
  await router.pass(54_000)
  await waits(t, client)
  connection.send('x')
  await router.pass(55_000)
  await waits(t, client)
  await router.pass(LATEST_MS)
  t.equal((await client.answer()).status, 503)
  t.match(await router.line(), / code=H15 .* status=503 /)
})

t.test('an interim answer is a byte too', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped' })
  const client = await router.client()
  client.send(GET)
  const connection = await dyno.connection()
  await connection.until('\r\n\r\n')
  connection.send('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n')
  await client.until('\r\n\r\n')
  client.received = Buffer.alloc(0)
  await router.pass(55_000)
  await waits(t, client)
  await router.pass(LATEST_MS)
  t.equal((await client.answer()).status, 503)
  t.match(await router.line(), / code=H15 .* status=503 /)
})

t.test('a 100 before the end of the body does not count: the first byte is waited for from that end on', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped', app: { expectContinue: 'end-to-end' } })
  const client = await router.client()
  client.send(request('POST', 'Content-Length: 1\r\nExpect: 100-continue\r\n'))
  const connection = await dyno.connection()
  await connection.until('\r\n\r\n')
  connection.send('HTTP/1.1 100 Continue\r\n\r\n')
  await client.until('\r\n\r\n')
  client.received = Buffer.alloc(0)
  await router.pass(20_000)
  client.send('x')
  await router.pass(30_000)
  await waits(t, client)
  await router.pass(LATEST_MS)
  t.equal((await client.answer()).status, 503)
  t.match(await router.line(), / code=H12 /)
})

const ANSWERS = [
  { framing: 'by length', head: 'Content-Length: 100\r\n\r\n', piece: 'x', ending: 'end' },
  { framing: 'in chunks', head: 'Transfer-Encoding: chunked\r\n\r\n', piece: '1\r\nx\r\n', ending: 'end' },
  // A client could take an orderly end for the end of the answer.
  { framing: 'until close', head: '\r\n', piece: 'x', ending: 'reset' },
] as const

for (const { framing, head, piece, ending } of ANSWERS) {
  t.test(`an answer ${framing} may take an hour, and is cut when the dyno pauses for 55 s (H15)`, async (t) => {
    const { router, dyno } = await openStage(t, { time: 'stopped' })
    const client = await router.client()
    client.send(GET)
    const connection = await dyno.connection()
    await connection.until('\r\n\r\n')
    connection.send(`HTTP/1.1 200 OK\r\n${head}`)
    for (let minute = 0; minute < 60; minute++) {
      connection.send(piece)
      await router.pass(54_000)
    }
    await router.pass(1000)
    t.equal(client.ending, '')
    await router.pass(LATEST_MS)
    t.equal(await client.ended(), ending)
    t.notMatch(client.text, /0\r\n\r\n$/)
    await connection.untilClosed()
    t.match(await router.line(), /at=error code=H15 desc="Idle connection" .* status=200 bytes=60 /)
  })
}

t.test('a dyno that answers early and reads on is not idle while the body comes', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped' })
  const client = await router.client()
  client.send(request('POST', 'Transfer-Encoding: chunked\r\n'))
  const connection = await dyno.connection()
  await connection.until('\r\n\r\n')
  connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n')
  await client.until('\r\n\r\n')
  for (let i = 0; i < 5; i++) {
    await router.pass(40_000)
    client.send('1\r\nx\r\n')
  }
  await settled()
  connection.send('ok')
  await client.until('ok')
  t.match(await router.line(), /at=info .* status=200 /)
})

t.test('a client that takes nothing of its answer for 55 s is cut (H28), and its dyno is let go', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped', script: streaming })
  const client = await router.client()
  client.socket.pause()
  client.send(GET)
  await dyno.connection()
  await filled(dyno.connections[0]!)
  await router.pass(55_000)
  t.equal(router.lines.length, 0)
  await router.pass(55_000 + LATEST_MS)
  t.match(await router.line(), /at=warning code=H28 desc="Client Connection Idle" .* status=499 /)
  await (await dyno.connection()).untilClosed()
  client.socket.resume()
  t.equal(await client.ended(), 'reset')
})

t.test('a client that takes a little now and then gets an answer of any length', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped', script: streaming })
  const client = await router.client()
  client.socket.pause()
  client.send(GET)
  await dyno.connection()
  await filled(dyno.connections[0]!)
  let taken = 0
  for (let i = 0; i < 8; i++) {
    await router.pass(50_000)
    const target = taken + 4 * 1024 * 1024
    client.socket.resume()
    await client.when(() => {
      taken += client.received.length
      client.received = Buffer.alloc(0)
      return taken >= target
    })
    client.socket.pause()
    await filled(dyno.connections[0]!)
  }
  t.strictSame(router.lines, [])
  client.close()
  t.match(await router.line(), / code=H27 /)
})

t.test('an idle connection of a client is closed after 60 s, without a word', async (t) => {
  const { router } = await openStage(t, { time: 'stopped', script: answering(OK) })
  const client = await router.client()
  t.equal((await client.get()).status, 200)
  await router.pass(60_000)
  await waits(t, client)
  await router.pass(LATEST_MS)
  t.equal(await client.ended(), 'end')
  t.equal(client.text, '')
  t.equal(router.lines.length, 1)
})

const openClients = (router: TestDataPlane) => router.metric('postern_client_connections{listener="public"}')

t.test('a client that does not close after an answer that is the last is closed 2 s later', async (t) => {
  const limits = { requestsPerConnection: 1 }
  const { router } = await openStage(t, { time: 'stopped', script: answering(OK), space: { limits } })
  const client = await router.client()
  t.strictSame((await client.get()).headers.get('connection'), ['close'])
  await router.pass(2000)
  t.equal(await openClients(router), 1)
  client.send(GET)
  await settled()
  t.not(client.ending, 'reset', 'what it sent before it saw that does no harm')
  await router.pass(LATEST_MS)
  t.equal(await openClients(router), 0)
})

t.test('a client that asked for the end is not waited for', async (t) => {
  const { router } = await openStage(t, { time: 'stopped', script: answering(OK) })
  const client = await router.client()
  t.equal((await client.get('/', undefined, 'Connection: close\r\n')).status, 200)
  while ((await openClients(router)) > 0) await settled()
  while (client.ending === '') await settled()
  t.equal(client.ending, 'end')
})

t.test('a client that asked for the end and cannot know that its body is not wanted is waited for', async (t) => {
  const { router } = await openStage(t, { time: 'stopped', script: answering(OK), app: { maxBodyBytes: 10 } })
  const client = await router.client()
  client.send(request('POST', 'Connection: close\r\nContent-Length: 20\r\n', 'half of it.'))
  t.equal((await client.answer()).status, 413)
  client.send('the rest.')
  await settled()
  t.not(client.ending, 'reset')
  t.equal(await openClients(router), 1)
  await router.pass(2000 + LATEST_MS)
  t.equal(await openClients(router), 0)
})

t.test('an idle connection to a dyno is closed after 90 s', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped', script: answering(OK) })
  t.equal((await (await router.client()).get()).status, 200)
  await router.pass(89_000)
  t.equal((await (await router.client()).get()).status, 200)
  t.equal(dyno.connections.length, 1)
  await router.pass(90_000)
  t.notOk(dyno.connections[0]!.ended)
  await router.pass(LATEST_MS)
  await dyno.connections[0]!.untilClosed()
  t.equal(await router.metric('postern_backend_connections{app="shop",use="idle"}'), 0)
})

t.test('a dyno that says how long it keeps connections finds them closed 1 s before', async (t) => {
  const keeping = (seconds: number) =>
    answering(`HTTP/1.1 200 OK\r\nKeep-Alive: timeout=${seconds}\r\nContent-Length: 2\r\n\r\nok`)
  const { router, dyno } = await openStage(t, { time: 'stopped', script: keeping(5) })
  t.equal((await (await router.client()).get()).status, 200)
  await router.pass(4000)
  t.notOk(dyno.connections[0]!.ended)
  await router.pass(LATEST_MS)
  await dyno.connections[0]!.untilClosed()

  const hasty = await openStage(t, { time: 'stopped', script: keeping(1) })
  t.equal((await (await hasty.router.client()).get()).status, 200)
  await hasty.dyno.connections[0]!.untilClosed()
})

t.test('a tunnel in which nothing moves for 55 s is closed (H15), whichever side spoke last', async (t) => {
  for (const last of ['client', 'dyno'] as const) {
    const { router, dyno } = await openStage(t, { time: 'stopped' })
    const { client, connection } = await openTunnel(router, dyno)
    for (let i = 0; i < 5; i++) {
      await router.pass(54_000)
      if (last === 'client') client.send('.')
      else connection.send('.')
      await settled()
    }
    await router.pass(55_000)
    t.equal(client.ending, '')
    await router.pass(LATEST_MS)
    t.equal(await client.ended(), 'end')
    await connection.untilClosed()
    t.match(await router.line(), /at=error code=H15 desc="Idle connection" .* status=101 /)
  }
})

t.test('a tunnel lives while a slow side takes what the other one sent', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped' })
  const { client, connection } = await openTunnel(router, dyno)
  client.socket.pause()
  const block = Buffer.alloc(1024 * 1024)
  for (let i = 0; i < 64; i++) connection.send(block)
  await filled(dyno.connections[0]!)
  let taken = 0
  while (taken < 32 * 1024 * 1024) {
    await router.pass(50_000)
    const target = taken + 4 * 1024 * 1024
    client.socket.resume()
    await client.when(() => {
      taken += client.received.length
      client.received = Buffer.alloc(0)
      return taken >= target
    })
    client.socket.pause()
    await filled(dyno.connections[0]!)
  }
  t.strictSame(router.lines, [])
  await router.pass(55_000)
  await router.pass(55_000 + LATEST_MS)
  t.match(await router.line(), / code=H15 .* status=101 /)
})

t.test('a listener that expects a PROXY header closes a connection that has not sent it after 5 s', async (t) => {
  for (const beginning of ['', 'PROXY TCP4 203.0.113.9 127.0.']) {
    const { router } = await openStage(t, { time: 'stopped', listener: { proxyHeaderFrom: ['127.0.0.1/32'] } })
    const client = await router.client()
    client.send(beginning)
    await router.pass(5000)
    await waits(t, client)
    await router.pass(LATEST_MS)
    await client.ended()
    t.equal(client.text, '')
    t.strictSame(router.lines, [])
  }
})

t.test('after the PROXY header the first byte of the request has 10 s', async (t) => {
  const { router } = await openStage(t, { time: 'stopped', listener: { proxyHeaderFrom: ['127.0.0.1/32'] } })
  const client = await router.client()
  await router.pass(4000)
  client.send('PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\n')
  await router.pass(10_000)
  await waits(t, client)
  await router.pass(LATEST_MS)
  t.equal(await client.ended(), 'end')
})

t.test('an app may have timeouts of its own: for the first byte, between two bytes and in a tunnel', async (t) => {
  const parts = { time: 'stopped', app: { timeouts: { firstByteMs: 3000, idleMs: 5000 } } } as const
  const { router, dyno } = await openStage(t, parts)
  const silent = await router.client()
  silent.send(GET)
  await dyno.connection()
  await router.pass(3000 + LATEST_MS)
  t.equal((await silent.answer()).status, 503)
  t.match(router.lines.at(-1), / code=H12 /)

  const halfway = await router.client()
  halfway.send(GET)
  const connection = await dyno.connection(1)
  await connection.until('\r\n\r\n')
  connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab')
  await halfway.until('ab')
  await router.pass(5000 + LATEST_MS)
  t.equal(await halfway.ended(), 'end')
  t.match(router.lines.at(-1), / code=H15 .* status=200 /)

  const tunnelled = await openStage(t, parts)
  const { client } = await openTunnel(tunnelled.router, tunnelled.dyno)
  await tunnelled.router.pass(5000 + LATEST_MS)
  t.equal(await client.ended(), 'end')
  t.match(await tunnelled.router.line(), / code=H15 .* status=101 /)
})

t.test('timeouts of a new snapshot hold for the waits that begin after it', async (t) => {
  const { router } = await openStage(t, { time: 'stopped', script: answering(OK) })
  const client = await router.client()
  const { data } = router.plane.snapshot
  router.plane.apply({ ...data, version: data.version + 1, timeouts: { ...data.timeouts, clientKeepAliveMs: 1000 } })
  t.equal((await client.get()).status, 200)
  await router.pass(1000 + LATEST_MS)
  t.equal(await client.ended(), 'end')
})
