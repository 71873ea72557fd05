import { rule } from './rule.ts'
import { get, HOST, Stage } from './stage.ts'

const TRUSTED = { trustedIpRanges: [{ cidr: '198.51.100.0/24', action: 'allow', label: '' }] } as const
const FROM_TRUSTED = 'PROXY TCP4 198.51.100.7 203.0.113.1 40000 443\r\n'

rule(
  'client-address/untrusted',
  'Heroku Trusted IP Ranges',
  'A source outside the trusted ranges gets a TCP reset and no byte, whatever it claims',
  async (t) => {
    const stage = await Stage.open({ space: TRUSTED })
    for (const lines of [
      '',
      'X-Forwarded-For: 198.51.100.7\r\n',
      'Forwarded: for=198.51.100.7\r\n',
      'X-Real-IP: 198.51.100.7\r\nTrue-Client-IP: 198.51.100.7\r\nCF-Connecting-IP: 198.51.100.7\r\n',
    ]) {
      const client = await stage.client().catch(() => null)
      // The reset may come before the connect is reported.
      if (client === null) continue
      client.send(get('/', lines))
      t.equal(await client.ended(), 'reset')
      t.equal(client.text, '')
    }
    t.ok(stage.router.lines.every((line) => / code=P01 desc="Untrusted source" .* status= /.test(line)))
    t.ok(stage.router.lines.length > 0)
    stage.untouched(t)
  },
)

rule(
  'client-address/forbid',
  'Heroku Trusted IP Ranges',
  'With onUntrusted: forbid it gets 403 and the connection closes',
  async (t) => {
    const stage = await Stage.open({ space: { ...TRUSTED, onUntrusted: 'forbid' } })
    const client = await stage.client()
    client.send(get('/', 'X-Forwarded-For: 198.51.100.7\r\n') + get('/again'))
    const answer = await client.answer()
    t.equal(answer.status, 403)
    t.strictSame(answer.headers.get('connection'), ['close'])
    t.equal(await client.ended(), 'end')
    t.equal(client.text, '')
    stage.untouched(t)
  },
)

rule(
  'client-address/proxy-header',
  'PROXY protocol 1 and 2',
  'From a peer that must send it, the PROXY header names the client for access, headers and log alike',
  async (t) => {
    const stage = await Stage.open({ space: TRUSTED, listener: { proxyHeaderFrom: ['127.0.0.1/32'] } })
    const client = await stage.client()
    client.send(FROM_TRUSTED + get('/', 'X-Forwarded-For: 203.0.113.9\r\n'))
    t.equal((await client.answer()).status, 200)
    const { headers } = await stage.dyno.request()
    t.strictSame(headers.get('x-forwarded-for'), ['198.51.100.7'])
    t.strictSame(headers.get('x-forwarded-port'), ['443'])
    t.match(stage.lastLine, ' fwd="198.51.100.7" ')
    client.send(get('/again'))
    t.equal((await client.answer()).status, 200, 'once for a connection')
  },
)

rule(
  'client-address/proxy-header-untrusted',
  'PROXY protocol 1 and 2',
  'A client that it names and that may not come in gets a reset too',
  async (t) => {
    const stage = await Stage.open({ space: TRUSTED, listener: { proxyHeaderFrom: ['127.0.0.1/32'] } })
    const client = await stage.client()
    client.send(FROM_TRUSTED.replace('198.51.100.7', '203.0.113.9') + get())
    t.equal(await client.ended(), 'reset')
    t.equal(client.text, '')
    stage.untouched(t)
  },
)

rule(
  'client-address/proxy-header-required',
  'PROXY protocol 1 and 2',
  'There it is required and well-formed, and from anybody else it is a malformed request',
  async (t) => {
    const required = await Stage.open({ listener: { proxyHeaderFrom: ['127.0.0.1/32'] } })
    for (const bytes of [
      get(),
      `PROXY TCP4 1.2.3.4 5.6.7.8 1 99999\r\n${get()}`,
      `PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n${get()}`,
    ]) {
      const client = await required.client()
      client.send(bytes)
      await client.ended()
      t.equal(client.text, '')
    }
    required.untouched(t)
    const other = await Stage.open({ listener: { proxyHeaderFrom: ['192.0.2.0/24'] } })
    await other.refused(t, FROM_TRUSTED + get(), 400)
    const none = await Stage.open()
    await none.refused(t, FROM_TRUSTED + get(), 400)
    none.untouched(t)
  },
)

rule(
  'client-address/trusted-proxies',
  'RFC 7239 §8.1',
  'Behind trusted proxies the client is the first address from the right of X-Forwarded-For that is none of them',
  async (t) => {
    const stage = await Stage.open({ space: { ...TRUSTED, trustedProxies: ['127.0.0.0/8', '192.0.2.0/24'] } })
    const ask = async (value: string) => {
      const client = await stage.client()
      client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nX-Forwarded-For: ${value}\r\n\r\n`)
      const status = await client.answer().then(
        (answer) => answer.status,
        () => client.ending,
      )
      client.close()
      return status
    }
    t.equal(await ask('198.51.100.7'), 200)
    t.equal(await ask('198.51.100.7, 192.0.2.5'), 200)
    t.equal(await ask('10.0.0.1, 198.51.100.7,192.0.2.5 , 192.0.2.6'), 200)
    t.equal(await ask('198.51.100.7\r\nX-Forwarded-For: 192.0.2.5'), 200)
    t.equal(stage.dyno.requests.length, 4)
    for (const value of [
      '203.0.113.9',
      '198.51.100.7, 203.0.113.9',
      '198.51.100.7, 203.0.113.9, 192.0.2.5',
      '198.51.100.7, ',
      '198.51.100.7, unknown',
      '198.51.100.7:443',
      '"198.51.100.7"',
      '198.51.100.07',
      '3325256711',
    ]) {
      t.equal(await ask(value), 'reset', value)
    }
    t.equal(stage.dyno.requests.length, 4)
  },
)

rule(
  'client-address/internal-listener',
  'Heroku Internal Routing',
  'An internal listener serves clients from inside; the others get a reset and no byte, with onUntrusted: forbid too',
  async (t) => {
    const INSIDE = '127.10.0.7'
    for (const onUntrusted of ['reset', 'forbid'] as const) {
      const stage = await Stage.open({
        space: { onUntrusted, trustedProxies: ['127.10.0.9/32'] },
        listener: { exposure: 'internal' },
      })
      const ask = async (from: string, lines = '') => {
        const client = await stage.client(from).catch(() => null)
        // The reset may come before the connect is reported.
        if (client === null) return 'reset'
        client.send(get('/', lines))
        return client.answer().then(
          (answer) => answer.status,
          () => (client.text === '' ? client.ending : client.text),
        )
      }
      t.equal(await ask(INSIDE), 200)
      t.equal(await ask('127.10.0.9', `X-Forwarded-For: ${INSIDE}\r\n`), 200)
      t.equal(await ask('127.0.0.1'), 'reset')
      t.equal(await ask('127.0.0.1', `X-Forwarded-For: ${INSIDE}\r\n`), 'reset')
      t.equal(await ask('127.10.0.9', 'X-Forwarded-For: unknown\r\n'), 'reset')
      t.equal(await ask('127.10.0.9', 'X-Forwarded-For: 127.0.0.1\r\n'), 'reset', 'whom a proxy speaks for')
      t.match(stage.lastLine, / code=P01 desc="Untrusted source" cause="internal-listener" /)
      t.equal(stage.dyno.requests.length, 2)
    }
  },
)
