import { rule } from './rule.ts'
import { get, HOST, Stage } from './stage.ts'

const REST = ` HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`

rule(
  'request-line/as-it-came',
  'RFC 9112 §3.2.1',
  'Path and query reach the dyno byte for byte: nothing is decoded, collapsed or normalised',
  async (t) => {
    const stage = await Stage.open()
    const targets = [
      '/',
      '/a/b?c=d&e=%20+f',
      '//double//slash',
      '/a/../b/./c',
      '/%2e%2e/%2F%00%c3%a9',
      '/;v=1?a=b?c',
      '/|"<>{}^`[]\\',
      '/?',
      '/*',
      '/http://other.example.com/',
      `/${'x'.repeat(8000)}`,
    ]
    for (const [number, target] of targets.entries()) {
      t.equal((await stage.ask(get(target))).status, 200)
      t.equal((await stage.dyno.request(number)).target, target)
    }
    t.match(stage.router.lines[1], ' path="/a/b?c=d&e=%20+f" ')
  },
)

rule(
  'request-line/methods',
  'RFC 9110 §9.1',
  'Any token up to 127 bytes is a method and is forwarded in its case',
  async (t) => {
    const stage = await Stage.open()
    for (const method of ['GET', 'get', 'PURGE', 'M-SEARCH', 'PROPFIND', "!#$%&'*+-.^_`|~", 'X'.repeat(127)]) {
      t.equal((await stage.ask(`${method} /${REST}`)).status, 200)
      t.equal(stage.dyno.requests.at(-1)?.method, method)
    }
  },
)

rule(
  'request-line/bad-methods',
  'RFC 9110 §9.1',
  'A method that is no token, or longer than 127 bytes, is refused',
  async (t) => {
    const stage = await Stage.open()
    await stage.refused(t, `${'X'.repeat(128)} /${REST}`, 400, 'method too long')
    for (const method of ['G@T', 'GE(T', 'G\x00T', 'G\x7fT', 'G\xc9T', '"GET"', 'GET:', '{}']) {
      await stage.refused(t, `${method} /${REST}`, 400, 'bad method')
    }
    stage.untouched(t)
  },
)

rule('request-line/connect', 'RFC 9110 §9.3.6', 'CONNECT is not allowed: 405 with Allow', async (t) => {
  const stage = await Stage.open()
  for (const target of [`${HOST}:80`, '/', '*', `http://${HOST}/`]) {
    const answer = await stage.refused(t, `CONNECT ${target}${REST}`, 405, 'CONNECT not allowed')
    t.match(answer.headers.get('allow')?.[0], /\bGET\b/)
    t.notMatch(answer.headers.get('allow')?.[0], /CONNECT/)
  }
  stage.untouched(t)
})

rule('request-line/two-spaces', 'RFC 9112 §3', 'Exactly two single spaces: anything else is refused', async (t) => {
  const stage = await Stage.open()
  const after = `\r\nHost: ${HOST}\r\n\r\n`
  for (const line of [
    'GET  / HTTP/1.1',
    'GET /  HTTP/1.1',
    'GET / HTTP/1.1 ',
    ' GET / HTTP/1.1',
    'GET\t/ HTTP/1.1',
    'GET /\tHTTP/1.1',
    'GET / HTTP/1.1\t',
    'GET / a HTTP/1.1',
    'GET /a b HTTP/1.1',
    'GET\x0b/\x0bHTTP/1.1',
    'GET\xa0/ HTTP/1.1',
    'GET/ HTTP/1.1',
    'GET /HTTP/1.1',
    'GET / ',
    'GET /',
    'GET ',
    'GET',
  ]) {
    await stage.refused(t, line + after, 400)
  }
  stage.untouched(t)
})

rule(
  'request-line/version',
  'RFC 9112 §2.3',
  'Only HTTP/1.0 and HTTP/1.1: 400, or 505 for another major version',
  async (t) => {
    const stage = await Stage.open()
    const with_ = (version: string) => `GET / ${version}\r\nHost: ${HOST}\r\n\r\n`
    for (const version of ['HTTP/2.0', 'HTTP/0.9', 'HTTP/3.1', 'HTTP/9.9']) {
      await stage.refused(t, with_(version), 505, 'HTTP version not supported')
    }
    for (const version of [
      'HTTP/1.2',
      'HTTP/1.9',
      'http/1.1',
      'Http/1.1',
      'HTTP/1,1',
      'HTTP/1.1x',
      'HTTP/01.1',
      'HTTP/1.01',
      'HTTP/1.10',
      'HTTP/11',
      'HTTP/1',
      'HTTP/1.',
      'HTTP/+1.1',
      'HTTP /1.1',
      'HTPP/1.1',
      'HTTPS/1.1',
      'ICY/1.1',
      'RTSP/1.0',
    ]) {
      await stage.refused(t, with_(version), 400)
    }
    await stage.refused(t, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505)
    stage.untouched(t)
  },
)

