import { rule } from './rule.ts'
import { get, Stage } from './stage.ts'

const answering = (head: string, body = '') => ({ answer: () => `${head}\r\n\r\n${body}` })

/** What the client gets for each of these answers, with what the log says of them. */
async function outcomes(stage: Stage, answers: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (const answer of answers) {
    stage.dyno.answer = () => answer
    const { status, raw } = await stage.ask(get())
    const [, code, desc] = / code=(\w+) desc="([^"]*)"/.exec(stage.lastLine) ?? []
    found.push(`${status} ${code} ${desc}${raw.includes('secret') ? ' LEAKED' : ''}`)
  }
  return found
}

const same = (value: string, count: number) => Array.from({ length: count }, () => value)

rule(
  'response-head/passes',
  'RFC 9110 §5.3',
  'Status, reason and headers of an answer keep their order, case, repetitions and bytes',
  async (t) => {
    const lines = [
      'X-First: 1',
      'cUsToM-hEaDeR: 0',
      'Set-Cookie: a=b; Path=/',
      'test-header: 1',
      'Set-Cookie: c=d; HttpOnly',
      'test-header: 2',
      'X-Obs: caf\xe9',
      'X-Empty:',
      'SERVER: own/1.0',
      'date: Fri, 31 Dec 1999 23:59:59 GMT',
      'test-header: 3',
    ]
    const stage = await Stage.open(
      answering(`HTTP/1.1 666 THE NUMBER OF THE BEAST\r\n${lines.join('\r\n')}\r\nContent-Length: 2`, 'ok'),
    )
    const { head } = await stage.ask(get())
    t.strictSame(head.split('\r\n').slice(0, lines.length + 1), ['HTTP/1.1 666 THE NUMBER OF THE BEAST', ...lines])
  },
)

rule(
  'response-head/server-and-date',
  'RFC 9110 §6.6.1',
  'Server and Date are added when the dyno sent none',
  async (t) => {
    const stage = await Stage.open()
    const { headers } = await stage.ask(get())
    t.strictSame(headers.get('server'), ['postern'])
    t.match(headers.get('date')?.[0], /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/)
    stage.dyno.answer = () =>
      'HTTP/1.1 200 OK\r\nServer: own\r\nDate: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n'
    const other = await stage.ask(get())
    t.strictSame(other.headers.get('server'), ['own'])
    t.strictSame(other.headers.get('date'), ['Fri, 31 Dec 1999 23:59:59 GMT'])
  },
)

rule(
  'response-head/request-id',
  'Postern headers',
  'The client is told the request id when the space asks for it, in place of what the dyno says',
  async (t) => {
    const dyno = answering('HTTP/1.1 200 OK\r\nX-Request-Id: mine\r\nContent-Length: 0')
    const plain = await Stage.open(dyno)
    t.strictSame((await plain.ask(get())).headers.get('x-request-id'), ['mine'])
    const told = await Stage.open({ ...dyno, space: { headers: { requestIdToClient: true } } })
    const id = (await told.ask(get())).headers.get('x-request-id')
    t.strictSame(id, told.dyno.requests[0]?.headers.get('x-request-id'))
  },
)

rule(
  'response-head/reason',
  'RFC 9112 §4',
  'A missing reason phrase is tolerated, with or without the space before it',
  async (t) => {
    const stage = await Stage.open()
    for (const line of ['HTTP/1.1 200', 'HTTP/1.1 200 ', 'HTTP/1.0 200', 'HTTP/1.1 200 \xfcber\tgut']) {
      stage.dyno.answer = () => `${line}\r\nContent-Length: 2\r\n\r\nok`
      const answer = await stage.ask(get())
      t.equal(answer.status, 200, line)
      t.match(answer.head, /^HTTP\/1\.1 200 /, 'and to the client the space is there (RFC 9112 §4)')
      t.equal(answer.body, 'ok')
    }
  },
)

rule('response-head/status', 'RFC 9110 §15', 'Any three-digit status from 200 to 999 is passed on', async (t) => {
  const stage = await Stage.open()
  for (const status of [200, 202, 299, 300, 418, 451, 499, 500, 599, 600, 999]) {
    stage.dyno.answer = () => `HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`
    t.equal((await stage.ask(get())).status, status)
    t.match(stage.lastLine, ` status=${status} `)
  }
})

