import { rule } from './rule.ts'
import { get, HOST, post, Stage } from './stage.ts'

const quiet = { answer: () => undefined }

rule(
  'response-framing/length',
  'RFC 9112 §6.3',
  'An answer with Content-Length is over after that many bytes; the rest of it is streamed as it comes',
  async (t) => {
    const stage = await Stage.open(quiet)
    const client = await stage.client()
    client.send(get())
    const { connection } = await stage.dyno.request()
    connection.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n')
    await client.until('\r\n\r\n')
    connection.send('01234')
    await client.until('01234')
    connection.send('56789')
    const answer = await client.answer()
    t.equal(answer.body, '0123456789')
    t.strictSame(answer.headers.get('content-length'), ['10'])
    t.match(stage.lastLine, / at=info .* status=200 bytes=10 /)
  },
)

rule(
  'response-framing/chunked',
  'RFC 9112 §7.1',
  'A chunked answer is passed on chunk by chunk, framed anew, without its extensions',
  async (t) => {
    const stage = await Stage.open(quiet)
    const client = await stage.client()
    client.send(get())
    const { connection } = await stage.dyno.request()
    connection.send('HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\n3;a="b"\r\nabc\r\n')
    await client.until('3\r\nabc\r\n')
    connection.send('000D\r\n0123456789')
    await client.until('0123456789')
    connection.send('abc\r\n0;x\r\n\r\n')
    const answer = await client.answer()
    t.equal(answer.body, 'abc0123456789abc')
    t.strictSame(answer.headers.get('transfer-encoding'), ['chunked'])
    client.send(get())
    t.equal((await stage.dyno.request(1)).connection.number, 0)
  },
)

rule(
  'response-framing/until-close',
  'RFC 9112 §6.3',
  'An answer without length ends with the connection, on both sides',
  async (t) => {
    const stage = await Stage.open(quiet)
    const client = await stage.client()
    client.send(get() + get('/ignored'))
    const { connection } = await stage.dyno.request()
    connection.send('HTTP/1.1 200 OK\r\n\r\npart')
    await client.until('part')
    connection.end(' and rest')
    const answer = await client.answer()
    t.equal(answer.body, 'part and rest')
    t.strictSame(answer.headers.get('connection'), ['close'])
    t.notOk(answer.headers.has('content-length') || answer.headers.has('transfer-encoding'))
    t.equal(await client.ended(), 'end')
    t.equal(stage.dyno.requests.length, 1)
    t.match(stage.lastLine, / at=info .* bytes=13 /)
  },
)

rule(
  'response-framing/empty',
  'RFC 9112 §6.3',
  'An answer without body and length is empty when the connection closes at once',
  async (t) => {
    const stage = await Stage.open({ answer: (request) => void request.connection.end('HTTP/1.1 200 OK\r\n\r\n') })
    const client = await stage.client()
    client.send(get())
    const answer = await client.answer()
    t.strictSame([answer.status, answer.body], [200, ''])
    t.equal(await client.ended(), 'end')
  },
)

rule(
  'response-framing/short',
  'Heroku H18',
  'An answer that ends before its length or last chunk is cut: H18, with the status that was sent',
  async (t) => {
    const stage = await Stage.open(quiet)
    for (const [number, [head, destroy]] of (
      [
        ['Content-Length: 10\r\n\r\nabc', false],
        ['Content-Length: 10\r\n\r\nabc', true],
        ['Transfer-Encoding: chunked\r\n\r\n5\r\nabc', false],
        ['Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', true],
        ['Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n', false],
      ] as const
    ).entries()) {
      const client = await stage.client()
      client.send(get() + get('/ignored'))
      const { connection } = await stage.dyno.request(number)
      connection.send(`HTTP/1.1 200 OK\r\n${head}`)
      await client.until('abc')
      if (destroy) connection.socket.resetAndDestroy()
      else connection.end()
      await client.ended()
      t.match(client.text, /abc(\r\n)?$/, 'nothing is added that would complete it')
      t.match(stage.lastLine, / sock=backend at=error code=H18 .* status=200 bytes=3 /)
    }
    t.notMatch(stage.dyno.everything, 'ignored')
  },
)

rule(
  'response-framing/short-until-close',
  'RFC 9112 §8',
  'An answer without length that ends with a reset is cut by a reset',
  async (t) => {
    const stage = await Stage.open(quiet)
    const client = await stage.client()
    client.send(get())
    const { connection } = await stage.dyno.request()
    connection.send('HTTP/1.1 200 OK\r\n\r\npart')
    await client.until('part')
    connection.socket.resetAndDestroy()
    t.equal(await client.ended(), 'reset')
    t.match(stage.lastLine, ' code=H18 ')
  },
)

