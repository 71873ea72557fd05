import t from 'tap'
import { ChunkedDecoder } from '../../src/wire/chunked-decoder.ts'
import { DEFAULT_LIMITS, type HeadLimits } from '../../src/wire/limits.ts'
import { refusalOf } from '../../src/wire/refusal.ts'
import { bytesOf } from './wire-cases.ts'

interface Decoded {
  /** Payload; of a refused body what came before. */
  payload: string
  trailers: string
  /** `done`, `incomplete`, or the cause of the refusal. */
  end: string
  /** Bytes after the body. */
  rest: number
}

/** Decodes the bytes in pieces of a size. */
function decode(text: string, piece = Number.POSITIVE_INFINITY, limits: Partial<HeadLimits> = {}): Decoded {
  const bytes = bytesOf(text)
  const decoder = new ChunkedDecoder()
  decoder.reset({ ...DEFAULT_LIMITS, ...limits })
  let payload = ''
  let at = 0
  while (at < bytes.length && !decoder.done) {
    // Each piece in its own memory: the decoder must not count on what it saw before.
    const part = Buffer.from(bytes.subarray(at, at + Math.min(piece, bytes.length)))
    let taken = 0
    while (taken < part.length && !decoder.done) {
      const result = decoder.decode(part, taken, part.length)
      if (result < 0) return { payload, trailers: decoder.trailers, end: refusalOf(result).cause, rest: 0 }
      if (result === taken) throw new Error('it took nothing')
      let sum = 0
      for (let i = 0; i < decoder.rangeCount; i++) {
        const range = part.subarray(decoder.ranges[2 * i], decoder.ranges[2 * i + 1])
        payload += range.latin1Slice()
        sum += range.length
      }
      if (sum !== decoder.payloadBytes) throw new Error(`payloadBytes is ${decoder.payloadBytes}, not ${sum}`)
      taken = result
    }
    at += taken
  }
  return { payload, trailers: decoder.trailers, end: decoder.done ? 'done' : 'incomplete', rest: bytes.length - at }
}