rule(
  'request-line/target-form',
  'RFC 9112 §3.2',
  'A target is in origin form, in absolute form with http or https, or * with OPTIONS: anything else is refused',
  async (t) => {
    const stage = await Stage.open()
    for (const target of [
      'index.html',
      './a',
      '?a=b',
      HOST,
      `${HOST}:80`,
      'ftp://shop.example.com/',
      'ws://shop.example.com/',
      'file:///etc/passwd',
      'javascript:alert(1)',
      'http:/shop.example.com/',
      'http:shop.example.com',
      'https//shop.example.com/',
      'hxxp://shop.example.com/',
      '@shop.example.com/',
      '\\a',
      '%2Fa',
    ]) {
      await stage.refused(t, `GET ${target}${REST}`, 400, 'bad request target')
    }
    for (const method of ['GET', 'HEAD', 'POST', 'options', 'TRACE']) {
      await stage.refused(t, `${method} *${REST}`, 400, 'bad request target')
    }
    await stage.refused(t, `OPTIONS */${REST}`, 400, 'bad request target')
    await stage.refused(t, `OPTIONS **${REST}`, 400, 'bad request target')
    stage.untouched(t)
  },
)

rule(
  'request-line/target-bytes',
  'RFC 3986 §2',
  'Control bytes, space, non-ASCII bytes and # in a target are refused',
  async (t) => {
    const stage = await Stage.open()
    const forbidden = [...Array(256).keys()].filter((byte) => byte < 0x20 || byte > 0x7e || byte === 0x23)
    for (const byte of forbidden) {
      await stage.refused(t, `GET /a${String.fromCharCode(byte)}b${REST}`, 400)
    }
    stage.untouched(t)
  },
)

rule('request-line/options-asterisk', 'RFC 9112 §3.2.4', 'OPTIONS * goes to the app that Host names', async (t) => {
  const stage = await Stage.open()
  t.equal((await stage.ask(`OPTIONS *${REST}`)).status, 200)
  t.match(stage.dyno.requests[0], { method: 'OPTIONS', target: '*' })
})

rule(
  'request-line/length',
  'Heroku HTTP Routing',
  'A request line of 8,192 bytes is served, one more byte is 414',
  async (t) => {
    const stage = await Stage.open()
    const line = (bytes: number) => `GET /${'x'.repeat(bytes - 'GET / HTTP/1.1'.length)}${REST}`
    t.equal((await stage.ask(line(8192))).status, 200)
    await stage.refused(t, line(8193), 414, 'request line too long')
    await stage.refused(t, line(70_000), 414, 'request line too long')
    // Without an end in sight as well.
    await stage.refused(t, `GET /${'x'.repeat(8192)}`, 414, 'request line too long')
    t.equal(stage.dyno.requests.length, 1)
  },
)

rule(
  'request-line/empty-lines-before',
  'RFC 9112 §2.2',
  'Up to two empty lines before a request are skipped; three are refused',
  async (t) => {
    const stage = await Stage.open()
    for (const before of ['', '\r\n', '\r\n\r\n']) t.equal((await stage.ask(before + get())).status, 200)
    t.ok(stage.dyno.requests.every(({ head }) => head.startsWith('GET / HTTP/1.1\r\n')))
    await stage.refused(t, `\r\n\r\n\r\n${get()}`, 400, 'too many empty lines before the request')
    // Between two requests: some clients end a body with a line that they did not count.
    const client = await stage.client()
    client.send(`${get('/first')}\r\n${get('/second')}`)
    t.equal((await client.answer()).status, 200)
    t.equal((await client.answer()).status, 200)
    t.equal(stage.dyno.requests.length, 5)
  },
)

rule('request-line/line-ends', 'RFC 9112 §2.2', 'Lines end with CRLF: bare LF and bare CR are refused', async (t) => {
  const stage = await Stage.open()
  for (const bytes of [
    `GET / HTTP/1.1\nHost: ${HOST}\n\n`,
    `GET / HTTP/1.1\nHost: ${HOST}\r\n\r\n`,
    `GET / HTTP/1.1\rHost: ${HOST}\r\n\r\n`,
    `GET / HTTP/1.1\r\rHost: ${HOST}\r\n\r\n`,
    `GET / HTTP/1.1\r\r\nHost: ${HOST}\r\n\r\n`,
    `GET /\r\nHost: ${HOST}\r\n\r\n`,
    `GET /\n`,
    `\n${get()}`,
    `\r${get()}`,
    `\r\n\n${get()}`,
    `\n\n${get()}`,
  ]) {
    await stage.refused(t, bytes, 400)
  }
  stage.untouched(t)
})
