import t from 'tap'
import { BodyKind } from '../../src/wire/body-framing.ts'
import { DEFAULT_LIMITS } from '../../src/wire/limits.ts'
import { parseResponseHead, ResponseHead } from '../../src/wire/response-head.ts'
import { answerVerdict, bytesOf, everyByte, message, response, responseFacts, responseInPieces } from './wire-cases.ts'

function answer(...headers: string[]): string {
  return message('HTTP/1.1 200 OK', ...headers)
}

t.test('status, reason and version are what came', async (t) => {
  t.match(response('HTTP/1.1 404 Not Found\r\n\r\n').head, { status: 404, reason: 'Not Found', minorVersion: 1 })
  t.match(response('HTTP/1.0 200 OK\r\n\r\n').head, { status: 200, reason: 'OK', minorVersion: 0 })
  t.match(response('HTTP/1.1 299 caf\xe9\tx  y\r\n\r\n').head, { status: 299, reason: 'caf\xe9\tx  y' })
})

t.test('a missing reason is tolerated, and so is the missing space before it', async (t) => {
  t.match(response('HTTP/1.1 200 \r\n\r\n').head, { status: 200, reason: '' })
  t.match(response('HTTP/1.1 200\r\n\r\n').head, { status: 200, reason: '' })
})

t.test('a status is three digits from 100 on', async (t) => {
  for (const status of [100, 101, 103, 199, 200, 599, 600, 999])
    t.equal(response(`HTTP/1.1 ${status} x\r\n\r\n`, 'HEAD').refusal?.key, status === 101 ? 'bad-upgrade' : undefined)
  for (const status of ['099', '000', '20', '2000', '2O0', '-20', '+20', '2 0', ' 200', '2x0']) {
    t.equal(answerVerdict(`HTTP/1.1 ${status} x\r\n\r\n`), 'H17 bad status line', status)
  }
})

t.test('what is no status line is refused, at its first wrong byte', async (t) => {
  for (const line of [
    'HTTP/2.0 200 OK',
    'HTTP/1.2 200 OK',
    'HTTP/0.9 200 OK',
    'http/1.1 200 OK',
    'ICY 200 OK',
    'HTTP/1.1  200 OK',
    ' HTTP/1.1 200 OK',
    'HTTP/1.1\t200 OK',
    'HTTP/1.1 200\tOK',
    'HTTP/1.1',
    'HTTP/1.1 ',
    '<html>',
    '',
    'HTTP/1.1 200 O\x00K',
    'HTTP/1.1 200 O\x7fK',
  ]) {
    t.equal(answerVerdict(`${line}\r\n\r\n`), 'H17 bad status line', JSON.stringify(line))
  }
  t.equal(answerVerdict('\r\nHTTP/1.1 200 OK\r\n\r\n'), 'H17 bad status line', 'no empty line comes before it')
  t.equal(answerVerdict('X'), 'H17 bad status line')
  t.equal(answerVerdict('HTTP/1.1 200 OK\nX: a\n\n'), 'H17 bare LF')
  t.equal(answerVerdict('HTTP/1.1 200\n'), 'H17 bare LF')
  t.equal(answerVerdict('HTTP/1.1 200 OK\rX: a\r\n\r\n'), 'H17 bare CR')
})

t.test('a status line may have 8,192 bytes', async (t) => {
  const line = `HTTP/1.1 200 ${'a'.repeat(8_192 - 13)}`
  t.equal(answerVerdict(`${line}\r\n\r\n`), 'accepted')
  t.equal(answerVerdict(`${line}a\r\n\r\n`), 'H25 oversized status line')
  t.equal(answerVerdict(`${line}aa`), 'H25 oversized status line', 'before its end came')
})

t.test('a header line may have 512 KiB, all of the head 1 MiB', async (t) => {
  const value = 'a'.repeat(524_288 - 'X-A: '.length)
  t.equal(answerVerdict(answer(`X-A: ${value}`)), 'accepted')
  t.equal(answerVerdict(answer(`X-A: ${value}a`)), 'H25 oversized header')
  t.equal(answerVerdict(answer(`X-A: ${value}`, `X-B: ${value}`)), 'H25 oversized header')
  t.equal(answerVerdict(answer(`${'a'.repeat(1_001)}: b`)), 'H25 oversized header')
  t.equal(answerVerdict(answer(...Array.from({ length: 1_001 }, () => 'X: a'))), 'H25 oversized header')
  t.equal(answerVerdict(answer(...Array.from({ length: 1_000 }, () => 'X: a'))), 'accepted')
})

t.test('a Set-Cookie may have 8,192 bytes', async (t) => {
  const cookie = `a=${'b'.repeat(8_190)}`
  t.equal(answerVerdict(answer(`Set-Cookie: ${cookie}`, `set-cookie: ${cookie}`)), 'accepted')
  t.equal(answerVerdict(answer('Set-Cookie: a=b', `SET-COOKIE: ${cookie}c`)), 'H25 oversized cookie')
  t.equal(answerVerdict(answer(`X-Cookie: ${cookie}${cookie}`)), 'accepted')
})

