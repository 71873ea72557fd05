import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { ERRORS } from '../../src/proxy/router-error.ts'
import { ERROR_CODES, type ErrorCode } from '../../src/telemetry/metric-table.ts'
import { settled, type TestDataPlane } from '../support/data-plane.ts'
import { RawClient } from '../support/raw-client.ts'
import { type DynoConnection, OK } from '../support/scripted-dyno.ts'
import { SilentPort } from '../support/silent-port.ts'
import { GET, openStage, request, type StageParts } from '../support/stage.ts'

// The promise: whenever the router itself ends a request, the answer, the line in the access log and the metric say the same. Each row of CASES provokes
// one code in one of its ways, with raw bytes on both sides, once for each form that an answer may have.

/** Codes of features that the router does not have yet. */
const NOT_YET: Partial<Record<ErrorCode, string>> = {
  H31: 'needs TLS',
  H32: 'needs TLS',
  P03: 'needs rate limits',
  P04: 'needs filters',
}

interface Case {
  readonly code: ErrorCode
  /** Sentence: what happens. */
  readonly when: string
  /** In the log; 0: none. */
  readonly status: number
  /** What the client gets: an answer of the router, one that breaks off, or none. */
  readonly gets: 'answer' | 'cut answer' | 'nothing'
  /** The request was not read far enough to know what its client likes: text. */
  readonly textOnly?: boolean
  readonly desc?: string
  readonly cause?: string
  /** Label of the metric; `shop` when left out. */
  readonly app?: ''
  /** What is counted instead of a request: there was none. */
  readonly counted?: string
  /** Brings it about for a request with these header lines. `router` has then logged one line. */
  readonly provoke: (t: Test, lines: string) => Promise<{ router: TestDataPlane; client: RawClient }>
}

/** A stage, a client, and what the client says first. */
async function say(t: Test, bytes: string, parts: StageParts = {}) {
  const stage = await openStage(t, parts)
  const client = await stage.router.client()
  client.send(bytes)
  return { ...stage, client }
}

/** The dyno says this once the head of the request has come. */
async function dynoSays(t: Test, bytes: string, answer: string, parts: StageParts = {}) {
  const stage = await say(t, bytes, parts)
  const connection = await stage.dyno.connection()
  await connection.until('\r\n\r\n')
  connection.send(answer)
  return { ...stage, connection }
}

const get = (lines: string) => request('GET', lines)
const upload = (lines: string) => request('POST', `${lines}Content-Length: 4\r\n`, 'ab')
const HALF_AN_ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab'
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'
const LATEST_MS = 200

/** The head is refused for this. */
function refusedHead(status: number, cause: string, head: (lines: string) => string, textOnly = false): Case {
  return {
    code: 'H26',
    when: cause,
    status,
    gets: 'answer',
    cause,
    app: '',
    textOnly,
    provoke: (t, lines) => say(t, head(lines)),
  }
}

function badAnswer(code: 'H17' | 'H25', what: string, answer: string, status: number): Case {
  return {
    code,
    when: `the dyno answers with ${what}`,
    status,
    gets: 'answer',
    ...(code === 'H25' ? { desc: `HTTP restriction: ${what}` } : {}),
    provoke: (t, lines) => dynoSays(t, get(lines), answer),
  }
}

/** The app cannot serve, for this. */
function outOfService(code: ErrorCode, when: string, parts: StageParts['app']): Case {
  return {
    code,
    when,
    status: 503,
    gets: 'answer',
    provoke: (t, lines) => say(t, get(lines), { app: { dynos: [], ...parts } }),
  }
}

