import t, { type Test } from 'tap'
import { settled } from '../support/data-plane.ts'
import type { RawClient } from '../support/raw-client.ts'
import { OK } from '../support/scripted-dyno.ts'
import { GET, openStage, type Stage, type StageParts } from '../support/stage.ts'

// The promise: there is one answer to who the client is, and access, headers and log all go by it. What an untrusted peer says of others changes nothing.

const PROXY_LISTENER = { proxyHeaderFrom: ['127.0.0.1/32'] }
const asking = (lines: string) => GET.replace('\r\n\r\n', `\r\n${lines}\r\n`)

/** A version 2 header: command 0x20 LOCAL or 0x21 PROXY, family 0x11 TCP over IPv4 or 0x21 TCP over IPv6. */
function proxyV2(command: number, family: number, body: readonly number[]): string {
  const head = [0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, command, family, 0, body.length]
  return Buffer.from([...head, ...body]).toString('latin1')
}

const IPV6_SOURCE = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]
const IPV6_DESTINATION = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]

/** What the dyno is told of the client of this request. */
async function seen(stage: Stage, client: RawClient, bytes: string): Promise<{ address?: string; port?: string }> {
  const before = stage.dyno.connections.length
  client.send(bytes)
  const connection = await stage.dyno.connection(before)
  const head = await connection.until('\r\n\r\n')
  connection.send(`${OK.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')}`)
  await client.answer()
  return {
    address: /\r\nX-Forwarded-For: ([^\r]*)\r\n/.exec(head)?.[1],
    port: /\r\nX-Forwarded-Port: ([^\r]*)\r\n/.exec(head)?.[1],
  }
}

/** Ended without a word. */
async function shutOut(t: Test, client: RawClient, how: 'end' | 'reset', what: string): Promise<void> {
  t.equal(await client.ended(), how, what)
  t.equal(client.text, '', what)
}

t.test('the client is the one that the PROXY header names, in either version', async (t) => {
  const headers: [name: string, header: string, address: string, port: string | null][] = [
    ['v1, IPv4', 'PROXY TCP4 203.0.113.9 198.51.100.1 4711 8443\r\n', '203.0.113.9', '8443'],
    ['v1, IPv6', 'PROXY TCP6 2001:db8::9 2001:db8::1 4711 443\r\n', '2001:db8::9', '443'],
    ['v1, IPv4 in IPv6', 'PROXY TCP6 ::ffff:203.0.113.9 ::1 4711 443\r\n', '203.0.113.9', '443'],
    ['v1, unknown', 'PROXY UNKNOWN\r\n', '127.0.0.1', null],
    ['v2, IPv4', proxyV2(0x21, 0x11, [203, 0, 113, 9, 198, 51, 100, 1, 0x12, 0x67, 0x20, 0xfb]), '203.0.113.9', '8443'],
    ['v2, IPv6', proxyV2(0x21, 0x21, [...IPV6_SOURCE, ...IPV6_DESTINATION, 0x12, 0x67, 1, 0xbb]), '2001:db8::9', '443'],
    ['v2, local', proxyV2(0x20, 0x00, []), '127.0.0.1', null],
  ]
  for (const [name, header, address, port] of headers) {
    const stage = await openStage(t, { listener: PROXY_LISTENER })
    const client = await stage.router.client()
    const forwarded = await seen(stage, client, header + GET)
    t.strictSame(forwarded, { address, port: port ?? String(stage.router.port) }, name)
    t.match(await stage.router.line(), `fwd="${address}"`, name)
    // The header is of the connection, not of its first request.
    t.strictSame((await seen(stage, client, GET)).address, address, name)
  }
})

t.test('a PROXY header may come in pieces', async (t) => {
  const stage = await openStage(t, { listener: PROXY_LISTENER })
  const client = await stage.router.client()
  for (const byte of 'PROXY TCP4 203.0.113.9 198.51.100.1 4711 443\r\n') {
    client.send(byte)
    await settled()
  }
  t.strictSame(await seen(stage, client, GET), { address: '203.0.113.9', port: '443' })
})

t.test('a peer that must send a PROXY header and sends something else is closed without a word', async (t) => {
  const { router, dyno } = await openStage(t, { listener: PROXY_LISTENER })
  for (const bytes of [
    GET,
    'PROXY TCP4 203.0.113.9\r\n',
    'PROXY TCP4 203.0.113.09 198.51.100.1 4711 443\r\n',
    'proxy TCP4 203.0.113.9 198.51.100.1 4711 443\r\n',
    `PROXY TCP4 203.0.113.9 198.51.100.1 4711 443\n${GET}`,
    proxyV2(0x22, 0x11, [203, 0, 113, 9, 198, 51, 100, 1, 0x12, 0x67, 0x20, 0xfb]),
    proxyV2(0x21, 0x31, [0, 0, 0, 0]),
  ]) {
    const client = await router.client()
    client.send(bytes)
    await client.ended()
    t.equal(client.text, '', JSON.stringify(bytes))
  }
  t.equal(dyno.connections.length, 0)
})

t.test('a PROXY header from any other peer is an error, and names nobody', async (t) => {
  for (const listener of [PROXY_LISTENER, {}]) {
    for (const header of ['PROXY TCP4 127.10.0.9 127.0.0.1 4711 80\r\n', proxyV2(0x20, 0x00, [])]) {
      const { router, dyno } = await openStage(t, { listener, app: { internalRouting: true } })
      const client = await router.client('127.0.0.2')
      client.send(header + GET)
      t.equal((await client.answer()).status, 400)
      await client.ended()
      t.match(await router.line(), / code=H26 .* fwd="127\.0\.0\.2" .* status=400 /)
      t.equal(dyno.connections.length, 0)
    }
  }
})

