import { rule } from './rule.ts'
import { get, HOST, Stage } from './stage.ts'

const lines = (text: string) => `GET / HTTP/1.1\r\nHost: ${HOST}\r\n${text}\r\n\r\n`

rule(
  'headers/order-and-case',
  'RFC 9110 §5.3',
  'Headers that go on keep their order, their case, their repetitions and their bytes',
  async (t) => {
    const stage = await Stage.open()
    const own = [
      'uSER-aGENT: x',
      'Accept: text/html, */*;q=0.1',
      'Cookie: a=b; c="d e"',
      'X-Twice: 1',
      'cookie: e=f',
      'x-twice: 2',
      'X-Empty:',
      'X-Tight:y',
      'X-Obs: caf\xe9 \xff\x80',
      "!#$%&'*+-.^_`|~: odd name",
      'X-Tab: a\tb',
      'X-Twice: 3',
      'Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==',
      'Content-Type: text/plain',
      'Proxy-Authentication: not a hop-by-hop header, whatever it sounds like',
    ]
    // Also where one among them does not go on.
    const sent = own.toSpliced(7, 0, 'Keep-Alive: timeout=5')
    t.equal((await stage.ask(lines(sent.join('\r\n')))).status, 200)
    t.strictSame(stage.dyno.requests[0]?.lines.slice(0, own.length + 1), [`Host: ${HOST}`, ...own])
  },
)

rule('headers/line-syntax', 'RFC 9112 §5', 'A header line that is not `token ":" value CRLF` is refused', async (t) => {
  const stage = await Stage.open()
  for (const [text, cause] of [
    ['X-A : b', 'space before the colon'],
    ['X-A\t: b', 'space before the colon'],
    ['Content-Length : 5', 'space before the colon'],
    ['Transfer-Encoding : chunked', 'space before the colon'],
    ['X A: b', 'space before the colon'],
    [': b', 'empty header name'],
    ['X-A', 'header line without a colon'],
    ['', undefined],
    ['X@A: b', 'bad header name'],
    ['X(A): b', 'bad header name'],
    ['X\x00A: b', 'bad header name'],
    ['X\x7fA: b', 'bad header name'],
    ['Ünïcode: b', 'bad header name'],
    ['"X": b', 'bad header name'],
    ['X/A: b', 'bad header name'],
    ['X-A: b\r\n c', 'folded header line'],
    ['X-A: b\r\n\tc', 'folded header line'],
    ['X-A: b\r\n \r\nX-B: c', 'folded header line'],
    ['X-A: b\nX-B: c', 'bare LF'],
    ['X-A: b\rX-B: c', 'bare CR'],
    ['X-A: b\r\rX-B: c', 'bare CR'],
    ['X-A:\n', 'bare LF'],
    ['X-A: \x00', 'control byte in a header value'],
    ['X-A: a\x01b', 'control byte in a header value'],
    ['X-A: a\x0bb', 'control byte in a header value'],
    ['X-A: a\x1bb', 'control byte in a header value'],
    ['X-A: a\x7fb', 'control byte in a header value'],
  ] as const) {
    if (text !== '') await stage.refused(t, lines(text), 400, cause)
  }
  await stage.refused(t, `GET / HTTP/1.1\r\n Host: ${HOST}\r\n\r\n`, 400, 'space before the first header')
  await stage.refused(t, `GET / HTTP/1.1\r\n\tX: y\r\nHost: ${HOST}\r\n\r\n`, 400, 'space before the first header')
  stage.untouched(t)
})

rule(
  'headers/line-length',
  'Heroku HTTP Routing',
  'A header line of 8,192 bytes is served, one more byte is 431',
  async (t) => {
    const stage = await Stage.open()
    t.equal((await stage.ask(lines(`X: ${'y'.repeat(8189)}`))).status, 200)
    t.equal(stage.dyno.requests[0]?.headers.get('x')?.[0]?.length, 8189)
    await stage.refused(t, lines(`X: ${'y'.repeat(8190)}`), 431, 'header line too long')
    await stage.refused(t, `GET / HTTP/1.1\r\nHost: ${HOST}\r\nX: ${'y'.repeat(8190)}`, 431, 'header line too long')
    await stage.refused(t, lines(`Cookie: ${'y'.repeat(20_000)}`), 431, 'header line too long')
    t.equal(stage.dyno.requests.length, 1)
  },
)

