import { OK } from './recording-dyno.ts'
import { rule } from './rule.ts'
import { get, HOST, Stage } from './stage.ts'

const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
const upgrading = (lines = 'Connection: Upgrade\r\nUpgrade: websocket\r\n', method = 'GET') =>
  `${method} /ws HTTP/1.1\r\nHost: ${HOST}\r\n${lines}\r\n`
const quiet = { answer: () => undefined }

rule(
  'upgrade/tunnel',
  'RFC 9110 §7.8',
  'After a 101 that was asked for both connections are one byte pipe, logged once at its end',
  async (t) => {
    const stage = await Stage.open(quiet)
    const client = await stage.client()
    client.send(
      upgrading(
        'Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
      ),
    )
    const { connection, headers } = await stage.dyno.request()
    t.strictSame([headers.get('upgrade'), headers.get('connection')], [['websocket'], ['upgrade']])
    connection.send(`${SWITCH}from the dyno`)
    await client.until('from the dyno')
    t.match(
      client.text,
      /^HTTP\/1\.1 101 Switching Protocols\r\n(?:.*\r\n)*Upgrade: websocket\r\nConnection: upgrade\r\n\r\nfrom the dyno$/,
    )
    const binary = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    client.send(binary)
    await connection.until(binary.toString('latin1'))
    connection.send(binary)
    await client.until(binary.toString('latin1'))
    client.send(get('/looks-like-a-request'))
    await connection.until('/looks-like-a-request')
    t.equal(stage.router.lines.length, 0, 'not logged while it is open')
    connection.end('goodbye')
    await client.until('goodbye')
    t.equal(await client.ended(), 'end')
    t.match(await stage.router.line(), / at=info method=GET path="\/ws" .* status=101 bytes=276 /)
    t.equal(stage.router.lines.length, 1)
  },
)

rule(
  'upgrade/any-method-and-protocol',
  'Heroku HTTP Routing',
  'Any method may ask for any protocol, HEAD too',
  async (t) => {
    const stage = await Stage.open(quiet)
    for (const [index, [method, protocol]] of (
      [
        ['GET', 'websocket'],
        ['HEAD', 'websocket'],
        ['POST', 'custom/2.1'],
        ['OPTIONS', 'foo, bar/1'],
      ] as const
    ).entries()) {
      const client = await stage.client()
      client.send(upgrading(`Upgrade: ${protocol}\r\nConnection: upgrade\r\n`, method))
      const { connection } = await stage.dyno.request(index)
      connection.send(`HTTP/1.1 101 OK\r\nConnection: upgrade\r\nUpgrade: ${protocol.split(', ')[0]}\r\n\r\n!`)
      await client.until('!')
      client.send('ping')
      await connection.until('ping')
      client.close()
      await connection.untilClosed()
      t.match(await stage.router.line(index), ` method=${method} path="/ws" `)
    }
  },
)

rule(
  'upgrade/first-bytes',
  'RFC 9110 §7.8',
  'What the client sends before it has the 101 is for the tunnel, and for nobody when there is none',
  async (t) => {
    const stage = await Stage.open(quiet)
    const client = await stage.client()
    client.send(`${upgrading()}early bytes`)
    const { connection } = await stage.dyno.request()
    t.notMatch(connection.text, 'early')
    connection.send(SWITCH)
    await connection.until('early bytes')
    const refused = await stage.client()
    refused.send(`${upgrading()}${get('/smuggled')}`)
    const second = await stage.dyno.request(1)
    second.connection.send(OK)
    const answer = await refused.answer()
    t.equal(answer.status, 200)
    t.strictSame(answer.headers.get('connection'), ['close'])
    t.equal(await refused.ended(), 'end')
    t.equal(refused.text, '')
    t.notMatch(stage.dyno.everything, 'smuggled')
  },
)

rule('upgrade/declined', 'RFC 9110 §7.8', 'Any other answer is an ordinary one', async (t) => {
  const stage = await Stage.open({
    answer: () => 'HTTP/1.1 426 Upgrade Required\r\nUpgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nno',
  })
  const client = await stage.client()
  client.send(upgrading())
  const answer = await client.answer()
  t.equal(answer.status, 426)
  t.equal(answer.body, 'no')
})

rule(
  'upgrade/router-declines',
  'RFC 9110 §7.8',
  'When the router itself answers a request to upgrade, what follows it is not read as a request',
  async (t) => {
    const stage = await Stage.open({ app: { maintenance: true } })
    const client = await stage.client()
    client.send(upgrading() + get('/smuggled'))
    const answer = await client.answer()
    t.equal(answer.status, 503)
    t.strictSame(answer.headers.get('connection'), ['close'])
    t.equal(await client.ended(), 'end')
    t.equal(client.text, '')
    t.equal(stage.router.lines.length, 1)
  },
)

rule('upgrade/missing', 'Heroku HTTP Routing', '`Connection: upgrade` without Upgrade is refused', async (t) => {
  const stage = await Stage.open()
  await stage.refused(t, upgrading('Connection: Upgrade\r\n'), 400, 'Connection: upgrade without Upgrade')
  await stage.refused(
    t,
    upgrading('Connection: keep-alive, UPGRADE\r\nUpgrade:\r\n'),
    400,
    'Connection: upgrade without Upgrade',
  )
  await stage.refused(t, upgrading('Connection: Upgrade\r\nUpgrade: web socket\r\n'), 400, 'bad Upgrade')
  await stage.refused(t, upgrading('Connection: Upgrade\r\nUpgrade: websocket;x\r\n'), 400, 'bad Upgrade')
  stage.untouched(t)
})