const CASES: readonly Case[] = [
  outOfService('H10', 'all dynos have crashed', {
    formation: { released: true, quantity: 1, starting: 0, crashed: 1 },
  }),
  {
    code: 'H11',
    when: 'the queue is full',
    status: 503,
    gets: 'answer',
    async provoke(t, lines) {
      const busy = await say(t, GET, { app: { maxInFlightPerDyno: 1, queue: { limit: 0, timeoutMs: 30_000 } } })
      await busy.dyno.connection()
      const client = await busy.router.client()
      client.send(get(lines))
      return { router: busy.router, client }
    },
  },
  {
    code: 'H11',
    when: 'the wait in the queue is too long',
    status: 503,
    gets: 'answer',
    async provoke(t, lines) {
      const busy = await say(t, GET, { time: 'stopped', app: { maxInFlightPerDyno: 1 } })
      await busy.dyno.connection()
      const client = await busy.router.client()
      client.send(get(lines))
      await busy.router.pass(29_000)
      t.strictSame(busy.router.lines, [])
      // The one that the dyno has is given up at the same time; its line is not wanted here.
      busy.dyno.connections[0]!.send('HTTP/1.1 200')
      await busy.router.pass(1000 + LATEST_MS)
      return { router: busy.router, client }
    },
  },
  {
    code: 'H12',
    when: 'no byte of an answer comes',
    status: 503,
    gets: 'answer',
    async provoke(t, lines) {
      const stage = await say(t, get(lines), { time: 'stopped' })
      await stage.dyno.connection()
      await stage.router.pass(30_000 + LATEST_MS)
      return stage
    },
  },
  {
    code: 'H13',
    when: 'the dyno closes instead of answering',
    status: 503,
    gets: 'answer',
    provoke: (t, lines) => say(t, get(lines), { script: closingAfter('\r\n\r\n') }),
  },
  outOfService('H14', 'the formation has no dynos', {
    formation: { released: true, quantity: 0, starting: 0, crashed: 0 },
  }),
  {
    code: 'H15',
    when: 'the dyno pauses in the head of its answer',
    status: 503,
    gets: 'answer',
    async provoke(t, lines) {
      const stage = await dynoSays(t, get(lines), 'HTTP/1.1 2', { time: 'stopped' })
      await stage.router.pass(55_000 + LATEST_MS)
      return stage
    },
  },
  {
    code: 'H15',
    when: 'the dyno pauses in its answer',
    status: 200,
    gets: 'cut answer',
    async provoke(t, lines) {
      const stage = await dynoSays(t, get(lines), HALF_AN_ANSWER, { time: 'stopped' })
      await stage.client.until('ab')
      await stage.router.pass(55_000 + LATEST_MS)
      return stage
    },
  },
  {
    code: 'H15',
    when: 'nothing moves in a tunnel',
    status: 101,
    gets: 'cut answer',
    async provoke(t, lines) {
      const upgrade = get(`${lines}Connection: upgrade\r\nUpgrade: websocket\r\n`)
      const stage = await dynoSays(t, upgrade, SWITCH, { time: 'stopped' })
      await stage.client.until('\r\n\r\n')
      await stage.router.pass(55_000 + LATEST_MS)
      return stage
    },
  },
  badAnswer('H17', 'what is no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', 503),
  {
    code: 'H18',
    when: 'the dyno closes before the body of the request is through',
    status: 503,
    gets: 'answer',
    provoke: (t, lines) => say(t, upload(lines), { script: closingAfter('ab') }),
  },
  {
    code: 'H18',
    when: 'the dyno closes in the head of its answer',
    status: 503,
    gets: 'answer',
    async provoke(t, lines) {
      const stage = await dynoSays(t, get(lines), 'HTTP/1.1 2')
      stage.connection.socket.end()
      return stage
    },
  },
  {
    code: 'H18',
    when: 'the dyno closes in its answer',
    status: 200,
    gets: 'cut answer',
    async provoke(t, lines) {
      const stage = await dynoSays(t, get(lines), HALF_AN_ANSWER)
      stage.connection.socket.end()
      return stage
    },
  },
  {
    code: 'H18',
    when: 'the connection of the dyno breaks in its answer',
    status: 200,
    gets: 'cut answer',
    async provoke(t, lines) {
      const stage = await dynoSays(t, get(lines), HALF_AN_ANSWER)
      await stage.client.until('ab')
      stage.connection.socket.resetAndDestroy()
      return stage
    },
  },
  {
    code: 'H19',
    when: 'no dyno accepts the connection',
    status: 503,
    gets: 'answer',
    async provoke(t, lines) {
      const silent = await SilentPort.open()
      t.teardown(() => silent.close())
      const stage = await say(t, get(lines), { time: 'stopped', app: { dynos: silent.dynos(1) } })
      await stage.router.pass(5000 + LATEST_MS)
      return stage
    },
  },
  {
    code: 'H20',
    when: 'no dyno comes up in time',
    status: 503,
    gets: 'answer',
    async provoke(t, lines) {
      const formation = { released: true, quantity: 1, starting: 1, crashed: 0 }
      const stage = await say(t, get(lines), { time: 'stopped', app: { dynos: [], formation } })
      await stage.router.pass(75_000)
      t.strictSame(stage.router.lines, [])
      await stage.router.pass(LATEST_MS)
      return stage
    },
  },
  {
    code: 'H21',
    when: 'every dyno refuses the connection',
    status: 503,
    gets: 'answer',
    async provoke(t, lines) {
      const stage = await openStage(t)
      await stage.dyno.stop()
      const client = await stage.router.client()
      client.send(get(lines))
      return { ...stage, client }
    },
  },
  {
    code: 'H22',
    when: 'there are too many connections',
    status: 503,
    gets: 'answer',
    textOnly: true,
    app: '',
    async provoke(t, lines) {
      const stage = await openStage(t, { space: { limits: { connections: 1 } } })
      await stage.router.client()
      await settled()
      const client = await stage.router.client()
      client.send(get(lines))
      return { ...stage, client }
    },
  },
  {
    code: 'H24',
    when: 'the router stops before the dyno has answered',
    status: 503,
    gets: 'answer',
    async provoke(t, lines) {
      const stage = await say(t, get(lines))
      await stage.dyno.connection()
      await stage.router.plane.stop(10)
      return stage
    },
  },
  {
    code: 'H24',
    when: 'the router stops in the middle of an answer',
    status: 200,
    gets: 'cut answer',
    async provoke(t, lines) {
      const stage = await dynoSays(t, get(lines), HALF_AN_ANSWER)
      await stage.client.until('ab')
      await stage.router.plane.stop(10)
      return stage
    },
  },
  badAnswer('H25', 'invalid content length', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 502),
  badAnswer('H25', 'oversized cookie', `HTTP/1.1 200 OK\r\nSet-Cookie: a=${'x'.repeat(8192)}\r\n\r\n`, 502),
  badAnswer('H25', 'oversized header', `HTTP/1.1 200 OK\r\nX-Big: ${'x'.repeat(524_288)}\r\n\r\n`, 502),
  badAnswer('H25', 'oversized status line', `HTTP/1.1 200 ${'x'.repeat(8192)}\r\n\r\n`, 502),
  refusedHead(400, 'bad Host', (lines) => `GET / HTTP/1.1\r\n${lines}Host: a b\r\n\r\n`),
  refusedHead(405, 'CONNECT not allowed', (lines) => `CONNECT a:443 HTTP/1.1\r\n${lines}Host: a:443\r\n\r\n`, true),
  refusedHead(
    414,
    'request line too long',
    (lines) => `GET /${'x'.repeat(8192)} HTTP/1.1\r\n${lines}Host: a\r\n\r\n`,
    true,
  ),
  refusedHead(417, 'unknown expectation', (lines) => request('GET', `${lines}Expect: the-unexpected\r\n`)),
  refusedHead(431, 'header line too long', (lines) => request('GET', `${lines}X-Big: ${'x'.repeat(8192)}\r\n`)),
  refusedHead(505, 'HTTP version not supported', (lines) => `GET / HTTP/2.0\r\n${lines}Host: a\r\n\r\n`, true),
  {
    code: 'H26',
    when: 'a head does not end',
    status: 408,
    gets: 'answer',
    cause: 'request head timeout',
    app: '',
    textOnly: true,
    async provoke(t, lines) {
      const stage = await say(t, get(lines).slice(0, -2), { time: 'stopped' })
      await stage.router.pass(30_000 + LATEST_MS)
      return stage
    },
  },
  {
    code: 'H26',
    when: 'a chunk is malformed',
    status: 400,
    gets: 'answer',
    cause: 'bad chunk size',
    async provoke(t, lines) {
      const stage = await say(t, request('POST', `${lines}Transfer-Encoding: chunked\r\n`))
      await stage.dyno.connection()
      stage.client.send('no number\r\n')
      return stage
    },
  },
  {
    code: 'H26',
    when: 'a chunk is malformed that comes with the head',
    status: 400,
    gets: 'answer',
    cause: 'bad chunk size',
    app: '',
    provoke: (t, lines) => say(t, request('POST', `${lines}Transfer-Encoding: chunked\r\n`, 'no number\r\n')),
  },
  {
    code: 'H26',
    when: 'a chunk is malformed after the answer has begun',
    status: 200,
    gets: 'cut answer',
    cause: 'bad chunk size',
    async provoke(t, lines) {
      const stage = await dynoSays(t, request('POST', `${lines}Transfer-Encoding: chunked\r\n`), HALF_AN_ANSWER)
      await stage.client.until('ab')
      stage.client.send('no number\r\n')
      return stage
    },
  },
  {
    code: 'H26',
    when: 'a body is longer than it may be',
    status: 413,
    gets: 'answer',
    cause: 'body too large',
    provoke: (t, lines) => say(t, upload(lines), { app: { maxBodyBytes: 3 } }),
  },
  {
    code: 'H27',
    when: 'the client leaves before it has an answer',
    status: 499,
    gets: 'nothing',
    async provoke(t, lines) {
      const stage = await say(t, get(lines))
      await stage.dyno.connection()
      stage.client.socket.resetAndDestroy()
      return stage
    },
  },
  {
    code: 'H27',
    when: 'the client leaves in the middle of its answer',
    status: 499,
    gets: 'nothing',
    async provoke(t, lines) {
      const stage = await dynoSays(t, get(lines), HALF_AN_ANSWER)
      await stage.client.until('ab')
      stage.client.received = Buffer.alloc(0)
      stage.client.socket.resetAndDestroy()
      return stage
    },
  },
  {
    code: 'H28',
    when: 'the client pauses in its body',
    status: 408,
    gets: 'answer',
    async provoke(t, lines) {
      const stage = await say(t, upload(lines), { time: 'stopped' })
      await stage.dyno.connection()
      await stage.router.pass(55_000 + LATEST_MS)
      return stage
    },
  },
  {
    code: 'H28',
    when: 'the client pauses in its body while its answer comes',
    status: 499,
    gets: 'cut answer',
    async provoke(t, lines) {
      const parts = { time: 'stopped', app: { timeouts: { idleMs: 100_000 } } } as const
      const stage = await dynoSays(t, upload(lines), HALF_AN_ANSWER, parts)
      await stage.client.until('ab')
      await stage.router.pass(55_000 + LATEST_MS)
      return stage
    },
  },
  outOfService('H80', 'the app is in maintenance', { maintenance: true }),
  outOfService('H81', 'the app has no release', {
    formation: { released: false, quantity: 0, starting: 0, crashed: 0 },
  }),
  {
    code: 'H99',
    when: 'the router has a bug',
    status: 503,
    gets: 'answer',
    async provoke(t, lines) {
      const stage = await openStage(t)
      stage.router.plane.pools.of = () => {
        throw new Error('a bug')
      }
      const client = await stage.router.client()
      client.send(get(lines))
      await stage.router.line()
      t.match(stage.router.faults.splice(0).join(''), /a bug/)
      return { ...stage, client }
    },
  },
  {
    code: 'H99',
    when: 'the router has a bug that shows in an answer',
    status: 503,
    gets: 'answer',
    async provoke(t, lines) {
      const stage = await say(t, get(lines))
      const connection = await stage.dyno.connection()
      const { plane } = stage.router
      const { nowMs } = plane
      plane.nowMs = () => {
        plane.nowMs = nowMs
        throw new Error('a bug')
      }
      connection.send(OK)
      await settled()
      t.match(stage.router.faults.splice(0).join(''), /a bug/)
      return stage
    },
  },
  {
    code: 'P01',
    when: 'a client from outside the trusted ranges connects',
    status: 0,
    gets: 'nothing',
    cause: 'untrusted-source',
    counted: 'postern_blocked_clients_total{reason="untrusted-source"}',
    async provoke(t) {
      const stage = await openStage(t, { space: { trustedIpRanges: [] } })
      return { ...stage, client: new RawClient(connect(stage.router.port, '127.0.0.1')) }
    },
  },
  {
    code: 'P01',
    when: 'a client from a range of which it is told sends a request',
    status: 403,
    gets: 'answer',
    cause: 'denied-range (a laptop)',
    app: '',
    provoke: (t, lines) =>
      say(t, get(lines), {
        space: {
          onUntrusted: 'forbid',
          trustedIpRanges: [
            { cidr: '127.0.0.0/8', action: 'allow', label: '' },
            { cidr: '127.0.0.1/32', action: 'deny', label: 'a laptop' },
          ],
        },
      }),
  },
  {
    code: 'P01',
    when: 'the app narrows the ranges',
    status: 0,
    gets: 'nothing',
    cause: 'app-range',
    provoke: (t, lines) => say(t, get(lines), { app: { trustedIpRanges: [] } }),
  },
  {
    code: 'P02',
    when: 'no app has the host',
    status: 404,
    gets: 'answer',
    app: '',
    provoke: (t, lines) => say(t, get(lines), { app: { domains: ['other.example.com'] } }),
  },
]

