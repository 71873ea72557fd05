import t from 'tap'
import {
  type AnswerFields,
  type ForwardFields,
  writeRequestHead,
  writeResponseHead,
} from '../../src/wire/head-writer.ts'
import { accepted, get, message, response } from './wire-cases.ts'

const FORWARD: ForwardFields = {
  forwardedFor: '192.0.2.1',
  proto: 'http',
  port: '80',
  host: 'a.example',
  requestId: 'id-1',
  requestStartMs: 1_700_000_000_000,
  forwarded: '',
  traceparent: '',
  via: 'postern',
  expectContinue: false,
  connection: 'keep-alive',
  chunkedBody: false,
  contentLength: -1,
}

/** What goes to every dyno, after the lines that were copied. */
const OWN = [
  'X-Forwarded-For: 192.0.2.1',
  'X-Forwarded-Proto: http',
  'X-Forwarded-Port: 80',
  'X-Forwarded-Host: a.example',
  'X-Request-Start: 1700000000000',
  'X-Request-Id: id-1',
]

const ANSWER: AnswerFields = {
  clientMinorVersion: 1,
  framing: 'length',
  keepAlive: true,
  requestId: '',
  date: 'Mon, 23 Nov 2026 18:00:00 GMT',
  via: 'postern',
  upgrade: false,
}

function forward(text: string, fields: Partial<ForwardFields> = {}): string {
  return writeRequestHead(accepted(text), { ...FORWARD, ...fields })
}

function relay(text: string, fields: Partial<AnswerFields> = {}, method = 'GET'): string {
  const { head, consumed } = response(text, method)
  t.ok(consumed > 0)
  return writeResponseHead(head, { ...ANSWER, ...fields })
}

t.test('lines that go on keep their order, their case and their white space', async (t) => {
  t.equal(
    forward(
      'GET /a?b HTTP/1.1\r\nzeta:1\r\nHost:  a.example\r\nACCEPT:\ttext/html \r\nx-B: caf\xe9\r\nZeta: 2\r\n\r\n',
    ),
    message(
      'GET /a?b HTTP/1.1',
      'zeta:1',
      'Host:  a.example',
      'ACCEPT:\ttext/html ',
      'x-B: caf\xe9',
      'Zeta: 2',
      ...OWN,
      'Via: 1.1 postern',
      'Connection: keep-alive',
    ),
  )
})

t.test('lines that end here are left out wherever they stand', async (t) => {
  const [first, middle, last] = ['Connection: close, x-a', 'X-A: 1', 'x-forwarded-for: 6.6.6.6']
  const end = [...OWN, 'Via: 1.1 postern', 'Connection: keep-alive']
  t.equal(
    forward(message('GET / HTTP/1.1', first, 'Host: a.example', middle, middle, 'X-B: 2', last)),
    message('GET / HTTP/1.1', 'Host: a.example', 'X-B: 2', ...end),
  )
  t.equal(
    forward(message('GET / HTTP/1.1', 'Host: a.example', first, middle)),
    message('GET / HTTP/1.1', 'Host: a.example', ...end),
  )
})

t.test('empty lines before the request do not go on', async (t) => {
  t.equal(forward(`\r\n\r\n${get()}`), forward(get()))
})

t.test('the dyno always gets HTTP/1.1 and a Host', async (t) => {
  const end = [...OWN, 'Via: 1.0 postern', 'Connection: keep-alive']
  t.equal(forward(message('GET /a HTTP/1.0', 'Host: a.example')), message('GET /a HTTP/1.1', 'Host: a.example', ...end))
  t.equal(forward(message('GET /a HTTP/1.0', 'X-A: 1')), message('GET /a HTTP/1.1', 'X-A: 1', 'Host: ', ...end))
  t.equal(forward(message('GET /a HTTP/1.0')), message('GET /a HTTP/1.1', 'Host: ', ...end))
})

t.test('the authority of an absolute form takes the place of Host', async (t) => {
  const end = [...OWN, 'Via: 1.1 postern', 'Connection: keep-alive']
  t.equal(
    forward(message('GET http://A.example:80/b HTTP/1.1', 'X-A: 1', 'hOST: a.example', 'X-B: 2')),
    message('GET /b HTTP/1.1', 'X-A: 1', 'Host: A.example:80', 'X-B: 2', ...end),
  )
  t.equal(
    forward(message('OPTIONS http://a.example HTTP/1.1', 'host: a.example')),
    message('OPTIONS * HTTP/1.1', 'host: a.example', ...end),
    'the same spelling is left as it came',
  )
  t.equal(
    forward(message('GET http://a.example/b HTTP/1.0')),
    message('GET /b HTTP/1.1', 'Host: a.example', ...OWN, 'Via: 1.0 postern', 'Connection: keep-alive'),
  )
})

