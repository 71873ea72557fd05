import { rule } from './rule.ts'
import { get, HOST, post, Stage } from './stage.ts'

rule(
  'connection-header/named-headers-go',
  'RFC 9110 §7.6.1',
  'Every header that Connection names ends at this hop, in any case, from any of its lines',
  async (t) => {
    const stage = await Stage.open()
    await stage.ask(
      get(
        '/',
        'X-One: a\r\nConnection: x-one, X-TWO ,, close\r\nx-Two: b\r\nX-Stays: c\r\nX-One: d\r\nconnection:\tX-Three\r\nX-Three: e\r\nCookie: f\r\n',
      ),
    )
    const { headers } = await stage.dyno.request()
    t.notOk(headers.has('x-one') || headers.has('x-two') || headers.has('x-three'))
    t.strictSame(headers.get('x-stays'), ['c'])
    t.strictSame(headers.get('cookie'), ['f'])
    t.strictSame(headers.get('connection'), ['keep-alive'], 'what it says is between client and router')
  },
)

rule(
  'connection-header/protected',
  'Postern, after CVE-2022-31813',
  'Connection that names Host, the framing or what the router says of the client is refused',
  async (t) => {
    const stage = await Stage.open()
    for (const name of [
      'Host',
      'Content-Length',
      'content-length',
      'Content_Length',
      'Transfer-Encoding',
      'TRANSFER_ENCODING',
      'Forwarded',
      'X-Forwarded-For',
      'x-forwarded-for',
      'X-Forwarded-Proto',
      'X-Forwarded-Port',
      'X-Forwarded-Host',
      'X-Forwarded-Anything',
    ]) {
      for (const value of [name, `close, ${name}`, `${name},keep-alive`, `close\r\nConnection: ${name}`]) {
        await stage.refused(
          t,
          post('hello', `Connection: ${value}\r\nContent-Length: 5\r\nX-Forwarded-For: 10.0.0.1\r\n`),
          400,
          'Connection names a header that it must not',
        )
      }
    }
    stage.untouched(t)
  },
)

rule(
  'connection-header/own-headers-stay',
  'Postern access',
  'What the router adds cannot be taken away by naming it',
  async (t) => {
    const stage = await Stage.open()
    await stage.ask(
      get(
        '/',
        'Connection: X-Request-Id, X-Request-Start, Via, X-Request-ID\r\nX-Request-Id: aaaaaaaaaaaaaaaaaaaaaaaa\r\n',
      ),
    )
    const { headers } = await stage.dyno.request()
    for (const name of ['x-request-id', 'x-request-start', 'via', 'x-forwarded-for']) t.ok(headers.has(name), name)
  },
)

rule(
  'connection-header/tokens',
  'RFC 9110 §7.6.1',
  'An option that is no token, or more than 64 of them, is refused',
  async (t) => {
    const stage = await Stage.open()
    for (const value of ['close keep-alive', 'close;x', '"close"', 'x@y', 'clos\xe9', 'X-A: b']) {
      await stage.refused(t, get('/', `Connection: ${value}\r\n`), 400, 'bad Connection')
    }
    const options = (count: number) => get('/', `Connection: ${Array.from({ length: count }, (_, i) => `x-${i}`)}\r\n`)
    await stage.refused(t, options(65), 400, 'too many connection options')
    stage.untouched(t)
    t.equal((await stage.ask(options(64))).status, 200)
  },
)

rule(
  'connection-header/close',
  'RFC 9112 §9.6',
  'With `close` the answer says so too, and nothing after it is read',
  async (t) => {
    const stage = await Stage.open()
    for (const value of [
      'close',
      'Close',
      'keep-alive, close',
      'close, keep-alive',
      'x, close',
      'close\r\nConnection: keep-alive',
    ]) {
      const client = await stage.client()
      client.send(get('/wanted', `Connection: ${value}\r\n`) + get('/ignored'))
      t.strictSame((await client.answer()).headers.get('connection'), ['close'], value)
      t.equal(await client.ended(), 'end')
      t.equal(client.text, '')
    }
    t.ok(stage.dyno.requests.every(({ target }) => target === '/wanted'))
  },
)

rule(
  'connection-header/keep-alive',
  'RFC 9112 §9.3',
  'HTTP/1.1 connections go on without a word; an error of the router does not end them',
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    for (const lines of [
      '',
      'Connection: keep-alive\r\n',
      'Connection:\r\n',
      'Connection: ,\r\n',
      'Keep-Alive: timeout=1, max=1\r\n',
    ]) {
      client.send(get('/', lines))
      const answer = await client.answer()
      t.equal(answer.status, 200)
      t.notOk(answer.headers.has('connection'))
      client.send('GET / HTTP/1.1\r\nHost: nobody.example.com\r\n\r\n')
      t.equal((await client.answer()).status, 404)
    }
    t.equal(stage.dyno.requests.length, 5)
  },
)

rule(
  'connection-header/requests-per-connection',
  'Postern limits',
  'With limits.requestsPerConnection the last answer says close',
  async (t) => {
    const stage = await Stage.open({ space: { limits: { requestsPerConnection: 3 } } })
    const client = await stage.client()
    client.send(get().repeat(5))
    t.notOk((await client.answer()).headers.has('connection'))
    t.notOk((await client.answer()).headers.has('connection'))
    t.strictSame((await client.answer()).headers.get('connection'), ['close'])
    t.equal(await client.ended(), 'end')
    t.equal(stage.dyno.requests.length, 3)
    const strangers = await stage.client()
    strangers.send('GET / HTTP/1.1\r\nHost: nobody.example.com\r\n\r\n'.repeat(5))
    for (let i = 0; i < 2; i++) t.notOk((await strangers.answer()).headers.has('connection'))
    t.strictSame((await strangers.answer()).headers.get('connection'), ['close'], `${HOST} or not`)
    t.equal(await strangers.ended(), 'end')
  },
)
