import t from 'tap'
import type { ClientSide } from '../../src/proxy/exchange.ts'
import { settled } from '../support/data-plane.ts'
import { answering, filled, OK, streaming } from '../support/scripted-dyno.ts'
import { GET, openStage, request } from '../support/stage.ts'

// The promise: a client that is slow, stops reading or closes its side costs bounded memory and has an end, and what it was promised it gets.

const LATEST_MS = 200
const MIB = 1024 * 1024
/** What kernels on loopback may hold for one connection in each direction, by far. */
const KERNEL_BYTES = 32 * MIB
/** As much may wait for a client while more requests of it are served. */
const TO_CLIENT_BYTES = 256 * 1024

t.test('a head that comes byte by byte is read as if it had come whole', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped', script: answering(OK) })
  const client = await router.client()
  // One byte a second would be too slow for 30 s in all.
  for (const byte of GET) {
    client.send(byte)
    await router.pass(500)
  }
  t.equal((await client.answer()).status, 200)
  t.equal(dyno.connections.length, 1)
})

t.test('a body of one byte a second goes on as it comes', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped' })
  const client = await router.client()
  client.send(request('POST', 'Content-Length: 20\r\n'))
  const connection = await dyno.connection()
  await connection.until('\r\n\r\n')
  for (let i = 0; i < 20; i++) {
    connection.forget()
    client.send(String(i % 10))
    await router.pass(1000)
    t.equal(await connection.until(String(i % 10)), String(i % 10))
  }
  connection.send(OK)
  t.equal((await client.answer()).status, 200)
})

t.test('an answer of one byte a second goes on as it comes', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped' })
  const client = await router.client()
  client.send(GET)
  const connection = await dyno.connection()
  await connection.until('\r\n\r\n')
  for (const byte of 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789') {
    connection.send(byte)
    await router.pass(1000)
  }
  t.equal((await client.answer()).body, '0123456789')
})

t.test('a client that never reads stops its dyno, and is cut', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped', script: streaming })
  const client = await router.client()
  client.socket.pause()
  client.send(GET)
  const connection = await dyno.connection()
  await filled(connection)
  t.ok(connection.socket.bytesWritten - connection.socket.writableLength < KERNEL_BYTES)
  await router.pass(110_000 + LATEST_MS)
  t.match(await router.line(), / code=H28 .* status=499 /)
  await connection.untilClosed()
  t.equal(await router.metric('postern_client_connections{listener="public"}'), 0)
})

t.test(
  'a client that sends requests and reads no answers is served no more of them than it can be answered',
  async (t) => {
    const body = 'x'.repeat(64 * 1024)
    let requests = 0
    const { router } = await openStage(t, {
      time: 'stopped',
      script: answering(() => {
        requests++
        return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      }),
    })
    const client = await router.client()
    client.socket.pause()
    client.send(GET.repeat(20_000))
    let before = -1
    while (before !== requests) {
      before = requests
      for (let i = 0; i < 5; i++) await settled()
    }
    t.ok(requests * body.length < KERNEL_BYTES, `${requests} requests`)
    await router.pass(110_000 + LATEST_MS)
    t.match(router.lines.at(-1), / code=H28 .* status=499 /)
    t.equal(router.lines.length, requests)
    t.equal(await router.metric('postern_client_connections{listener="public"}'), 0)
  },
)

t.test('answers of the router itself do not pile up for a client that does not read', async (t) => {
  const { router } = await openStage(t, { time: 'stopped', app: { maintenance: true } })
  const client = await router.client()
  client.socket.pause()
  const page = request('GET', 'Accept: text/html\r\n')
  client.send(page.repeat(100_000))
  let before = -1
  while (before !== router.lines.length) {
    before = router.lines.length
    for (let i = 0; i < 5; i++) await settled()
  }
  t.ok(router.lines.length < 100_000, `${router.lines.length} answers`)
  await router.pass(110_000 + LATEST_MS)
  t.match(router.lines.at(-1), / code=H28 .* status=499 /)
  t.equal(await router.metric('postern_client_connections{listener="public"}'), 0)
})

t.test('a head that was given up is no request, whatever comes of it before its client took the 408', async (t) => {
  let bodyBytes = 64 * 1024
  const sides: ClientSide[] = []
  const script = answering(() => {
    for (const x of router.plane.exchanges()) sides.push(x.client)
    return `HTTP/1.1 200 OK\r\nContent-Length: ${bodyBytes}\r\n\r\n${'x'.repeat(bodyBytes)}`
  })
  const { router } = await openStage(t, { time: 'stopped', script })
  const client = await router.client()
  const answerBytes = (await client.get()).raw.length
  const side = sides[0]!
  client.socket.pause()
  while (side.unsentBytes === 0) {
    client.send(GET)
    for (let i = 0; i < 5; i++) await settled()
  }
  // Hardly less than makes the next request wait for the client: the 408 is what it has to take first.
  bodyBytes += TO_CLIENT_BYTES - 100 - side.unsentBytes - answerBytes
  client.send(GET)
  for (let i = 0; i < 5; i++) await settled()
  const requests = sides.length
  client.send(GET.slice(0, -2))
  await router.pass(30_000 + LATEST_MS)
  t.ok(side.unsentBytes > TO_CLIENT_BYTES, `${side.unsentBytes} bytes wait`)
  client.send('\r\n')
  await settled()
  client.socket.resume()
  t.equal(await client.ended(), 'end')
  t.match(client.text, /x\r?\n?HTTP\/1\.1 408 .*\r\n\r\nThe request took too long to arrive\.[^\r]*$/s)
  t.equal(sides.length, requests, 'the dyno saw no more of it')
})

