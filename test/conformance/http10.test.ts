import { rule } from './rule.ts'
import { get, HOST, Stage } from './stage.ts'

const old = (lines = '', path = '/') => `GET ${path} HTTP/1.0\r\nHost: ${HOST}\r\n${lines}\r\n`
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-Sum: 7\r\n\r\n'

rule(
  'http-1.0/speaks-1.1',
  'RFC 9110 §2.5',
  'Dyno and client both see HTTP/1.1, whatever the other side spoke',
  async (t) => {
    const stage = await Stage.open({ answer: () => 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok' })
    const answer = await stage.ask(old())
    t.match(answer.head, /^HTTP\/1\.1 200 OK\r\n/)
    t.strictSame(answer.headers.get('via'), ['1.0 postern'])
    t.match(stage.dyno.requests[0]?.head, /^GET \/ HTTP\/1\.1\r\n/)
    t.match(stage.lastLine, ' protocol=http1.0 ')
  },
)

rule('http-1.0/closes', 'RFC 9112 §9.3', 'The connection closes after one answer by default', async (t) => {
  const stage = await Stage.open()
  const client = await stage.client()
  client.send(old() + old('', '/ignored'))
  t.strictSame((await client.answer()).headers.get('connection'), ['close'])
  t.equal(await client.ended(), 'end')
  t.equal(client.text, '')
  t.equal(stage.dyno.requests.length, 1)
})

rule('http-1.0/keep-alive', 'RFC 9112 §9.3', 'The connection is kept on request, and the answer says so', async (t) => {
  const stage = await Stage.open()
  const client = await stage.client()
  for (let i = 0; i < 3; i++) {
    client.send(old('Connection: Keep-Alive\r\n'))
    t.strictSame((await client.answer()).headers.get('connection'), ['keep-alive'])
  }
  client.send(`GET / HTTP/1.0\r\nHost: nobody.example.com\r\nConnection: keep-alive\r\n\r\n`)
  const unknown = await client.answer()
  t.equal(unknown.status, 404)
  t.strictSame(unknown.headers.get('connection'), ['keep-alive'])
  client.send(old('Connection: keep-alive, close\r\n'))
  t.strictSame((await client.answer()).headers.get('connection'), ['close'])
  t.equal(await client.ended(), 'end')
})

rule(
  'http-1.0/chunked-answer',
  'RFC 9112 §6.1',
  'A chunked answer becomes one that ends with the connection',
  async (t) => {
    const stage = await Stage.open({ answer: () => CHUNKED })
    for (const lines of ['', 'Connection: keep-alive\r\n']) {
      const client = await stage.client()
      client.send(old(lines))
      t.equal(await client.ended(), 'end')
      const answer = await client.answer()
      t.equal(answer.body, 'abcdefg')
      t.notOk(answer.headers.has('transfer-encoding'))
      t.strictSame(answer.headers.get('connection'), ['close'])
    }
    t.equal(stage.dyno.connections.length, 1, 'the connection to the dyno can be kept')
  },
)

rule(
  'http-1.0/cut-answer',
  'RFC 9112 §8',
  'Such an answer that is cut ends with a reset: an orderly end would make it look whole',
  async (t) => {
    const stage = await Stage.open({ answer: () => undefined })
    const client = await stage.client()
    client.send(old())
    const { connection } = await stage.dyno.request()
    connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
    await client.until('abc')
    connection.socket.destroy()
    t.equal(await client.ended(), 'reset')
  },
)

rule('http-1.0/no-interim-answers', 'RFC 9110 §15.2', 'HTTP/1.0 clients get no 1xx', async (t) => {
  const stage = await Stage.open({
    answer: () =>
      'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  })
  t.match((await stage.ask(old())).raw, /^HTTP\/1\.1 200 /)
})

rule('http-1.0/dyno', 'RFC 9112 §9.3', 'A connection to an HTTP/1.0 dyno is kept only if it says so', async (t) => {
  const stage = await Stage.open({ answer: () => 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok' })
  const client = await stage.client()
  client.send(get() + get())
  for (let i = 0; i < 2; i++) t.equal((await client.answer()).status, 200)
  t.equal(stage.dyno.connections.length, 2)
  stage.dyno.answer = () => 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok'
  for (let i = 0; i < 3; i++) t.equal((await client.get()).status, 200)
  t.equal(stage.dyno.connections.length, 3)
})

rule(
  'http-1.0/dyno-chunked',
  'RFC 9112 §6.1',
  'Transfer-Encoding in an HTTP/1.0 answer is no framing that anyone can trust: 503, H17',
  async (t) => {
    const stage = await Stage.open({ answer: () => CHUNKED.replace('1.1', '1.0') })
    t.equal((await stage.ask(get())).status, 503)
    t.match(stage.lastLine, ' code=H17 ')
  },
)
