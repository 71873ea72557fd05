import t, { type Test } from 'tap'
import type { SnapshotData, TrustedRange } from '../../src/model/snapshot.ts'
import { settled, type TestDataPlane } from '../support/data-plane.ts'
import { type AppParts, app } from '../support/loopback-space.ts'
import type { RawClient } from '../support/raw-client.ts'
import { answering, type DynoConnection, OK } from '../support/scripted-dyno.ts'
import { openStage, request, type Stage, type StageParts } from '../support/stage.ts'

// The promise: who may not come in any more is out at the next request of a kept connection, and at once when it has a tunnel. Nobody else notices.

const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'
const ranges = (...cidrs: string[]): TrustedRange[] => cidrs.map((cidr) => ({ cidr, action: 'allow', label: '' }))

function apply(router: TestDataPlane, change: Partial<SnapshotData>): void {
  const { data } = router.plane.snapshot
  router.plane.apply({ ...data, version: data.version + 1, ...change })
}

/** The same app, changed so. */
function changed({ dyno }: Stage, parts: AppParts): Partial<SnapshotData> {
  return { apps: [app({ dynos: [dyno.port], ...parts })] }
}

async function openTunnel({ router, dyno }: Stage, from?: string, lines = ''): Promise<[RawClient, DynoConnection]> {
  const number = dyno.connections.length
  const client = await router.client(from)
  client.send(request('GET', `${lines}Connection: upgrade\r\nUpgrade: websocket\r\n`))
  const connection = await dyno.connection(number)
  connection.send(SWITCH)
  await client.until('\r\n\r\n')
  connection.forget()
  return [client, connection]
}

async function lives(t: Test, [client, connection]: [RawClient, DynoConnection]): Promise<void> {
  client.send('from the client')
  await connection.until('from the client')
  connection.send('from the dyno')
  await client.until('from the dyno')
  t.equal(client.ending, '')
}

async function cut(
  t: Test,
  router: TestDataPlane,
  [client, connection]: [RawClient, DynoConnection],
  line: RegExp,
): Promise<void> {
  t.equal(await client.ended(), 'reset')
  await connection.untilClosed()
  t.match(await router.line(), line)
  t.equal(router.lines.length, 1)
  t.equal(await router.metric('postern_requests_in_flight{app="shop"}'), 0)
}

t.test('a range that is removed resets a kept connection at its next request', async (t) => {
  const stage = await openStage(t, { script: answering(OK), space: { trustedIpRanges: ranges('127.0.0.0/24') } })
  const client = await stage.router.client()
  t.equal((await client.get()).status, 200)
  apply(stage.router, { trustedIpRanges: ranges('127.0.1.0/24') })
  await settled()
  t.equal(client.ending, '')
  client.send(request('GET'))
  t.equal(await client.ended(), 'reset')
  t.equal(client.text, '')
  t.match(
    await stage.router.line(1),
    /at=warning code=P01 desc="Untrusted source" cause="untrusted-source" .* status= /,
  )
})

t.test('with `forbid` that request is answered 403, and the connection closes', async (t) => {
  const { router } = await openStage(t, { script: answering(OK), space: { onUntrusted: 'forbid' } })
  const client = await router.client()
  t.equal((await client.get()).status, 200)
  apply(router, { trustedIpRanges: [] })
  const answer = await client.get()
  t.equal(answer.status, 403)
  t.strictSame(answer.headers.get('connection'), ['close'])
  t.equal(await client.ended(), 'end')
})

t.test('an answer under way is not cut: the next request is', async (t) => {
  const { router, dyno } = await openStage(t)
  const client = await router.client()
  client.send(request('GET'))
  const connection = await dyno.connection()
  connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no')
  await client.until('\r\n\r\no')
  apply(router, { trustedIpRanges: [] })
  connection.send('k')
  t.equal((await client.answer()).body, 'ok')
  client.send(request('GET'))
  t.equal(await client.ended(), 'reset')
})

t.test('a range that is removed cuts the open tunnels of its clients at once', async (t) => {
  const stage = await openStage(t, { space: { trustedIpRanges: ranges('127.0.0.0/24', '127.0.1.0/24') } })
  const leaving = await openTunnel(stage)
  const staying = await openTunnel(stage, '127.0.1.1')
  const inside = await openTunnel(stage, '127.10.0.9')
  apply(stage.router, { trustedIpRanges: ranges('127.0.1.0/24') })
  t.equal(await leaving[0].ended(), 'reset')
  await leaving[1].untilClosed()
  await lives(t, staying)
  await lives(t, inside)
  t.match(await stage.router.line(), /at=warning code=P01 .* cause="untrusted-source" .* dyno=web\.1 .* status=101 /)
  t.equal(stage.router.lines.length, 1)
  t.equal(await stage.router.metric('postern_blocked_clients_total{reason="untrusted-source"}'), 1)
  t.equal(await stage.router.metric('postern_requests_in_flight{app="shop"}'), 2)
})

