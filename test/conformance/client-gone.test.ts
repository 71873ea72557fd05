import { OK } from './recording-dyno.ts'
import { rule } from './rule.ts'
import { get, HOST, post, Stage } from './stage.ts'

/** A client that is gone has only closed its side, for all that the router can see at first: it waits a second. */
const quiet = { answer: () => undefined } as const
const GONE = / sock=client at=warning code=H27 desc="Client Request Interrupted" .* status=499 /

rule(
  'client-gone/waiting',
  'Heroku H27',
  "A client that leaves while it waits has its dyno's request cut, logged as 499",
  async (t) => {
    const stage = await Stage.open(quiet)
    for (const [number, leave] of ['close', 'reset'].entries()) {
      const client = await stage.client()
      client.send(get())
      const { connection } = await stage.dyno.request(number)
      if (leave === 'close') client.socket.destroy()
      else client.socket.resetAndDestroy()
      await stage.router.pass(leave === 'close' ? 1000 : 0)
      await connection.untilClosed()
      t.match(await stage.router.line(number), GONE)
    }
  },
)

rule(
  'client-gone/uploading',
  'Heroku H27',
  'In the middle of its body too, and the dyno cannot take the half for the whole',
  async (t) => {
    const stage = await Stage.open(quiet)
    for (const [number, request] of [
      post('part', 'Content-Length: 100\r\n'),
      post('4\r\npart\r\n', 'Transfer-Encoding: chunked\r\n'),
    ].entries()) {
      const client = await stage.client()
      client.send(request)
      const connection = await stage.dyno.connection(number)
      await connection.until('part')
      // A client that only closes its side cannot finish the body either.
      if (number === 0) client.socket.end()
      else client.socket.destroy()
      await connection.untilClosed()
      t.match(await stage.router.line(number), GONE)
      t.notMatch(connection.text, '0\r\n\r\n')
    }
    t.equal(stage.dyno.requests.length, 0)
  },
)

rule('client-gone/answering', 'Heroku H27', 'In the middle of the answer too', async (t) => {
  const stage = await Stage.open(quiet)
  const client = await stage.client()
  client.send(get())
  const { connection } = await stage.dyno.request()
  connection.send('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbeginning')
  await client.until('beginning')
  client.socket.destroy()
  await stage.router.pass(1000)
  await connection.untilClosed()
  t.match(await stage.router.line(), GONE)
})

rule(
  'client-gone/half-closed',
  'RFC 9112 §9.6',
  'A client that closes its side after a whole request may still get its answer',
  async (t) => {
    const stage = await Stage.open(quiet)
    const client = await stage.client()
    client.send(get())
    const { connection } = await stage.dyno.request()
    client.socket.end()
    // The router has seen the end before it sees the answer.
    await stage.ask('GET / HTTP/1.1\r\nHost: nobody.example.com\r\n\r\n')
    connection.send(OK)
    t.equal((await client.answer()).body, 'ok')
    t.equal(await client.ended(), 'end')
    t.match(stage.lastLine, / at=info .* status=200 /)
  },
)

rule('client-gone/half-closed-too-long', 'Heroku H27', 'For a second: then it counts as gone', async (t) => {
  const stage = await Stage.open(quiet)
  const client = await stage.client()
  client.send(get())
  const { connection } = await stage.dyno.request()
  client.socket.end()
  await stage.router.pass(1000)
  await connection.untilClosed()
  t.match(await stage.router.line(), GONE)
})

rule('client-gone/next-in-line', 'Heroku H27', 'Requests that it had sent ahead are never begun', async (t) => {
  const stage = await Stage.open(quiet)
  const client = await stage.client()
  client.send(get('/1') + get('/2'))
  const { connection } = await stage.dyno.request()
  client.socket.resetAndDestroy()
  await connection.untilClosed()
  t.equal((await stage.ask(`GET / HTTP/1.1\r\nHost: nobody.example.com\r\n\r\n`)).status, 404)
  t.notMatch(stage.dyno.everything, '/2')
})

rule(
  'client-gone/partial-head',
  'RFC 9112 §9.5',
  'A client that leaves in the middle of a head leaves nothing behind',
  async (t) => {
    const stage = await Stage.open()
    for (const part of ['', '\r\n', 'G', `GET / HTTP/1.1\r\nHost: ${HOST}\r\n`]) {
      const client = await stage.client()
      if (part !== '') client.send(part)
      client.socket.end()
      t.equal(await client.ended(), 'end')
      t.equal(client.text, '')
    }
    stage.untouched(t)
  },
)

rule(
  'client-gone/other-clients',
  'Heroku H27',
  'The connection of the dyno that it left is not used for anybody else',
  async (t) => {
    const stage = await Stage.open(quiet)
    const client = await stage.client()
    client.send(get('/left'))
    const first = await stage.dyno.request()
    client.socket.destroy()
    await stage.router.pass(1000)
    await stage.router.line()
    const other = await stage.client()
    other.send(get('/other'))
    const second = await stage.dyno.request(1)
    t.not(second.connection, first.connection)
    first.connection.send('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison')
    second.connection.send(OK)
    t.equal((await other.answer()).body, 'ok')
  },
)
