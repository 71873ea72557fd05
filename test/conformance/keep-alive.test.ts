import { OK } from './recording-dyno.ts'
import { rule } from './rule.ts'
import { get, HOST, post, Stage } from './stage.ts'

/** What Connection says on each side; '' says nothing. */
const WORDS = ['', 'keep-alive', 'close'] as const

rule(
  'keep-alive/matrix',
  'RFC 9112 §9.3',
  'Each side keeps its connection or not by its own Connection header: what one says does not reach the other',
  async (t) => {
    for (const client of WORDS) {
      for (const dyno of WORDS) {
        const line = (word: string) => (word === '' ? '' : `Connection: ${word}\r\n`)
        const stage = await Stage.open({ answer: () => `HTTP/1.1 200 OK\r\n${line(dyno)}Content-Length: 2\r\n\r\nok` })
        const name = `client ${client || 'default'}, dyno ${dyno || 'default'}`
        const first = await stage.client()
        first.send(post('12345', `Content-Length: 5\r\n${line(client)}`))
        const answer = await first.answer()
        t.strictSame(answer.headers.get('connection'), client === 'close' ? ['close'] : undefined, name)
        t.strictSame(stage.dyno.requests[0]?.headers.get('connection'), ['keep-alive'], name)
        if (client === 'close') t.equal(await first.ended(), 'end', name)
        if (dyno === 'close') await stage.dyno.connections[0]?.untilClosed()
        const second = client === 'close' ? await stage.client() : first
        second.send(get())
        t.equal((await second.answer()).status, 200, name)
        t.equal(stage.dyno.connections.length, dyno === 'close' ? 2 : 1, name)
        await Stage.closeAll(t)
      }
    }
  },
)

rule(
  'keep-alive/any-client',
  'RFC 9112 §9.3',
  'A connection to a dyno serves one client after the other, and several are opened when several are needed',
  async (t) => {
    const stage = await Stage.open()
    for (let i = 0; i < 5; i++) t.equal((await stage.ask(get(`/${i}`))).status, 200)
    t.equal(stage.dyno.connections.length, 1)
    stage.dyno.answer = () => undefined
    const clients = await Promise.all([stage.client(), stage.client(), stage.client()])
    for (const client of clients) client.send(get('/slow'))
    await stage.dyno.request(7)
    t.strictSame(new Set(stage.dyno.requests.slice(5).map(({ connection }) => connection.number)), new Set([0, 1, 2]))
    for (const { connection } of stage.dyno.requests.slice(5)) connection.send(OK)
    for (const client of clients) t.equal((await client.answer()).status, 200)
  },
)

rule(
  'keep-alive/http-1.0',
  'RFC 9112 §9.3',
  'A client of HTTP/1.0 that asks for it keeps both connections',
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    for (let i = 0; i < 3; i++) {
      client.send(`POST / HTTP/1.0\r\nHost: ${HOST}\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n12345`)
      t.strictSame((await client.answer()).headers.get('connection'), ['keep-alive'])
    }
    t.equal(stage.dyno.connections.length, 1)
  },
)

rule('keep-alive/chunked', 'RFC 9112 §9.3', 'Chunked requests and answers keep both connections', async (t) => {
  const stage = await Stage.open({
    answer: () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n',
  })
  const client = await stage.client()
  for (let i = 0; i < 3; i++) {
    client.send(post('3\r\nabc\r\n5\r\ndefgh\r\ne\r\nijklmnopqrstuv\r\n0\r\n\r\n', 'Transfer-Encoding: chunked\r\n'))
    t.equal((await client.answer()).body, 'abcdefgh')
    t.equal(stage.dyno.requests.at(-1)?.body, 'abcdefghijklmnopqrstuv')
  }
  t.equal(stage.dyno.connections.length, 1)
})

rule('keep-alive/large-body', 'RFC 9112 §9.3', 'Large requests and answers keep both connections', async (t) => {
  const body = 'a'.repeat(400_000)
  const stage = await Stage.open({ answer: () => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}` })
  const client = await stage.client()
  for (let i = 0; i < 3; i++) {
    client.send(post(body))
    t.equal((await client.answer()).body.length, body.length)
    t.equal(stage.dyno.requests.at(-1)?.body, body)
  }
  t.equal(stage.dyno.connections.length, 1)
})

rule(
  'keep-alive/dyno-closes-idle',
  'RFC 9112 §9.5',
  'A connection that its dyno closes while it is idle is noticed and not used again',
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    for (const close of ['end', 'reset'] as const) {
      t.equal((await client.get()).status, 200)
      const { connection } = stage.dyno.requests.at(-1)!
      if (close === 'end') connection.end()
      else connection.socket.resetAndDestroy()
      await connection.untilClosed()
      client.send(post('not to be repeated'))
      t.equal((await client.answer()).status, 200)
      t.match(stage.lastLine, / retries=0\n$/)
    }
    t.equal(stage.dyno.connections.length, 3)
  },
)

rule(
  'keep-alive/close-behind-answer',
  'RFC 9112 §9.6',
  'A dyno that closes right behind its answer without a word does not spoil the next request',
  async (t) => {
    const stage = await Stage.open({ answer: (request) => void request.connection.end(OK) })
    const client = await stage.client()
    for (let i = 0; i < 10; i++) {
      client.send(i % 2 === 0 ? get() : post('body'))
      t.equal((await client.answer()).status, 200)
    }
    t.equal(stage.dyno.requests.length, 10)
  },
)