t.test('a range that is denied cuts them too, and the log says which one', async (t) => {
  const stage = await openStage(t)
  const tunnel = await openTunnel(stage)
  apply(stage.router, { trustedIpRanges: [{ cidr: '127.0.0.1/32', action: 'deny', label: 'a laptop' }] })
  await cut(t, stage.router, tunnel, / code=P01 .* cause="denied-range \(a laptop\)" .* status=101 /)
})

t.test('a network that is taken away makes its clients outside ones', async (t) => {
  const parts: StageParts = { space: { insideRanges: ['127.10.0.0/16', '127.20.0.0/16'], trustedIpRanges: [] } }
  const stage = await openStage(t, parts)
  const tunnel = await openTunnel(stage, '127.20.0.9')
  apply(stage.router, { insideRanges: ['127.10.0.0/16'] })
  await cut(t, stage.router, tunnel, / code=P01 .* status=101 /)
})

t.test(
  'an app that turns internal does not exist outside any more, for tunnels and for the next request',
  async (t) => {
    const stage = await openStage(t)
    const outside = await openTunnel(stage)
    const inside = await openTunnel(stage, '127.10.0.9')
    const kept = await stage.router.client()
    kept.send(request('GET'))
    ;(await stage.dyno.connection(2)).send(OK)
    t.equal((await kept.answer()).status, 200)
    apply(stage.router, changed(stage, { internalRouting: true }))
    t.equal(await outside[0].ended(), 'reset')
    await outside[1].untilClosed()
    await lives(t, inside)
    t.match(await stage.router.line(1), /at=warning code=P02 desc="No such app" .* status=101 /)
    const answer = await kept.get()
    const unknown = await kept.get('/', 'nobody.example.com')
    t.equal(answer.status, 404)
    const without = (raw: string) => raw.replace(/Request id: .*\n/, '')
    t.equal(without(answer.raw), without(unknown.raw), 'as if it had never been there')
  },
)

t.test('an app that is removed takes its tunnels along', async (t) => {
  const stage = await openStage(t)
  const tunnel = await openTunnel(stage, '127.10.0.9')
  apply(stage.router, { apps: [] })
  t.equal(await tunnel[0].ended(), 'reset')
  await tunnel[1].untilClosed()
  t.match(await stage.router.line(), / code=P02 .* status=101 /)
})

t.test('ranges of the app itself cut the tunnels that they leave out', async (t) => {
  const stage = await openStage(t)
  const tunnel = await openTunnel(stage)
  const inside = await openTunnel(stage, '127.10.0.9')
  apply(stage.router, changed(stage, { trustedIpRanges: ranges('127.0.1.0/24') }))
  t.equal(await tunnel[0].ended(), 'reset')
  await lives(t, inside)
  t.match(await stage.router.line(), / code=P01 .* cause="app-range" .* status=101 /)
})

t.test('the tunnel of a client behind a proxy is judged by what the proxy said of it', async (t) => {
  const stage = await openStage(t, { space: { trustedProxies: ['127.0.0.1/32'] } })
  const leaving = await openTunnel(stage, undefined, 'X-Forwarded-For: 203.0.113.9\r\n')
  const staying = await openTunnel(stage, undefined, 'X-Forwarded-For: 198.51.100.9\r\n')
  apply(stage.router, { trustedIpRanges: ranges('198.51.100.0/24') })
  t.equal(await leaving[0].ended(), 'reset')
  await lives(t, staying)
  // The proxy itself is trusted no more: now it is the client.
  apply(stage.router, { trustedProxies: [] })
  t.equal(await staying[0].ended(), 'reset')
})

t.test('a change that does not concern them leaves tunnels and kept connections alone', async (t) => {
  const stage = await openStage(t, { space: { trustedIpRanges: ranges('127.0.0.0/24') } })
  const tunnel = await openTunnel(stage)
  apply(stage.router, { trustedIpRanges: ranges('127.0.0.0/16') })
  apply(stage.router, changed(stage, { maintenance: true }))
  apply(stage.router, { apps: [...stage.router.plane.snapshot.data.apps, app({ name: 'other' })] })
  await lives(t, tunnel)
  t.strictSame(stage.router.lines, [])
})
