import { OK } from './recording-dyno.ts'
import { rule } from './rule.ts'
import { get, post, Stage } from './stage.ts'

const HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nlink: </b.js>\r\n\r\n'

rule(
  'informational/relayed',
  'RFC 9110 §15.2',
  'Interim answers reach the client when they come, before the answer',
  async (t) => {
    const stage = await Stage.open({ answer: () => undefined })
    const client = await stage.client()
    client.send(get())
    const { connection } = await stage.dyno.request()
    connection.send(HINTS)
    await client.until('\r\n\r\n')
    t.match(client.text, /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/style\.css>; rel=preload\r\nlink: <\/b\.js>\r\n/)
    client.received = Buffer.alloc(0)
    connection.send(`HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 199 Whatever\r\n\r\n${OK}`)
    await client.until('ok')
    t.match(client.text, /^HTTP\/1\.1 102 [\s\S]*HTTP\/1\.1 199 [\s\S]*HTTP\/1\.1 200 OK/)
    t.match(await stage.router.line(), / status=200 bytes=2 /)
  },
)

rule(
  'informational/no-body',
  'RFC 9112 §6.3',
  'An interim answer has no body whatever its headers say, and its framing goes no further',
  async (t) => {
    const stage = await Stage.open({
      answer: () =>
        `HTTP/1.1 103 Hints\r\nContent-Length: 5\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nX-Kept: 2\r\n\r\nHTTP/1.1 102 X\r\nTransfer-Encoding: chunked\r\n\r\n${OK}`,
    })
    const client = await stage.client()
    client.send(get())
    await client.until('ok')
    t.notMatch(client.text, /Transfer-Encoding|Connection|X-Hop|Content-Length: 5/i)
    t.match(client.text, 'X-Kept: 2')
    client.received = Buffer.alloc(0)
    client.send(get())
    await client.until('ok')
    t.equal(stage.dyno.connections.length, 1)
  },
)

rule(
  'informational/during-upload',
  'RFC 9110 §15.2',
  'Interim answers do not end the request: its body goes on',
  async (t) => {
    const stage = await Stage.open({ answer: () => OK })
    const client = await stage.client()
    client.send(post('01234', 'Content-Length: 10\r\n'))
    const connection = await stage.dyno.connection()
    await connection.until('01234')
    connection.send(HINTS)
    await client.until('103')
    client.send('56789')
    await client.until('ok')
    t.match(stage.dyno.requests[0], { body: '0123456789' })
    client.received = Buffer.alloc(0)
    client.send(get())
    t.equal((await client.answer()).status, 200)
  },
)

rule('informational/bound', 'Postern limits', 'More than 32 interim answers are no answer: 503, H17', async (t) => {
  const stage = await Stage.open({ answer: () => HINTS.repeat(32) + OK })
  const client = await stage.client()
  client.send(get())
  await client.until('ok')
  stage.dyno.answer = () => HINTS.repeat(33) + OK
  client.received = Buffer.alloc(0)
  client.send(get())
  await client.until('HTTP/1.1 503 ')
  t.match(stage.lastLine, / code=H17 .* status=503 /)
})

rule('informational/malformed', 'Heroku H17', 'What follows an interim answer and is none: 503, H17', async (t) => {
  const stage = await Stage.open({ answer: () => `${HINTS}secret` })
  const client = await stage.client()
  client.send(get())
  await client.until('HTTP/1.1 503 ')
  t.notMatch(client.text, 'secret')
})

rule(
  'informational/no-retry',
  'RFC 9110 §9.2.2',
  'A request that got an interim answer is not sent again',
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    client.send(get())
    t.equal((await client.answer()).status, 200)
    stage.dyno.answer = (request) => void request.connection.end(HINTS)
    client.send(get())
    await client.until('HTTP/1.1 503 ')
    t.match(stage.lastLine, / code=H13 .* retries=0 not_retried="answer begun"\n/)
    t.equal(stage.dyno.requests.length, 2)
  },
)
