import { resolve } from 'node:path'
import t from 'tap'
import { RawClient } from '../support/raw-client.ts'
import { RunningRouter } from '../support/running-router.ts'

// The promise: nobody gets in where they do not belong, and nobody outside can tell what is inside.

const DYNO = `node ${resolve(import.meta.dirname, '../support/dyno.js')}`
const SPACE = `
space: { name: acme, cidr: 127.20.0.0/16 }
listeners:
  - { name: public, address: "127.0.0.1:0", exposure: public }
  - { name: internal, address: "127.20.0.1:0", exposure: internal }
  - { name: public-v6, address: "[::1]:0", exposure: public }
  - { name: dual, address: "[::]:0", exposure: public }
trustedIpRanges:
  - { cidr: 127.0.0.0/16, label: this machine }
  - { cidr: 127.0.66.0/24, action: deny, label: a bad part of it }
  - ::1/128
apps:
  shop:
    domains: [shop.example.com, "*.shop.example.com"]
    formation: { web: { quantity: 4, command: ${DYNO} } }
  billing:
    domains: [billing.example.com]
    internalRouting: true
    formation: { web: { quantity: 1, command: ${DYNO} } }
  office:
    domains: [office.example.com]
    trustedIpRanges: [127.0.5.0/24]
    formation: { web: { quantity: 1, command: ${DYNO} } }
`

t.test('who may come, and what they see', async (t) => {
  const router = await RunningRouter.start(SPACE)
  t.teardown(() => router.stop())

  const blocked = async (from: string, listener?: string) => {
    const client = await RawClient.connect(
      router.port(listener),
      from,
      listener === 'internal' ? '127.20.0.1' : '127.0.0.1',
    ).catch(() => null)
    if (client === null) return 'reset'
    client.send('GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n')
    const ending = await client.ended()
    return client.received.length === 0 ? ending : client.text
  }
  const visit = async (host: string, from?: string, to = '127.0.0.1', listener?: string) => {
    const client = await RawClient.connect(router.port(listener), from, to)
    client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nX-Request-Id: 01234567890123456789\r\nConnection: close\r\n\r\n`)
    const answer = await client.answer()
    client.close()
    return answer
  }
  const withoutDate = (raw: string) => raw.replace(/\r\nDate: [^\r]*/, '')

  t.test('an outside client reaches the public app, on all of its dynos', async (t) => {
    const seen = new Set<string>()
    for (let i = 0; i < 200 && seen.size < 4; i++) seen.add((await visit('shop.example.com')).body)
    t.strictSame([...seen].sort(), ['web.1', 'web.2', 'web.3', 'web.4'])
    t.equal((await visit('a.b.shop.example.com')).status, 200)
  })

  t.test('to an outside client an internal app is an unknown host, byte for byte', async (t) => {
    const internal = await visit('billing.example.com')
    const unknown = await visit('nothing.example.com')
    t.equal(internal.status, 404)
    t.equal(withoutDate(internal.raw), withoutDate(unknown.raw))
  })

  t.test('an inside client reaches both, by either listener', async (t) => {
    t.equal((await visit('billing.example.com', '127.20.9.9')).status, 200)
    t.equal((await visit('shop.example.com', '127.20.9.9')).status, 200)
    t.equal((await visit('billing.example.com', '127.20.9.9', '127.20.0.1', 'internal')).status, 200)
  })

  t.test('trusted ranges do not restrict inside clients; the internal listener resets the rest', async (t) => {
    t.equal(await blocked('127.0.0.1', 'internal'), 'reset')
  })

  t.test(
    'a source outside the trusted ranges is reset without a byte, deny beats allow, and both are logged',
    async (t) => {
      t.equal(await blocked('127.66.0.1'), 'reset')
      t.equal(await blocked('127.0.66.7'), 'reset')
      await router.until(async () => router.logLines().filter((line) => line.includes('code=P01')).length >= 3)
      const lines = router.logLines().filter((line) => line.includes('code=P01'))
      t.ok(lines.some((line) => line.includes('fwd="127.66.0.1"') && line.includes('untrusted-source')))
      t.ok(lines.some((line) => line.includes('fwd="127.0.66.7"') && line.includes('a bad part of it')))
      t.match(await router.admin('/metrics'), /postern_blocked_clients_total\{reason="denied-range"\} 1\n/)
    },
  )

  t.test('headers change nothing about where a client is', async (t) => {
    const client = await router.client()
    for (const lie of [
      'X-Forwarded-For: 127.20.9.9\r\n',
      'Forwarded: for=127.20.9.9\r\n',
      'X-Real-IP: 127.20.9.9\r\n',
      'X-Forwarded-Host: billing.example.com\r\n',
    ]) {
      t.equal((await client.get('/', 'billing.example.com', lie)).status, 404, lie)
    }
    client.close()
  })

  t.test('an app can narrow the ranges of the space', async (t) => {
    t.equal((await visit('office.example.com', '127.0.5.1')).status, 200)
    const client = await router.client('127.0.6.1')
    client.send('GET / HTTP/1.1\r\nHost: office.example.com\r\n\r\n')
    t.equal(await client.ended(), 'reset')
    t.equal((await visit('office.example.com', '127.20.9.9')).status, 200, 'inside clients are not narrowed')
  })

  t.test('IPv6 sources, and IPv4 sources that come mapped, are judged alike', async (t) => {
    t.equal((await visit('shop.example.com', '::1', '::1', 'public-v6')).status, 200)
    t.equal((await visit('shop.example.com', '127.0.0.1', '127.0.0.1', 'dual')).status, 200)
    t.equal((await visit('billing.example.com', '127.20.9.9', '127.0.0.1', 'dual')).status, 200)
    t.equal((await visit('billing.example.com', '127.0.0.1', '127.0.0.1', 'dual')).status, 404)
    t.equal(await blocked('127.66.0.1', 'dual'), 'reset')
  })
})

t.test('with `onUntrusted: forbid` a blocked client is told so', async (t) => {
  const router = await RunningRouter.start(`${SPACE}\nonUntrusted: forbid\n`)
  t.teardown(() => router.stop())
  const client = await router.client('127.66.0.1')
  client.send('GET / HTTP/1.1\r\nHost: shop.example.com\r\nAccept: application/json\r\n\r\n')
  const answer = await client.answer()
  t.equal(answer.status, 403)
  t.match(JSON.parse(answer.body), { error: { code: 'P01' } })
  t.equal(await client.ended(), 'end')
})

t.test('no trusted range at all blocks everyone outside', async (t) => {
  const router = await RunningRouter.start(SPACE.replace(/trustedIpRanges:\n(.*\n){3}/, 'trustedIpRanges: []\n'))
  t.teardown(() => router.stop())
  const client = await router.client().catch(() => null)
  if (client !== null) t.equal(await client.ended(), 'reset')
  const inside = await router.client('127.20.9.9')
  t.equal((await inside.get()).status, 200)
  inside.close()
})