t.test('malformed header lines are refused as in requests', async (t) => {
  for (const [line, cause] of [
    ['X-A : b', 'space before the colon'],
    ['X-A: b\r\n c', 'folded header line'],
    [' X-A: b', 'space before the first header'],
    [': b', 'empty header name'],
    ['X-A', 'header line without a colon'],
    ['X-A: \x00', 'control byte in a header value'],
    ['X-A: b\nX-C: d', 'bare LF'],
    ['X-A: b\rX-C: d', 'bare CR'],
    ['X\xe4: b', 'bad header name'],
  ] as const) {
    t.equal(answerVerdict(answer(line)), `H17 ${cause}`, JSON.stringify(line))
  }
})

t.test('lengths that differ or are none are refused as such, identical ones are one', async (t) => {
  for (const lines of [['5', '6'], ['x'], ['5, 5'], ['-1'], [''], ['9007199254740992'], ['5', ''], ['+5'], ['5 5']]) {
    t.equal(
      answerVerdict(answer(...lines.map((value) => `Content-Length: ${value}`))),
      'H25 invalid content length',
      lines.join('|'),
    )
  }
  t.equal(response(answer('Content-Length: 5', 'Content-Length: 5')).head.contentLength, 5)
})

t.test('Transfer-Encoding is a single chunked, in HTTP/1.1, without Content-Length', async (t) => {
  for (const value of [
    'gzip',
    'identity',
    'gzip, chunked',
    'chunked, chunked',
    'chunked;a',
    '',
    'xchunked',
    'chunked,',
  ]) {
    t.equal(answerVerdict(answer(`Transfer-Encoding: ${value}`)), 'H17 bad Transfer-Encoding', value)
  }
  t.equal(
    answerVerdict(answer('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')),
    'H17 bad Transfer-Encoding',
  )
  t.equal(answerVerdict('HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'), 'H17 Transfer-Encoding in HTTP/1.0')
  const both = 'H17 Content-Length with Transfer-Encoding'
  t.equal(answerVerdict(answer('Transfer-Encoding: chunked', 'Content-Length: 5')), both)
  t.equal(answerVerdict(answer('Content-Length: 5', 'Transfer-Encoding: chunked')), both)
  t.equal(response(answer('Transfer-Encoding: Chunked')).head.chunked, true)
})

t.test('the end of the body is known by status, method and headers', async (t) => {
  for (const [status, method, header, kind] of [
    [200, 'GET', 'Content-Length: 5', BodyKind.length],
    [200, 'GET', 'Content-Length: 0', BodyKind.none],
    [200, 'GET', 'Transfer-Encoding: chunked', BodyKind.chunked],
    [200, 'GET', 'X: a', BodyKind.untilClose],
    [500, 'POST', 'X: a', BodyKind.untilClose],
    [200, 'HEAD', 'Content-Length: 5', BodyKind.none],
    [200, 'HEAD', 'Transfer-Encoding: chunked', BodyKind.none],
    [200, 'HEAD', 'X: a', BodyKind.none],
    [200, 'head', 'X: a', BodyKind.untilClose],
    [204, 'GET', 'Content-Length: 5', BodyKind.none],
    [204, 'GET', 'Transfer-Encoding: chunked', BodyKind.none],
    [304, 'GET', 'Content-Length: 5', BodyKind.none],
    [304, 'GET', 'X: a', BodyKind.none],
    [100, 'GET', 'X: a', BodyKind.none],
    [103, 'GET', 'Content-Length: 5', BodyKind.none],
    [205, 'GET', 'Content-Length: 5', BodyKind.length],
  ] as const) {
    const { head, consumed } = response(`HTTP/1.1 ${status} x\r\n${header}\r\n\r\n`, method)
    t.ok(consumed > 0)
    t.equal(head.bodyKind, kind, `${status} to ${method} with ${header}`)
  }
})

t.test('the connection is kept by the rules of its version, never when only its end ends the body', async (t) => {
  for (const [head, keepAlive] of [
    ['HTTP/1.1 200 OK\r\nContent-Length: 5', true],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close', false],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive, Close', false],
    ['HTTP/1.1 200 OK\r\nConnection: keep-alive', false],
    ['HTTP/1.0 200 OK\r\nContent-Length: 5', false],
    ['HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive', true],
    ['HTTP/1.0 200 OK\r\nConnection: keep-alive', false],
    ['HTTP/1.0 304 OK\r\nConnection: keep-alive', true],
  ] as const) {
    t.equal(response(`${head}\r\n\r\n`).head.keepAlive, keepAlive, JSON.stringify(head))
  }
})

t.test('Keep-Alive says how long the dyno waits; what cannot be read says nothing', async (t) => {
  for (const [value, ms] of [
    ['timeout=5', 5_000],
    ['timeout=5, max=100', 5_000],
    ['max=100,  TIMEOUT=72 ', 72_000],
    ['timeout=0', 0],
    ['timeout="5"', -1],
    ['timeout', -1],
    ['timeout=', -1],
    ['timeout=-1', -1],
    ['timeout=5s', -1],
    ['xtimeout=5', -1],
    ['max=5', -1],
    ['', -1],
    ['timeout=9007199254740991', Number.MAX_SAFE_INTEGER],
  ] as const) {
    t.equal(response(answer('Content-Length: 0', `Keep-Alive: ${value}`)).head.keepAliveTimeoutMs, ms, value)
  }
})

