import { OK } from './recording-dyno.ts'
import { rule } from './rule.ts'
import { get, HOST, post, Stage, turns } from './stage.ts'

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const expecting = (value = '100-continue', more = '') =>
  `POST /up HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 10\r\nExpect: ${value}\r\n${more}\r\n`

rule(
  'expect/router-answers',
  'Heroku HTTP Routing',
  'The router itself answers 100 Continue, and the dyno sees no Expect',
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    client.send(expecting())
    await client.until(CONTINUE)
    t.equal(client.text, CONTINUE)
    client.received = Buffer.alloc(0)
    client.send('0123456789')
    t.equal((await client.answer()).status, 200)
    t.match(stage.dyno.requests[0], { body: '0123456789' })
    t.notOk(stage.dyno.requests[0]?.headers.has('expect'))
    client.send(get())
    t.equal((await client.answer()).status, 200, 'and the connection goes on')
  },
)

rule('expect/body-is-here', 'RFC 9110 §10.1.1', 'A client that did not wait gets no 100 Continue', async (t) => {
  const stage = await Stage.open()
  const client = await stage.client()
  client.send(`${expecting()}0123456789`)
  t.match((await client.answer()).raw, /^HTTP\/1\.1 200 /)
  client.send(`${expecting()}01234`)
  await (await stage.dyno.connection()).until('\r\n\r\n01234')
  client.send('56789')
  t.match((await client.answer()).raw, /^HTTP\/1\.1 200 /)
})

rule('expect/chunked', 'RFC 9110 §10.1.1', 'A chunked body may be expected as well', async (t) => {
  const stage = await Stage.open()
  const client = await stage.client()
  client.send(post('', 'Transfer-Encoding: chunked\r\nExpect: 100-CONTINUE\r\n'))
  await client.until(CONTINUE)
  client.received = Buffer.alloc(0)
  client.send('3\r\nabc\r\n0\r\n\r\n')
  t.equal((await client.answer()).status, 200)
  t.match(stage.dyno.requests[0], { body: 'abc' })
})

rule('expect/no-body', 'RFC 9110 §10.1.1', 'A request without a body gets no 100 Continue', async (t) => {
  const stage = await Stage.open()
  for (const lines of ['', 'Content-Length: 0\r\n']) {
    const client = await stage.client()
    client.send(get('/', `${lines}Expect: 100-continue\r\n`))
    t.match((await client.answer()).raw, /^HTTP\/1\.1 200 /)
  }
  t.notOk(stage.dyno.requests.some(({ headers }) => headers.has('expect')))
})

rule(
  'expect/body-begun',
  'RFC 9110 §10.1.1',
  'A client that sends its body without waiting gets no 100 Continue',
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    client.send(`${expecting()}01234`)
    await (await stage.dyno.connection()).until('01234')
    t.equal(client.text, '')
    client.send('56789')
    t.match((await client.answer()).raw, /^HTTP\/1\.1 200 /)
    t.match(stage.dyno.requests[0], { body: '0123456789' })
  },
)

rule(
  'expect/refused-without-100',
  'RFC 9110 §10.1.1',
  'A request that the router refuses gets its answer instead of 100, and the connection closes',
  async (t) => {
    const stage = await Stage.open({ app: { maxBodyBytes: 9 } })
    const client = await stage.client()
    client.send(expecting())
    const answer = await client.answer()
    t.equal(answer.status, 413)
    t.strictSame(answer.headers.get('connection'), ['close'])
    t.equal(await client.ended(), 'end')
    stage.untouched(t)
  },
)

rule('expect/unknown', 'RFC 9110 §10.1.1', 'Any other expectation is refused with 417', async (t) => {
  const stage = await Stage.open()
  for (const value of [
    'whatever',
    '100 continue',
    '100-continue, x',
    '100-continue;q=1',
    '200-ok',
    '"100-continue"',
    '100-continuee',
  ]) {
    await stage.refused(t, `${expecting(value)}0123456789`, 417, 'unknown expectation')
  }
  await stage.refused(t, `${expecting('100-continue', 'Expect: gzip\r\n')}0123456789`, 417, 'unknown expectation')
  stage.untouched(t)
})

rule('expect/empty', 'Vegur 2.0.5', 'An empty Expect expects nothing', async (t) => {
  const stage = await Stage.open()
  t.match((await stage.ask(`${expecting('')}0123456789`)).raw, /^HTTP\/1\.1 200 /)
  t.notOk(stage.dyno.requests[0]?.headers.has('expect'))
})

rule('expect/http-1.0', 'RFC 9110 §10.1.1', 'An expectation in HTTP/1.0 is ignored', async (t) => {
  const stage = await Stage.open()
  const client = await stage.client()
  client.send(`POST / HTTP/1.0\r\nHost: ${HOST}\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n`)
  await (await stage.dyno.connection()).until('\r\n\r\n')
  client.send('0123456789')
  t.match((await client.answer()).raw, /^HTTP\/1\.1 200 /)
  t.notOk(stage.dyno.requests[0]?.headers.has('expect'))
})