rule(
  'headers/name-length',
  'Heroku HTTP Routing',
  'A header name of 1,000 bytes is served, one more byte is 431',
  async (t) => {
    const stage = await Stage.open()
    t.equal((await stage.ask(lines(`${'X'.repeat(1000)}: y`))).status, 200)
    await stage.refused(t, lines(`${'X'.repeat(1001)}: y`), 431, 'header name too long')
    t.equal(stage.dyno.requests.length, 1)
  },
)

rule('headers/count', 'Heroku HTTP Routing', '1,000 header lines are served, one more is 431', async (t) => {
  const stage = await Stage.open()
  const many = (count: number) => lines(Array.from({ length: count - 1 }, (_, i) => `X-${i}: y`).join('\r\n'))
  t.equal((await stage.ask(many(1000))).status, 200)
  t.equal(stage.dyno.requests[0]?.headers.get('x-998')?.[0], 'y')
  await stage.refused(t, many(1001), 431, 'too many headers')
  t.equal(stage.dyno.requests.length, 1)
})

rule('headers/head-size', 'Postern limits', 'A head of 64 KiB is served, one more byte is 431', async (t) => {
  const stage = await Stage.open()
  const head = (bytes: number) => {
    const full = `X: ${'y'.repeat(8000)}\r\n`.repeat(8)
    const rest = bytes - get('/', full).length - 'Z: \r\n'.length
    return get('/', `${full}Z: ${'z'.repeat(rest)}\r\n`)
  }
  t.equal((await stage.ask(head(65_536))).status, 200)
  await stage.refused(t, head(65_537), 431, 'headers too large in all')
  t.equal(stage.dyno.requests.length, 1)
})