t.test('a dyno that reads nothing stops its client, in an upload and in a tunnel', async (t) => {
  for (const tunnel of [false, true]) {
    const { router, dyno } = await openStage(t, { time: 'stopped' })
    const client = await router.client()
    if (tunnel) {
      client.send(request('GET', 'Connection: upgrade\r\nUpgrade: websocket\r\n'))
      const connection = await dyno.connection()
      connection.send('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n')
      await client.until('\r\n\r\n')
    } else {
      client.send(request('POST', `Content-Length: ${256 * MIB}\r\n`))
    }
    const connection = await dyno.connection()
    connection.socket.pause()
    const piece = Buffer.alloc(MIB)
    for (let i = 0; i < 256; i++) client.send(piece)
    const gone = () => client.socket.bytesWritten - client.socket.writableLength
    let before = -1
    while (before !== gone()) {
      before = gone()
      for (let i = 0; i < 5; i++) await settled()
    }
    t.ok(gone() < KERNEL_BYTES, `${gone()} bytes`)
    await router.pass(110_000 + LATEST_MS)
    t.match(await router.line(), tunnel ? / code=H15 .* status=101 / : / code=H15 .* status=503 /)
    client.close()
    connection.socket.destroy()
    await settled()
    t.equal(await router.metric('postern_requests_in_flight{app="shop"}'), 0)
  }
})

t.test('a client that closes its side after its request gets the answer', async (t) => {
  const { router } = await openStage(t, { time: 'stopped', script: answering(OK) })
  const client = await router.client()
  client.socket.end(GET)
  t.equal((await client.answer()).status, 200)
  t.equal(await client.ended(), 'end')
  t.match(await router.line(), /at=info .* status=200 /)
})

t.test('requests that were sent ahead are all answered after the client has closed its side', async (t) => {
  const { router } = await openStage(t, { time: 'stopped', script: answering(OK) })
  const client = await router.client()
  client.socket.end(GET.repeat(5))
  for (let i = 0; i < 5; i++) t.equal((await client.answer()).status, 200)
  t.equal(await client.ended(), 'end')
  t.equal(router.lines.length, 5)
})

t.test('a client that has closed its side counts as gone when no answer comes within a second', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped' })
  const client = await router.client()
  client.socket.end(GET)
  const connection = await dyno.connection()
  await connection.until('\r\n\r\n')
  await router.pass(1000)
  t.match(await router.line(), /sock=client at=warning code=H27 .* status=499 /)
  await connection.untilClosed()
})

t.test('a client that has closed its side gets the whole of a long answer, as long as it takes it', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped' })
  const client = await router.client()
  client.socket.end(GET)
  const connection = await dyno.connection()
  await connection.until('\r\n\r\n')
  connection.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n')
  for (let i = 0; i < 10; i++) {
    connection.send('0123456789')
    await router.pass(700)
  }
  t.equal((await client.answer()).body.length, 100)
  t.match(await router.line(), /at=info .* status=200 bytes=100 /)
})

t.test('a slow client that has closed its side is one that is slow', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped', script: streaming })
  const client = await router.client()
  client.socket.pause()
  client.send(GET)
  await filled(await dyno.connection())
  client.socket.end()
  await router.pass(50_000)
  t.strictSame(router.lines, [])
  client.socket.resume()
  let taken = 0
  await client.when(() => {
    taken += client.received.length
    client.received = Buffer.alloc(0)
    return taken > 16 * MIB
  })
  client.close()
  t.match(await router.line(), / code=H27 /)
})

t.test('a slow client that has closed its side and has taken all there was counts as gone soon', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped' })
  const client = await router.client()
  client.socket.pause()
  client.send(GET)
  const connection = await dyno.connection()
  await connection.until('\r\n\r\n')
  connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${33 * MIB}\r\n\r\n`)
  connection.send(Buffer.alloc(32 * MIB))
  await filled(connection)
  client.socket.end()
  await settled()
  let taken = 0
  client.socket.resume()
  await client.when(() => {
    taken += client.received.length
    client.received = Buffer.alloc(0)
    return taken > 32 * MIB
  })
  await settled()
  await router.pass(2000)
  t.match(await router.line(), / code=H27 .* status=499 /)
})

t.test('a client that closes its side in the middle of its request is gone', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped' })
  const client = await router.client()
  client.socket.end(request('POST', 'Content-Length: 4\r\n', 'ab'))
  t.match(await router.line(), / code=H27 .* status=499 /)
  await (await dyno.connection()).untilClosed()
  await client.ended()
  t.equal(client.text, '')

  const inHead = await router.client()
  inHead.socket.end('GET / HTTP/1.1\r\nHo')
  t.equal(await inHead.ended(), 'end')
  t.equal(inHead.text, '')
  t.equal(router.lines.length, 1, 'half a head is no request')
})
