import { OK, type SeenRequest } from './recording-dyno.ts'
import { rule } from './rule.ts'
import { get, post, Stage } from './stage.ts'

// Threat: bytes of a dyno that belong to no answer are taken for the answer to the next request, which may be another client's (RFC 9112 §11.2).

const POISON = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'

rule(
  'unsolicited/behind-the-answer',
  'RFC 9112 §9.2',
  'Bytes in the same packet behind an answer close its connection and reach nobody',
  async (t) => {
    for (const answer of [
      OK,
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
      'HTTP/1.1 204 No Content\r\n\r\n',
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n',
    ]) {
      for (const extra of [POISON, '\r\n', ' ', '\x00']) {
        const stage = await Stage.open({ answer: () => answer + extra })
        const client = await stage.client()
        client.send(get())
        const { raw } = await client.answer()
        t.notMatch(raw, /poison/)
        const [connection] = stage.dyno.connections
        await connection?.untilClosed()
        t.equal(client.text, '', 'nothing follows the answer')
        stage.dyno.answer = () => OK
        client.send(get())
        t.equal((await client.answer()).body, 'ok')
        t.equal(stage.dyno.connections.length, 2)
        await Stage.closeAll(t)
      }
    }
  },
)

rule(
  'unsolicited/own-packet',
  'RFC 9112 §9.2',
  'Bytes that come while a connection is idle close it and reach nobody',
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    for (const extra of [
      POISON,
      'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n',
      '\r\n',
      'x',
      '\x16\x03\x01',
    ]) {
      client.send(get())
      t.equal((await client.answer()).body, 'ok')
      const { connection } = stage.dyno.requests.at(-1)!
      connection.send(extra)
      await connection.untilClosed()
    }
    client.send(get())
    t.equal((await client.answer()).body, 'ok')
    t.equal(stage.dyno.connections.length, 6)
  },
)

rule(
  'unsolicited/next-request-is-here',
  'RFC 9112 §9.2',
  'They reach nobody either when the next request was waiting already',
  async (t) => {
    const stage = await Stage.open()
    stage.dyno.answer = ({ connection, target }) => {
      connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`)
      connection.send(POISON)
      return undefined
    }
    const client = await stage.client()
    const count = 50
    client.send(Array.from({ length: count }, (_, i) => get(`/${i}`)).join(''))
    for (let i = 0; i < count; i++) {
      const { body } = await client.answer()
      if (body !== `/${i}`) return t.equal(body, `/${i}`)
    }
    t.equal(
      new Set(stage.dyno.requests.map(({ connection }) => connection)).size,
      count,
      'each on a connection of its own',
    )
  },
)

rule(
  'unsolicited/full-read',
  'RFC 9112 §9.2',
  'They reach nobody either when the answer fills the read buffer to its last byte',
  async (t) => {
    for (const size of [65_535, 65_536, 65_537, 131_072, 196_608, 262_144]) {
      const head = (length: number) => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`
      const length = size - head(size).length
      const stage = await Stage.open({ answer: () => head(length).padEnd(size, 'a') + POISON })
      const client = await stage.client()
      client.send(get('/one') + get('/two'))
      for (let i = 0; i < 2; i++) t.ok((await client.answer()).body === 'a'.repeat(length), `${size}`)
      t.equal(stage.dyno.connections.length, 2)
      t.equal(client.text, '')
      await Stage.closeAll(t)
    }
  },
)

rule(
  'unsolicited/other-clients',
  'RFC 9112 §11.2',
  'Response-queue poisoning: of clients that share the connections to a dyno each gets its own answers',
  async (t) => {
    const stage = await Stage.open()
    let number = 0
    const tricks: ((tag: string, request: SeenRequest) => void)[] = [
      (tag, { connection }) => connection.send(`${whole(tag)}${POISON}`),
      (tag, { connection }) => {
        connection.send(whole(tag))
        connection.send(POISON)
      },
      (tag, { connection }) => {
        connection.send(whole(tag))
        setImmediate(() => connection.send(POISON))
      },
      (tag, { connection }) =>
        connection.send(`HTTP/1.1 200 OK\r\nX-Tag: ${tag}\r\nContent-Length: 3\r\n\r\n${POISON}`),
      (tag, { connection }) =>
        connection.send(`HTTP/1.1 204 None\r\nX-Tag: ${tag}\r\nContent-Length: 55\r\n\r\n${POISON}`),
      (tag, { connection }) =>
        connection.send(`HTTP/1.1 200 OK\r\nX-Tag: ${tag}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${POISON}`),
      (tag, { connection }) =>
        connection.send(
          `HTTP/1.1 101 Switching Protocols\r\nX-Tag: ${tag}\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n${POISON}`,
        ),
      (tag, { connection }) => connection.send(`HTTP/1.1 103 Hints\r\nX-Tag: ${tag}\r\n\r\n${whole(tag)}`),
      (tag, { connection }) => connection.end(whole(tag) + POISON),
      (tag, { connection }) => connection.send(whole(tag)),
    ]
    stage.dyno.answer = (request) => {
      tricks[number++ % tricks.length]!(request.target.slice(1), request)
      return undefined
    }
    let answers = 0
    const foreign: string[] = []
    const talk = async (name: number) => {
      const client = await stage.client()
      for (let i = 0; i < 40; i++) {
        const tag = `c${name}-${i}`
        client.send(i % 3 === 0 ? post('body', undefined, `/${tag}`) : get(`/${tag}`))
        let answer = await client.answer()
        while (answer.status < 200) answer = await client.answer()
        answers++
        if (answer.status === 503) continue
        if (answer.headers.get('x-tag')?.[0] !== tag || answer.raw.includes('poison'))
          foreign.push(`${tag}: ${answer.raw}`)
      }
    }
    await Promise.all(Array.from({ length: 10 }, (_, name) => talk(name)))
    t.strictSame(foreign, [])
    t.equal(answers, 400)
  },
)

function whole(tag: string): string {
  return `HTTP/1.1 200 OK\r\nX-Tag: ${tag}\r\nContent-Length: ${tag.length}\r\n\r\n${tag}`
}
