import { rule } from './rule.ts'
import { get, post, Stage } from './stage.ts'

const CHUNKED = 'Transfer-Encoding: chunked\r\n'
const withTrailers = (trailers: string) =>
  post(`3\r\nabc\r\n0\r\n${trailers}\r\n`, `${CHUNKED}Trailer: Head1, Head2\r\n`)

rule('trailers/request', 'RFC 9112 §7.1.2', 'Trailers of a request reach the dyno, announced or not', async (t) => {
  const stage = await Stage.open()
  const client = await stage.client()
  client.send(withTrailers('head1:val1\r\nHead2:  val2 \r\nX-Obs: \xe9\r\n'))
  t.equal((await client.answer()).status, 200)
  t.strictSame(stage.dyno.requests[0]?.trailers, ['head1: val1', 'Head2: val2', 'X-Obs: \xe9'])
  t.strictSame(stage.dyno.requests[0]?.headers.get('trailer'), ['Head1, Head2'])
  client.send(post('3\r\nabc\r\n0\r\nhead: val\r\n\r\n', CHUNKED))
  t.equal((await client.answer()).status, 200)
  t.strictSame(stage.dyno.requests[1]?.trailers, ['head: val'])
})

rule(
  'trailers/request-in-pieces',
  'RFC 9112 §7.1.2',
  'Trailers that come after the rest of the body reach the dyno',
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    client.send(post('3\r\nabc\r\n', CHUNKED))
    await (await stage.dyno.connection()).until('abc')
    client.send('0\r\nX-S')
    client.send('um: 3\r\n\r')
    client.send('\n')
    t.equal((await client.answer()).status, 200)
    t.strictSame(stage.dyno.requests[0]?.trailers, ['X-Sum: 3'])
  },
)

rule('trailers/response', 'RFC 9112 §7.1.2', 'Trailers of an answer reach the client, announced or not', async (t) => {
  const stage = await Stage.open({
    answer: () =>
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: head1\r\n\r\n3\r\nabc\r\n0\r\nhead1:val1\r\nhead2: val2\r\n\r\n',
  })
  for (const lines of ['TE: trailers\r\nConnection: TE\r\n', 'Connection: close\r\n', '']) {
    const client = await stage.client()
    client.send(get('/', lines))
    const answer = await client.answer()
    t.match(answer.raw, /\r\n\r\n3\r\nabc\r\n0\r\nhead1: val1\r\nhead2: val2\r\n\r\n$/)
    t.strictSame(answer.headers.get('trailer'), ['head1'])
  }
})

rule('trailers/bad', 'RFC 9112 §7.1.2', 'A malformed trailer is refused by the rules of header lines', async (t) => {
  const stage = await Stage.open()
  for (const trailers of [
    'trailer is invalid\r\n',
    'X: y\n\r\n',
    'X: y\r\n folded\r\n',
    ' X: y\r\n',
    'X : y\r\n',
    ': y\r\n',
    'X: \x00\r\n',
    'X@: y\r\n',
    'X: y\rZ: w\r\n',
  ]) {
    await stage.refused(t, withTrailers(trailers) + get('/smuggled'), 400, 'bad trailer')
  }
  stage.untouched(t)
})

rule('trailers/framing', 'RFC 9110 §6.5.1', 'A trailer that frames or routes is refused', async (t) => {
  const stage = await Stage.open()
  for (const name of ['Content-Length', 'Transfer-Encoding', 'Host', 'content-LENGTH', 'Content_Length']) {
    await stage.refused(t, withTrailers(`${name}: 5\r\n`), 400, 'framing or routing header in the trailers')
  }
  stage.untouched(t)
})

rule(
  'trailers/dropped',
  'RFC 9110 §6.5.1',
  'Trailers that authenticate, control or say what only the router may say are dropped',
  async (t) => {
    const stage = await Stage.open()
    const names = [
      'Connection',
      'X-Forwarded-For',
      'X_Forwarded_For',
      'Authorization',
      'Cookie',
      'Set-Cookie',
      'X-Request-Id',
      'Via',
      'Content-Type',
      'TE',
      'Forwarded',
      'Proxy-Anything',
      'If-Match',
      'Expect',
    ]
    t.equal(
      (
        await stage.ask(
          withTrailers(`X-Kept: 1\r\n${names.map((name) => `${name}: forged\r\n`).join('')}Digest: 2\r\n`),
        )
      ).status,
      200,
    )
    t.strictSame(stage.dyno.requests[0]?.trailers, ['X-Kept: 1', 'Digest: 2'])
  },
)

rule('trailers/size', 'Postern limits', 'Trailers of 8 KiB are passed on, one more byte is refused', async (t) => {
  const stage = await Stage.open()
  // With the empty line that ends them.
  const sized = (bytes: number) => withTrailers(`X: ${'y'.repeat(bytes - 'X: \r\n\r\n'.length)}\r\n`)
  t.equal((await stage.ask(sized(8192))).status, 200)
  t.equal(stage.dyno.requests[0]?.trailers[0]?.length, 8188)
  await stage.refused(t, sized(8193), 400, 'trailers too long')
  await stage.refused(t, post(`0\r\nX: ${'y'.repeat(20_000)}`, CHUNKED), 400, 'trailers too long')
  t.equal(stage.dyno.requests.length, 1)
})

rule(
  'trailers/bad-in-answer',
  'RFC 9112 §8',
  'A bad trailer of an answer that is on its way cuts both connections; no error is written into it',
  async (t) => {
    const stage = await Stage.open({ answer: () => undefined })
    for (const [number, trailer] of ['trailer is invalid\r\n', 'Content-Length: 3\r\n', 'X: \x00\r\n'].entries()) {
      const client = await stage.client()
      client.send(get())
      const { connection } = await stage.dyno.request(number)
      connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
      await client.until('abc\r\n')
      connection.send(`0\r\n${trailer}\r\n`)
      await client.ended()
      t.match(client.text, /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n3\r\nabc\r\n$/, 'without its last chunk')
      await connection.untilClosed()
      t.match(stage.lastLine, / code=H17 .* status=200 /)
    }
  },
)