rule(
  'upgrade/not-named',
  'RFC 9110 §7.8',
  'Upgrade that Connection does not name is no request to upgrade and goes no further',
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    client.send(upgrading('Upgrade: websocket\r\n'))
    t.equal((await client.answer()).status, 200)
    t.notOk(stage.dyno.requests[0]?.headers.has('upgrade'))
    t.equal((await client.get()).status, 200, 'and the connection goes on')
  },
)

rule(
  'upgrade/to-http',
  'RFC 9113 §3.1',
  'An upgrade to HTTP itself (h2c) or TLS is not passed on: requests in such a tunnel would pass the router unseen',
  async (t) => {
    const stage = await Stage.open()
    for (const protocol of [
      'h2c',
      'H2C',
      'h2',
      'HTTP/2.0',
      'http/1.1',
      'TLS/1.0',
      'TLS/1.2, HTTP/1.1',
      'websocket, h2c',
      'h2c, websocket',
    ]) {
      const answer = await stage.ask(
        upgrading(
          `Upgrade: ${protocol}\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n`,
        ),
      )
      t.equal(answer.status, 200)
      const { headers } = stage.dyno.requests.at(-1)!
      t.notOk(headers.has('upgrade') || headers.has('http2-settings'), protocol)
      t.strictSame(headers.get('connection'), ['keep-alive'])
    }
  },
)

rule(
  'upgrade/with-body',
  'RFC 9110 §7.8',
  'A request to upgrade that has a body is served as if it had not asked',
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    client.send(`${upgrading('Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n', 'POST')}hello`)
    t.equal((await client.answer()).status, 200)
    client.send(
      `${upgrading('Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n', 'POST')}0\r\n\r\n`,
    )
    t.equal((await client.answer()).status, 200)
    t.notOk(stage.dyno.requests.some(({ headers }) => headers.has('upgrade')))
    t.equal(stage.dyno.requests[0]?.body, 'hello')
  },
)

rule('upgrade/http-1.0', 'RFC 9110 §7.8', 'HTTP/1.0 cannot upgrade: Upgrade is ignored', async (t) => {
  const stage = await Stage.open()
  t.equal((await stage.ask(upgrading().replace('HTTP/1.1', 'HTTP/1.0'))).status, 200)
  t.notOk(stage.dyno.requests[0]?.headers.has('upgrade'))
})

rule(
  'upgrade/unasked-101',
  'RFC 9110 §15.2.2',
  'A 101 that nobody asked for is no answer: 503, H17, and nothing of the tunnel gets through',
  async (t) => {
    const stage = await Stage.open({ answer: () => `${SWITCH}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret` })
    const client = await stage.client()
    client.send(get('/one') + get('/two'))
    for (let i = 0; i < 2; i++) {
      const answer = await client.answer()
      t.equal(answer.status, 503)
      t.notMatch(answer.raw, 'secret')
    }
    t.match(stage.lastLine, / code=H17 /)
    t.strictSame(
      stage.dyno.requests.map(({ connection, target }) => [connection.number, target]),
      [
        [0, '/one'],
        [1, '/two'],
      ],
      'each on a connection of its own',
    )
  },
)

rule(
  'upgrade/other-101',
  'RFC 9110 §7.8',
  'A 101 to a protocol that was not offered, or to none, is no answer',
  async (t) => {
    const stage = await Stage.open()
    for (const lines of [
      'Connection: upgrade\r\nUpgrade: h2c\r\n',
      'Connection: upgrade\r\nUpgrade: other\r\n',
      'Connection: upgrade\r\nUpgrade: websocket, other\r\n',
      'Connection: upgrade\r\n',
      'Upgrade: websocket\r\n',
      '',
    ]) {
      stage.dyno.answer = () => `HTTP/1.1 101 Switching Protocols\r\n${lines}\r\nsecret`
      const answer = await stage.ask(upgrading())
      t.equal(answer.status, 503, lines)
      t.notMatch(answer.raw, 'secret')
      t.match(stage.lastLine, / code=H17 /)
    }
  },
)

rule(
  'upgrade/client-leaves',
  'RFC 9110 §7.8',
  'When the client leaves a tunnel the dyno is told at once',
  async (t) => {
    const stage = await Stage.open(quiet)
    const client = await stage.client()
    client.send(upgrading())
    const { connection } = await stage.dyno.request()
    connection.send(SWITCH)
    await client.until('101')
    client.socket.end()
    await stage.dyno.when(() => connection.ended)
    connection.send('last words')
    await client.until('last words')
    connection.end()
    t.match(await stage.router.line(), / status=101 bytes=10 /)
  },
)

rule('upgrade/after-expect', 'RFC 9110 §7.8', 'A 101 is honoured after a 100', async (t) => {
  const stage = await Stage.open({ app: { expectContinue: 'end-to-end' }, answer: () => undefined })
  const client = await stage.client()
  client.send(upgrading('Connection: Upgrade\r\nUpgrade: websocket\r\nExpect: 100-continue\r\n'))
  const { connection, headers } = await stage.dyno.request()
  t.strictSame(headers.get('expect'), ['100-continue'])
  connection.send(`HTTP/1.1 100 Continue\r\n\r\n${SWITCH}pong`)
  await client.until('pong')
  t.match(client.text, /^HTTP\/1\.1 100 [\s\S]*\r\n\r\nHTTP\/1\.1 101 /)
  client.send('ping')
  await connection.until('ping')
})
