import t from 'tap'
import { accepted, bytesOf, everyByte, message, request, requestInPieces, verdict } from './wire-cases.ts'

/** A head whose request line is this. */
function lineVerdict(line: string): string {
  return verdict(message(line, 'Host: a.example'))
}

t.test('method, target and version are what came', async (t) => {
  const head = accepted(message('GET /a?b=c HTTP/1.1', 'Host: a.example'))
  t.equal(head.method, 'GET')
  t.equal(head.target, '/a?b=c')
  t.equal(head.path, '/a?b=c')
  t.equal(head.minorVersion, 1)
  t.equal(accepted(message('GET / HTTP/1.0', 'Host: a.example')).minorVersion, 0)
})

t.test('every method that is a token of up to 127 bytes is taken, in its own case', async (t) => {
  for (const method of [
    'GET',
    'HEAD',
    'POST',
    'PUT',
    'DELETE',
    'PATCH',
    'TRACE',
    'PROPFIND',
    'M-SEARCH',
    'get',
    'Gat',
    'GETT',
    'G',
    'x'.repeat(127),
    "!#$%&'*+-.^_`|~0",
  ]) {
    t.equal(accepted(message(`${method} / HTTP/1.1`, 'Host: a.example')).method, method)
  }
  t.equal(lineVerdict(`${'x'.repeat(128)} / HTTP/1.1`), '400 method too long')
})

t.test('a method that is no token is refused', async (t) => {
  for (const method of ['GE(T', 'GET,', 'G"T', 'G\x00T', 'G\x80T', 'GET\t', '@', 'GET:']) {
    t.equal(lineVerdict(`${method} / HTTP/1.1`), '400 bad method', JSON.stringify(method))
  }
})

t.test('CONNECT is not allowed, and the log learns what it was', async (t) => {
  const { refusal, head } = request(message('CONNECT a.example:443 HTTP/1.1', 'Host: a.example'))
  t.equal(refusal?.status, 405)
  t.equal(head.method, 'CONNECT')
})

t.test('the parts of the line are separated by exactly two single spaces', async (t) => {
  for (const [line, cause] of [
    ['GET  / HTTP/1.1', 'bad request line'],
    ['GET /  HTTP/1.1', 'bad request line'],
    ['GET / HTTP/1.1 ', 'bad request line'],
    [' GET / HTTP/1.1', 'bad request line'],
    [' / HTTP/1.1', 'bad request line'],
    ['GET /', 'bad request line'],
    ['GET', 'bad request line'],
    ['GET ', 'bad request target'],
    ['GET / ', 'bad HTTP version'],
    ['GET / a HTTP/1.1', 'bad HTTP version'],
    ['GET / HTTP/1.1 HTTP/1.1', 'bad request line'],
    ['GET /\tHTTP/1.1', 'bad request target'],
    ['GET\t/ HTTP/1.1', 'bad method'],
    ['GET / HTTP/1.1\t', 'bad request line'],
  ] as const) {
    t.equal(lineVerdict(line), `400 ${cause}`, JSON.stringify(line))
  }
})