rule(
  'response-head/not-http',
  'Heroku H17',
  'What does not parse as an answer is 503, H17, and nothing of it reaches the client',
  async (t) => {
    const stage = await Stage.open()
    const bad = [
      'secret',
      '\r\nHTTP/1.1 200 OK\r\n\r\nsecret',
      'HTTP/1.1 20 OK\r\n\r\nsecret',
      'HTTP/1.1 2000 OK\r\n\r\nsecret',
      'HTTP/1.1 099 OK\r\n\r\nsecret',
      'HTTP/1.1 2x0 OK\r\n\r\nsecret',
      'HTTP/1.1  200 OK\r\n\r\nsecret',
      'HTTP/1.1\t200 OK\r\n\r\nsecret',
      'HTTP/1.1 200\tOK\r\n\r\nsecret',
      'HTTP/2 200 OK\r\n\r\nsecret',
      'HTTP/2.0 200 OK\r\n\r\nsecret',
      'HTTP/1.2 200 OK\r\n\r\nsecret',
      'http/1.1 200 OK\r\n\r\nsecret',
      'ICY 200 OK\r\n\r\nsecret',
      'HTTP/1.1 200 O\x00K\r\n\r\nsecret',
      'HTTP/1.1 200 OK\n\nsecret',
      'HTTP/1.1 200 OK\rX: y\r\n\r\nsecret',
      'HTTP/1.1 200 OK\r\nX: y\nZ: w\r\n\r\nsecret',
      'HTTP/1.1 200 OK\r\nX : y\r\n\r\nsecret',
      'HTTP/1.1 200 OK\r\n X: y\r\n\r\nsecret',
      'HTTP/1.1 200 OK\r\nX: y\r\n folded\r\n\r\nsecret',
      'HTTP/1.1 200 OK\r\n: y\r\n\r\nsecret',
      'HTTP/1.1 200 OK\r\nno colon\r\n\r\nsecret',
      'HTTP/1.1 200 OK\r\nX: \x00\r\n\r\nsecret',
      'HTTP/1.1 200 OK\r\nX@: y\r\n\r\nsecret',
      'HTTP/1.1 200 OK\r\nConnection: a b\r\n\r\nsecret',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc secret',
    ]
    t.strictSame(await outcomes(stage, bad), same('503 H17 Poorly formatted HTTP response', bad.length))
  },
)

rule(
  'response-head/protected-names',
  'Postern, after CVE-2022-31813',
  'Connection of an answer that names the framing is no answer',
  async (t) => {
    const stage = await Stage.open()
    const bad = ['Content-Length', 'Transfer-Encoding'].map(
      (name) => `HTTP/1.1 200 OK\r\nConnection: ${name}\r\nContent-Length: 6\r\n\r\nsecret`,
    )
    t.strictSame(await outcomes(stage, bad), same('503 H17 Poorly formatted HTTP response', bad.length))
  },
)

rule('response-head/status-line-size', 'Heroku H25', 'A status line over 8,192 bytes is 502, H25', async (t) => {
  const stage = await Stage.open()
  const line = (bytes: number) => `HTTP/1.1 200 ${'x'.repeat(bytes - 13)}`
  stage.dyno.answer = () => `${line(8192)}\r\nContent-Length: 0\r\n\r\n`
  t.equal((await stage.ask(get())).status, 200)
  const bad = [`${line(8193)}\r\nContent-Length: 6\r\n\r\nsecret`, line(1_000_000)]
  t.strictSame(await outcomes(stage, bad), same('502 H25 HTTP restriction: oversized status line', 2))
})

rule('response-head/header-size', 'Heroku H25', 'A header line over 512 KiB is 502, H25', async (t) => {
  const stage = await Stage.open()
  const line = (bytes: number) => `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(bytes - 3)}\r\nContent-Length: 6\r\n\r\nsecret`
  stage.dyno.answer = () => line(524_288)
  t.equal((await stage.ask(get())).body, 'secret')
  const bad = [line(524_289), line(1_000_000)]
  t.strictSame(await outcomes(stage, bad), same('502 H25 HTTP restriction: oversized header', 2))
})

