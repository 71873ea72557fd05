import t from 'tap'
import { DEFAULT_LIMITS } from '../../src/wire/limits.ts'
import { header, parseRequestHead, RequestHead } from '../../src/wire/request-head.ts'
import {
  accepted,
  bytesOf,
  everyByte,
  get,
  message,
  request,
  requestFacts,
  requestInPieces,
  verdict,
} from './wire-cases.ts'

t.test('a value is what is between colon and line end, without the white space around it', async (t) => {
  for (const [line, value] of [
    ['X-A: b', 'b'],
    ['X-A:b', 'b'],
    ['X-A:', ''],
    ['X-A: ', ''],
    ['X-A: \t \t', ''],
    ['X-A: \tb \t', 'b'],
    ['X-A: b \t c', 'b \t c'],
    ['X-A: :b:', ':b:'],
    ['X-A: "b, c"', '"b, c"'],
    ['x-a: caf\xe9 \xff\x80', 'caf\xe9 \xff\x80'],
  ] as const) {
    t.equal(header(accepted(get(line)), 'x-a'), value, JSON.stringify(line))
  }
})

t.test('a header that came more than once is one list, whatever its case', async (t) => {
  const head = accepted(get('X-A: 1', 'Accept: text/html', 'x-a: 2', 'ACCEPT: */*', 'Cookie: a=1', 'cookie: b=2'))
  t.equal(header(head, 'x-a'), '1, 2')
  t.equal(header(head, 'x-b'), '')
  t.equal(head.accept, 'text/html, */*')
  t.equal(head.cookie, 'a=1; b=2', 'cookies have their own separator')
})

t.test('the headers that the router looks at are at hand', async (t) => {
  const head = accepted(
    get(
      'X-Forwarded-For: 192.0.2.1',
      'x-forwarded-for: 192.0.2.2',
      'Via: 1.0 a',
      'X-Request-Id: 0123456789abcdefghij',
      'Forwarded: for=192.0.2.1',
      'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'Idempotency-Key: 1',
      'TE: trailers',
    ),
  )
  t.match(head, {
    forwardedFor: '192.0.2.1, 192.0.2.2',
    via: '1.0 a',
    requestId: '0123456789abcdefghij',
    forwarded: 'for=192.0.2.1',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    idempotencyKey: true,
    teTrailers: true,
  })
  const without = accepted(get())
  t.match(without, { forwardedFor: '', via: '', requestId: '', accept: '', cookie: '', forwarded: '', traceparent: '' })
  t.match(without, { idempotencyKey: false, teTrailers: false, expectContinue: false, upgrade: '' })
})

t.test('a name is a token', async (t) => {
  for (let byte = 0; byte < 256; byte++) {
    const name = `x${String.fromCharCode(byte)}y`
    const isToken = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/.test(String.fromCharCode(byte))
    if (byte === 0x3a) continue
    t.equal(verdict(get(`${name}: 1`)) === 'accepted', isToken, `byte ${byte} inside a name`)
    const first = String.fromCharCode(byte)
    if (byte !== 0x0d) t.equal(verdict(get(`${first}: 1`)) === 'accepted', isToken, `byte ${byte} as a name`)
  }
})

t.test('an empty name, white space before the colon and a line without colon are refused', async (t) => {
  t.equal(verdict(get(': a')), '400 empty header name')
  t.equal(verdict(get('X-A : b')), '400 space before the colon')
  t.equal(verdict(get('X-A\t: b')), '400 space before the colon')
  t.equal(verdict(get('X A: b')), '400 space before the colon')
  t.equal(verdict(get('Transfer-Encoding : chunked')), '400 space before the colon')
  t.equal(verdict(get('X-A')), '400 header line without a colon')
  t.equal(verdict(get('X-A\nX-B: c')), '400 header line without a colon')
  t.equal(verdict(get('X-\x00A: b')), '400 bad header name')
  t.equal(verdict(get('@: b')), '400 bad header name')
  t.equal(verdict(get('X-\xe4: b')), '400 bad header name')
})

t.test('white space at the start of a line is refused: no folding, nothing before the first header', async (t) => {
  t.equal(verdict(get('X-A: b', ' c')), '400 folded header line')
  t.equal(verdict(get('X-A: b', '\tc: d')), '400 folded header line')
  t.equal(verdict(get('X-A: b', ' ')), '400 folded header line')
  t.equal(verdict(message('GET / HTTP/1.1', ' Host: a.example')), '400 space before the first header')
  t.equal(verdict(message('GET / HTTP/1.1', '\tX-A: b', 'Host: a.example')), '400 space before the first header')
})

