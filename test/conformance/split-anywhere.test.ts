import type { RawAnswer } from '../support/raw-client.ts'
import { rule } from './rule.ts'
import { get, HOST, post, Stage, turns } from './stage.ts'

// Whether bytes come whole, in two pieces or one by one is decided by the network, so nothing may depend on it.

const CHUNKED = 'Transfer-Encoding: chunked\r\n'

/** Each ends its connection: with `Connection: close`, or because it is refused. */
const STREAMS = {
  'a GET': get('/a?b=c', 'X-Custom: value\r\nConnection: close\r\n'),
  'requests in a row': `\r\n${get('/1')}${post('hello', undefined, '/2')}${post('3\r\nabc\r\n0\r\n\r\n', CHUNKED, '/3')}${get('/4', 'Connection: close\r\n')}`,
  'a body of known length': post('0123456789', 'Content-Length: 10\r\nConnection: close\r\n'),
  'a chunked body with extensions and trailers': post(
    '5;a="b;\\"c"\r\nhello\r\n00b\r\n\r\n0\r\n\r\n\r\n:)\r\n0;last\r\nX-Sum: 15\r\nX-More: yes\r\n\r\n',
    `${CHUNKED}Connection: close\r\n`,
  ),
  'an absolute target': `GET http://${HOST.toUpperCase()}/x HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`,
  'HTTP/1.0': `GET /old HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`,
  'a bad method': `G@T / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
  'a bare LF': `GET / HTTP/1.1\r\nHost: ${HOST}\nX: y\r\n\r\n${get('/smuggled')}`,
  'a folded line': `GET / HTTP/1.1\r\nHost: ${HOST}\r\nX: y\r\n z\r\n\r\n${get('/smuggled')}`,
  'no Host': 'GET / HTTP/1.1\r\nX: y\r\n\r\n',
  'two framings': post('0\r\n\r\n', `Content-Length: 5\r\n${CHUNKED}`),
  'a bad chunk size': post(`0x5\r\nhello\r\n0\r\n\r\n${get('/smuggled')}`, CHUNKED),
  'an unknown expectation': post('hello', 'Content-Length: 5\r\nExpect: coffee\r\n'),
} as const

const ANSWERS = {
  'a known length': 'HTTP/1.1 200 OK\r\nX-Custom: value\r\nContent-Length: 10\r\n\r\n0123456789',
  chunks:
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n00B\r\n\r\n0\r\n\r\n\r\n:)\r\n0\r\nX-Sum: 13\r\n\r\n',
  'an interim answer before it':
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'no reason': 'HTTP/1.1 404\r\nContent-Length: 2\r\n\r\nno',
  'no body': 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
  'a bad head': 'HTTP/1.1 200 OK\r\nX: y\r\nBad : header\r\n\r\nsecret',
  'differing lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nsecret',
} as const

/** Without what is different each time. */
function comparable(text: string): string {
  return text
    .replace(/^Date: .*\r\n/gm, '')
    .replace(/^X-Request-Start: .*\r\n/gm, '')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
}

/** How requests and answers may be chunked anew is not part of what is compared; payload and trailers are. */
function seen(stage: Stage, since: number): unknown {
  return stage.dyno.requests
    .slice(since)
    .map(({ head, body, trailers }) => ({ head: comparable(head), body, trailers }))
}

async function sendCut(bytes: Buffer, cuts: readonly number[], send: (part: Buffer) => void): Promise<void> {
  let at = 0
  for (const cut of [...cuts, bytes.length]) {
    send(bytes.subarray(at, cut))
    at = cut
    await turns()
  }
}

/** All that a client gets, and all that the dyno sees, for a stream of bytes that is cut there. */
async function outcome(stage: Stage, bytes: Buffer, cuts: readonly number[]): Promise<unknown> {
  const since = stage.dyno.requests.length
  const client = await stage.client()
  await sendCut(bytes, cuts, (part) => client.socket.writable && client.send(part))
  const ending = await client.ended()
  const received = comparable(client.text)
  client.close()
  const code = / code=(\w+)/.exec(stage.lastLine)?.[1]
  return { received, ending, code, seen: seen(stage, since) }
}

rule(
  'split/requests',
  'RFC 9112 §2.2',
  'Requests that come cut in two at any place are treated as if they came whole',
  async (t) => {
    const stage = await Stage.open()
    for (const [name, text] of Object.entries(STREAMS)) {
      const bytes = Buffer.from(text, 'latin1')
      const whole = await outcome(stage, bytes, [])
      for (let cut = 1; cut < bytes.length; cut++) {
        const found = await outcome(stage, bytes, [cut])
        if (JSON.stringify(found) !== JSON.stringify(whole)) t.strictSame(found, whole, `${name}, cut at ${cut}`)
      }
      t.pass(`${name}: ${bytes.length - 1} cuts`)
    }
    t.notMatch(stage.dyno.everything, 'smuggled')
  },
)

rule('split/requests-byte-by-byte', 'RFC 9112 §2.2', 'So are requests that come byte by byte', async (t) => {
  const stage = await Stage.open()
  for (const [name, text] of Object.entries(STREAMS)) {
    const bytes = Buffer.from(text, 'latin1')
    const whole = await outcome(stage, bytes, [])
    const everywhere = Array.from({ length: bytes.length - 1 }, (_, at) => at + 1)
    t.strictSame(await outcome(stage, bytes, everywhere), whole, name)
  }
})

/** What a client gets for an answer of the dyno that is cut there; a second request shows whether the connection is kept. */
async function answerOutcome(stage: Stage, bytes: Buffer, cuts: readonly number[]): Promise<unknown> {
  const before = stage.dyno.connections.length
  stage.dyno.answer = ({ connection }) => {
    void sendCut(bytes, cuts, (part) => connection.socket.writable && connection.send(part))
    return undefined
  }
  const client = await stage.client()
  client.send(get())
  const received = [await client.answer()]
  while (received.at(-1)!.status < 200) received.push(await client.answer())
  await turns()
  stage.dyno.answer = () => 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext'
  client.send(get('/next', 'Connection: close\r\n'))
  await client.ended()
  const next = comparable(client.text)
  client.close()
  return { received: received.map(withoutChunks), next, opened: stage.dyno.connections.length - before }
}

/** Chunks of an answer depend on how it came; its payload and its trailers must not. */
function withoutChunks({ head, body, raw, headers }: RawAnswer): string[] {
  const trailers = headers.has('transfer-encoding') ? raw.slice(raw.lastIndexOf('\r\n0\r\n')) : ''
  return [head, body, trailers].map(comparable)
}

rule(
  'split/answers',
  'RFC 9112 §2.2',
  'Answers that come cut in two at any place, or byte by byte, are treated as if they came whole',
  async (t) => {
    const stage = await Stage.open()
    for (const [name, text] of Object.entries(ANSWERS)) {
      const bytes = Buffer.from(text, 'latin1')
      // The first request of a stage opens the connection that the others find.
      await stage.ask(get('/warm-up'))
      const whole = await answerOutcome(stage, bytes, [])
      const everywhere = Array.from({ length: bytes.length - 1 }, (_, at) => at + 1)
      for (const cuts of [...everywhere.map((cut) => [cut]), everywhere]) {
        const found = await answerOutcome(stage, bytes, cuts)
        if (JSON.stringify(found) !== JSON.stringify(whole)) t.strictSame(found, whole, `${name}, cut at ${cuts}`)
      }
      t.pass(`${name}: ${bytes.length} ways`)
    }
  },
)
