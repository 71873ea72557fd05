import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import t from 'tap'
import { preferredForm } from '../../src/proxy/error-page.ts'
import {
  type AnswerOptions,
  describe,
  ERRORS,
  type ErrorCode,
  errorAnswer,
  RESPONSE_RESTRICTIONS,
  renderError,
  statusOf,
} from '../../src/proxy/router-error.ts'

const REQUEST_ID = '6903a168-b79b-4c27-83c8-b8f64d8d8792'
const DATE = 'Sun, 06 Nov 1994 08:49:37 GMT'
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'

function answer(over: Partial<AnswerOptions> = {}): AnswerOptions {
  const code = over.code ?? 'H12'
  return {
    code,
    status: statusOf(code),
    accept: '',
    requestId: REQUEST_ID,
    method: 'GET',
    date: DATE,
    connection: 'close',
    requestIdToClient: false,
    ...over,
  }
}

/** code: desc, statuses, at; as they are promised to people. */
const PROMISED: Record<string, readonly [string, readonly number[], string]> = {
  H10: ['App crashed', [503], 'error'],
  H11: ['Backlog too deep', [503], 'error'],
  H12: ['Request timeout', [503], 'error'],
  H13: ['Connection closed without response', [503], 'error'],
  H14: ['No web processes running', [503], 'error'],
  H15: ['Idle connection', [503], 'error'],
  H17: ['Poorly formatted HTTP response', [503], 'error'],
  H18: ['Server Request Interrupted', [503], 'error'],
  H19: ['Backend connection timeout', [503], 'error'],
  H20: ['App boot timeout', [503], 'error'],
  H21: ['Backend connection refused', [503], 'error'],
  H22: ['Connection limit reached', [503], 'error'],
  H24: ['Forced close', [503], 'error'],
  H25: ['HTTP restriction', [502], 'error'],
  H26: ['Request Error', [400, 405, 408, 413, 414, 417, 431, 505], 'error'],
  H27: ['Client Request Interrupted', [], 'warning'],
  H28: ['Client Connection Idle', [408], 'warning'],
  H31: ['Misdirected Request', [421], 'error'],
  H32: ['TLS Certificate Mismatch', [421], 'error'],
  H80: ['Maintenance mode', [503], 'info'],
  H81: ['Blank app', [503], 'info'],
  H99: ['Platform error', [503], 'error'],
  P01: ['Untrusted source', [403], 'warning'],
  P02: ['No such app', [404], 'warning'],
  P03: ['Rate limited', [429], 'warning'],
  P04: ['Filter failed', [503], 'error'],
}

t.test('codes, descriptions, statuses and levels are the promised ones', async (t) => {
  t.strictSame(Object.keys(ERRORS), Object.keys(PROMISED))
  for (const [code, error] of Object.entries(ERRORS)) {
    t.strictSame([error.desc, error.statuses, error.at], PROMISED[code], code)
  }
  const withSock = Object.entries(ERRORS).filter(([, error]) => error.sock !== '')
  t.strictSame(
    withSock.map(([code, error]) => [code, error.sock]),
    [
      ['H18', 'backend'],
      ['H27', 'client'],
    ],
  )
  const gone = Object.entries(ERRORS).filter(([, error]) => error.goneStatus !== 0)
  t.strictSame(
    gone.map(([code, error]) => [code, error.goneStatus]),
    [
      ['H27', 499],
      ['H28', 499],
    ],
  )
})

t.test('H25 says which restriction', async (t) => {
  t.equal(describe('H25', 'oversized cookie'), 'HTTP restriction: oversized cookie')
  t.equal(describe('H12'), 'Request timeout')
  t.strictSame(RESPONSE_RESTRICTIONS, [
    'invalid content length',
    'oversized cookie',
    'oversized header',
    'oversized status line',
  ])
})