t.test('framing is written anew', async (t) => {
  const end = [...OWN, 'Via: 1.1 postern', 'Connection: keep-alive']
  t.equal(
    forward(message('POST / HTTP/1.1', 'Content-Length: 005', 'Host: a.example', 'content-length: 5'), {
      contentLength: 5,
    }),
    message('POST / HTTP/1.1', 'Host: a.example', 'Content-Length: 5', ...end),
  )
  t.equal(
    forward(message('POST / HTTP/1.1', 'Host: a.example', 'transfer-encoding: CHUNKED', 'X: a'), { chunkedBody: true }),
    message('POST / HTTP/1.1', 'Host: a.example', 'X: a', 'Transfer-Encoding: chunked', ...end),
  )
  t.equal(
    forward(get('Content_Length: 5', 'Transfer_Encoding: chunked')),
    message('GET / HTTP/1.1', 'Host: a.example', ...end),
  )
})

t.test('what clients say in the name of a router never goes on', async (t) => {
  const out = forward(
    get(
      'X-Forwarded-For: 6.6.6.6',
      'X_Forwarded_For: 6.6.6.6',
      'X-Forwarded-Proto: gopher',
      'X-Forwarded-Host: evil',
      'X-Forwarded-Port: 6',
      'X-Request-Id: evil',
      'X-Request-Start: 6',
      'Forwarded: for=6.6.6.6',
      'x_request_id: evil',
    ),
  )
  t.equal(out, forward(get()))
})

t.test(
  'Forwarded and traceparent are written when they are given; a traceparent that is not replaced goes on',
  async (t) => {
    const came = 'TraceParent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const own = '00-0af7651916cd43dd8448eb211c80319c-0000000000000001-01'
    t.equal(
      forward(get(came, 'X: a', 'Forwarded: for=b'), { traceparent: own, forwarded: 'for=192.0.2.1' }),
      message(
        'GET / HTTP/1.1',
        'Host: a.example',
        'X: a',
        ...OWN,
        'Forwarded: for=192.0.2.1',
        `traceparent: ${own}`,
        'Via: 1.1 postern',
        'Connection: keep-alive',
      ),
    )
    t.match(forward(get(came)), came)
  },
)

t.test('Via is appended to what came, with the version that came', async (t) => {
  t.match(forward(get('Via: 1.0 a', 'via: 1.1 b (c)')), 'Via: 1.0 a, 1.1 b (c), 1.1 postern\r\n')
  t.match(forward(message('GET / HTTP/1.0', 'Via: 1.0 a'), { via: 'edge' }), 'Via: 1.0 a, 1.0 edge\r\n')
})

t.test('Connection comes last and says what the caller wants', async (t) => {
  t.ok(forward(get(), { connection: 'close' }).endsWith('\r\nConnection: close\r\n\r\n'))
  t.ok(
    forward(get('Connection: upgrade', 'Upgrade: websocket'), { connection: 'upgrade' }).endsWith(
      '\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n',
    ),
  )
  t.notMatch(forward(get('Upgrade: websocket')), 'Upgrade')
})

t.test('TE: trailers goes on and is named, other codings do not', async (t) => {
  t.ok(
    forward(get('Connection: TE', 'TE: gzip, trailers')).endsWith(
      '\r\nTE: trailers\r\nConnection: keep-alive, TE\r\n\r\n',
    ),
  )
  t.notMatch(forward(get('TE: gzip')), 'TE')
})

t.test('Expect goes on only when the dyno is to answer it', async (t) => {
  t.notMatch(forward(get('Expect: 100-continue')), 'Expect')
  t.match(forward(get('Expect: 100-continue'), { expectContinue: true }), '\r\nExpect: 100-continue\r\n')
})