t.test('control bytes in a value are refused, obs-text is not', async (t) => {
  for (let byte = 0; byte < 256; byte++) {
    const line = `X-A: b${String.fromCharCode(byte)}c`
    const allowed = byte === 0x09 || (byte >= 0x20 && byte !== 0x7f)
    t.equal(verdict(get(line)) === 'accepted', allowed, `byte ${byte}`)
  }
})

t.test('only CRLF ends a line', async (t) => {
  t.equal(verdict(get('X-A: b\nX-C: d')), '400 bare LF')
  t.equal(verdict(get('X-A: b\rX-C: d')), '400 bare CR')
  t.equal(verdict(get('X-A: b\r\r\nX-C: d')), '400 bare CR')
  t.equal(verdict('GET / HTTP/1.1\r\nHost: a.example\n\r\n'), '400 bare LF')
  t.equal(verdict('GET / HTTP/1.1\r\nHost: a.example\r\n\n'), '400 bare LF')
  t.equal(verdict('GET / HTTP/1.1\r\nHost: a.example\r\n\r\r\n'), '400 bare CR')
  t.equal(verdict('GET / HTTP/1.1\r\nHost: a.example\r\n\rX'), '400 bare CR')
})

t.test('a malformed line is refused when it is through, not at the end of the head', async (t) => {
  for (const line of [
    'X-A : b\r\n',
    'X-A\r\n',
    ': b\r\n',
    'X-A: b\n',
    'X-A: \x01\r\n',
    'Content-Length: x\r\n',
    'Transfer-Encoding: x\r\n',
    'Expect: x\r\n',
    'Connection: host\r\n',
    'Host: b\r\n',
  ]) {
    t.match(verdict(`GET / HTTP/1.1\r\nHost: a.example\r\n${line}`), /^4/, JSON.stringify(line))
  }
})

t.test('a header line may have 8,192 bytes', async (t) => {
  const value = 'a'.repeat(8_192 - 'X-A: '.length)
  t.equal(verdict(get(`X-A: ${value}`)), 'accepted')
  t.equal(verdict(get(`X-A: ${value}a`)), '431 header line too long')
  t.equal(verdict(get(`X-A:${' '.repeat(8_192 - 4)}`)), 'accepted')
  t.equal(verdict(get(`X-A:${' '.repeat(8_192 - 3)}`)), '431 header line too long')
  t.equal(verdict(`GET / HTTP/1.1\r\nX-A: ${'a'.repeat(9_000)}`), '431 header line too long', 'before its end came')
  t.equal(verdict(get('X-A: 4567'), { headerLineBytes: 9 }), '431 header line too long')
  t.equal(verdict(get(`${'x'.repeat(14)}:`), { headerLineBytes: 15 }), 'accepted')
  const over = get(`${'x'.repeat(15)}:`)
  t.equal(verdict(over, { headerLineBytes: 15 }), '431 header line too long', 'its colon does not fit')
})

t.test('a header name may have 1,000 bytes', async (t) => {
  t.equal(verdict(get(`${'a'.repeat(1_000)}: b`)), 'accepted')
  t.equal(verdict(get(`${'a'.repeat(1_001)}: b`)), '431 header name too long')
  t.equal(verdict(`GET / HTTP/1.1\r\n${'a'.repeat(1_001)}`), '431 header name too long', 'before its end came')
})

t.test('a head may have 1,000 header lines', async (t) => {
  const lines = Array.from({ length: 999 }, (_, i) => `X-${i}: ${i}`)
  const head = accepted(get(...lines))
  t.equal(head.fieldCount, 1_000)
  t.equal(header(head, 'x-998'), '998')
  t.equal(header(head, 'x-0'), '0')
  t.equal(header(head, 'host'), 'a.example', 'lines that came before there was more room')
  t.equal(verdict(get(...lines, 'X-999: 999')), '431 too many headers')
})

t.test('a head may have 64 KiB, the empty lines before it not counted', async (t) => {
  const line = `X-A: ${'a'.repeat(8_000)}`
  const lines = Array.from({ length: 8 }, () => line)
  const around = get(...lines, 'X-B: ').length
  const fits = get(...lines, `X-B: ${'b'.repeat(65_536 - around)}`)
  t.equal(fits.length, 65_536)
  t.equal(verdict(fits), 'accepted')
  t.equal(verdict(`\r\n${fits}`), 'accepted')
  t.equal(verdict(get(...lines, `X-B: ${'b'.repeat(65_536 - around + 1)}`)), '431 headers too large in all')
  t.equal(verdict(fits.slice(0, -1)), 'incomplete')
  t.equal(verdict(`${fits.slice(0, -2)}XXX`), '431 headers too large in all')
})

