import { rule } from './rule.ts'
import { get, HOST, post, Stage } from './stage.ts'

const TOO_LARGE = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 7\r\n\r\ntoo big'
const quiet = { answer: () => undefined }

rule(
  'early-answer/relayed',
  'RFC 9110 §7.5',
  "A dyno's answer that comes before the body is through reaches the client at once; then both connections close",
  async (t) => {
    const stage = await Stage.open(quiet)
    for (const [number, lines] of ['Content-Length: 1000\r\n', 'Transfer-Encoding: chunked\r\n'].entries()) {
      const client = await stage.client()
      client.send(post(lines.startsWith('C') ? 'part' : '4\r\npart\r\n', lines))
      const connection = await stage.dyno.connection(number)
      await connection.until('part')
      connection.send(TOO_LARGE)
      const answer = await client.answer()
      t.equal(answer.status, 413)
      t.equal(answer.body, 'too big')
      t.strictSame(answer.headers.get('connection'), ['close'])
      client.send(lines.startsWith('C') ? 'x'.repeat(996) : `0\r\n\r\n`)
      client.send(get('/smuggled'))
      t.equal(await client.ended(), 'end')
      t.equal(client.text, '')
      await connection.untilClosed()
      t.match(stage.lastLine, / at=info .* status=413 /)
    }
    t.equal(stage.dyno.requests.length, 0, 'and no dyno saw a whole request')
  },
)

rule(
  'early-answer/dyno-hangs-up',
  'nextstrain.org issue 564',
  'The answer reaches the client even when the dyno hangs up right behind it, in the middle of the upload',
  async (t) => {
    const stage = await Stage.open(quiet)
    const rounds = 60
    const chunk = Buffer.alloc(60_000, 'u')
    for (let number = 0; number < rounds; number++) {
      const client = await stage.client()
      client.send(`POST /upload HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 1000000000\r\n\r\n`)
      const uploading = setInterval(() => client.socket.writableLength < 300_000 && client.send(chunk), 0)
      const connection = await stage.dyno.connection(number)
      await connection.until('uuuu')
      // Nothing more is read: closing resets the connection, as servers do that refuse a body.
      connection.socket.pause()
      connection.socket.write(TOO_LARGE, () => connection.socket.destroy())
      const answer = await client.answer().catch((error: Error) => ({ status: error.message }))
      clearInterval(uploading)
      client.close()
      if (answer.status !== 413) {
        t.equal(answer.status, 413, `round ${number}: ${stage.lastLine}`)
        return
      }
    }
    t.equal(stage.router.lines.filter((line) => line.includes(' status=413 ')).length, rounds)
  },
)

rule(
  'early-answer/dyno-closes-in-order',
  'RFC 9112 §9.6',
  'So it does when the dyno only closes its side',
  async (t) => {
    const stage = await Stage.open(quiet)
    const client = await stage.client()
    client.send(post('part', 'Content-Length: 1000\r\n'))
    const connection = await stage.dyno.connection()
    await connection.until('part')
    connection.end('HTTP/1.1 401 Unauthorized\r\n\r\nwithout a length')
    const answer = await client.answer()
    t.equal(answer.status, 401)
    t.equal(answer.body, 'without a length')
  },
)

rule('early-answer/long', 'RFC 9110 §7.5', 'A long early answer arrives whole while the upload goes on', async (t) => {
  const stage = await Stage.open(quiet)
  const client = await stage.client()
  client.send(post('', 'Content-Length: 100000000\r\n'))
  const connection = await stage.dyno.connection()
  await connection.until('\r\n\r\n')
  connection.send(`HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n`)
  const piece = Buffer.alloc(30_000, 'a')
  for (let i = 0; i < 100; i++) {
    connection.send(piece)
    client.send(piece)
  }
  const answer = await client.answer()
  t.equal(answer.body.length, 3_000_000)
  t.strictSame(answer.headers.get('connection'), ['close'])
})

rule(
  'early-answer/malformed-rest',
  'RFC 9112 §8',
  'When the rest of the body turns out malformed, the client gets no second answer behind the first',
  async (t) => {
    const stage = await Stage.open(quiet)
    const client = await stage.client()
    client.send(post('4\r\npart\r\n', 'Transfer-Encoding: chunked\r\n'))
    const connection = await stage.dyno.connection()
    await connection.until('part')
    connection.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ')
    await client.until('half ')
    client.send('zz\r\n')
    await client.ended()
    t.match(client.text, /half $/)
    t.equal(client.text.split('HTTP/1.1').length, 2)
    t.equal(stage.router.lines.length, 1)
  },
)

rule(
  'early-answer/no-reuse',
  'RFC 9112 §9.3',
  'A connection to a dyno that saw half an upload carries nothing more',
  async (t) => {
    const stage = await Stage.open(quiet)
    const client = await stage.client()
    client.send(post('part', 'Content-Length: 10\r\n'))
    const first = await stage.dyno.connection()
    await first.until('part')
    first.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    t.equal((await client.answer()).status, 200)
    const other = await stage.client()
    other.send(get('/next'))
    const { connection } = await stage.dyno.request()
    t.equal(connection.number, 1)
    await first.untilClosed()
  },
)
