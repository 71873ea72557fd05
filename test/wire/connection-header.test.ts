import t from 'tap'
import { FIELD_DROP, FIELD_STRIDE, KIND } from '../../src/wire/head-lines.ts'
import type { RequestHead } from '../../src/wire/request-head.ts'
import { accepted, get, message, verdict } from './wire-cases.ts'

/** Names of the lines that go on. */
function passed(head: RequestHead): string[] {
  const names: string[] = []
  for (let at = 0; at < head.fieldCount * FIELD_STRIDE; at += FIELD_STRIDE) {
    if ((head.fields[at + KIND]! & FIELD_DROP) === 0)
      names.push(head.text.substring(head.fields[at]!, head.fields[at + 1]!))
  }
  return names
}

t.test('HTTP/1.1 keeps the connection unless told to close, HTTP/1.0 closes unless told to keep', async (t) => {
  for (const [version, connection, keepAlive] of [
    ['1.1', '', true],
    ['1.1', 'keep-alive', true],
    ['1.1', 'Keep-Alive', true],
    ['1.1', 'close', false],
    ['1.1', 'Close', false],
    ['1.1', 'keep-alive, close', false],
    ['1.1', 'close, keep-alive', false],
    ['1.1', 'x, CLOSE ,y', false],
    ['1.1', 'closed', true],
    ['1.0', '', false],
    ['1.0', 'close', false],
    ['1.0', 'keep-alive', true],
    ['1.0', 'KEEP-ALIVE', true],
    ['1.0', 'x, keep-alive', true],
    ['1.0', 'keep-alive, close', false],
    ['1.0', 'keepalive', false],
  ] as const) {
    const head = accepted(message(`GET / HTTP/${version}`, 'Host: a.example', `Connection: ${connection}`))
    t.equal(head.keepAlive, keepAlive, `HTTP/${version} ${connection}`)
  }
})

t.test('several Connection lines are one list', async (t) => {
  t.equal(accepted(get('Connection: keep-alive', 'Connection: close')).keepAlive, false)
  t.same(passed(accepted(get('Connection: X-A', 'X-A: 1', 'X-B: 2', 'connection: x-b'))), ['Host'])
})

t.test('every header that Connection names ends here, wherever it stands and however often', async (t) => {
  const head = accepted(
    get('x-a: 1', 'X-B: 2', 'Connection: close, X-A ,, x-c', 'X-A: 3', 'X-C: 4', 'X-AA: 5', 'X: 6', 'Y-A: 7'),
  )
  t.same(passed(head), ['Host', 'X-B', 'X-AA', 'X', 'Y-A'])
  t.same(passed(accepted(get('Connection: cookie', 'Cookie: a=b'))), ['Host'])
  t.same(passed(accepted(get('Connection: x-a', 'X-List: x-b, X-C', 'X-B: 1', 'x-c: 2'))), [
    'Host',
    'X-List',
    'X-B',
    'x-c',
  ])
})

t.test('hop-by-hop headers end here without being named', async (t) => {
  const head = accepted(
    get(
      'Connection: keep-alive',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: keep-alive',
      'Proxy-Authenticate: Basic',
      'Proxy-Authorization: Basic YTpi',
      'TE: gzip',
      'Upgrade: websocket',
      'HTTP2-Settings: AAMAAABkAARAAAAA',
      'Trailer: X-Sum',
      'Authorization: Basic YTpi',
    ),
  )
  t.same(passed(head), ['Host', 'Trailer', 'Authorization'])
})

t.test('what only the router says ends here, and so do its spellings with underscores', async (t) => {
  const names = [
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'X-Forwarded-Port',
    'X-Forwarded-Host',
    'X-Request-Id',
    'X-Request-Start',
    'Via',
    'Forwarded',
  ]
  const twins = names
    .filter((name) => name.includes('-'))
    .flatMap((name) => [
      name.replaceAll('-', '_'),
      name.replace('-', '_').toLowerCase(),
      name.replace(/-(?=[^-]*$)/, '_'),
    ])
  const framing = [
    'Content_Length',
    'content_length',
    'Transfer_Encoding',
    'TRANSFER_ENCODING',
    'Proxy_Connection',
    'Keep_Alive',
    'Proxy_Authorization',
  ]
  for (const name of [...names, ...twins, ...framing])
    t.same(passed(accepted(get(`${name}: 1`, 'X_Other: 2'))), ['Host', 'X_Other'], name)
})

t.test('a name that differs in another byte is another name', async (t) => {
  for (const name of [
    'X.Forwarded.For',
    'X-Forwarded.For',
    'X-F_rwarded-For',
    'V_a',
    '_ia',
    'Content.Length',
    'K_ep-Alive',
  ]) {
    t.same(passed(accepted(get(`${name}: 1`))), ['Host', name])
  }
})