t.test('an answer goes on with its lines as they came, then the own ones of the router', async (t) => {
  t.equal(
    relay(
      'HTTP/1.1 200 OK\r\nserver:x\r\nContent-Length: 5\r\nSet-Cookie: a\r\nset-cookie:  b\r\nDate: now\r\nX: caf\xe9\r\n\r\n',
    ),
    message(
      'HTTP/1.1 200 OK',
      'server:x',
      'Set-Cookie: a',
      'set-cookie:  b',
      'Date: now',
      'X: caf\xe9',
      'Content-Length: 5',
      'Via: 1.1 postern',
    ),
  )
})

t.test('hop-by-hop headers of an answer, and those that Connection names, end here', async (t) => {
  const text = message(
    'HTTP/1.1 200 OK',
    'Connection: keep-alive, X-A',
    'Keep-Alive: timeout=5',
    'X-A: 1',
    'Proxy-Connection: a',
    'Proxy-Authenticate: a',
    'Upgrade: h2c',
    'TE: a',
    'Server: b',
    'Date: c',
    'Trailer: X-Sum',
    'Content-Length: 0',
  )
  t.equal(
    relay(text),
    message('HTTP/1.1 200 OK', 'Server: b', 'Date: c', 'Trailer: X-Sum', 'Content-Length: 0', 'Via: 1.1 postern'),
  )
})

t.test('hop-by-hop headers of an answer end here without being named', async (t) => {
  const kept = ['Server: b', 'Date: c', 'Content-Length: 0']
  for (const name of ['Keep-Alive', 'Proxy-Connection', 'Proxy-Authenticate', 'Proxy-Authorization', 'TE', 'Upgrade']) {
    t.equal(
      relay(message('HTTP/1.1 200 OK', `${name}: a`, ...kept)),
      message('HTTP/1.1 200 OK', ...kept, 'Via: 1.1 postern'),
      name,
    )
  }
  t.equal(
    relay(message('HTTP/1.1 200 OK', 'Via: 1.0 a', ...kept, 'via: 1.1 b')),
    message('HTTP/1.1 200 OK', ...kept, 'Via: 1.0 a, 1.1 b, 1.1 postern'),
  )
})

t.test('Server and Date are given to an answer that has none', async (t) => {
  t.equal(
    relay(message('HTTP/1.1 200 OK', 'Content-Length: 5')),
    message(
      'HTTP/1.1 200 OK',
      'Content-Length: 5',
      'Server: postern',
      'Date: Mon, 23 Nov 2026 18:00:00 GMT',
      'Via: 1.1 postern',
    ),
  )
})

t.test('the client gets HTTP/1.1 with a space after the status, whatever the dyno said', async (t) => {
  t.match(relay(message('HTTP/1.0 200 Fine', 'Content-Length: 0')), /^HTTP\/1\.1 200 Fine\r\n/)
  t.match(relay(message('HTTP/1.1 200', 'Content-Length: 0')), /^HTTP\/1\.1 200 \r\n/)
  t.match(relay(message('HTTP/1.1 200 ', 'Content-Length: 0')), /^HTTP\/1\.1 200 \r\n/)
  const known = ['Server: a', 'Date: b', 'Content-Length: 0']
  for (const [line, version] of [
    ['HTTP/1.0 200 Fine', '1.0'],
    ['HTTP/1.1 200', '1.1'],
  ] as const) {
    t.equal(
      relay(message(line, ...known)),
      message(version === '1.0' ? 'HTTP/1.1 200 Fine' : 'HTTP/1.1 200 ', ...known, `Via: ${version} postern`),
    )
  }
})

t.test('the framing of an answer is the caller’s', async (t) => {
  const known = ['Server: a', 'Date: b']
  const chunked = message('HTTP/1.1 200 OK', ...known, 'Transfer-Encoding: chunked')
  t.equal(
    relay(chunked, { framing: 'chunked' }),
    message('HTTP/1.1 200 OK', ...known, 'Transfer-Encoding: chunked', 'Via: 1.1 postern'),
  )
  t.equal(
    relay(chunked, { framing: 'close', keepAlive: false, clientMinorVersion: 0 }),
    message('HTTP/1.1 200 OK', ...known, 'Via: 1.1 postern', 'Connection: close'),
  )
})

t.test('an answer without body keeps the length that it would have, except in a 204', async (t) => {
  const headers = ['Server: a', 'Date: b', 'Content-Length: 5']
  t.match(relay(message('HTTP/1.1 200 OK', ...headers), { framing: 'none' }, 'HEAD'), 'Content-Length: 5')
  t.match(relay(message('HTTP/1.1 304 x', ...headers), { framing: 'none' }), 'Content-Length: 5')
  t.notMatch(relay(message('HTTP/1.1 204 x', ...headers), { framing: 'none' }), 'Content-Length')
  t.notMatch(relay(message('HTTP/1.1 304 x', 'Server: a'), { framing: 'none' }), 'Content-Length')
})

