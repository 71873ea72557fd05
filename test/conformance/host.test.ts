import { app, space } from '../support/loopback-space.ts'
import { RecordingDyno } from './recording-dyno.ts'
import { rule } from './rule.ts'
import { get, HOST, post, Stage } from './stage.ts'

const to = (...hosts: string[]) => `GET / HTTP/1.1\r\n${hosts.map((host) => `Host: ${host}\r\n`).join('')}\r\n`

rule(
  'host/exactly-one',
  'RFC 9112 §3.2',
  'HTTP/1.1 has exactly one Host: none or two, even of the same value, are refused',
  async (t) => {
    const stage = await Stage.open()
    await stage.refused(t, to(), 400, 'no Host')
    await stage.refused(t, to(HOST, HOST), 400, 'more than one Host')
    await stage.refused(t, to(HOST, `bad.${HOST}`), 400, 'more than one Host')
    await stage.refused(
      t,
      `GET / HTTP/1.1\r\nHost: ${HOST}\r\nX: y\r\nhOST: ${HOST}\r\n\r\n`,
      400,
      'more than one Host',
    )
    await stage.refused(t, post('0123456789', `Content-Length: 10\r\nHost: ${HOST}\r\n`), 400, 'more than one Host')
    await stage.refused(t, `GET / HTTP/1.0\r\nHost: ${HOST}\r\nHost: ${HOST}\r\n\r\n`, 400, 'more than one Host')
    stage.untouched(t)
  },
)

rule(
  'host/valid',
  'RFC 9110 §7.2',
  'A Host that is not a name, a dotted quad or an IPv6 literal with an optional port is refused',
  async (t) => {
    const stage = await Stage.open()
    for (const host of [
      '',
      ' ',
      '.',
      '..',
      ':80',
      `user@${HOST}`,
      `user:pw@${HOST}`,
      `${HOST}/`,
      `${HOST}/path`,
      `${HOST}?q`,
      `${HOST}#f`,
      `${HOST},other.example.com`,
      `${HOST}, ${HOST}`,
      `${HOST} other.example.com`,
      `${HOST}\\`,
      `${HOST}:`,
      `${HOST}:http`,
      `${HOST}:-1`,
      `${HOST}:80:80`,
      `${HOST}:65536`,
      `${HOST}:080000`,
      `${HOST}..`,
      `.${HOST}`,
      'shop..example.com',
      '-shop.example.com',
      'shop-.example.com',
      'sh%6fp.example.com',
      'shöp.example.com',
      'shop.example.com%00',
      "shop'.example.com",
      'shop*.example.com',
      '*.example.com',
      '127.1',
      '010.8.8.8',
      '0x7f.0.0.1',
      '2130706433',
      '256.1.1.1',
      '1.2.3.4.5',
      '::1',
      '[::1',
      '[::1]]',
      '[::1]x',
      '[]',
      '[fe80::1%25eth0]',
      '[v1.x]',
      'a'.repeat(64),
      `${'a.'.repeat(127)}com`,
    ]) {
      await stage.refused(t, to(host), 400, 'bad Host')
    }
    stage.untouched(t)
  },
)

rule(
  'host/spelling',
  'RFC 9110 §4.2.3',
  'Case, one trailing dot and the port do not matter to routing, and Host reaches the dyno as it came',
  async (t) => {
    const stage = await Stage.open()
    for (const host of [
      HOST,
      'SHOP.Example.COM',
      `${HOST}.`,
      `${HOST}:80`,
      `${HOST}:8443`,
      `${HOST}.:1`,
      `${HOST}:0`,
    ]) {
      t.equal((await stage.ask(to(host))).status, 200, host)
      t.strictSame(stage.dyno.requests.at(-1)?.headers.get('host'), [host])
      t.strictSame(stage.dyno.requests.at(-1)?.headers.get('x-forwarded-host'), [host])
    }
    t.match(stage.lastLine, ` host=${HOST} `)
  },
)