const FORMS = [
  { lines: '', type: 'text/plain; charset=utf-8' },
  { lines: 'Accept: text/html,*/*;q=0.8\r\n', type: 'text/html; charset=utf-8' },
  { lines: 'Accept: application/json\r\n', type: 'application/json' },
]

for (const row of CASES) {
  t.test(`${row.code}: ${row.when}`, async (t) => {
    for (const { lines, type } of row.gets === 'answer' ? FORMS : FORMS.slice(0, 1)) {
      const { router, client } = await row.provoke(t, lines)
      const line = await router.line()
      const body = await received(t, row, client, row.textOnly ? FORMS[0]!.type : type, line)
      logged(t, row, line, body)
      const series =
        row.counted ??
        `postern_requests_total{app="${row.app ?? 'shop'}",status="${statusClass(row.status)}",code="${row.code}"}`
      t.equal(await router.metric(series), 1, series)
      t.equal(router.lines.length, 1, 'one line')
      client.close()
    }
  })
}

/** What the client got; its body. */
async function received(t: Test, row: Case, client: RawClient, type: string, line: string): Promise<string> {
  if (row.gets !== 'answer') {
    await client.ended()
    if (row.gets === 'nothing') t.equal(client.text, '', 'the client got nothing')
    else t.match(client.text, /^HTTP\/1\.1 (101|200) .*\r\n\r\n(ab)?$/s, 'the client got what there was of the answer')
    return row.gets === 'nothing' ? '' : client.text.split('\r\n\r\n')[1]!
  }
  const answer = await client.answer()
  t.equal(answer.status, row.status)
  t.strictSame(answer.headers.get('content-type'), [type])
  t.strictSame(answer.headers.get('server'), ['postern'])
  t.strictSame(answer.headers.get('cache-control'), ['no-store'])
  t.notOk(answer.headers.has('via'), 'the answer is the own one of the router')
  t.notMatch(answer.raw, /127\.0\.0\.1|web\.1|at .*\.ts/, 'nothing of the inside shows')
  const requestId = field(line, 'request_id')
  switch (type) {
    case 'application/json': {
      const { error } = JSON.parse(answer.body)
      t.strictSame(Object.keys(error), ['code', 'message', 'request_id'])
      t.equal(error.code, row.code)
      t.match(error.message, /^[A-Z].*\.$/)
      t.equal(error.request_id, requestId)
      break
    }
    case 'text/html; charset=utf-8':
      t.match(answer.body, /^<!doctype html>\n<html lang="en">/)
      t.match(answer.body, `<small>${row.code} &middot; Request ${requestId}</small>`)
      break
    default:
      t.match(answer.body, /^[A-Z].*\.\n\n/)
      t.ok(answer.body.endsWith(`Code: ${row.code}\n${requestId === '' ? '' : `Request id: ${requestId}\n`}`))
  }
  return answer.body
}