rule(
  'headers/own',
  'Heroku HTTP Routing',
  'The dyno is told client, scheme, port, host, start, id and this hop',
  async (t) => {
    const stage = await Stage.open({ time: 'running' })
    const before = Date.now()
    t.equal((await stage.ask(get())).status, 200)
    const { headers } = await stage.dyno.request()
    const started = Number(headers.get('x-request-start'))
    t.ok(started >= before && started <= Date.now(), 'X-Request-Start is Unix time in milliseconds')
    t.match(headers.get('x-request-id')?.[0], /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    t.match(stage.lastLine, ` request_id=${headers.get('x-request-id')} `)
    const told = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-port', 'x-forwarded-host', 'via', 'connection']
    t.strictSame(
      told.map((name) => headers.get(name)),
      [['127.0.0.1'], ['http'], [String(stage.router.port)], [HOST], ['1.1 postern'], ['keep-alive']],
    )
    t.notOk(headers.has('forwarded') || headers.has('traceparent'), 'these only when asked for')
  },
)

rule(
  'headers/nobody-else-says',
  'Postern access',
  'What only the router may say is dropped when a client says it, underscores for hyphens included',
  async (t) => {
    const stage = await Stage.open()
    const names = [
      'X-Forwarded-For',
      'X-Forwarded-Proto',
      'X-Forwarded-Port',
      'X-Forwarded-Host',
      'X-Request-Start',
      'Forwarded',
      'X-Request-Id',
    ]
    const spellings = names.flatMap((name) => [
      name,
      name.toUpperCase(),
      name.replaceAll('-', '_'),
      name.replace('-', '_'),
    ])
    t.equal((await stage.ask(lines(spellings.map((name) => `${name}: forged`).join('\r\n')))).status, 200)
    const { head, headers } = await stage.dyno.request()
    t.notMatch(head, /forged/)
    t.strictSame(headers.get('x-forwarded-for'), ['127.0.0.1'])
    t.notOk([...headers.keys()].some((name) => name.startsWith('x_') || name.includes('_')))
  },
)

rule(
  'headers/forwarded-for',
  'Heroku HTTP Routing',
  'X-Forwarded-For is replaced; a trusted proxy, or a listener with append, has it appended on the right',
  async (t) => {
    const sent = 'X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-For: 203.0.113.9\r\n'
    for (const [parts, expected] of [
      [{}, '127.0.0.1'],
      [{ listener: { forwardedFor: 'append' } }, '198.51.100.7, 203.0.113.9, 127.0.0.1'],
      [{ space: { trustedProxies: ['127.0.0.1/32'] } }, '198.51.100.7, 203.0.113.9, 127.0.0.1'],
    ] as const) {
      const stage = await Stage.open(parts)
      t.equal((await stage.ask(get('/', sent))).status, 200)
      t.strictSame(stage.dyno.requests[0]?.headers.get('x-forwarded-for'), [expected])
      t.match(stage.lastLine, ` fwd="${expected}" `)
    }
  },
)

rule(
  'headers/request-id',
  'Heroku HTTP Request IDs',
  'A client may give a request id of 20 to 200 of [A-Za-z0-9+/=-]; another one is replaced',
  async (t) => {
    const stage = await Stage.open({ space: { headers: { requestIdToClient: true } } })
    const ask = async (id: string) => {
      const answer = await stage.ask(get('/', `X-Request-Id: ${id}\r\n`))
      const seen = stage.dyno.requests.at(-1)?.headers.get('x-request-id')
      t.strictSame(answer.headers.get('x-request-id'), seen, 'the client is told the same')
      t.match(stage.lastLine, ` request_id=${seen} `.replaceAll('"', ''))
      return seen?.length === 1 && seen[0] === id
    }
    for (const id of ['a'.repeat(20), 'Z9+/-'.repeat(40), '0f8fad5b-d9cb-469f-a165-70867728950e'])
      t.ok(await ask(id), id)
    for (const id of [
      'a'.repeat(19),
      'a'.repeat(201),
      'a b'.repeat(9),
      'a_b'.repeat(9),
      'ä'.repeat(20),
      '"'.repeat(20),
      '',
    ]) {
      t.notOk(await ask(id), id)
    }
    await stage.ask(get('/', `X-Request-Id: ${'a'.repeat(20)}\r\nX-Request-Id: ${'b'.repeat(20)}\r\n`))
    t.match(stage.dyno.requests.at(-1)?.headers.get('x-request-id')?.[0], /^[0-9a-f-]{36}$/, 'two are none')
  },
)

rule(
  'headers/via',
  'RFC 9110 §7.6.3',
  'This hop is added at the end of Via, in both directions, with the version that was spoken',
  async (t) => {
    const stage = await Stage.open({
      answer: () => 'HTTP/1.1 200 OK\r\nVia: 1.1 inner\r\nContent-Length: 0\r\nvia: 1.0 cache\r\n\r\n',
    })
    const answer = await stage.ask(get('/', 'Via: 1.0 fred\r\nVIA: 1.1 proxy (with, comment)\r\n'))
    t.strictSame(stage.dyno.requests[0]?.headers.get('via'), ['1.0 fred, 1.1 proxy (with, comment), 1.1 postern'])
    t.strictSame(answer.headers.get('via'), ['1.1 inner, 1.0 cache, 1.1 postern'])
    await stage.ask(`GET / HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`)
    t.strictSame(stage.dyno.requests[1]?.headers.get('via'), ['1.0 postern'])
  },
)

rule(
  'headers/forwarded',
  'RFC 7239 §4',
  'Forwarded is sent when asked for; what a client sent of it counts from a trusted proxy only',
  async (t) => {
    const policy = { headers: { forwarded: true } }
    const sent = 'Forwarded: for=198.51.100.7;proto=https\r\n'
    const direct = await Stage.open({ space: policy })
    await direct.ask(get('/', sent))
    const own = `for=127.0.0.1;host="${HOST}";proto=http`
    t.strictSame(direct.dyno.requests[0]?.headers.get('forwarded'), [own])
    const behind = await Stage.open({ space: { ...policy, trustedProxies: ['127.0.0.1/32'] } })
    await behind.ask(get('/', sent))
    t.strictSame(behind.dyno.requests[0]?.headers.get('forwarded'), [`for=198.51.100.7;proto=https, ${own}`])
  },
)

rule(
  'headers/traceparent',
  'W3C Trace Context §3.2',
  'traceparent is continued when it is one and begun when it is not, if asked for',
  async (t) => {
    const stage = await Stage.open({ space: { headers: { traceparent: true } } })
    const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    await stage.ask(get('/', `traceparent: ${parent}\r\n`))
    await stage.ask(get())
    await stage.ask(get('/', `traceparent: ${parent.replace('00-', 'ff-')}\r\n`))
    const seen = stage.dyno.requests.map(({ headers }) => headers.get('traceparent'))
    t.strictSame(seen[0], [parent])
    for (const begun of seen.slice(1)) t.match(begun?.[0], /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
    t.strictSame(
      seen.map((values) => values?.length),
      [1, 1, 1],
    )
  },
)