t.test('who the PROXY header names is judged, not the peer that sent it', async (t) => {
  const parts: StageParts = {
    listener: PROXY_LISTENER,
    space: { trustedIpRanges: [{ cidr: '203.0.113.0/24', action: 'allow', label: '' }] },
  }
  const stage = await openStage(t, parts)
  const from = async (address: string) => {
    const client = await stage.router.client()
    client.send(`PROXY TCP4 ${address} 127.0.0.1 4711 80\r\n`)
    return client
  }
  await shutOut(t, await from('198.51.100.1'), 'reset', 'an outside client without a range')
  t.match(await stage.router.line(), / code=P01 .* cause="untrusted-source" .* fwd="198\.51\.100\.1" /)
  t.equal((await seen(stage, await from('203.0.113.9'), GET)).address, '203.0.113.9')
  t.equal((await seen(stage, await from('127.10.0.9'), GET)).address, '127.10.0.9', 'an inside client')
  t.equal(await stage.router.metric('postern_blocked_clients_total{reason="untrusted-source"}'), 1)
})

t.test('an internal app exists for whom the PROXY header puts inside', async (t) => {
  for (const [address, status] of [
    ['127.10.0.9', 200],
    ['203.0.113.9', 404],
  ] as const) {
    const { router, dyno } = await openStage(t, { listener: PROXY_LISTENER, app: { internalRouting: true } })
    const client = await router.client()
    client.send(`PROXY TCP4 ${address} 127.0.0.1 4711 80\r\n${GET}`)
    if (status === 200) (await dyno.connection()).send(OK)
    t.equal((await client.answer()).status, status)
  }
})

t.test('behind trusted proxies the client is the first address from the right that is none', async (t) => {
  const stage = await openStage(t, {
    space: {
      trustedProxies: ['127.0.0.0/24', '198.51.100.0/24'],
      trustedIpRanges: [{ cidr: '203.0.113.0/24', action: 'allow', label: '' }],
    },
  })
  for (const [lines, told] of [
    ['X-Forwarded-For: 203.0.113.9\r\n', '203.0.113.9, 127.0.0.1'],
    ['X-Forwarded-For: 192.0.2.66, 203.0.113.9, 198.51.100.7\r\n', '192.0.2.66, 203.0.113.9, 198.51.100.7, 127.0.0.1'],
    ['X-Forwarded-For: nonsense, 203.0.113.9\r\n', 'nonsense, 203.0.113.9, 127.0.0.1'],
    ['X-Forwarded-For: 192.0.2.66\r\nX-Forwarded-For: 203.0.113.9\r\n', '192.0.2.66, 203.0.113.9, 127.0.0.1'],
    ['X-Forwarded-For: 127.10.0.9\r\n', '127.10.0.9, 127.0.0.1'],
  ] as const) {
    const { address } = await seen(stage, await stage.router.client(), asking(lines))
    t.equal(address, told, lines)
    t.match(stage.router.lines.at(-1), `fwd="${told}"`)
  }
  for (const lines of [
    'X-Forwarded-For: 192.0.2.66\r\n',
    'X-Forwarded-For: 203.0.113.9, 192.0.2.66\r\n',
    'X-Forwarded-For: 203.0.113.9, 010.8.8.8\r\n',
    'X-Forwarded-For: 203.0.113.9, \r\n',
    'X-Forwarded-For: 203.0.113.9:4711\r\n',
    // The proxies themselves are in no trusted range.
    'X-Forwarded-For: 198.51.100.7\r\n',
    '',
  ]) {
    const client = await stage.router.client()
    client.send(asking(lines))
    await shutOut(t, client, 'reset', lines)
    t.match(stage.router.lines.at(-1), / code=P01 .* status= /)
  }
})

t.test('each request on the connection of a proxy is judged by itself', async (t) => {
  const stage = await openStage(t, {
    app: { internalRouting: true },
    space: { trustedProxies: ['127.0.0.1/32'] },
  })
  const client = await stage.router.client()
  const inside = asking('X-Forwarded-For: 127.10.0.9\r\n')
  const outside = asking('X-Forwarded-For: 203.0.113.9\r\n')
  for (let i = 0; i < 2; i++) {
    t.equal((await seen(stage, client, inside)).address, '127.10.0.9, 127.0.0.1')
    client.send(outside)
    t.equal((await client.answer()).status, 404)
  }
})

t.test(
  'X-Forwarded-For of an untrusted peer is dropped, or kept on the left with `append`, and never believed',
  async (t) => {
    for (const [forwardedFor, told] of [
      ['replace', '127.0.0.1'],
      ['append', '127.10.0.9, 127.0.0.1'],
    ] as const) {
      const stage = await openStage(t, { listener: { forwardedFor } })
      const lie = asking('X-Forwarded-For: 127.10.0.9\r\n')
      t.equal((await seen(stage, await stage.router.client(), lie)).address, told)
      t.match(await stage.router.line(), `fwd="${told}"`)
      t.equal((await seen(stage, await stage.router.client(), GET)).address, '127.0.0.1')

      const internal = await openStage(t, { listener: { forwardedFor }, app: { internalRouting: true } })
      const client = await internal.router.client()
      client.send(lie)
      t.equal((await client.answer()).status, 404)
    }
  },
)
