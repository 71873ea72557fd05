import { createServer } from 'node:http'
import { createServer as createTcpServer, type Socket } from 'node:net'
import { pino } from 'pino'
import t from 'tap'
import type { HealthCheckConfig } from '../../src/config/config.ts'
import { EventLog } from '../../src/control/events.ts'
import { HealthChecks } from '../../src/control/health/health-checks.ts'
import { type ProbeTarget, probeByHttp } from '../../src/control/health/http-probe.ts'
import { type Health, readyIds } from '../../src/control/health/readiness.ts'
import { RouterMetrics } from '../../src/telemetry/router-metrics.ts'
import { ManualClock, settled } from './manual-clock.ts'
import { space } from './space.ts'

const ONE = { id: 'one', name: 'web.1', address: '127.0.0.1', port: 5001 }
const TWO = { id: 'two', name: 'web.2', address: '127.0.0.1', port: 5002 }

/** Checks of the app `shop` whose answers the test plays. */
function setUp(check: Record<string, unknown> = {}, presumed: Health = 'unknown') {
  const clock = new ManualClock()
  const events = new EventLog(clock)
  const asked: { atMs: number; port: number; host: string; path: string }[] = []
  /** What the next checks come to; then all is well. */
  const outcomes: string[] = []
  const failures = new Map<string, number>()
  const apps = (healthCheck?: Record<string, unknown>) =>
    space({
      apps: {
        shop: {
          domains: ['*.example.com', 'shop.example.com'],
          formation: { web: { dynos: [{ address: '127.0.0.1:5001' }] } },
          ...(healthCheck && { healthCheck }),
        },
      },
    }).apps
  const beganAtMs = clock.now()
  const checks = new HealthChecks({
    probe: async ({ port, host }: ProbeTarget, { path }: HealthCheckConfig) => {
      asked.push({ atMs: clock.now() - beganAtMs, port, host, path })
      return outcomes.shift() ?? ''
    },
    clock,
    log: pino({ level: 'silent' }),
    metrics: new RouterMetrics(),
    events,
    failures: (id) => failures.get(id) ?? 0,
    presume: () => presumed,
    onChange: () => {},
  })
  checks.configure(apps({ path: '/up', ...check }), 'app.localspace')
  t.teardown(() => checks.stop())
  const health = () => Object.fromEntries(checks.healthOf('shop') ?? [])
  return { clock, checks, asked, outcomes, failures, health, events, apps }
}

t.test('a new dyno is asked at once, at its address, by the host of its app', async (t) => {
  const { checks, asked, health } = setUp()
  checks.follow('shop', [ONE])
  t.strictSame(health(), { one: 'unknown' })
  await settled()
  t.strictSame(asked, [{ atMs: 0, port: 5001, host: 'shop.example.com', path: '/up' }])
  t.strictSame(health(), { one: 'passing' })
})

t.test('so many failed checks in a row take a dyno out, and so many passed ones bring it back', async (t) => {
  const { clock, checks, asked, outcomes, health, events } = setUp({ unhealthyAfter: 3, healthyAfter: 2 }, 'passing')
  checks.follow('shop', [ONE])
  const seen: string[] = []
  outcomes.push('', 'bad', 'bad', '', 'bad', 'bad', 'bad', 'bad', '', 'bad', '', '', '')
  while (outcomes.length > 0) {
    const before = asked.length
    while (asked.length === before) await clock.advance(clock.nextMs)
    seen.push(health().one === 'passing' ? '+' : '-')
  }
  t.equal(seen.join(''), '++++++-----++')
  t.match(
    events.since(0).map(({ health, reason }) => ({ health, reason })),
    [
      { health: 'failing', reason: 'bad' },
      { health: 'passing', reason: '' },
    ],
  )
  t.match(checks.statusOf('shop', 'one'), { health: 'passing', reason: '' })
  t.equal(checks.statusOf('shop', 'two'), null)
})