t.test('a 101 says what it switches to, else it is malformed; elsewhere Upgrade only advertises', async (t) => {
  const switching = ['Connection: Upgrade', 'Upgrade: websocket']
  t.equal(response(message('HTTP/1.1 101 x', ...switching)).head.upgrade, 'websocket')
  for (const headers of [
    [],
    ['Connection: upgrade'],
    ['Upgrade: websocket'],
    ['Connection: upgrade', 'Upgrade: a b'],
    ['Connection: upgrade', 'Upgrade: h2c'],
  ]) {
    t.equal(answerVerdict(message('HTTP/1.1 101 x', ...headers)), 'H17 bad Upgrade', headers.join())
  }
  t.equal(response(answer('Connection: Upgrade', 'Upgrade: h2,h2c')).head.upgrade, '', 'as Apache does')
  t.equal(answerVerdict(answer('Connection: Upgrade')), 'accepted')
})

t.test('Connection may not name what frames, routes or identifies', async (t) => {
  for (const name of ['Content-Length', 'Transfer-Encoding', 'Host', 'Forwarded', 'X-Forwarded-For']) {
    t.equal(
      answerVerdict(answer('Content-Length: 0', `Connection: ${name}`)),
      'H17 Connection names a header that it must not',
    )
  }
  t.equal(answerVerdict(answer('Connection: a b')), 'H17 bad Connection')
})

t.test('whether Server and Date came is known', async (t) => {
  t.match(response(answer('server: a', 'DATE: b')).head, { hasServer: true, hasDate: true })
  t.match(response(answer('X-Server: a')).head, { hasServer: false, hasDate: false })
})

t.test('a head that comes byte by byte says the same', async (t) => {
  for (const text of [
    'HTTP/1.1 200\r\n\r\n',
    'HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello',
    message(
      'HTTP/1.0 301 Moved Permanently',
      'Location: /',
      'Connection: keep-alive, x',
      'X: 1',
      'Content-Length: 0',
      'Via: 1.1 a',
    ),
    message('HTTP/1.1 101 Switching', 'Connection: upgrade', 'Upgrade: websocket'),
    message('HTTP/1.1 200 OK', 'Content-Length: 5', 'Content-Length: 6'),
  ]) {
    const bytes = bytesOf(text)
    t.same(responseFacts(responseInPieces(bytes, everyByte(bytes))), responseFacts(response(bytes)), text)
  }
})

t.test('the framing of an answer is read as strictly as that of a request', async (t) => {
  const verdictOf = (...lines: string[]) => answerVerdict(message('HTTP/1.1 200 OK', ...lines))
  t.equal(verdictOf('Content-Length: 5', 'content-length: 5'), 'accepted')
  t.equal(verdictOf('Content-Length: 5', 'content-length: 6'), 'H25 invalid content length')
  t.equal(verdictOf('Transfer-Encoding:\t chunked'), 'accepted')
  for (const coding of ['chunked ', 'chunked\t', 'chunked,', 'gzip, chunked', 'xchunked']) {
    t.equal(verdictOf(`Transfer-Encoding: ${coding}`), 'H17 bad Transfer-Encoding', JSON.stringify(coding))
  }
  t.equal(answerVerdict('HTTP/1.1\n'), 'H17 bare LF')
})

t.test('a head that was used before reads the next answer as a new one does', async (t) => {
  const known = ['Server: a', 'Date: b', 'Via: c', 'Connection: keep-alive', 'Keep-Alive: timeout=1']
  const answers = [
    message('HTTP/1.0 404 No', 'Content-Length: 5', ...known),
    message('HTTP/1.1 200', 'Transfer-Encoding: chunked'),
    message('HTTP/1.1 101 x', 'Connection: upgrade', 'Upgrade: websocket'),
    'HTTP/1.1 200 O',
    'HTTP/1.1 2',
    message('HTTP/1.1 200 OK', 'Connection: close, x', 'X: 1', 'Content-Length: 0'),
    message('HTTP/1.1 200 OK', 'X: 1'),
    message('HTTP/1.1 200 OK', 'Content-Length: x'),
    message('HTTP/1.1 204 No Content'),
  ]
  const head = new ResponseHead()
  for (const text of [...answers, ...answers.toReversed()]) {
    const bytes = bytesOf(text)
    head.reset()
    t.match(head, { text: '', status: 0, reason: '', contentLength: -1, hasServer: false, hasDate: false, via: '' })
    t.match(head, { minorVersion: 1, bodyKind: BodyKind.none, keepAlive: false, keepAliveTimeoutMs: -1, upgrade: '' })
    const result = parseResponseHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS, 'GET')
    const alone = response(bytes)
    t.same(responseFacts({ consumed: Math.max(result, -1), refusal: alone.refusal, head }), responseFacts(alone), text)
  }
})
