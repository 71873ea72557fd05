import t from 'tap'
import { ChunkedDecoder } from '../../src/wire/chunked-decoder.ts'
import { DEFAULT_LIMITS } from '../../src/wire/limits.ts'
import { REFUSALS, refusalOf } from '../../src/wire/refusal.ts'
import { bytesOf, get, message, request, response } from './wire-cases.ts'

/** Something that is refused for this reason, and who reads it. */
const EXAMPLES: Record<string, readonly ['request' | 'answer' | 'chunks', string]> = {
  'bare-cr': ['request', get('X: a\rY: b')],
  'bare-lf': ['request', get('X: a\nY: b')],
  'too-many-empty-lines': ['request', `\r\n\r\n\r\n${get()}`],
  'request-line-too-long': ['request', message(`GET /${'a'.repeat(8_192)} HTTP/1.1`)],
  'bad-request-line': ['request', message('GET  / HTTP/1.1')],
  'bad-method': ['request', message('G@T / HTTP/1.1')],
  'method-too-long': ['request', message(`${'a'.repeat(128)} / HTTP/1.1`)],
  'connect-refused': ['request', message('CONNECT a.example:443 HTTP/1.1')],
  'bad-target': ['request', message('GET a HTTP/1.1')],
  'bad-version': ['request', message('GET / HTTP/1.2')],
  'version-not-supported': ['request', message('GET / HTTP/2.0')],
  'bad-status-line': ['answer', message('HTTP/1.1 99 x')],
  'status-line-too-long': ['answer', message(`HTTP/1.1 200 ${'a'.repeat(8_192)}`)],
  'space-before-headers': ['request', message('GET / HTTP/1.1', ' Host: a')],
  'folded-line': ['request', get('X: a', ' b')],
  'empty-header-name': ['request', get(': a')],
  'bad-header-name': ['request', get('X@: a')],
  'space-before-colon': ['request', get('X : a')],
  'no-colon': ['request', get('X')],
  'bad-header-value': ['request', get('X: \0')],
  'header-name-too-long': ['answer', message('HTTP/1.1 200 OK', `${'a'.repeat(1_001)}: b`)],
  'header-line-too-long': ['request', get(`X: ${'a'.repeat(8_192)}`)],
  'too-many-headers': ['request', get(...Array.from({ length: 1_000 }, () => 'X: a'))],
  'head-too-large': ['request', get(...Array.from({ length: 9 }, () => `X: ${'a'.repeat(8_000)}`))],
  'cookie-too-long': ['answer', message('HTTP/1.1 200 OK', `Set-Cookie: ${'a'.repeat(8_193)}`)],
  'no-host': ['request', message('GET / HTTP/1.1')],
  'bad-host': ['request', message('GET / HTTP/1.1', 'Host: a b')],
  'repeated-host': ['request', get('Host: a.example')],
  'host-disagrees': ['request', message('GET http://b.example/ HTTP/1.1', 'Host: a.example')],
  'bad-content-length': ['request', get('Content-Length: x')],
  'differing-content-lengths': ['answer', message('HTTP/1.1 200 OK', 'Content-Length: 5', 'Content-Length: 6')],
  'bad-transfer-encoding': ['request', get('Transfer-Encoding: gzip')],
  'transfer-encoding-in-http-1.0': ['request', message('GET / HTTP/1.0', 'Transfer-Encoding: chunked')],
  'length-and-transfer-encoding': ['request', get('Content-Length: 5', 'Transfer-Encoding: chunked')],
  'bad-connection': ['request', get('Connection: a b')],
  'too-many-connection-options': ['request', get(`Connection: ${'a,'.repeat(65)}`)],
  'protected-header-named': ['request', get('Connection: host')],
  'upgrade-missing': ['request', get('Connection: upgrade')],
  'bad-upgrade': ['answer', message('HTTP/1.1 101 x')],
  'expectation-failed': ['request', get('Expect: x')],
  'bad-chunk': ['chunks', '1\r\nxx'],
  'bad-chunk-size': ['chunks', 'x'],
  'bad-chunk-extension': ['chunks', '1;='],
  'chunk-extensions-too-long': ['chunks', `1;${'a'.repeat(4_096)}`],
  'bad-trailer': ['chunks', '0\r\nX\r\n'],
  'forbidden-trailer': ['chunks', '0\r\nHost: a\r\n\r\n'],
  'trailers-too-long': ['chunks', `0\r\nX: ${'a'.repeat(8_192)}`],
}

function refusalKey(reader: 'request' | 'answer' | 'chunks', text: string): string | undefined {
  if (reader === 'request') return request(text).refusal?.key
  if (reader === 'answer') return response(text).refusal?.key
  const decoder = new ChunkedDecoder()
  decoder.reset(DEFAULT_LIMITS)
  const bytes = bytesOf(text)
  const result = decoder.decode(bytes, 0, bytes.length)
  return result < 0 ? refusalOf(result).key : undefined
}

t.test('every refusal of the table happens, for what it says', async (t) => {
  t.same(
    REFUSALS.map(({ key }) => key),
    Object.keys(EXAMPLES),
  )
  for (const [key, [reader, text]] of Object.entries(EXAMPLES)) t.equal(refusalKey(reader, text), key)
})

t.test('a result that is no refusal stands for none', async (t) => {
  t.throws(() => refusalOf(1), RangeError)
  t.throws(() => refusalOf(-REFUSALS.length - 1), RangeError)
  t.equal(refusalOf(-1), REFUSALS[0])
})

t.test('only the limits on what a dyno sends are H25, and their text is in the detail', async (t) => {
  for (const { key, code, detail } of REFUSALS) t.equal(code, detail === '' ? 'H17' : 'H25', key)
  t.same([...new Set(REFUSALS.map(({ detail }) => detail))].sort(), [
    '',
    'invalid content length',
    'oversized cookie',
    'oversized header',
    'oversized status line',
  ])
})