t.test('a version that is not HTTP/1.0 or HTTP/1.1 is refused; another major version as such', async (t) => {
  for (const version of [
    'HTTP/1.2',
    'HTTP/1.9',
    'http/1.1',
    'HTTP/1',
    'HTTP/1.',
    'HTTP/11',
    'HTTP/1.10',
    'HTTP/ 1.1',
    'HTTP1.1',
    'HTTPS/1.1',
    'ICE/1.0',
    'HTTP/a.b',
    'HTTP/+1.1',
    'HTTP/1,1',
    'HTTP/2',
  ]) {
    t.match(lineVerdict(`GET / ${version}`), /^400 bad (HTTP version|request line)$/, version)
  }
  for (const version of ['HTTP/2.0', 'HTTP/0.9', 'HTTP/3.0', 'HTTP/9.9', 'HTTP/2.1']) {
    t.equal(lineVerdict(`GET / ${version}`), '505 HTTP version not supported', version)
  }
  t.equal(verdict('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), '505 HTTP version not supported')
})

t.test('an origin-form target may have any visible ASCII but #', async (t) => {
  const visible = Array.from({ length: 0x7e - 0x20 }, (_, i) => String.fromCharCode(0x21 + i)).join('')
  const target = `/${visible.replace('#', '')}`
  t.equal(accepted(message(`GET ${target} HTTP/1.1`, 'Host: a.example')).path, target)
  for (let byte = 0; byte < 256; byte++) {
    if (byte > 0x20 && byte < 0x7f && byte !== 0x23) continue
    const line = `GET /a${String.fromCharCode(byte)}b HTTP/1.1`
    t.match(lineVerdict(line), /^400 /, `byte ${byte}`)
  }
})

t.test('a target in no form that a request has is refused', async (t) => {
  for (const target of [
    'a',
    'a.example:80',
    'a/b',
    '?a',
    'ftp://a.example/',
    'file:///a',
    'https:a.example',
    'http:/a.example/',
    'http//a.example',
    'h',
    'mailto:a@b',
    'hxxp://a.example/',
    '.',
    '\\a',
    '%2f',
  ]) {
    t.equal(lineVerdict(`GET ${target} HTTP/1.1`), '400 bad request target', target)
  }
})

t.test('a path may begin with an empty segment', async (t) => {
  t.equal(accepted(message('GET //b.example/c HTTP/1.1', 'Host: a.example')).path, '//b.example/c')
})

t.test('the asterisk is for OPTIONS only', async (t) => {
  t.equal(accepted(message('OPTIONS * HTTP/1.1', 'Host: a.example')).path, '*')
  for (const line of [
    'GET * HTTP/1.1',
    'options * HTTP/1.1',
    'OPTIONS ** HTTP/1.1',
    'OPTIONS */ HTTP/1.1',
    'OPTIONS *?a HTTP/1.1',
  ]) {
    t.equal(lineVerdict(line), '400 bad request target', line)
  }
})

t.test('an absolute-form target becomes origin-form', async (t) => {
  for (const [target, path] of [
    ['http://a.example/b?c', '/b?c'],
    ['http://a.example', '/'],
    ['http://a.example/', '/'],
    ['http://a.example?c', '/?c'],
    ['http://a.example//b', '//b'],
    ['HTTP://a.example/b', '/b'],
    ['https://a.example/http://c.example/', '/http://c.example/'],
  ] as const) {
    const head = accepted(message(`GET ${target} HTTP/1.1`, 'Host: a.example'))
    t.equal(head.path, path, target)
    t.equal(head.target, target)
  }
})

t.test('OPTIONS with an absolute form that has no path means the asterisk', async (t) => {
  t.equal(accepted(message('OPTIONS http://a.example HTTP/1.1', 'Host: a.example')).path, '*')
  t.equal(accepted(message('OPTIONS http://a.example/ HTTP/1.1', 'Host: a.example')).path, '/')
  t.equal(accepted(message('OPTIONS http://a.example?b HTTP/1.1', 'Host: a.example')).path, '/?b')
})

t.test('an absolute form with user information, or with no valid authority, is refused', async (t) => {
  for (const target of [
    'http://u@a.example/',
    'http://u:p@a.example/',
    'http://@a.example/',
    'http:///b',
    'http://',
    'http://a.example:/',
    'http://a.example:65536/',
    'http://a..example/',
    'http://[::1/',
    'http://[::1/:80',
    'http://a.example\\@b/',
    'http://a%2eexample/',
  ]) {
    t.equal(lineVerdict(`GET ${target} HTTP/1.1`), '400 bad request target', target)
  }
})

t.test('the request line may have 8,192 bytes', async (t) => {
  const around = 'GET  HTTP/1.1'.length
  const fits = message(`GET /${'a'.repeat(8_192 - around - 1)} HTTP/1.1`, 'Host: a.example')
  const over = message(`GET /${'a'.repeat(8_192 - around)} HTTP/1.1`, 'Host: a.example')
  t.equal(verdict(fits), 'accepted')
  t.equal(verdict(over), '414 request line too long')
  t.equal(verdict(`GET /${'a'.repeat(9_000)}`), '414 request line too long', 'before its end came')
  t.equal(verdict(`GET /${'a'.repeat(8_000)}`), 'incomplete')
  t.equal(verdict('G'.repeat(20), { requestLineBytes: 16 }), '414 request line too long')
})

t.test('up to two empty lines before the request line are dropped', async (t) => {
  const head = message('GET / HTTP/1.1', 'Host: a.example')
  for (const before of ['\r\n', '\r\n\r\n']) {
    const { consumed } = request(before + head)
    t.equal(consumed, before.length + head.length)
  }
  t.equal(verdict(`\r\n\r\n\r\n${head}`), '400 too many empty lines before the request')
  t.equal(verdict(`\n${head}`), '400 bare LF')
  t.equal(verdict(`\r${head}`), '400 bare CR')
  t.equal(verdict('\r\n\r\n'), 'incomplete')
  t.equal(verdict('\r'), 'incomplete')
})

t.test('a bare CR or LF does not end the request line', async (t) => {
  t.equal(verdict('GET / HTTP/1.1\nHost: a.example\n\n'), '400 bare LF')
  t.equal(verdict('GET / HTTP/1.1\rHost: a.example\r\r'), '400 bare CR')
  t.equal(verdict('GET / HTTP/1.1\rXHost: a.example\r\n\r\n'), '400 bare CR')
  t.equal(verdict('GET /\nHost: a.example\r\n\r\n'), '400 bare LF')
  t.equal(verdict('GET\n'), '400 bare LF')
  t.equal(verdict('GET / HTTP\n'), '400 bare LF')
  t.equal(verdict('GET /\r\n'), '400 bad request line', 'HTTP/0.9')
})

t.test('a malformed request line is refused when it is through, not at the end of the head', async (t) => {
  for (const line of [
    'GET / HTTP/1.1 \r\n',
    'GET / HTTP/2.0\r\n',
    'GET / HTTP/1.1\n',
    'GET / HTTP/1\r\n',
    'GET\r\n',
    'GET /\r\n',
    'CONNECT ',
  ]) {
    t.not(verdict(line), 'incomplete', JSON.stringify(line))
  }
})

t.test('what was read of a refused request is known, for the log and the answer', async (t) => {
  const { head } = request(message('POST /a HTTP/1.0', 'Host: A.example:80', 'Accept: text/html', 'X-A: 1', 'B@d: 1'))
  t.match(head, { method: 'POST', target: '/a', minorVersion: 0, host: 'a.example', accept: 'text/html' })
  t.match(request('GET /a b HTTP/1.1\r\n').head, { method: 'GET', target: '/a', host: '' })
  t.match(request('GET /a\x00b').head, { method: 'GET', target: '', host: '' })
  t.match(request('\r\nG@T').head, { method: '', target: '' })
  t.equal(request(message('GET / HTTP/1.1', 'X-A: b', 'B@d: 1')).head.host, '', 'no Host came')
  t.equal(request(message('GET / HTTP/1.1', 'Host: a', 'Host: b')).head.host, '', 'two came')
  t.equal(request(message('GET / HTTP/1.1', 'X-A: b', 'Host: a b')).head.host, '', 'none that is valid')
})

t.test('the leading lines of a head in pieces are read as if it came whole', async (t) => {
  const bytes = bytesOf(`\r\n\r\n${message('OPTIONS http://a.example:80/b HTTP/1.1', 'Host: a.example')}`)
  const { consumed, head } = requestInPieces(bytes, everyByte(bytes))
  t.equal(consumed, bytes.length)
  t.match(head, { method: 'OPTIONS', path: '/b', authority: 'a.example:80' })
})