rule(
  'host/longest-match',
  'Postern routing',
  'An exact domain goes before a wildcard and a longer wildcard before a shorter one',
  async (t) => {
    const names = ['exact', 'long', 'short'] as const
    const domains = { exact: 'a.b.example.com', long: '*.b.example.com', short: '*.example.com' }
    const dynos = await Promise.all(names.map(() => RecordingDyno.start()))
    t.teardown(() => Promise.all(dynos.map((dyno) => dyno.stop())))
    const stage = await Stage.open()
    stage.router.plane.apply(
      space({ apps: names.map((name, i) => app({ name, domains: [domains[name]], dynos: [dynos[i]!.port] })) }),
    )
    for (const [host, name] of [
      ['a.b.example.com', 'exact'],
      ['A.B.example.com.:81', 'exact'],
      ['x.b.example.com', 'long'],
      ['y.x.b.example.com', 'long'],
      ['b.example.com', 'short'],
      ['z.example.com', 'short'],
    ] as const) {
      t.equal((await stage.ask(to(host))).status, 200)
      t.match(stage.lastLine, ` app=${name} `, host)
    }
    t.strictSame(
      dynos.map(({ requests }) => requests.length),
      [2, 2, 2],
    )
    t.equal((await stage.ask(to('example.com'))).status, 404, 'a wildcard stands for at least one label')
  },
)

rule('host/unknown', 'Heroku error codes', 'A host of no app is 404, P02, and the connection goes on', async (t) => {
  const stage = await Stage.open()
  const client = await stage.client()
  for (const host of ['other.example.com', 'example.com', `x.${HOST}`, '127.0.0.1', '[::1]:80', 'localhost']) {
    client.send(to(host))
    const answer = await client.answer()
    t.equal(answer.status, 404)
    t.match(stage.lastLine, / at=warning code=P02 desc="No such app" .* status=404 /)
  }
  t.equal((await client.get()).status, 200)
  t.equal(stage.dyno.requests.length, 1)
})

rule(
  'host/without-in-http-1.0',
  'Heroku HTTP Routing',
  'HTTP/1.0 without Host is the request for an unknown host',
  async (t) => {
    const stage = await Stage.open()
    t.equal((await stage.ask('GET / HTTP/1.0\r\n\r\n')).status, 404)
    t.equal((await stage.ask('GET / HTTP/1.0\r\nX-Forwarded-Host: shop.example.com\r\n\r\n')).status, 404)
    stage.untouched(t)
  },
)

rule(
  'host/no-other-source',
  'Postern access',
  'No header but Host, and no absolute form but in the request line, names the app',
  async (t) => {
    const stage = await Stage.open()
    for (const line of [
      'X-Forwarded-Host',
      'X-Host',
      'Forwarded',
      'X-Original-Host',
      'X-HTTP-Host-Override',
      'X-Original-URL',
      'X-Rewrite-URL',
      'Host_',
      'Http-Host',
      'Origin',
      'Referer',
    ]) {
      const value = line === 'Forwarded' ? `host=${HOST}` : HOST
      const answer = await stage.ask(`GET / HTTP/1.1\r\nHost: other.example.com\r\n${line}: ${value}\r\n\r\n`)
      t.equal(answer.status, 404, line)
    }
    stage.untouched(t)
  },
)

rule(
  'host/internal-is-unknown',
  'Heroku Internal Routing',
  'From outside an internal app answers byte for byte as a host that was never configured',
  async (t) => {
    const stage = await Stage.open({ app: { internalRouting: true } })
    const outside = async (host: string, lines = '') => {
      const { raw } = await stage.ask(`GET / HTTP/1.1\r\nHost: ${host}\r\n${lines}\r\n`)
      return raw.replace(/^Date: .*\r\n/m, '').replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/, 'ID')
    }
    const unknown = await outside('nobody.example.com')
    t.match(unknown, /^HTTP\/1\.1 404 /)
    for (const lines of [
      '',
      'X-Forwarded-For: 127.10.0.9\r\n',
      'Forwarded: for=127.10.0.9\r\n',
      'X-Real-IP: 127.10.0.9\r\n',
    ]) {
      t.equal(await outside(HOST, lines), unknown)
    }
    t.equal((await stage.ask(`GET http://${HOST}/ HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)).status, 404)
    stage.untouched(t)
    const inside = await stage.client('127.10.0.9')
    t.equal((await inside.get()).status, 200)
    t.strictSame(stage.dyno.requests[0]?.headers.get('x-forwarded-for'), ['127.10.0.9'])
    t.equal(stage.dyno.requests[0]?.head.startsWith(get().slice(0, 20)), true)
  },
)
