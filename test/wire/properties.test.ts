/**
 * The parsers against Node's own (llhttp), and against themselves: whatever comes, in whatever pieces, they say the same and never
 * throw. Many more runs: `FUZZ_RUNS=100000 npx tap test/wire/properties.test.ts`.
 */
import fc from 'fast-check'
import t from 'tap'
import { BodyFraming, BodyKind, chunkHead, LAST_CHUNK } from '../../src/wire/body-framing.ts'
import { writeRequestHead, writeResponseHead } from '../../src/wire/head-writer.ts'
import { DEFAULT_LIMITS } from '../../src/wire/limits.ts'
import { ProxyHeader, parseProxyHeader } from '../../src/wire/proxy-protocol.ts'
import { refusalOf } from '../../src/wire/refusal.ts'
import type { RequestHead } from '../../src/wire/request-head.ts'
import { chunkedBody, cuts, cutsOf, mutated, RUNS, validAnswer, validRequest } from './arbitraries.ts'
import { NodeOracle, readAnswer } from './node-oracle.ts'
import { request, requestFacts, requestInPieces, response, responseFacts, responseInPieces } from './wire-cases.ts'

const oracle = new NodeOracle()
const requestBytes = validRequest.map(({ bytes }) => bytes)

/** Header lines of the head as name, value, name, value … */
function rawHeaders(head: RequestHead): string[] {
  const { text, fields, fieldCount } = head
  const pairs: string[] = []
  for (let at = 0; at < fieldCount * 6; at += 6) {
    pairs.push(text.substring(fields[at]!, fields[at + 1]!), text.substring(fields[at + 2]!, fields[at + 3]!))
  }
  return pairs
}

function bodyOf(head: RequestHead): BodyFraming {
  const body = new BodyFraming()
  if (head.chunked) body.start(BodyKind.chunked, -1, DEFAULT_LIMITS)
  else body.start(head.contentLength > 0 ? BodyKind.length : BodyKind.none, head.contentLength, DEFAULT_LIMITS)
  return body
}

/** Payload and the end of a body, cut at places; a refusal's key when it is malformed. */
function readBody(
  body: BodyFraming,
  bytes: Buffer,
  ends: readonly number[],
): { payload: string; end: number; refusal: string } {
  let payload = ''
  let at = 0
  for (const end of [...ends, bytes.length]) {
    while (at < end && !body.ended) {
      const next = body.take(bytes, at, end)
      if (next < 0) return { payload: '', end: -1, refusal: refusalOf(next).key }
      for (let i = 0; i < body.rangeCount; i++) payload += bytes.latin1Slice(body.ranges[2 * i], body.ranges[2 * i + 1])
      at = next
    }
  }
  return { payload, end: body.ended ? at : -1, refusal: '' }
}

t.test('any valid request has the method, target, headers and body that Node reads in it', async (t) => {
  await fc.assert(
    fc.asyncProperty(validRequest, async (x) => {
      const { head, consumed, refusal } = request(x.bytes)
      if (consumed !== x.headBytes) throw new Error(`consumed ${consumed} of ${x.headBytes}: ${refusal?.cause}`)
      const { requests, error } = await oracle.read(x.bytes)
      if (error !== '' || requests.length !== 1) throw new Error(`Node read ${requests.length} requests: ${error}`)
      const [read] = requests
      const { payload } = readBody(bodyOf(head), x.bytes.subarray(consumed), [])
      fc.pre(read !== undefined)
      equal(head.method, read.method)
      equal(head.target, read.url)
      equal(JSON.stringify(rawHeaders(head)), JSON.stringify(read.rawHeaders))
      equal(payload, read.body)
    }),
    RUNS,
  )
  t.pass(`${RUNS.numRuns} requests`)
})

t.test('any request, valid or not, is read alike however it is cut', async (t) => {
  fc.assert(
    fc.property(fc.oneof(requestBytes, mutated(requestBytes)), cuts, (bytes, parts) => {
      const pieces = requestInPieces(bytes, cutsOf(parts, bytes))
      equal(JSON.stringify(requestFacts(pieces)), JSON.stringify(requestFacts(request(bytes))))
    }),
    RUNS,
  )
  t.pass(`${RUNS.numRuns} requests`)
})