t.test('what people read says nothing of what is behind the router', async (t) => {
  for (const [code, { message }] of Object.entries(ERRORS)) {
    t.notMatch(
      message,
      /dyno|backend|upstream|web\.\d|\d+\.\d+\.\d+|timeouts?\.|config|trusted|internal|[\x00-\x1f<>&"]/i,
      code,
    )
    t.match(message, /^[A-Z].*\.$/, code)
  }
  for (const { operator } of Object.values(ERRORS)) t.match(operator, /^[A-Z].*[.?]$/)
})

const NEGOTIATED: readonly (readonly [accept: string, form: 'text' | 'html' | 'json', why: string])[] = [
  ['', 'text', 'no Accept'],
  ['*/*', 'text', 'anything'],
  [BROWSER, 'html', 'a browser'],
  ['application/json, text/plain, */*', 'json', 'the first of equals (axios)'],
  ['application/json', 'json', 'one type'],
  ['APPLICATION/JSON', 'json', 'types have no case'],
  ['text/html', 'html', 'one type'],
  ['text/*', 'text', 'any text'],
  ['application/*', 'json', 'any application'],
  ['text/html;q=0.5, application/json;q=0.9', 'json', 'the better weight'],
  ['text/html;q=0.9, application/json;q=0.5', 'html', 'the better weight'],
  ['text/html ; Q=0.1 , application/json ; q=0.2', 'json', 'spaces and an upper-case Q'],
  ['text/html;level=1;q=0.3, text/plain;q=0.2', 'html', 'other parameters'],
  ['text/plain;q=0, */*', 'html', 'text is refused'],
  ['text/*;q=0.1, text/html;q=0.9, */*;q=0.5', 'html', 'the most specific range counts'],
  ['text/html;q=0.1, */*', 'text', 'the most specific range counts, also when it is the worse'],
  ['text/plain;q=0.4, text/html;q=0.4, application/json;q=0.4', 'text', 'equals: the first'],
  ['image/png', 'text', 'nothing fits'],
  ['image/avif,image/webp,*/*;q=0.8', 'text', 'an image element'],
  ['*/*;q=0', 'text', 'nothing is wanted'],
  ['application/json;q=0', 'text', 'refused'],
  ['application/json;q=abc, text/html;q=0.1', 'html', 'a weight that is none'],
  ['application/json;q=1.5, text/html;q=0.1', 'html', 'a weight over 1'],
  ['application/json;q=0.1234, text/html;q=0.1', 'html', 'a weight of four digits'],
  ['application/json;q=1.000', 'json', 'three zeros'],
  [',,, ;;;, /, text/html', 'html', 'rubbish around it'],
  [`${'a/b,'.repeat(31)}text/html`, 'html', 'the 32nd range'],
  [`${'a/b,'.repeat(32)}text/html`, 'text', 'what comes after 32 ranges is not read'],
]

t.test('the form follows Accept', async (t) => {
  for (const [accept, form, why] of NEGOTIATED) t.equal(preferredForm(accept), form, `${why}: ${accept.slice(0, 60)}`)
})

t.test('no Accept header can break it', async (t) => {
  const pieces = ['text/html', 'application/json', '*/*', ',', ';', 'q=', '0', '1', '.', ' ', '"', '\t', '\xff']
  const accept = fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(accept, (value) => ['text', 'html', 'json'].includes(preferredForm(value))),
    { numRuns: 1000 },
  )
  t.pass()
})

t.test('JSON has code, message and request id', async (t) => {
  const { contentType, body } = renderError(answer({ accept: 'application/json' }))
  t.equal(contentType, 'application/json')
  t.strictSame(JSON.parse(body), {
    error: { code: 'H12', message: ERRORS.H12.message, request_id: REQUEST_ID },
  })
})