t.test('checks of dynos that serve are spread over the interval, and each is jittered', async (t) => {
  const { clock, checks, asked } = setUp({}, 'passing')
  const dynos = Array.from({ length: 40 }, (_, i) => ({ ...ONE, id: `${i}`, port: 6000 + i }))
  checks.follow('shop', dynos)
  await clock.advance(5000)
  t.equal(new Set(asked.map(({ port }) => port)).size, 40)
  t.ok(new Set(asked.map(({ atMs }) => Math.floor(atMs / 1000))).size >= 4, 'over the seconds')
  const gaps = dynos.map(({ port }) => asked.filter((each) => each.port === port).map(({ atMs }) => atMs))
  await clock.advance(20_000)
  t.ok(gaps.every((times) => times.every((atMs, i) => i === 0 || atMs - times[i - 1]! >= 4500)))
})

t.test('failed requests hasten the next check, at most one a second', async (t) => {
  const { clock, checks, asked, failures } = setUp({ interval: '1h' }, 'passing')
  checks.follow('shop', [ONE, TWO])
  failures.set('one', 3)
  await clock.advance(1000)
  t.strictSame(
    asked.map(({ port }) => port),
    [5001],
  )
  await clock.advance(10_000)
  t.equal(asked.length, 1, 'those are known by now')
  for (let i = 4; i < 14; i++) {
    failures.set('one', i)
    await clock.advance(500)
  }
  t.equal(asked.length, 6)
})

t.test('what is no longer followed is no longer asked, and a check that is taken out of the file ends', async (t) => {
  const { clock, checks, asked, health, apps } = setUp()
  checks.follow('shop', [ONE, TWO])
  await clock.advance(100)
  checks.follow('shop', [TWO])
  asked.length = 0
  await clock.advance(20_000)
  t.ok(asked.length > 0 && asked.every(({ port }) => port === 5002))
  checks.configure(apps(), 'app.localspace')
  t.equal(checks.healthOf('shop'), null)
  asked.length = 0
  await clock.advance(20_000)
  t.strictSame(asked, [])
  checks.configure(apps({ path: '/other' }), 'app.localspace')
  await clock.advance(10)
  t.strictSame(health(), { two: 'passing' })
  t.equal(asked[0]?.path, '/other')
})

t.test('those that pass are ready; when none does all are, unless the app fails closed', async (t) => {
  const ids = ['a', 'b', 'c']
  const health = (a: Health, b: Health, c: Health) => new Map(Object.entries({ a, b, c }))
  t.strictSame([...readyIds(ids, null, true)], ids)
  t.strictSame([...readyIds(ids, health('passing', 'failing', 'unknown'), false)], ['a'])
  t.strictSame([...readyIds(ids, health('failing', 'failing', 'unknown'), false)], ids)
  t.strictSame([...readyIds(ids, health('failing', 'failing', 'unknown'), true)], [])
})

t.test('a check by HTTP', async (t) => {
  const check = { path: '/up?deep=1', statusFrom: 200, statusTo: 399, timeoutMs: 60_000 } as HealthCheckConfig
  const heads: unknown[] = []
  const server = createServer((request, response) => {
    heads.push([request.method, request.url, request.headers.host, request.headers['user-agent']])
    response.writeHead(Number(request.headers.host)).end('body')
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const probe = (host: string, more: Partial<HealthCheckConfig> = {}, at = port) =>
    probeByHttp({ address: '127.0.0.1', port: at, host }, { ...check, ...more }, new AbortController().signal)
  t.equal(await probe('200'), '')
  t.strictSame(heads[0], ['GET', '/up?deep=1', '200', 'postern-health-check'])
  t.equal(await probe('302'), '')
  t.equal(await probe('302', { statusTo: 299 }), 'GET /up?deep=1 answered 302')
  t.equal(await probe('503'), 'GET /up?deep=1 answered 503')

  const sockets = new Set<Socket>()
  let says = ''
  const silent = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    if (says !== '') socket.end(says)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => silent.once('listening', resolve))
  const silentPort = (silent.address() as { port: number }).port
  t.equal(await probe('x', { timeoutMs: 50 }, silentPort), 'GET /up?deep=1 was not answered within 50 ms')
  says = 'not HTTP at all\r\n\r\n'
  t.match(await probe('x', {}, silentPort), /failed: HPE_/)
  for (const socket of sockets) socket.destroy()
  silent.close()
  await new Promise((resolve) => silent.once('close', resolve))
  t.equal(await probe('x', {}, silentPort), 'GET /up?deep=1 failed: ECONNREFUSED')
})