t.test('an interim answer gets no Server, Date, length or Connection', async (t) => {
  t.equal(
    relay(message('HTTP/1.1 103 Early Hints', 'Link: </a>', 'Content-Length: 5', 'Connection: close'), {
      framing: 'none',
      keepAlive: false,
    }),
    message('HTTP/1.1 103 Early Hints', 'Link: </a>', 'Via: 1.1 postern'),
  )
  t.equal(
    relay(message('HTTP/1.1 100 Continue'), { framing: 'none' }),
    message('HTTP/1.1 100 Continue', 'Via: 1.1 postern'),
  )
})

t.test('the 101 of an upgrade says so', async (t) => {
  t.equal(
    relay(
      message(
        'HTTP/1.1 101 Switching Protocols',
        'upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Accept: a',
      ),
      { framing: 'none', upgrade: true },
    ),
    message(
      'HTTP/1.1 101 Switching Protocols',
      'Sec-WebSocket-Accept: a',
      'Via: 1.1 postern',
      'Upgrade: websocket',
      'Connection: upgrade',
    ),
  )
})

t.test('Connection tells the client what it cannot know from its version', async (t) => {
  const text = message('HTTP/1.1 200 OK', 'Content-Length: 0')
  t.notMatch(relay(text), 'Connection')
  t.match(relay(text, { clientMinorVersion: 0 }), /\r\nConnection: keep-alive\r\n\r\n$/)
  t.match(relay(text, { keepAlive: false }), /\r\nConnection: close\r\n\r\n$/)
  t.match(relay(text, { keepAlive: false, clientMinorVersion: 0 }), /\r\nConnection: close\r\n\r\n$/)
})

t.test('X-Request-Id to the client replaces what the dyno said, when asked', async (t) => {
  const text = message('HTTP/1.1 200 OK', 'x-request-id: theirs', 'X-Other: kept', 'Content-Length: 0')
  t.match(relay(text), 'x-request-id: theirs')
  const out = relay(text, { requestId: 'ours' })
  t.match(out, 'X-Request-Id: ours')
  t.notMatch(out, 'theirs')
  t.match(out, 'X-Other: kept')
})

t.test('lines that are the same for many heads in a row follow when one of their parts changes', async (t) => {
  const request = message('GET / HTTP/1.1', 'Host: a.example')
  const older = message('GET / HTTP/1.0', 'Host: a.example')
  const changes: [Partial<ForwardFields>, string, string?][] = [
    [{ forwardedFor: '192.0.2.2' }, 'X-Forwarded-For: 192.0.2.2'],
    [{ proto: 'https' }, 'X-Forwarded-Proto: https'],
    [{ port: '8080' }, 'X-Forwarded-Port: 8080'],
    [{ host: 'b.example' }, 'X-Forwarded-Host: b.example'],
    [{ requestStartMs: 1_700_000_000_001 }, 'X-Request-Start: 1700000000001'],
    [{ requestId: 'id-2' }, 'X-Request-Id: id-2'],
    [{ via: 'other' }, 'Via: 1.1 other'],
    [{}, 'Via: 1.0 postern', older],
    [{ via: 'other' }, 'Via: 1.0 other', older],
    [{ contentLength: 1 }, 'Content-Length: 1'],
    [{ contentLength: 2 }, 'Content-Length: 2'],
  ]
  const usual = forward(request)
  for (const [fields, line, text = request] of changes) {
    t.match(forward(text, fields), `\r\n${line}\r\n`)
    t.equal(forward(request), usual, 'and back')
  }
  const answer = (length: number) => message('HTTP/1.1 200 OK', `Content-Length: ${length}`)
  for (const date of ['Mon, 23 Nov 2026 18:00:01 GMT', ANSWER.date, 'Mon, 23 Nov 2026 18:00:02 GMT']) {
    for (const length of [1, 2, 1]) {
      const head = relay(answer(length), { date })
      t.match(head, `\r\nDate: ${date}\r\n`)
      t.match(head, `\r\nContent-Length: ${length}\r\n`)
    }
  }
})