t.test('any answer, valid or not, is read alike however it is cut', async (t) => {
  fc.assert(
    fc.property(
      fc.oneof(validAnswer, mutated(validAnswer)),
      cuts,
      fc.constantFrom('GET', 'HEAD'),
      (bytes, parts, method) => {
        const pieces = responseInPieces(bytes, cutsOf(parts, bytes), method)
        equal(JSON.stringify(responseFacts(pieces)), JSON.stringify(responseFacts(response(bytes, method))))
      },
    ),
    RUNS,
  )
  t.pass(`${RUNS.numRuns} answers`)
})

t.test('any valid answer is accepted', async (t) => {
  fc.assert(
    fc.property(validAnswer, (bytes) => {
      const { consumed, refusal } = response(bytes)
      if (consumed <= 0) throw new Error(refusal?.cause ?? 'incomplete')
    }),
    RUNS,
  )
  t.pass(`${RUNS.numRuns} answers`)
})

t.test(
  'what is forwarded of a mutated request is one request to Node, with that method, target and body',
  async (t) => {
    let forwarded = 0
    await fc.assert(
      fc.asyncProperty(mutated(requestBytes), async (bytes) => {
        const { head, consumed } = request(bytes)
        // Node knows a list of methods; others it cannot read.
        if (consumed <= 0 || !KNOWN_METHODS.has(head.method)) return
        const { payload, end } = readBody(bodyOf(head), bytes.subarray(consumed), [])
        if (end < 0) return
        forwarded++
        const out = writeRequestHead(head, {
          forwardedFor: '192.0.2.1',
          proto: 'http',
          port: '80',
          host: head.host,
          requestId: 'id',
          requestStartMs: 1,
          forwarded: '',
          traceparent: '',
          via: 'postern',
          expectContinue: false,
          connection: 'keep-alive',
          chunkedBody: false,
          contentLength: payload.length,
        })
        const { requests, error } = await oracle.read(Buffer.from(out + payload, 'latin1'))
        equal(error, '')
        equal(requests.length, 1)
        equal(requests[0]!.method, head.method)
        equal(requests[0]!.url, head.path)
        equal(requests[0]!.body, payload)
        equal(
          requests[0]!.rawHeaders.filter((_, i) => i % 2 === 0).filter((name) => name.toLowerCase() === 'host').length,
          1,
        )
      }),
      RUNS,
    )
    t.ok(forwarded > RUNS.numRuns / 20, `${forwarded} were forwarded`)
  },
)

t.test('a mutated request that Node refuses is never accepted', async (t) => {
  let refused = 0
  await fc.assert(
    fc.asyncProperty(mutated(requestBytes), async (bytes) => {
      const { head, consumed } = request(bytes)
      if (consumed <= 0 || !KNOWN_METHODS.has(head.method)) {
        refused++
        return
      }
      const { end } = readBody(bodyOf(head), bytes.subarray(consumed), [])
      if (end < 0) return
      // Only this request: what follows it is not forwarded with it.
      const { requests, error } = await oracle.read(bytes.subarray(0, consumed + end))
      equal(error, '')
      equal(requests.length, 1)
    }),
    RUNS,
  )
  t.ok(refused > RUNS.numRuns / 10, `${refused} were refused`)
})