t.test('HTML is one page on its own', async (t) => {
  const { contentType, body } = renderError(answer({ accept: 'text/html' }))
  t.equal(contentType, 'text/html; charset=utf-8')
  t.match(body, /^<!doctype html>\n<html lang="en">/)
  t.match(body, '<meta name="viewport" content="width=device-width,initial-scale=1">')
  t.match(body, 'prefers-color-scheme:dark')
  t.ok(body.includes(ERRORS.H12.message) && body.includes('H12') && body.includes(REQUEST_ID))
  t.notMatch(body, /src=|href=|url\(|@import|<script|<iframe|https?:/, 'nothing is loaded from elsewhere')
  t.ok(body.length < 1500, `${body.length} bytes`)
})

t.test('text has the message, the code and the request id', async (t) => {
  const { contentType, body } = renderError(answer())
  t.equal(contentType, 'text/plain; charset=utf-8')
  t.equal(body, `${ERRORS.H12.message}\n\nCode: H12\nRequest id: ${REQUEST_ID}\n`)
})

t.test('a request id that is none is left out, whatever it tries', async (t) => {
  for (const requestId of ['', '<script>alert(1)</script>', 'a\r\nSet-Cookie: x=1', 'a b', 'x'.repeat(201), '\u00e9']) {
    t.equal(renderError(answer({ requestId })).body, `${ERRORS.H12.message}\n\nCode: H12\n`)
    t.notMatch(renderError(answer({ requestId, accept: 'text/html' })).body, /Request /)
    t.equal(JSON.parse(renderError(answer({ requestId, accept: 'application/json' })).body).error.request_id, '')
    const { text } = errorAnswer(answer({ requestId, requestIdToClient: true }))
    t.notMatch(text, /X-Request-Id|Set-Cookie|alert/)
  }
})

t.test('a message of one\u2019s own is escaped, and lengths are those of UTF-8', async (t) => {
  const message = '<b>"Gleich zur\u00fcck" & \u4e16\u754c</b>'
  const utf8 = (body: string) => Buffer.from(body, 'latin1').toString('utf8')
  const html = renderError(answer({ accept: 'text/html', message })).body
  t.match(utf8(html), '<p>&lt;b&gt;&quot;Gleich zur\u00fcck&quot; &amp; \u4e16\u754c&lt;/b&gt;</p>')
  t.equal(JSON.parse(utf8(renderError(answer({ accept: 'application/json', message })).body)).error.message, message)
  t.match(utf8(renderError(answer({ message })).body), message)
  const { text: whole, bodyBytes } = errorAnswer(answer({ message }))
  t.match(whole, `Content-Length: ${bodyBytes}\r\n`)
  t.equal(whole.length - whole.indexOf('\r\n\r\n') - 4, bodyBytes)
})

t.test('H26 speaks of what was wrong with the request', async (t) => {
  const messages = ERRORS.H26.statuses.map((status) => renderError(answer({ code: 'H26', status })).body.split('\n')[0])
  t.equal(new Set(messages).size, messages.length, 'each status has its sentence')
  t.equal(messages[0], ERRORS.H26.message)
})

t.test('the head is complete, and has no Via', async (t) => {
  const head = (over: Partial<AnswerOptions>) => errorAnswer(answer(over)).text.split('\r\n\r\n')[0]!.split('\r\n')
  t.strictSame(head({ code: 'P02', accept: 'application/json' }), [
    'HTTP/1.1 404 Not Found',
    `Date: ${DATE}`,
    'Server: postern',
    'Content-Type: application/json',
    `Content-Length: ${errorAnswer(answer({ code: 'P02', accept: 'application/json' })).bodyBytes}`,
    'Cache-Control: no-store',
    'Connection: close',
  ])
  t.ok(head({ requestIdToClient: true }).includes(`X-Request-Id: ${REQUEST_ID}`))
  t.notOk(head({ connection: '' }).some((line) => line.startsWith('Connection')))
  t.ok(head({ connection: 'keep-alive' }).includes('Connection: keep-alive'))
  t.ok(head({ code: 'P03', retryAfterSeconds: 1.2 }).includes('Retry-After: 2'))
  t.notOk(head({ code: 'P03' }).some((line) => line.startsWith('Retry-After')))
  t.match(head({ code: 'H26', status: 405 }).join('\n'), /^Allow: GET, HEAD, POST/m)
})

t.test('HEAD gets the head of the answer to GET and no body', async (t) => {
  const whole = errorAnswer(answer({ accept: BROWSER }))
  const head = errorAnswer(answer({ accept: BROWSER, method: 'HEAD' }))
  t.ok(whole.text.startsWith(head.text))
  t.ok(head.text.endsWith('\r\n\r\n'))
  t.equal(head.bodyBytes, 0)
})

t.test('an HTTP client reads every answer in every form', async (t) => {
  const wanted: AnswerOptions[] = []
  for (const [code, { statuses }] of Object.entries(ERRORS)) {
    for (const status of statuses) {
      for (const accept of ['', BROWSER, 'application/json']) {
        wanted.push(answer({ code: code as ErrorCode, status, accept, requestIdToClient: true }))
      }
    }
  }
  let next = 0
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(errorAnswer(wanted[next]!).text, 'latin1'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  for (; next < wanted.length; next++) {
    const { code, status } = wanted[next]!
    const [response] = (await once(get({ host: '127.0.0.1', port, agent: false }), 'response')) as [IncomingMessage]
    const body = await text(response)
    t.equal(response.statusCode, status)
    t.equal(Number(response.headers['content-length']), Buffer.byteLength(body))
    t.equal(response.headers['x-request-id'], REQUEST_ID)
    t.ok(body.includes(code) && body.includes(REQUEST_ID))
  }
})