const END_TO_END = { app: { expectContinue: 'end-to-end' }, answer: () => undefined } as const

rule(
  'expect/end-to-end',
  'Heroku http-end-to-end-continue',
  'End to end, Expect reaches the dyno and its 100 Continue the client',
  async (t) => {
    const stage = await Stage.open(END_TO_END)
    const client = await stage.client()
    client.send(expecting())
    const connection = await stage.dyno.connection()
    await connection.until('\r\nExpect: 100-continue\r\n')
    t.equal(client.text, '', 'the router says nothing by itself')
    connection.send(CONTINUE)
    await client.until('100 Continue')
    t.match(client.text, /^HTTP\/1\.1 100 Continue\r\n/)
    client.received = Buffer.alloc(0)
    client.send('0123456789')
    await stage.dyno.request()
    connection.send(OK)
    const answer = await client.answer()
    t.equal(answer.status, 200)
    t.notOk(answer.headers.has('connection'), 'the connection goes on')
    client.send(get('/next'))
    const next = await stage.dyno.request(1)
    t.notOk(next.headers.has('expect'), 'what the client does not expect, nobody does')
    connection.send(OK)
    t.equal((await client.answer()).status, 200)
  },
)

rule(
  'expect/end-to-end-no-wait',
  'RFC 9110 §10.1.1',
  'End to end, a body that the client sends without waiting goes to the dyno at once',
  async (t) => {
    const stage = await Stage.open(END_TO_END)
    const client = await stage.client()
    client.send(expecting())
    await (await stage.dyno.connection()).until('\r\n\r\n')
    client.send('0123456789')
    t.match(await stage.dyno.request(), { body: '0123456789' })
    stage.dyno.connections[0]?.send(OK)
    t.equal((await client.answer()).status, 200)
  },
)

rule(
  'expect/final-instead-of-100',
  'RFC 9110 §10.1.1',
  'End to end, a final answer instead of 100 closes both connections: nobody knows whether the body follows',
  async (t) => {
    const stage = await Stage.open(END_TO_END)
    const client = await stage.client()
    client.send(expecting())
    const connection = await stage.dyno.connection()
    await connection.until('\r\n\r\n')
    connection.send('HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nnope')
    const answer = await client.answer()
    t.equal(answer.status, 401)
    t.equal(answer.body, 'nope')
    t.strictSame(answer.headers.get('connection'), ['close'])
    client.send('0123456789')
    t.equal(await client.ended(), 'end')
    await connection.untilClosed()
    t.notMatch(connection.text, '0123456789')
  },
)

rule(
  'expect/final-after-whole-body',
  'Vegur terminal_no_continue_complete',
  'End to end, a final answer without 100 closes the client connection even when the body was sent',
  async (t) => {
    const stage = await Stage.open(END_TO_END)
    const client = await stage.client()
    client.send(`${expecting()}0123456789`)
    await stage.dyno.request()
    stage.dyno.connections[0]?.send(OK)
    t.strictSame((await client.answer()).headers.get('connection'), ['close'])
    t.equal(await client.ended(), 'end')
  },
)

rule(
  'expect/one-100',
  'RFC 9110 §15.2',
  'The client gets 100 Continue once, whoever says it and however often',
  async (t) => {
    const both = await Stage.open({ answer: () => `${CONTINUE}${CONTINUE}${OK}` })
    const waiting = await both.client()
    waiting.send(expecting())
    await waiting.until(CONTINUE)
    waiting.send('0123456789')
    await waiting.until('ok')
    t.equal(waiting.text.split('100 Continue').length, 2)
    const dyno = await Stage.open(END_TO_END)
    const client = await dyno.client()
    client.send(expecting())
    const connection = await dyno.dyno.connection()
    connection.send(CONTINUE + CONTINUE)
    await client.until('100 Continue')
    client.send('0123456789')
    await dyno.dyno.request()
    connection.send(CONTINUE + OK)
    await client.until('ok')
    t.equal(client.text.split('100 Continue').length, 2)
  },
)

rule(
  'expect/unasked-100',
  'RFC 9110 §15.2',
  'A 100 Continue that nobody asked for is passed on once, and never to HTTP/1.0',
  async (t) => {
    const stage = await Stage.open({ answer: () => CONTINUE + OK })
    const client = await stage.client()
    client.send(post('hello'))
    await client.until('ok')
    t.match(client.text, /^HTTP\/1\.1 100 Continue\r\n[\s\S]*\r\n\r\nHTTP\/1\.1 200 OK\r\n/)
    const old = await stage.client()
    old.send(`GET / HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`)
    t.match((await old.answer()).raw, /^HTTP\/1\.1 200 /)
    await turns()
  },
)