t.test('what is relayed of a mutated answer is that answer to Node', async (t) => {
  let relayed = 0
  await fc.assert(
    fc.asyncProperty(fc.oneof(validAnswer, mutated(validAnswer)), async (bytes) => {
      const { head, consumed } = response(bytes)
      if (consumed <= 0) return
      const body = new BodyFraming()
      body.start(head.bodyKind, head.contentLength, DEFAULT_LIMITS)
      const { payload, refusal } = readBody(body, bytes.subarray(consumed), [])
      // Cut or malformed, or followed by bytes that nobody asked for: the router ends the connection, and Node does as it likes.
      if (refusal !== '' || !body.end()) return
      relayed++
      const relayedHead = writeResponseHead(head, {
        clientMinorVersion: 1,
        framing: head.bodyKind === BodyKind.none ? 'none' : head.bodyKind === BodyKind.length ? 'length' : 'chunked',
        keepAlive: true,
        requestId: '',
        date: 'now',
        via: 'postern',
        upgrade: false,
      })
      const chunked = head.bodyKind === BodyKind.chunked || head.bodyKind === BodyKind.untilClose
      const text = chunked ? (payload === '' ? '' : `${chunkHead(payload.length)}${payload}\r\n`) + LAST_CHUNK : payload
      const read = await readAnswer(Buffer.from(relayedHead + text, 'latin1'))
      equal(read.error, '')
      equal(read.status, head.status)
      equal(read.body, payload)
    }),
    RUNS,
  )
  t.ok(relayed > RUNS.numRuns / 10, `${relayed} were relayed`)
})

t.test('any chunked body gives its payload and its end, however it is cut', async (t) => {
  fc.assert(
    fc.property(chunkedBody, cuts, ({ payload, bytes }, parts) => {
      const all = Buffer.from(`${bytes}GET`, 'latin1')
      const body = new BodyFraming()
      body.start(BodyKind.chunked, -1, DEFAULT_LIMITS)
      equal(
        JSON.stringify(readBody(body, all, cutsOf(parts, all))),
        JSON.stringify({ payload, end: bytes.length, refusal: '' }),
      )
    }),
    RUNS,
  )
  t.pass(`${RUNS.numRuns} bodies`)
})

t.test('a mutated chunked body is read or refused alike however it is cut', async (t) => {
  const bodies = mutated(chunkedBody.map(({ bytes }) => Buffer.from(bytes, 'latin1')))
  fc.assert(
    fc.property(bodies, cuts, (bytes, parts) => {
      const body = new BodyFraming()
      body.start(BodyKind.chunked, -1, DEFAULT_LIMITS)
      const whole = readBody(body, bytes, [])
      const trailers = body.trailers
      body.start(BodyKind.chunked, -1, DEFAULT_LIMITS)
      equal(JSON.stringify(readBody(body, bytes, cutsOf(parts, bytes))), JSON.stringify(whole))
      equal(body.trailers, trailers)
    }),
    RUNS,
  )
  t.pass(`${RUNS.numRuns} bodies`)
})

t.test('random bytes never throw, and results stay within them', async (t) => {
  const random = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
  const almost = fc
    .tuple(fc.constantFrom('GET / HTTP/1.1\r\n', 'HTTP/1.1 200 OK\r\n', 'PROXY ', '\r\n\r\n\0\r\nQUIT\n', ''), random)
    .map(([text, bytes]) => Buffer.concat([Buffer.from(text, 'latin1'), bytes]))
  fc.assert(
    fc.property(almost, cuts, (bytes, parts) => {
      for (const { consumed } of [request(bytes), response(bytes)]) within(consumed, bytes)
      const header = new ProxyHeader()
      const result = parseProxyHeader(bytes, 0, bytes.length, header)
      within(result, bytes)
      if (result > 0) equal(parseProxyHeader(bytes, 0, result, new ProxyHeader()), result)
      // A header that is malformed in part is malformed in whole.
      for (const end of cutsOf(parts, bytes)) {
        const early = parseProxyHeader(bytes, 0, end, new ProxyHeader())
        if (early !== 0) equal(early, result)
      }
      const body = new BodyFraming()
      body.start(BodyKind.chunked, -1, DEFAULT_LIMITS)
      readBody(body, bytes, cutsOf(parts, bytes))
    }),
    RUNS,
  )
  t.pass(`${RUNS.numRuns} times`)
})

const KNOWN_METHODS = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'PATCH',
  'TRACE',
  'PROPFIND',
  'M-SEARCH',
  'PURGE',
  'LINK',
])

function equal(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`${String(actual)} is not ${String(expected)}`)
}

function within(consumed: number, bytes: Buffer): void {
  if (consumed > bytes.length) throw new Error(`${consumed} of ${bytes.length} bytes`)
}