function logged(t: Test, row: Case, line: string, body: string): void {
  const { at, sock, desc } = ERRORS[row.code]
  t.match(
    line,
    new RegExp(` postern\\[router\\]: ${sock === '' ? '' : `sock=${sock} `}at=${at} code=${row.code} desc="`),
  )
  t.equal(field(line, 'desc'), row.desc ?? desc)
  t.equal(field(line, 'fwd'), '127.0.0.1')
  if (row.counted === undefined && row.code !== 'H22') t.match(field(line, 'request_id'), /^[0-9a-f-]{36}$/)
  if (row.cause !== undefined) t.equal(field(line, 'cause'), row.cause)
  t.equal(field(line, 'status'), row.status === 0 ? '' : String(row.status))
  if (row.counted === undefined && row.gets !== 'nothing') t.equal(field(line, 'bytes'), String(body.length))
}

/** The value of a field of a logfmt line, without its quotes. */
function field(line: string, name: string): string | undefined {
  const match = new RegExp(` ${name}=(?:"([^"]*)"|(\\S*))`).exec(line)
  return match?.[1] ?? match?.[2]
}

function statusClass(status: number): string {
  return status === 0 ? 'none' : `${Math.floor(status / 100)}xx`
}

/** Closes its side once this has come. */
function closingAfter(text: string) {
  return (connection: DynoConnection): void => {
    void connection.until(text).then(() => connection.socket.end())
  }
}

