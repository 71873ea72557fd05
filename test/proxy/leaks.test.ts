import { connect } from 'node:net'
import { queryObjects } from 'node:v8'
import t, { type Test } from 'tap'
import { BackendConnection } from '../../src/proxy/backend-connection.ts'
import { ClientConnection } from '../../src/proxy/client-connection.ts'
import type { TimerEntry } from '../../src/proxy/timer-wheel.ts'
import { settled, type TestDataPlane } from '../support/data-plane.ts'
import { app } from '../support/loopback-space.ts'
import type { RawClient } from '../support/raw-client.ts'
import { type DynoConnection, OK, streaming } from '../support/scripted-dyno.ts'
import { SilentPort } from '../support/silent-port.ts'
import { openStage } from '../support/stage.ts'

// The promise: whenever and however a client or a dyno breaks off, one line says so, and nothing stays behind: no connection, no timer, no count, no object.

/** Breaks per phase and way. */
const TIMES = 100
const AT_ONCE = 100

const CONNECTIONS = 'postern_client_connections{listener="public"}'
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'
const HALF = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab'

const to = (path: string, host = 'shop.example.com', lines = '', body = '') =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${lines}\r\n${body}`
const upgrade = (path: string) => to(path, undefined, 'Connection: upgrade\r\nUpgrade: websocket\r\n')
const upload = (path: string, host?: string) => to(path, host, 'Content-Length: 4\r\n', 'ab')

/** The path says what the dyno does. */
function script(connection: DynoConnection): void {
  const { socket } = connection
  socket.on('end', () => socket.destroy())
  void connection.until('\r\n\r\n').then(
    (head) => {
      const path = head.split(' ')[1]!
      if (path.startsWith('/ok')) connection.send(OK.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
      if (path.startsWith('/half')) connection.send(HALF)
      if (path.startsWith('/tunnel')) connection.send(SWITCH)
      if (path.startsWith('/stream')) {
        streaming(connection)
        socket.emit('data', Buffer.alloc(0))
      }
    },
    () => {},
  )
}

interface Phase {
  /** Ends `the client breaks off …`. */
  readonly when: string
  readonly sends: string
  /** It is in that phase once it has got this; else once all is quiet. */
  readonly got?: string
  readonly notReading?: boolean
  /** Other than TIMES. */
  readonly times?: number
  /** What its line in the log says; null: no line. */
  readonly line: RegExp | null
}

const GONE = /sock=client at=warning code=H27 .* status=499 /

const CLIENT_BREAKS: readonly Phase[] = [
  { when: 'before a byte', sends: '', line: null },
  { when: 'in the head of its request', sends: 'GET / HTTP/1.1\r\nHost: sh', line: null },
  { when: 'in the body of its request', sends: upload('/'), line: GONE },
  { when: 'in a body that waits for a dyno', sends: upload('/', 'booting.example.com'), line: GONE },
  { when: 'while its request waits for a dyno', sends: to('/', 'booting.example.com'), line: GONE },
  { when: 'while a dyno is connected to', sends: to('/', 'silent.example.com'), line: GONE },
  { when: 'before the answer', sends: to('/'), line: GONE },
  { when: 'in the middle of the answer', sends: to('/half'), got: 'ab', line: GONE },
  {
    when: 'in the middle of an answer that it does not read',
    sends: to('/stream'),
    notReading: true,
    times: 20,
    line: GONE,
  },
  { when: 'with requests sent ahead', sends: to('/').repeat(20), line: GONE },
  { when: 'in a tunnel', sends: upgrade('/tunnel'), got: '\r\n\r\n', line: /at=info .* status=101 / },
  { when: 'between two requests', sends: to('/ok'), got: 'ok', line: /at=info .* status=200 / },
]

const DYNO_BREAKS: readonly Phase[] = [
  { when: 'instead of an answer', sends: to('/'), line: / code=H13 .* status=503 / },
  { when: 'in the body of the request', sends: upload('/'), line: / code=H18 .* status=503 / },
  { when: 'in its answer', sends: to('/half'), got: 'ab', line: /sock=backend at=error code=H18 .* status=200 / },
  { when: 'in a tunnel', sends: upgrade('/tunnel'), got: '\r\n\r\n', line: /at=info .* status=101 / },
]

t.test('a client that is gone before it was accepted is none: nothing is said of it', async (t) => {
  const { router } = await openStage(t)
  for (let i = 0; i < TIMES; i++) {
    const socket = connect(router.port, '127.0.0.1', () => socket.resetAndDestroy()).on('error', () => {})
  }
  await router.client()
  while ((await router.metric('postern_client_connections_accepted_total{listener="public"}')) === 0) await settled()
  await settled()
  t.strictSame(router.lines, [])
  t.equal(await router.metric('postern_blocked_clients_total{reason="untrusted-source"}'), 0)
})

t.test('nothing is left of what was broken off', { timeout: 60_000 }, async (t) => {
  const silent = await SilentPort.open()
  t.teardown(() => silent.close())
  const { router, dyno } = await openStage(t, { time: 'stopped', script })
  const { data } = router.plane.snapshot
  router.plane.apply({
    ...data,
    version: data.version + 1,
    apps: [
      ...data.apps.map((entry) => ({ ...entry, maxInFlightPerDyno: 1000 })),
      app({ name: 'booting', formation: { released: true, quantity: 1, starting: 1, crashed: 0 } }),
      app({ name: 'silent', dynos: silent.dynos(1) }),
    ],
  })
  // Metrics are of apps that were asked for.
  const first = await router.client()
  first.send(to('/ok'))
  await router.line()
  first.close()
  router.lines.length = 0
  const timers = timersOf(router)

  for (const [side, phases] of [
    ['client', CLIENT_BREAKS],
    ['dyno', DYNO_BREAKS],
  ] as const) {
    for (const phase of phases) {
      for (const way of ['close', 'reset'] as const) {
        await t.test(`the ${side} breaks off ${phase.when} (${way})`, async (t) => {
          const times = phase.times ?? TIMES
          for (let i = 0; i < times; i += AT_ONCE) {
            const count = Math.min(AT_ONCE, times - i)
            const clients = await Promise.all(Array.from({ length: count }, () => begun(router, phase)))
            // They are accepted one by one.
            while ((await router.metric(CONNECTIONS)) < count) await settled()
            await settled()
            for (const { socket } of side === 'client' ? clients : dyno.connections) {
              if (way === 'close') socket.destroy()
              else socket.resetAndDestroy()
            }
            dyno.connections.length = 0
            if (side === 'dyno') await Promise.all(clients.map((client) => client.until('\r\n\r\n')))
            for (const client of clients) client.close()
            // A client that closed in an orderly way counts as gone after a moment.
            await router.pass(1000)
          }
          await baseline(t, router, phase, timers)
        })
      }
    }
  }

  await t.test('no object of a connection is left', async (t) => {
    router.plane.backends.dropAll()
    await settled()
    t.equal(queryObjects(ClientConnection, { format: 'count' }), 0)
    t.equal(queryObjects(BackendConnection, { format: 'count' }), 0)
  })
})

async function begun(router: TestDataPlane, phase: Phase): Promise<RawClient> {
  const client = await router.client()
  if (phase.notReading) client.socket.pause()
  client.send(phase.sends)
  if (phase.got !== undefined) await client.until(phase.got)
  return client
}

/** Every timer that the router has ever armed. */
function timersOf({ plane: { wheel } }: TestDataPlane): Set<TimerEntry> {
  const timers = new Set<TimerEntry>()
  const arm = wheel.arm.bind(wheel)
  wheel.arm = (timer, afterMs) => {
    timers.add(timer)
    arm(timer, afterMs)
  }
  return timers
}

async function baseline(t: Test, router: TestDataPlane, phase: Phase, timers: Set<TimerEntry>): Promise<void> {
  router.plane.backends.dropAll()
  // Whoever is not gone yet, such as one that was said goodbye to, is within this.
  await router.pass(4000)
  const lines = router.lines.splice(0)
  t.equal(lines.length, phase.line === null ? 0 : (phase.times ?? TIMES), 'one line each')
  if (phase.line !== null)
    t.notOk(
      lines.find((line) => !phase.line!.test(line)),
      'the right one',
    )
  t.strictSame(
    {
      connections: await router.metric(CONNECTIONS),
      inFlight: await sum(router, 'postern_requests_in_flight'),
      queued: await sum(router, 'postern_requests_queued'),
      toDynos: await sum(router, 'postern_backend_connections'),
      tunnels: router.plane.tunnels.size,
    },
    { connections: 0, inFlight: 0, queued: 0, toDynos: 0, tunnels: 0 },
  )
  // The longest that the queue of an app looks ahead.
  await router.pass(75_000)
  t.strictSame(
    [...timers].filter(({ deadlineMs }) => deadlineMs !== 0),
    [],
    'no timer is armed',
  )
  timers.clear()
}

/** Of all series of a metric. */
async function sum(router: TestDataPlane, name: string): Promise<number> {
  const lines = router.metrics
    .exposition()
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
  t.ok(lines.length > 0)
  return lines.reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0)
}
