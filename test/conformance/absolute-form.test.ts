import { rule } from './rule.ts'
import { HOST, Stage } from './stage.ts'

const absolute = (target: string, host = HOST, method = 'GET') =>
  `${method} ${target} HTTP/1.1\r\nX-Before: 1\r\nHost: ${host}\r\nX-After: 2\r\n\r\n`

rule(
  'absolute-form/becomes-origin-form',
  'RFC 9112 §3.2.2',
  'An absolute target reaches the dyno in origin form',
  async (t) => {
    const stage = await Stage.open()
    for (const [target, path] of [
      [`http://${HOST}/a/b?c=d`, '/a/b?c=d'],
      [`HTTP://${HOST}/`, '/'],
      [`http://${HOST}`, '/'],
      [`http://${HOST}?q=1`, '/?q=1'],
      [`https://${HOST}/secure`, '/secure'],
      [`http://${HOST}/http://other.example.com/`, '/http://other.example.com/'],
    ] as const) {
      t.equal((await stage.ask(absolute(target))).status, 200, target)
      t.match(stage.dyno.requests.at(-1), { target: path })
      t.match(stage.lastLine, ` path="${target}" `)
    }
  },
)

rule(
  'absolute-form/options',
  'RFC 9112 §3.2.4',
  'OPTIONS with an absolute target that has no path means *',
  async (t) => {
    const stage = await Stage.open()
    t.equal((await stage.ask(absolute(`http://${HOST}`, HOST, 'OPTIONS'))).status, 200)
    t.equal((await stage.ask(absolute(`http://${HOST}/`, HOST, 'OPTIONS'))).status, 200)
    t.strictSame(
      stage.dyno.requests.map(({ target }) => target),
      ['*', '/'],
    )
  },
)

rule(
  'absolute-form/replaces-host',
  'RFC 9112 §3.2.2',
  'The authority of an absolute target replaces Host, in its place among the headers',
  async (t) => {
    const stage = await Stage.open()
    t.equal((await stage.ask(absolute('http://Shop.Example.com./', HOST))).status, 200)
    t.strictSame(stage.dyno.requests[0]?.lines.slice(0, 3), ['X-Before: 1', 'Host: Shop.Example.com.', 'X-After: 2'])
    t.strictSame(stage.dyno.requests[0]?.headers.get('x-forwarded-host'), ['Shop.Example.com.'])
    t.equal((await stage.ask(`GET http://${HOST}/ HTTP/1.0\r\n\r\n`)).status, 200, 'HTTP/1.0 may leave Host out')
    t.strictSame(stage.dyno.requests[1]?.headers.get('host'), [HOST])
  },
)

rule(
  'absolute-form/must-agree',
  'RFC 9112 §3.2.2',
  'An absolute target whose authority is not what Host says is refused',
  async (t) => {
    const stage = await Stage.open()
    for (const [target, host] of [
      [`http://${HOST}/`, 'other.example.com'],
      ['http://other.example.com/', HOST],
      [`http://${HOST}:8080/`, HOST],
      [`http://${HOST}/`, `${HOST}:8080`],
      [`http://${HOST}:80/`, `${HOST}:443`],
      [`https://${HOST}/`, `${HOST}:80`],
      [`http://${HOST}:443/`, HOST],
    ] as const) {
      await stage.refused(t, absolute(target, host), 400, 'Host and request target disagree')
    }
    stage.untouched(t)
    for (const [target, host] of [
      [`http://${HOST}:80/`, HOST],
      [`http://${HOST}/`, `${HOST}:80`],
      [`https://${HOST}:443/`, HOST],
      [`http://${HOST}:8080/`, `${HOST}:8080`],
      [`http://SHOP.example.com/`, `${HOST}.`],
    ] as const) {
      t.equal((await stage.ask(absolute(target, host))).status, 200, `${target} ${host}`)
    }
  },
)

rule(
  'absolute-form/needs-host-too',
  'RFC 9112 §3.2',
  'HTTP/1.1 without Host is refused, absolute target or not',
  async (t) => {
    const stage = await Stage.open()
    await stage.refused(t, `GET http://${HOST}/ HTTP/1.1\r\n\r\n`, 400, 'no Host')
    await stage.refused(
      t,
      `GET http://${HOST}/ HTTP/1.1\r\nHost: ${HOST}\r\nHost: ${HOST}\r\n\r\n`,
      400,
      'more than one Host',
    )
    await stage.refused(t, `GET http://${HOST}/ HTTP/1.1\r\nHost:\r\n\r\n`, 400, 'bad Host')
    stage.untouched(t)
  },
)

rule(
  'absolute-form/authority',
  'RFC 9110 §4.2.4',
  'An authority with user information, or that is no valid host, is refused',
  async (t) => {
    const stage = await Stage.open()
    for (const authority of [
      `user@${HOST}`,
      `user:pw@${HOST}`,
      `${HOST}:`,
      `${HOST}:99999`,
      '',
      ':80',
      '/',
      `${HOST}\\.x`,
    ]) {
      await stage.refused(t, absolute(`http://${authority}/`), 400, 'bad request target')
    }
    stage.untouched(t)
  },
)