t.test(
  'every code has its cases, in every status that it can have, unless its feature does not exist yet',
  async (t) => {
    for (const code of ERROR_CODES) {
      const cases = CASES.filter((row) => row.code === code)
      if (NOT_YET[code] !== undefined) {
        t.strictSame(cases, [], `${code} ${NOT_YET[code]}`)
        continue
      }
      const answered = new Set(cases.filter(({ gets }) => gets === 'answer').map(({ status }) => status))
      for (const status of ERRORS[code].statuses) t.ok(answered.has(status), `${code} with ${status}`)
      t.equal(answered.size, ERRORS[code].statuses.length, `${code} with no other status`)
      if (ERRORS[code].otherwise !== '')
        t.ok(
          cases.some(({ gets }) => gets !== 'answer'),
          `${code} ${ERRORS[code].otherwise}`,
        )
    }
  },
)

t.test('an answer of the router has no body for HEAD, and keeps the connection', async (t) => {
  const { client, router } = await say(t, request('HEAD'), { app: { maintenance: true } })
  const answer = await client.answer('HEAD')
  t.equal(answer.status, 503)
  t.match(answer.headers.get('content-length')?.[0], /^\d+$/)
  t.equal((await client.get()).status, 503, 'the connection is as good as before')
  t.match(await router.line(0), / code=H80 .* bytes=0 /)
})