t.test('an underscore twin is not taken for the header', async (t) => {
  const head = accepted(get('X_Forwarded_For: 1', 'X_Request_Id: 2', 'X-Forwarded-For: 3', 'Idempotency_Key: 4'))
  t.match(head, { forwardedFor: '3', requestId: '', idempotencyKey: false })
})

t.test('naming a header that frames, routes or identifies is refused', async (t) => {
  for (const name of [
    'Host',
    'host',
    'Content-Length',
    'Transfer-Encoding',
    'Forwarded',
    'X-Forwarded-For',
    'x-forwarded-for',
    'X-Forwarded-Proto',
    'X-Forwarded-Host',
    'X-Forwarded-Port',
    'X-Forwarded-',
    'X-Forwarded-Anything',
    'Content_Length',
    'transfer_encoding',
  ]) {
    const why = '400 Connection names a header that it must not'
    t.equal(verdict(get(`Connection: ${name}`)), why, name)
    t.equal(verdict(get(`Connection: close, ${name}`)), why, name)
    t.equal(verdict(get('Connection: keep-alive', `Connection: ${name}`)), why, name)
  }
})

t.test('an option is a token', async (t) => {
  for (const value of ['a b', 'close;a', '"close"', 'close/1', 'a:b', 'clo\xe4se', 'a,b c', '@', 'close keep-alive']) {
    t.equal(verdict(get(`Connection: ${value}`)), '400 bad Connection', value)
  }
  for (const value of ['', ',', ' , ,', ',close,']) t.equal(verdict(get(`Connection: ${value}`)), 'accepted', value)
})

t.test('a head may name 64 options, so that looking for them stays cheap', async (t) => {
  const options = Array.from({ length: 64 }, (_, i) => `x-${i}`)
  t.equal(verdict(get(`Connection: ${options.join(',')}`)), 'accepted')
  t.equal(verdict(get(`Connection: ${options.join(',')}`, 'Connection: x')), '400 too many connection options')
  t.equal(verdict(get(`Connection: ${options.join(', ,,')}`)), 'accepted', 'empty elements are none')
})

t.test('an upgrade is an Upgrade that Connection names', async (t) => {
  t.equal(accepted(get('Connection: upgrade', 'Upgrade: websocket')).upgrade, 'websocket')
  t.equal(accepted(get('Upgrade: websocket', 'Connection: keep-alive, Upgrade')).upgrade, 'websocket')
  t.equal(accepted(get('Connection: upgrade', 'Upgrade: a/1', 'Upgrade: b')).upgrade, 'a/1, b')
  t.equal(accepted(get('Upgrade: websocket')).upgrade, '', 'not named')
  t.equal(accepted(get('Upgrade: websocket', 'Connection: keep-alive')).upgrade, '')
})

t.test('Connection: upgrade without Upgrade is refused', async (t) => {
  for (const headers of [[], ['Upgrade:'], ['Upgrade: ,'], ['X-Upgrade: websocket']]) {
    t.equal(verdict(get('Connection: upgrade', ...headers)), '400 Connection: upgrade without Upgrade')
  }
})

t.test('an Upgrade that is no list of protocols is refused', async (t) => {
  for (const value of [
    'web socket',
    'websocket;a',
    '/13',
    'websocket/',
    'a/b/c',
    '"websocket"',
    'websocket, a b',
    'a@b',
  ]) {
    t.equal(verdict(get('Connection: upgrade', `Upgrade: ${value}`)), '400 bad Upgrade', value)
  }
})

t.test('HTTP/1.0 cannot upgrade', async (t) => {
  const head = accepted(message('GET / HTTP/1.0', 'Host: a.example', 'Connection: upgrade', 'Upgrade: websocket'))
  t.equal(head.upgrade, '')
})

t.test('a request with a body is served as if it had not asked for an upgrade', async (t) => {
  const upgrade = ['Host: a.example', 'Connection: upgrade', 'Upgrade: websocket']
  t.equal(accepted(message('POST / HTTP/1.1', ...upgrade, 'Content-Length: 5')).upgrade, '')
  t.equal(accepted(message('POST / HTTP/1.1', ...upgrade, 'Transfer-Encoding: chunked')).upgrade, '')
  t.equal(accepted(message('POST / HTTP/1.1', ...upgrade, 'Content-Length: 0')).upgrade, 'websocket')
})

t.test('an upgrade to another HTTP is ignored: no request may reach a dyno unseen', async (t) => {
  for (const protocol of [
    'h2c',
    'H2C',
    'h2',
    'h2c-14',
    'HTTP/2.0',
    'http/3',
    'TLS/1.0',
    'tls',
    'h2c, websocket',
    'websocket, h2c',
  ]) {
    const head = accepted(
      get('Connection: Upgrade, HTTP2-Settings', `Upgrade: ${protocol}`, 'HTTP2-Settings: AAMAAABkAARAAAAA'),
    )
    t.equal(head.upgrade, '', protocol)
    t.same(passed(head), ['Host'])
  }
})