rule(
  'response-head/cookie-size',
  'Heroku H25',
  'A Set-Cookie over 8,192 bytes is 502, H25; other headers may be longer',
  async (t) => {
    const stage = await Stage.open()
    const cookie = (bytes: number, name = 'Set-Cookie') =>
      `HTTP/1.1 200 OK\r\n${name}: a=${'x'.repeat(bytes - 2)}\r\nContent-Length: 6\r\n\r\nsecret`
    stage.dyno.answer = () => cookie(8192)
    t.equal((await stage.ask(get())).status, 200)
    stage.dyno.answer = () => cookie(8193, 'X-Cookie')
    t.equal((await stage.ask(get())).status, 200)
    const bad = [cookie(8193), cookie(8193, 'set-cookie')]
    t.strictSame(await outcomes(stage, bad), same('502 H25 HTTP restriction: oversized cookie', 2))
  },
)

rule(
  'response-head/head-size',
  'Postern limits',
  'A head over 1 MiB, or of more than 1,000 lines, is 502, H25',
  async (t) => {
    const stage = await Stage.open()
    const lines = (count: number, size: number) =>
      `HTTP/1.1 200 OK\r\n${`X: ${'x'.repeat(size)}\r\n`.repeat(count)}Content-Length: 6\r\n\r\nsecret`
    stage.dyno.answer = () => lines(999, 10)
    t.equal((await stage.ask(get())).body, 'secret')
    const bad = [lines(1000, 10), lines(10, 120_000)]
    t.strictSame(await outcomes(stage, bad), same('502 H25 HTTP restriction: oversized header', 2))
  },
)

rule(
  'response-head/lengths',
  'Heroku H25',
  'Differing, listed or otherwise bad Content-Length of an answer is 502, H25; identical ones are merged',
  async (t) => {
    const stage = await Stage.open()
    const lengths = (...values: string[]) =>
      `HTTP/1.1 200 OK\r\n${values.map((value) => `Content-Length: ${value}\r\n`).join('X: y\r\n')}\r\nsecret`
    stage.dyno.answer = () => lengths('6', '6')
    const merged = await stage.ask(get())
    t.strictSame([merged.body, merged.headers.get('content-length')], ['secret', ['6']])
    const bad = [
      ['6', '5'],
      ['6,6'],
      ['6, 5'],
      ['+6'],
      ['-6'],
      ['0x6'],
      ['6 6'],
      [''],
      ['9007199254740992'],
      ['6;'],
    ].map((values) => lengths(...values))
    t.strictSame(await outcomes(stage, bad), same('502 H25 HTTP restriction: invalid content length', bad.length))
  },
)

rule(
  'response-head/codings',
  'RFC 9112 §6.1',
  'Transfer-Encoding of an answer that is not one `chunked`, or comes with Content-Length, is 503, H17',
  async (t) => {
    const stage = await Stage.open()
    const body = '\r\n6\r\nsecret\r\n0\r\n\r\n'
    const bad = [
      'Transfer-Encoding: gzip, chunked',
      'Transfer-Encoding: identity',
      'Transfer-Encoding: chunked, chunked',
      'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
      'Transfer-Encoding: xchunked',
      'Transfer-Encoding:',
      'Transfer-Encoding: chunked\r\nContent-Length: 6',
      'Content-Length: 6\r\nTransfer-Encoding: chunked',
    ].map((lines) => `HTTP/1.1 200 OK\r\n${lines}\r\n${body}`)
    t.strictSame(await outcomes(stage, bad), same('503 H17 Poorly formatted HTTP response', bad.length))
  },
)

rule(
  'response-head/closes-the-dyno',
  'RFC 9112 §8',
  'After an answer that is none its connection carries nothing more, and the client goes on',
  async (t) => {
    const stage = await Stage.open({ answer: () => 'HTTP/1.1 200 OK\r\nX : y\r\n\r\n' })
    const client = await stage.client()
    client.send(get('/1') + get('/2'))
    t.equal((await client.answer()).status, 503)
    t.equal((await client.answer()).status, 503)
    t.strictSame(
      stage.dyno.requests.map(({ connection }) => connection.number),
      [0, 1],
    )
    for (const connection of stage.dyno.connections) await connection.untilClosed()
  },
)
