import { rule } from './rule.ts'
import { get, HOST, Stage } from './stage.ts'

const request = (method: string, lines = '') => `${method} / HTTP/1.1\r\nHost: ${HOST}\r\n${lines}\r\n`

/** Framing that an answer may announce, with the body that it then has no right to. */
const FRAMINGS = {
  none: ['', ''],
  zero: ['Content-Length: 0\r\n', ''],
  length: ['Content-Length: 43\r\n', ''],
  large: ['Content-Length: 1421093\r\n', ''],
  chunked: ['Transfer-Encoding: chuNked\r\n', ''],
  close: ['Connection: close\r\n', ''],
  'length with body': ['Content-Length: 14\r\n', 'misplaced body'],
  'chunked with body': ['Transfer-Encoding: chunked\r\n', 'e\r\nmisplaced body\r\n0\r\n\r\n'],
  'body alone': ['', 'misplaced body'],
} as const
type Framing = keyof typeof FRAMINGS

const CASES = [
  ['HEAD', 200],
  ['HEAD', 404],
  ['GET', 204],
  ['POST', 204],
  ['GET', 304],
  ['HEAD', 304],
] as const

/** Content-Length that the client is told. */
function expectedLength(status: number, framing: Framing): string[] | undefined {
  const length = /Content-Length: (\d+)/.exec(FRAMINGS[framing][0])?.[1]
  return status === 204 || length === undefined ? undefined : [length]
}

rule(
  'bodyless/matrix',
  'RFC 9112 §6.3',
  '204, 304 and answers to HEAD have no body whatever their headers say, and nobody waits for one',
  async (t) => {
    const stage = await Stage.open()
    for (const [method, status] of CASES) {
      for (const framing of Object.keys(FRAMINGS) as Framing[]) {
        const [lines, body] = FRAMINGS[framing]
        stage.dyno.answer = () => `HTTP/1.1 ${status} X\r\n${lines}\r\n${body}`
        const client = await stage.client()
        client.send(request(method))
        const answer = await client.answer('HEAD')
        t.strictSame(
          [
            answer.status,
            client.text,
            answer.headers.get('content-length'),
            answer.headers.has('transfer-encoding'),
            answer.headers.has('connection'),
          ],
          [status, '', expectedLength(status, framing), false, false],
          `${method} ${status} ${framing}`,
        )
        t.match(stage.lastLine, / at=info .* bytes=0 /)
        stage.dyno.answer = () => 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext'
        client.send(get())
        t.equal((await client.answer()).body, 'next', 'the connection of the client goes on')
        client.close()
      }
    }
  },
)

rule(
  'bodyless/dyno-connection',
  'RFC 9112 §6.3',
  'After such an answer the connection to the dyno is kept, unless a body came all the same or it said close',
  async (t) => {
    for (const [method, status] of CASES) {
      for (const framing of Object.keys(FRAMINGS) as Framing[]) {
        const [lines, body] = FRAMINGS[framing]
        const stage = await Stage.open({ answer: () => `HTTP/1.1 ${status} X\r\n${lines}\r\n${body}` })
        const client = await stage.client()
        client.send(request(method))
        await client.answer('HEAD')
        stage.dyno.answer = () => 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext'
        client.send(get())
        t.equal((await client.answer()).body, 'next')
        const kept = framing !== 'close' && body === ''
        t.equal(stage.dyno.connections.length, kept ? 1 : 2, `${method} ${status} ${framing}`)
        await Stage.closeAll(t)
      }
    }
  },
)

rule(
  'bodyless/late-body',
  'RFC 9112 §11.2',
  'A body that comes later closes the connection to the dyno and is never read as the next answer',
  async (t) => {
    const stage = await Stage.open()
    for (const [method, status] of CASES) {
      stage.dyno.answer = () => `HTTP/1.1 ${status} X\r\nContent-Length: 14\r\n\r\n`
      const client = await stage.client()
      client.send(request(method))
      t.equal((await client.answer('HEAD')).status, status)
      const { connection } = stage.dyno.requests.at(-1)!
      connection.send('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison')
      await connection.untilClosed()
      stage.dyno.answer = () => 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext'
      client.send(get())
      t.equal((await client.answer()).body, 'next')
      client.close()
    }
  },
)

rule('bodyless/client-close', 'RFC 9112 §9.6', 'They end the connection when the client asked for that', async (t) => {
  const stage = await Stage.open()
  for (const [method, status] of CASES) {
    stage.dyno.answer = () => `HTTP/1.1 ${status} X\r\nConnection: close\r\n\r\n`
    const client = await stage.client()
    client.send(request(method, 'Connection: close\r\n'))
    t.strictSame((await client.answer('HEAD')).headers.get('connection'), ['close'])
    t.equal(await client.ended(), 'end')
  }
})

rule('bodyless/length-zero', 'RFC 9112 §6.3', 'An ordinary answer of length 0 is over with its head', async (t) => {
  const stage = await Stage.open({ answer: () => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n' })
  const client = await stage.client()
  for (let i = 0; i < 3; i++) {
    client.send(get())
    t.strictSame((await client.answer()).headers.get('content-length'), ['0'])
  }
  t.equal(stage.dyno.connections.length, 1)
})

rule(
  'bodyless/router-head',
  'RFC 9110 §9.3.2',
  "The router's own answers to HEAD have no body but its length",
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    client.send('HEAD / HTTP/1.1\r\nHost: nobody.example.com\r\n\r\n')
    const answer = await client.answer('HEAD')
    t.equal(answer.status, 404)
    t.ok(Number(answer.headers.get('content-length')?.[0]) > 0)
    client.send(get())
    t.equal((await client.answer()).status, 200)
    const timeoutAnswer = await stage.ask('HEAD / HTTP/1.1\r\nHost: a b\r\n\r\n', 'HEAD')
    t.equal(timeoutAnswer.status, 400)
  },
)