rule(
  'response-framing/bad-chunk',
  'RFC 9112 §7.1',
  'A bad chunk cuts an answer that is on its way; when it came with the head the client gets 503, H17',
  async (t) => {
    const stage = await Stage.open(quiet)
    for (const [number, bad] of [
      'zz\r\n',
      '5\r\nhelloX',
      ' 5\r\n',
      '5;\r\n',
      '-1\r\n',
      '20000000000000\r\n',
      '5\n',
      `5;${'x'.repeat(5000)}\r\n`,
    ].entries()) {
      const client = await stage.client()
      client.send(get())
      const late = (await stage.dyno.request(2 * number)).connection
      late.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
      await client.until('3\r\nabc\r\n')
      late.send(`${bad}secret`)
      await client.ended()
      t.equal(client.text.split('HTTP/1.1').length, 2, 'no second answer')
      t.notMatch(client.text, /\r\n0\r\n|secret/)
      t.match(stage.lastLine, / code=H17 .* status=200 /)
      await late.untilClosed()
      const early = await stage.client()
      early.send(get())
      const { connection } = await stage.dyno.request(2 * number + 1)
      connection.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n${bad}secret`)
      const answer = await early.answer()
      t.equal(answer.status, 503, bad)
      t.match(stage.lastLine, / code=H17 .* status=503 /)
      await connection.untilClosed()
    }
  },
)

rule(
  'response-framing/early-last-chunk',
  'RFC 9112 §7.1',
  'What a dyno sends after its last chunk is not part of the answer and reaches nobody',
  async (t) => {
    const stage = await Stage.open(quiet)
    const client = await stage.client()
    client.send(get())
    const { connection } = await stage.dyno.request()
    connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n5\r\ndefgh\r\n0\r\n\r\n')
    t.match((await client.answer()).raw, /\r\n\r\n3\r\nabc\r\n0\r\n\r\n$/)
    await connection.untilClosed()
    t.equal(client.text, '')
  },
)

rule(
  'response-framing/no-answer',
  'Heroku H13',
  'A dyno that closes without an answer: 503, H13; in the head of one: 503, H18',
  async (t) => {
    const stage = await Stage.open(quiet)
    for (const [number, half] of ['', 'HTTP/1.1 200 OK\r\nContent-Le', 'H'].entries()) {
      const client = await stage.client()
      client.send(post('hello'))
      const { connection } = await stage.dyno.request(number)
      connection.end(half)
      t.equal((await client.answer()).status, 503)
      t.match(
        stage.lastLine,
        half === ''
          ? / code=H13 desc="Connection closed without response" .* status=503 .* retries=0 not_retried="fresh connection"\n$/
          : / code=H18 desc="Server Request Interrupted" .* status=503 .* retries=0 not_retried="fresh connection"\n$/,
      )
    }
  },
)

rule(
  'response-framing/interrupted-upload',
  'Heroku H18',
  'A dyno that closes in the middle of the request without an answer: 503, H18',
  async (t) => {
    const stage = await Stage.open(quiet)
    const client = await stage.client()
    client.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 100\r\n\r\npart`)
    const connection = await stage.dyno.connection()
    await connection.until('part')
    connection.socket.resetAndDestroy()
    const answer = await client.answer()
    t.equal(answer.status, 503)
    t.strictSame(answer.headers.get('connection'), ['close'])
    t.equal(await client.ended(), 'end')
    t.match(stage.lastLine, / sock=backend at=error code=H18 .* status=503 /)
  },
)

rule(
  'response-framing/keep-alive-hint',
  'RFC 9112 §9.3',
  'A connection whose dyno says that it will close it within a second is not kept',
  async (t) => {
    const stage = await Stage.open({
      answer: () => 'HTTP/1.1 200 OK\r\nKeep-Alive: max=5, timeout=1\r\nContent-Length: 0\r\n\r\n',
    })
    const client = await stage.client()
    for (let i = 0; i < 2; i++) t.equal((await client.get()).status, 200)
    t.equal(stage.dyno.connections.length, 2)
    stage.dyno.answer = () => 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n'
    for (let i = 0; i < 3; i++) t.equal((await client.get()).status, 200)
    t.equal(stage.dyno.connections.length, 3)
  },
)