t.test('a limit is found at the same byte however the head is cut', async (t) => {
  for (const text of [
    get(`X-A: ${'a'.repeat(40)}`),
    get(`${'a'.repeat(40)}: b`),
    get('X-A: b', 'X-B: c', 'X-C: d', 'X-D: e'),
    message(`GET /${'a'.repeat(60)} HTTP/1.1`, 'Host: a'),
    get('X-A: 0123456789', 'X-B: 0123456789', 'X-C: 0123456789'),
  ]) {
    const limits = { headerLineBytes: 32, headerNameBytes: 16, headerCount: 4, headBytes: 80, requestLineBytes: 48 }
    const bytes = Buffer.from(text, 'latin1')
    const whole = request(bytes, limits)
    t.not(whole.refusal, null, text)
    t.same(requestFacts(requestInPieces(bytes, everyByte(bytes), limits)), requestFacts(whole))
  }
})

t.test('a reset head has forgotten the one before, however large that was', async (t) => {
  const { head } = request(get(...Array.from({ length: 900 }, (_, i) => `Cookie: ${i}`), 'Content-Length: 5'))
  t.equal(head.fieldCount, 902)
  t.ok(head.fields.length >= 902 * 6)
  head.reset()
  t.ok(head.fields.length < 1_000, 'and given back the room for it')
  t.match(head, {
    fieldCount: 0,
    text: '',
    method: '',
    target: '',
    host: '',
    cookie: '',
    contentLength: -1,
    chunked: false,
  })
})

t.test('a head that was used before reads the next request as a new one does', async (t) => {
  const full = message(
    'POST http://A.example:81/b HTTP/1.0',
    'Host: A.example:81',
    'Connection: keep-alive, close, upgrade, x-a',
    'Upgrade: websocket',
    'Expect: 100-continue',
    'TE: trailers',
    'Content-Length: 5',
    'Accept: a',
    'Accept: b',
    'X-Forwarded-For: c',
    'Cookie: d',
  )
  const requests = [
    full,
    get('Transfer-Encoding: chunked', 'Expect: 100-continue', 'TE: trailers', 'Accept: a'),
    `\r\n${get('Connection: x-a', 'X-A: 1')}`,
    'GET / HTT',
    get('X-A: b').slice(0, -7),
    get('X-A: b', 'Host: b'),
    message('GET / HTTP/1.0'),
    'G@T',
    'GET /a\x00b',
    message('OPTIONS * HTTP/1.1', 'Host: a'),
    get('Connection: upgrade', 'Upgrade: a'),
    get(`Connection: ${'x,'.repeat(60)}`),
    get('Connection: x-b', 'X-A: 1'),
    get('X-A: b', 'X@: c'),
    message('GET / HTTP/1.1', 'X-A: b', 'X@: c'),
    'G@T',
  ]
  const head = new RequestHead()
  for (const text of [...requests, ...requests.toReversed()]) {
    const bytes = bytesOf(text)
    head.reset()
    const result = parseRequestHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS)
    const alone = request(bytes)
    t.same(requestFacts({ consumed: Math.max(result, -1), refusal: alone.refusal, head }), requestFacts(alone), text)
  }
})

t.test('Expect: 100-continue is seen, any other expectation fails', async (t) => {
  t.equal(accepted(get('Expect: 100-continue')).expectContinue, true)
  t.equal(accepted(get('expect: 100-Continue')).expectContinue, true)
  t.equal(accepted(get('Expect:')).expectContinue, false)
  t.equal(accepted(get()).expectContinue, false)
  t.equal(accepted(message('GET / HTTP/1.0', 'Expect: 100-continue')).expectContinue, false, 'HTTP/1.0 cannot mean it')
  for (const value of [
    '100',
    'continue',
    '100-continue, 100-continue',
    '100-continue;a=b',
    '100 continue',
    '200-ok',
    'x',
    '100-continue x',
  ]) {
    t.equal(verdict(get(`Expect: ${value}`)), '417 unknown expectation', value)
    t.equal(verdict(message('GET / HTTP/1.0', `Expect: ${value}`)), '417 unknown expectation', value)
  }
})

t.test('TE means something when trailers is in it', async (t) => {
  for (const value of ['trailers', 'Trailers', 'deflate, trailers', 'trailers, gzip;q=0.5', ' , trailers ,']) {
    t.equal(accepted(get(`TE: ${value}`)).teTrailers, true, value)
  }
  for (const value of ['', 'gzip', 'trailer', 'trailerss', 'x-trailers', 'gzip trailers']) {
    t.equal(accepted(get(`TE: ${value}`)).teTrailers, false, value)
  }
})
