import t from 'tap'
import { BodyFraming, BodyKind, chunkHead, LAST_CHUNK } from '../../src/wire/body-framing.ts'
import { DEFAULT_LIMITS } from '../../src/wire/limits.ts'
import { refusalOf } from '../../src/wire/refusal.ts'
import { bytesOf } from './wire-cases.ts'

function started(kind: BodyKind, length = -1): BodyFraming {
  const body = new BodyFraming()
  body.start(kind, length, DEFAULT_LIMITS)
  return body
}

/** Takes all of the text in one call. */
function take(body: BodyFraming, text: string): { at: number; payload: string } {
  const bytes = bytesOf(text)
  const at = body.take(bytes, 0, bytes.length)
  let payload = ''
  for (let i = 0; i < body.rangeCount; i++) payload += bytes.latin1Slice(body.ranges[2 * i], body.ranges[2 * i + 1])
  if (body.payloadBytes !== payload.length) throw new Error(`payloadBytes is ${body.payloadBytes}`)
  return { at, payload }
}

t.test('a body of a length is so many bytes, and what follows is not part of it', async (t) => {
  const body = started(BodyKind.length, 8)
  t.same(take(body, 'hello'), { at: 5, payload: 'hello' })
  t.notOk(body.ended)
  t.same(take(body, 'abcGET'), { at: 3, payload: 'abc' })
  t.ok(body.ended)
  t.same(take(body, 'GET'), { at: 0, payload: '' })
})

t.test('a body of a length that is larger than 32 bits is counted right', async (t) => {
  const body = started(BodyKind.length, 2 ** 33 + 1)
  const read = Buffer.alloc(65_536)
  for (let i = 0; i < 2 ** 17; i++) body.take(read, 0, read.length)
  t.notOk(body.ended)
  t.equal(body.take(read, 0, read.length), 1)
  t.ok(body.ended)
})

t.test('no body has ended at once, and so has one of length 0', async (t) => {
  t.ok(new BodyFraming().ended)
  for (const body of [started(BodyKind.none), started(BodyKind.length, 0)]) {
    t.ok(body.ended)
    t.same(take(body, 'GET'), { at: 0, payload: '' })
  }
})

t.test('a chunked body ends with its last chunk and has trailers then', async (t) => {
  const body = started(BodyKind.chunked)
  t.same(take(body, '5\r\nhello\r\n3\r\na'), { at: 14, payload: 'helloa' })
  t.notOk(body.ended)
  t.same(take(body, 'bc\r\n0\r\nX: a\r\n\r\nGET'), { at: 15, payload: 'bc' })
  t.ok(body.ended)
  t.equal(body.trailers, 'X: a\r\n')
})

t.test('a malformed chunk is refused and gives no payload', async (t) => {
  const body = started(BodyKind.chunked)
  const { at, payload } = take(body, '5\r\nhello\r\nx\r\n')
  t.equal(refusalOf(at).key, 'bad-chunk-size')
  t.equal(payload, '')
  t.notOk(body.ended)
})

t.test('a body until close ends with the connection', async (t) => {
  const body = started(BodyKind.untilClose)
  t.same(take(body, 'hello'), { at: 5, payload: 'hello' })
  t.notOk(body.ended)
  t.equal(body.end(), true)
  t.ok(body.ended)
  t.equal(body.rangeCount, 0)
  t.equal(body.payloadBytes, 0)
})

t.test('a connection that ends inside any other body cuts it', async (t) => {
  for (const [body, text] of [
    [started(BodyKind.length, 6), 'hello'],
    [started(BodyKind.chunked), '5\r\nhello\r\n0\r\n'],
  ] as const) {
    take(body, text)
    t.equal(body.end(), false)
  }
  const whole = started(BodyKind.length, 5)
  take(whole, 'hello')
  t.equal(whole.end(), true)
})

t.test('the next body on the same connection begins anew', async (t) => {
  const body = started(BodyKind.chunked)
  take(body, '0\r\nX: a\r\n\r\n')
  body.start(BodyKind.length, 3, DEFAULT_LIMITS)
  t.equal(body.trailers, '')
  t.same(take(body, 'abcd'), { at: 3, payload: 'abc' })
  body.start(BodyKind.chunked, -1, DEFAULT_LIMITS)
  t.notOk(body.ended)
  t.same(take(body, '1\r\nx\r\n0\r\n\r\n'), { at: 11, payload: 'x' })
  t.equal(body.trailers, '')
})

t.test('a body that has just begun has no payload, and no bytes bring none', async (t) => {
  const body = new BodyFraming()
  for (const kind of [BodyKind.length, BodyKind.untilClose, BodyKind.chunked]) {
    // The length counts for a body of a length only.
    body.start(kind, kind === BodyKind.length ? 9 : 0, DEFAULT_LIMITS)
    t.notOk(body.ended)
    t.same([body.rangeCount, body.payloadBytes], [0, 0])
    t.same(take(body, ''), { at: 0, payload: '' })
    t.equal(body.rangeCount, 0)
    take(body, kind === BodyKind.chunked ? '5\r\nhello' : 'hello')
    t.same([body.rangeCount, body.payloadBytes], [1, 5])
  }
})

t.test('payload is where it lies in what came', async (t) => {
  for (const kind of [BodyKind.length, BodyKind.untilClose]) {
    const body = started(kind, 3)
    t.equal(body.take(bytesOf('headabcrest'), 4, 7), 7)
    t.same([...body.ranges.subarray(0, 2)], [4, 7])
  }
})

t.test('chunks are written as they are read', async (t) => {
  t.equal(chunkHead(255), 'ff\r\n')
  t.equal(chunkHead(2 ** 40), '10000000000\r\n')
  t.same(take(started(BodyKind.chunked), `${chunkHead(5)}hello\r\n${LAST_CHUNK}`), { at: 15, payload: 'hello' })
})
