import { rule } from './rule.ts'
import { get, Stage } from './stage.ts'

const HOP_BY_HOP = [
  'Connection: keep-alive',
  'Keep-Alive: timeout=213, max=5',
  'Proxy-Connection: keep-alive',
  'Proxy-Authenticate: Basic',
  'pROXY-aUTHORIZATION: Basic abc',
  'TE: deflate',
]
const END_TO_END = ['Trailer: X-Sum', 'Proxy-Authentication: 0', 'Authorization: Basic abc', 'X-Kept: yes']

rule(
  'hop-by-hop/request',
  'RFC 9110 §7.6.1',
  'Hop-by-hop headers of a request end at this hop; Trailer goes on',
  async (t) => {
    const stage = await Stage.open()
    await stage.ask(
      get('/', [...HOP_BY_HOP, 'Upgrade: websocket', 'HTTP2-Settings: AAA', ...END_TO_END, ''].join('\r\n')),
    )
    const { headers, lines } = await stage.dyno.request()
    for (const name of [
      'keep-alive',
      'proxy-connection',
      'proxy-authenticate',
      'proxy-authorization',
      'te',
      'upgrade',
      'http2-settings',
    ]) {
      t.notOk(headers.has(name), name)
    }
    t.strictSame(lines.slice(1, 5), END_TO_END)
    t.strictSame(headers.get('connection'), ['keep-alive'])
  },
)

rule(
  'hop-by-hop/response',
  'RFC 9110 §7.6.1',
  'Hop-by-hop headers of an answer end at this hop, those that its Connection names included; Trailer goes on',
  async (t) => {
    const stage = await Stage.open({
      answer: () =>
        [
          'HTTP/1.1 200 OK',
          ...HOP_BY_HOP,
          'Connection: X-Inner',
          'X-Inner: 1',
          'Upgrade: h2c',
          'Transfer_Encoding: x',
          ...END_TO_END,
          'Content-Length: 0',
          '',
          '',
        ].join('\r\n'),
    })
    const client = await stage.client()
    client.send(get())
    const { headers, head } = await client.answer()
    for (const name of [
      'connection',
      'keep-alive',
      'proxy-connection',
      'proxy-authenticate',
      'proxy-authorization',
      'te',
      'upgrade',
      'x-inner',
    ]) {
      t.notOk(headers.has(name), name)
    }
    for (const line of END_TO_END) t.match(head, line)
    t.equal((await client.get()).status, 200)
  },
)

rule(
  'hop-by-hop/te-trailers',
  'RFC 9110 §10.1.4',
  '`TE: trailers` is the one part of TE that goes on, and Connection names it',
  async (t) => {
    const stage = await Stage.open()
    for (const te of ['trailers', 'Trailers', 'gzip;q=0.5, trailers', 'gzip\r\nTE: trailers']) {
      await stage.ask(get('/', `TE: ${te}\r\nConnection: TE\r\n`))
      const { headers } = stage.dyno.requests.at(-1)!
      t.strictSame(headers.get('te'), ['trailers'], te)
      t.strictSame(headers.get('connection'), ['keep-alive, TE'])
    }
    for (const te of ['gzip', 'trailersx', 'x-trailers', '']) {
      await stage.ask(get('/', `TE: ${te}\r\n`))
      t.notOk(stage.dyno.requests.at(-1)!.headers.has('te'), te)
    }
  },
)

rule(
  'hop-by-hop/twins',
  'RFC 3875 §4.1.18',
  'Hop-by-hop headers that are spelled with underscores end at this hop as well',
  async (t) => {
    const stage = await Stage.open()
    await stage.ask(
      get(
        '/',
        'Keep_Alive: 1\r\nProxy_Connection: 2\r\nproxy_authorization: 3\r\nHTTP2_Settings: 4\r\nX_Ordinary: 5\r\n',
      ),
    )
    const names = [...(await stage.dyno.request()).headers.keys()].filter((name) => name.includes('_'))
    t.strictSame(names, ['x_ordinary'])
  },
)
