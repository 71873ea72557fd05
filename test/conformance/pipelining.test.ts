import type { SeenRequest } from './recording-dyno.ts'
import { rule } from './rule.ts'
import { get, HOST, post, Stage, turns } from './stage.ts'

const echo = ({ target }: SeenRequest) => `HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`

rule(
  'pipelining/in-order',
  'RFC 9112 §9.3.2',
  'Requests that are sent ahead are answered in their order, whoever answers them',
  async (t) => {
    const stage = await Stage.open({ answer: echo })
    const client = await stage.client()
    const stranger = `GET /unknown HTTP/1.1\r\nHost: nobody.example.com\r\n\r\n`
    client.send(
      get('/1') +
        post('body', undefined, '/2') +
        stranger +
        post('2\r\nab\r\n0\r\n\r\n', 'Transfer-Encoding: chunked\r\n', '/3') +
        get('/4'),
    )
    const answers = []
    for (let i = 0; i < 5; i++) answers.push(await client.answer())
    t.strictSame(
      answers.map(({ status, body }) => (status === 200 ? body : status)),
      ['/1', '/2', 404, '/3', '/4'],
    )
    t.strictSame(
      stage.router.lines.map((line) => / path="([^"]*)"/.exec(line)?.[1]),
      ['/1', '/2', '/unknown', '/3', '/4'],
    )
  },
)

rule(
  'pipelining/one-at-a-time',
  'Postern',
  'A dyno gets the next request of a client only when the one before was answered',
  async (t) => {
    const stage = await Stage.open({ answer: () => undefined })
    const client = await stage.client()
    client.send(get('/1') + get('/2'))
    const first = await stage.dyno.request()
    const other = await stage.client()
    other.send(get('/other'))
    t.equal((await stage.dyno.request(1)).target, '/other')
    first.connection.send(echo(first))
    t.equal((await client.answer()).body, '/1')
    t.equal((await stage.dyno.request(2)).target, '/2')
  },
)

rule(
  'pipelining/after-refusal',
  'RFC 9112 §9.3',
  'What was sent ahead of a malformed request is answered, what follows it is dropped',
  async (t) => {
    const stage = await Stage.open({ answer: echo })
    const client = await stage.client()
    client.send(`${get('/1')}${get('/2')}GET / HTTP/1.1\r\nBad : header\r\n\r\n${get('/smuggled')}`)
    t.equal((await client.answer()).body, '/1')
    t.equal((await client.answer()).body, '/2')
    t.equal((await client.answer()).status, 400)
    t.equal(await client.ended(), 'end')
    t.equal(client.text, '')
    t.notMatch(stage.dyno.everything, 'smuggled')
  },
)

rule('pipelining/read-ahead', 'Postern limits', 'At most 64 KiB are read ahead of the answers', async (t) => {
  const stage = await Stage.open({ answer: () => undefined })
  const client = await stage.client()
  client.send(get('/first'))
  const first = await stage.dyno.request()
  // More than the kernel's buffers on both ends take.
  const flood = Buffer.from(get('/flood', `X: ${'x'.repeat(8000)}\r\n`).repeat(4000), 'latin1')
  client.send(flood)
  const other = await stage.client()
  for (let i = 0; i < 20; i++) {
    other.send(get('/other'))
    const { connection } = await stage.dyno.request(1 + i)
    connection.send(echo({ target: '/other' } as SeenRequest))
    await other.answer()
  }
  t.ok(client.socket.writableLength > 0, 'the flood has not been taken')
  let more = 2
  stage.dyno.answer = (request) => (more-- > 0 ? echo(request) : undefined)
  first.connection.send(echo(first))
  for (const path of ['/first', '/flood', '/flood']) t.equal((await client.answer()).body, path)
})

rule(
  'pipelining/answers-pile-up',
  'Postern limits',
  'A client that sends requests and reads no answers is not served without end, whoever answers',
  async (t) => {
    const stage = await Stage.open({ answer: echo })
    const client = await stage.client()
    client.socket.pause()
    const count = 40_000
    client.send('GET / HTTP/1.1\r\nHost: nobody.example.com\r\n\r\n'.repeat(count))
    const other = await stage.client()
    let before = -1
    while (stage.router.lines.length !== before) {
      before = stage.router.lines.length
      for (let i = 0; i < 20; i++) {
        other.send(get('/other'))
        t.equal((await other.answer()).body, '/other')
        stage.router.lines.pop()
      }
    }
    t.ok(before < count, `stopped after ${before}`)
    client.socket.resume()
    let answers = 0
    while (answers < count) {
      await client.when(() => client.received.includes('HTTP/1.1 404 '))
      await turns()
      answers += client.text.split('HTTP/1.1 404 ').length - 1
      const last = client.text.lastIndexOf('HTTP/1.1 404 ')
      client.received = client.received.subarray(last + 13)
    }
    t.equal(answers, count, 'and goes on when it reads')
  },
)

rule(
  'pipelining/half-closed',
  'RFC 9112 §9.6',
  'Requests that came before the client closed its side are all answered',
  async (t) => {
    const stage = await Stage.open({ answer: echo })
    const client = await stage.client()
    client.send(`${get('/1')}${get('/2')}GET / HTTP/1.1\r\nHost: nobody.example.com\r\n\r\n${get('/3')}`)
    client.socket.end()
    for (const body of ['/1', '/2', undefined, '/3']) {
      const answer = await client.answer()
      if (body !== undefined) t.equal(answer.body, body)
    }
    t.equal(await client.ended(), 'end')
    const partial = await stage.client()
    partial.send(`${get('/4')}GET /part HTTP/1.1\r\nHost: ${HOST}\r\n`)
    partial.socket.end()
    t.equal((await partial.answer()).body, '/4')
    t.equal(await partial.ended(), 'end')
    t.equal(partial.text, '')
    t.equal(stage.dyno.requests.length, 4)
  },
)