const BODIES: readonly (readonly [string, string])[] = [
  ['0\r\n\r\n', ''],
  ['5\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n', 'hello world'],
  ['a\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
  ['A\r\n0123456789\r\n00\r\n\r\n', '0123456789'],
  ['0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n', 'hello'],
  ['2\r\n\r\n\r\n0\r\n\r\n', '\r\n'],
  ['5;a\r\nhello\r\n0;b=c\r\n\r\n', 'hello'],
  ['5;a=b;c="d e";f="\\"\\\\;";g\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['5;name=value;other="q"\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['5;a=""\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['5;a="\t\xff"\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n', 'abc'],
]

t.test('chunks are joined, however they are cut', async (t) => {
  for (const [text, payload] of BODIES) {
    for (let piece = 1; piece <= text.length; piece++) {
      t.match(decode(text, piece), { payload, end: 'done', rest: 0 }, `${JSON.stringify(text)} by ${piece}`)
    }
  }
})

t.test('what follows the body is left alone', async (t) => {
  for (const [text, payload] of BODIES) {
    t.match(decode(`${text}GET / HTTP/1.1`), { payload, end: 'done', rest: 14 }, JSON.stringify(text))
  }
})

t.test('a done decoder takes nothing more', async (t) => {
  const decoder = new ChunkedDecoder()
  decoder.reset(DEFAULT_LIMITS)
  const bytes = bytesOf('0\r\n\r\n0\r\n\r\n')
  t.equal(decoder.decode(bytes, 0, bytes.length), 5)
  t.equal(decoder.decode(bytes, 5, bytes.length), 5)
  t.equal(decoder.rangeCount, 0)
})

t.test('what is no chunk size is refused', async (t) => {
  for (const size of [
    '',
    ' 5',
    '5 ',
    '+5',
    '-5',
    '0x5',
    'x',
    'g',
    '5h',
    '5 5',
    '\t5',
    '5\t',
    ';a',
    '5.0',
    '5,',
    '"5"',
    '5\x00',
    '\x005',
    '5 ;a',
    '5\t;a',
    '\r\n5',
  ]) {
    for (const piece of [1, 99]) {
      t.equal(decode(`${size}\r\nhello\r\n0\r\n\r\n`, piece).end, 'bad chunk size', JSON.stringify(size))
    }
  }
})

t.test('a chunk size is hexadecimal digits', async (t) => {
  for (let byte = 0; byte < 256; byte++) {
    const digit = String.fromCharCode(byte)
    const { end } = decode(`1${digit}\r\n`)
    if (digit !== ';' && digit !== '\r') t.equal(end === 'incomplete', /[0-9A-Fa-f]/.test(digit), `byte ${byte}`)
  }
})

t.test('a chunk size is at most 2^53 - 1, in at most sixteen digits', async (t) => {
  t.equal(decode('100000000\r\n').end, 'incomplete', 'more than 32 bits')
  t.equal(decode('1fffffffffffff\r\n').end, 'incomplete')
  t.equal(decode('001fffffffffffff\r\n').end, 'incomplete')
  for (const size of [
    '20000000000000',
    'ffffffffffffff',
    'ffffffffffffffff',
    '10000000000000005',
    '00000000000000005',
    'f'.repeat(64),
  ]) {
    t.equal(decode(`${size}\r\n`).end, 'bad chunk size', size)
  }
})

t.test('only CRLF ends a size line, a chunk and the body', async (t) => {
  for (const [text, cause] of [
    ['5\nhello\r\n0\r\n\r\n', 'bare LF'],
    ['5\rhello\r\n0\r\n\r\n', 'bare CR'],
    ['5\r\r\nhello\r\n0\r\n\r\n', 'bare CR'],
    ['5;a\nhello\r\n0\r\n\r\n', 'bare LF'],
    ['5;a\rhello\r\n0\r\n\r\n', 'bare CR'],
    ['5;a=b\nhello', 'bare LF'],
    ['5;a="b\n"', 'bare LF'],
    ['5\r\nhello\n0\r\n\r\n', 'bad chunk'],
    ['5\r\nhello\r0\r\n\r\n', 'bad chunk'],
    ['5\r\nhello0\r\n\r\n', 'bad chunk'],
    ['5\r\nhello!\r\n0\r\n\r\n', 'bad chunk'],
    ['5\r\nhell\r\n0\r\n\r\n', 'bad chunk'],
    ['5\r\nhello\r\n0\n\r\n', 'bare LF'],
    ['0\r\n\n', 'bad trailer'],
    ['0\r\n\rX', 'bare CR'],
    ['0\n\n', 'bare LF'],
  ] as const) {
    for (const piece of [1, 2, 99]) t.equal(decode(text, piece).end, cause, JSON.stringify(text))
  }
})

t.test('extensions are names with values that are tokens or quoted strings, without white space around', async (t) => {
  for (const extension of [
    ';',
    ';;a',
    ';a;',
    ';=b',
    ';a=',
    ';a=;b',
    ';a b',
    '; a',
    ';a =b',
    ';a= b',
    ';a=b c',
    ';a="b',
    ';a="b"c',
    ';a="b" ',
    ';a=b"',
    ';a"b"',
    ';a="\x00"',
    ';a="\\\x00"',
    ';a="\x7f"',
    ';a=b=c',
    ';a,b',
    ';\xe4',
    ';a=\xe4',
    ';a="b";',
    ';"a"',
  ]) {
    for (const piece of [1, 99]) {
      const { end } = decode(`5${extension}\r\nhello\r\n0\r\n\r\n`, piece)
      t.equal(end, 'bad chunk extension', JSON.stringify(extension))
    }
  }
})

t.test('the extensions of a body may have 4 KiB in all', async (t) => {
  const line = (bytes: number) => `1;${'a'.repeat(bytes - 1)}\r\nx\r\n`
  t.equal(decode(`${line(4_096)}0\r\n\r\n`).end, 'done')
  t.equal(decode(`${line(4_097)}0\r\n\r\n`).end, 'chunk extensions too long')
  t.equal(decode(`${line(2_048)}${line(2_048)}0\r\n\r\n`).end, 'done')
  t.equal(decode(`${line(2_048)}${line(2_048)}0;\r\n\r\n`).end, 'chunk extensions too long')
  t.equal(decode(`1;a="${'b'.repeat(5_000)}`).end, 'chunk extensions too long', 'before their end came')
})

t.test('trailers are read by the rules of headers, however they are cut', async (t) => {
  const text = '3\r\nabc\r\n0\r\nX-Sum:\t 1 \r\nServer-Timing: a;dur=1, b\r\nx-empty:\r\n\r\n'
  for (let piece = 1; piece <= text.length; piece++) {
    t.same(decode(text, piece), {
      payload: 'abc',
      trailers: 'X-Sum: 1\r\nServer-Timing: a;dur=1, b\r\nx-empty: \r\n',
      end: 'done',
      rest: 0,
    })
  }
  t.equal(decode(`${text}GET /`).rest, 5)
})

t.test('malformed trailers are refused', async (t) => {
  for (const trailers of [
    'X',
    'X : a',
    ' X: a',
    'X: a\r\n b',
    ': a',
    'X: a\nY: b',
    'X: a\rY: b',
    'X: \x00',
    'X\xe4: a',
    'GET / HTTP/1.1',
    '\nX: a',
  ]) {
    for (const piece of [1, 99]) {
      t.equal(decode(`0\r\n${trailers}\r\n\r\n`, piece).end, 'bad trailer', JSON.stringify(trailers))
    }
  }
})

t.test('trailers may have 8 KiB in all', async (t) => {
  const around = 'X: \r\n\r\n'.length
  for (const piece of [1, 1_000, 99_999]) {
    t.equal(decode(`0\r\nX: ${'a'.repeat(8_192 - around)}\r\n\r\n`, piece).end, 'done')
    t.equal(decode(`0\r\nX: ${'a'.repeat(8_192 - around + 1)}\r\n\r\n`, piece).end, 'trailers too long')
    t.equal(decode(`0\r\nX: ${'a'.repeat(9_000)}`, piece).end, 'trailers too long')
    t.equal(decode(`0\r\n${'a'.repeat(1_001)}: b\r\n\r\n`, piece).end, 'trailers too long')
    t.equal(decode(`0\r\n${'X: a\r\n'.repeat(1_001)}\r\n`, piece).end, 'trailers too long')
  }
  t.equal(decode('0\r\nX: a\r\nY: b\r\n\r\n', 99, { trailerBytes: 14 }).end, 'done')
  t.equal(decode('0\r\nX: a\r\nY: b\r\n\r\n', 99, { trailerBytes: 13 }).end, 'trailers too long')
})

t.test('a trailer that would frame or route the message refuses it', async (t) => {
  for (const name of [
    'Content-Length',
    'content-length',
    'Transfer-Encoding',
    'Host',
    'content_length',
    'TRANSFER_ENCODING',
  ]) {
    t.equal(decode(`0\r\nX: a\r\n${name}: 5\r\n\r\n`).end, 'framing or routing header in the trailers', name)
  }
})

t.test('a trailer that would authenticate, direct or describe the message is dropped', async (t) => {
  const names = [
    'Authorization',
    'Cookie',
    'Set-Cookie',
    'set_cookie',
    'WWW-Authenticate',
    'Proxy-Authorization',
    'Connection',
    'Keep-Alive',
    'TE',
    'Trailer',
    'Upgrade',
    'Expect',
    'Via',
    'Forwarded',
    'X-Forwarded-For',
    'x_forwarded_for',
    'X-Forwarded-Anything',
    'X-Request-Id',
    'X-Request-Start',
    'Content-Type',
    'Content-Encoding',
    'Content-Range',
    'Range',
    'If-Match',
    'If-None-Match',
    'Cache-Control',
    'Max-Forwards',
    'Date',
    'Location',
    'Age',
    'Vary',
    'Access-Control-Allow-Origin',
    'Idempotency-Key',
    'HTTP2-Settings',
    'traceparent',
    'tracestate',
    'Pragma',
    'Expires',
    'Retry-After',
    'Warning',
    'Allow',
  ]
  for (const name of names) {
    t.same(decode(`0\r\nX: a\r\n${name}: 5\r\nY: b\r\n\r\n`).trailers, 'X: a\r\nY: b\r\n', name)
  }
})

t.test('very many small chunks in one read are given in several calls', async (t) => {
  const text = `${'1\r\nx\r\n'.repeat(1_000)}0\r\n\r\n`
  const decoder = new ChunkedDecoder()
  decoder.reset(DEFAULT_LIMITS)
  const bytes = bytesOf(text)
  const first = decoder.decode(bytes, 0, bytes.length)
  t.ok(first < bytes.length)
  t.notOk(decoder.done)
  t.equal(decoder.rangeCount * 2, decoder.ranges.length)
  t.match(decode(text), { payload: 'x'.repeat(1_000), end: 'done' })
})

t.test('a read in the middle of a large chunk is one range', async (t) => {
  const decoder = new ChunkedDecoder()
  decoder.reset(DEFAULT_LIMITS)
  decoder.decode(bytesOf('100000\r\n'), 0, 8)
  const read = Buffer.alloc(65_536, 'x')
  for (let i = 0; i < 16; i++) {
    t.equal(decoder.decode(read, 0, read.length), read.length)
    t.same([decoder.rangeCount, decoder.ranges[0], decoder.ranges[1], decoder.payloadBytes], [1, 0, 65_536, 65_536])
  }
  t.equal(decoder.decode(bytesOf('\r\n0\r\n\r\n'), 0, 7), 7)
  t.ok(decoder.done)
})

t.test('a decoder that was reset begins anew', async (t) => {
  const decoder = new ChunkedDecoder()
  decoder.reset(DEFAULT_LIMITS)
  decoder.decode(bytesOf('0\r\nX: a\r\n\r\n'), 0, 12)
  t.equal(decoder.trailers, 'X: a\r\n')
  decoder.reset(DEFAULT_LIMITS)
  t.equal(decoder.trailers, '')
  t.notOk(decoder.done)
  decoder.decode(bytesOf('5;a\r\nhel'), 0, 8)
  decoder.reset(DEFAULT_LIMITS)
  t.equal(decoder.decode(bytesOf('0\r\n\r\n'), 0, 5), 5)
  t.ok(decoder.done)
  const extensions = bytesOf(`0;${'a'.repeat(3_000)}\r\n\r\n`)
  for (let i = 0; i < 2; i++) {
    decoder.reset(DEFAULT_LIMITS)
    t.equal(decoder.decode(extensions, 0, extensions.length), extensions.length, 'each body has its own 4 KiB')
  }
})
