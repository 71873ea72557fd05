import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import dnsPacket from 'dns-packet'
import { pino } from 'pino'
import t from 'tap'
import { Client } from 'undici'
import type { AppConfig, Config } from '../../src/config/config.ts'
import { ControlPlane } from '../../src/control/control-plane.ts'
import { RestartRequired } from '../../src/control/restart-required.ts'
import { StateStore } from '../../src/control/state/state-store.ts'
import type { AppEntry, DynoEntry, SnapshotData } from '../../src/model/snapshot.ts'
import { RouterMetrics } from '../../src/telemetry/router-metrics.ts'
import { address, CIDR } from './loopback.ts'
import { gone, isAlive } from './processes.ts'
import { space } from './space.ts'

/** A dyno: listens where it is told, and says its process id to whoever connects. */
const PROGRAM = [
  'const { HEROKU_PRIVATE_IP, PORT, GREETING } = process.env',
  'const greet = (socket) => socket.end(process.pid + " " + GREETING)',
  'require("net").createServer(greet).listen(PORT, HEROKU_PRIVATE_IP)',
].join('; ')
const command = `${process.execPath} -e '${PROGRAM}'`

type Tap = { teardown(end: () => unknown): void }

/** A control plane whose data plane is the test. */
class Space {
  readonly control: ControlPlane
  readonly snapshots: SnapshotData[] = []
  readonly inFlight = new Map<string, number>()
  readonly socket: string
  readonly metrics = new RouterMetrics()
  isListening = true
  #wake = () => {}

  constructor(config: Config, socket: string, state: StateStore) {
    this.socket = socket
    this.control = new ControlPlane(config, {
      dataPlane: {
        apply: (data) => {
          this.snapshots.push(data)
          this.#wake()
        },
        inFlight: (id) => this.inFlight.get(id) ?? 0,
        observed: () => null,
      },
      log: pino({ level: 'silent' }),
      metrics: this.metrics,
      state,
      version: '1.2.3',
      listening: () => this.isListening,
      exposition: async () => this.metrics.exposition(),
    })
  }

  app(name: string): AppEntry {
    return this.snapshots.at(-1)!.apps.find((app) => app.name === name)!
  }

  ready(name: string): DynoEntry[] {
    return this.app(name).dynos.filter(({ draining }) => !draining)
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async get(path: string): Promise<{ status: number; text: string }> {
    const client = new Client('http://postern', { socketPath: this.socket })
    const { statusCode, body } = await client.request({ method: 'GET', path })
    const text = await body.text()
    await client.close()
    return { status: statusCode, text }
  }
}

async function start(t: Tap, file: Record<string, unknown>) {
  const folder = await mkdtemp(join(tmpdir(), 'postern-'))
  const socket = join(folder, 'postern.sock')
  const base = { space: { name: 'test', cidr: CIDR }, admin: { address: `unix:${socket}` } }
  const config = (more: Record<string, unknown>) => space({ ...base, ...file, ...more })
  const router = new Space(config({}), socket, await StateStore.open(null))
  t.teardown(async () => {
    router.control.hurry()
    await router.control.stop()
    await rm(folder, { recursive: true })
  })
  await router.control.start()
  return { router, config }
}

/** What the dyno says of itself. */
async function hello({ address, port }: { address: string; port: number }): Promise<{ pid: number; greeting: string }> {
  const socket = connect({ host: address, port })
  let text = ''
  for await (const chunk of socket) text += chunk
  const [pid, ...greeting] = text.split(' ')
  return { pid: Number(pid), greeting: greeting.join(' ') }
}

/** Asks the DNS of the space from a source address; gives the RCODE and the answers. */
async function ask(server: string, name: string, source: string) {
  const [host, port] = server.split(':')
  const socket = createSocket('udp4')
  socket.bind(0, source)
  await once(socket, 'listening')
  socket.send(dnsPacket.encode({ type: 'query', id: 1, questions: [{ type: 'A', name }] }), Number(port), host)
  const [bytes] = await once(socket, 'message')
  socket.close()
  const { rcode, answers } = dnsPacket.decode(bytes) as { rcode?: string; answers?: { data: string }[] }
  return { rcode, addresses: answers!.map(({ data }) => data).sort() }
}

/** The same, and `looked` is told of every look into it. */
function watched(app: AppConfig, looked: (path: string) => void): AppConfig {
  const watch = <T extends object>(value: T, path: string): T =>
    new Proxy(value, {
      get: (target, key) => {
        looked(`${path}.${String(key)}`)
        return Reflect.get(target, key)
      },
    })
  const formation = app.formation.map(({ processType, source }) => ({ processType, source: watch(source, 'source') }))
  return { ...app, domains: watch(app.domains, 'domains'), formation: watch(formation, 'formation') }
}

t.test('dynos that run here are counted as starting at first, and then reach the data plane by DNS', async (t) => {
  const { router } = await start(t, {
    apps: { shop: { env: { GREETING: 'hello there' }, formation: { web: { command, quantity: 2 } } } },
  })
  t.match(router.snapshots[0], { version: 1, apps: [{ formation: { quantity: 2, starting: 2 }, dynos: [] }] })
  await router.until(() => router.ready('shop').length === 2)
  t.match(router.app('shop'), {
    formation: { starting: 0, crashed: 0 },
    dynos: [
      { name: 'web.1', address: address(1, 1), az: 'a', release: 'v1' },
      { name: 'web.2', address: address(2, 1), az: 'b', release: 'v1' },
    ],
  })
  t.equal((await hello(router.ready('shop')[0]!)).greeting, 'hello there')

  const name = 'web.shop.app.localspace'
  t.same(await ask(router.control.addresses.dns, name, address(0, 9)), {
    rcode: 'NOERROR',
    addresses: [address(1, 1), address(2, 1)],
  })
  t.match(await ask(router.control.addresses.dns, name, '127.0.0.1'), { rcode: 'REFUSED' }, 'outside is not told')

  t.match(JSON.parse((await router.get('/dynos')).text), [
    { app: 'shop', dyno: 'web.1', state: 'up' },
    { app: 'shop', dyno: 'web.2', state: 'up' },
  ])
  t.match(await router.get('/metrics'), { status: 200, text: /app="shop",state="up"\} 2/ })
})

t.test('a dyno that is killed is out at once, and back in another process', async (t) => {
  const { router } = await start(t, { apps: { shop: { formation: { web: { command, quantity: 2 } } } } })
  await router.until(() => router.ready('shop').length === 2)
  const [victim, other] = router.ready('shop') as [DynoEntry, DynoEntry]
  const { pid } = await hello(victim)
  process.kill(pid, 'SIGKILL')
  await router.until(() => router.ready('shop').length === 1)
  t.same(router.ready('shop'), [other])
  t.equal(router.app('shop').formation.crashed, 1)
  await router.until(() => router.ready('shop').length === 2)
  const back = router.ready('shop').find(({ name }) => name === victim.name)!
  t.not(back.id, victim.id)
  t.not((await hello(back)).pid, pid)
})

t.test('another release takes over, and no dyno ends with a request in flight', async (t) => {
  const app = (greeting: string) => ({
    shop: { env: { GREETING: greeting }, formation: { web: { command, quantity: 1 } } },
  })
  const { router, config } = await start(t, { apps: app('old') })
  await router.until(() => router.ready('shop').length === 1)
  const [old] = router.ready('shop') as [DynoEntry]
  const { pid } = await hello(old)
  router.inFlight.set(old.id, 1)
  await router.control.apply(config({ apps: app('new') }))
  await router.until(() => router.ready('shop')[0]?.release === 'v2')
  t.equal((await hello(router.ready('shop')[0]!)).greeting, 'new')
  await router.until(() => router.app('shop').dynos.some(({ id, draining }) => id === old.id && draining))
  t.equal((await hello(old)).pid, pid, 'the old dyno still serves what it has')
  router.inFlight.delete(old.id)
  await router.until(() => router.app('shop').dynos.length === 1)
  t.ok(
    router.snapshots.slice(2).every(({ apps }) => apps[0]!.dynos.some(({ draining }) => !draining)),
    'there was always a dyno to send requests to',
  )
})

t.test('a configuration that is equal in effect makes no snapshot and touches no dyno', async (t) => {
  const apps = { shop: { formation: { web: { command, quantity: 1 } } } }
  const { router, config } = await start(t, { apps })
  await router.until(() => router.ready('shop').length === 1)
  const { pid } = await hello(router.ready('shop')[0]!)
  const before = router.snapshots.length
  await router.control.apply(config({ apps, log: { level: 'error' } }))
  t.equal(router.snapshots.length, before)
  t.equal((await hello(router.ready('shop')[0]!)).pid, pid)
})

t.test('a preview has the apps that would not change as they are in force, and changes nothing', async (t) => {
  const listed = (port: number) => ({ formation: { web: { dynos: [{ address: `127.0.0.2:${port}`, az: 'a' }] } } })
  const apps = { billing: listed(7000), shop: listed(8000) }
  const { router, config } = await start(t, { apps })
  await router.until(() => router.ready('billing').length === 1 && router.ready('shop').length === 1)
  const before = router.snapshots.length
  const planned = router.control.preview(config({ apps: { ...apps, shop: { ...apps.shop, maintenance: true } } }))
  t.match(planned.apps, [{ name: 'billing' }, { name: 'shop', maintenance: true, dynos: [{ port: 8000 }] }])
  t.equal(planned.apps[0], router.app('billing'), 'the same object: workers need not be sent it')
  t.equal(router.snapshots.length, before)
  t.equal(router.control.preview(config({ apps })), router.snapshots.at(-1))
})

t.test('an app that is taken out of the configuration ends', async (t) => {
  const apps = { shop: { formation: { web: { command, quantity: 1 } } } }
  const { router, config } = await start(t, { apps })
  await router.until(() => router.ready('shop').length === 1)
  const { pid } = await hello(router.ready('shop')[0]!)
  await router.control.apply(config({ apps: {} }))
  t.same(router.snapshots.at(-1)!.apps, [])
  await gone(pid)
  while ((await router.get('/dynos')).text !== '[]') await new Promise((resolve) => setTimeout(resolve, 10))
})

t.test('what only a start can change is refused, and nothing is changed', async (t) => {
  const { router, config } = await start(t, { apps: {} })
  const wrong = config({ apps: { shop: {} }, space: { name: 'test', cidr: '127.36.0.0/16' } })
  await t.rejects(router.control.apply(wrong), new RestartRequired(['space']))
  t.same(router.snapshots.at(-1)!.apps, [])
})

t.test('an address that this machine does not have is the failure of the dyno, not of the router', async (t) => {
  const { router } = await start(t, {
    space: { name: 'test', cidr: '198.51.100.0/24' },
    apps: { shop: { formation: { web: { command } } } },
  })
  await router.until(() => router.app('shop').formation.crashed === 1)
  t.match(JSON.parse((await router.get('/dynos')).text), [{ state: 'crashed' }])
  t.equal((await router.get('/readyz')).status, 200)
})

t.test(
  'listed dynos and those of another DNS server come the same way; when that server stops they stay',
  async (t) => {
    const other = createSocket('udp4')
    other.on('message', (bytes, sender) => {
      const query = dnsPacket.decode(bytes)
      const [question] = query.questions!
      const answers =
        question!.type === 'SRV'
          ? [{ type: 'SRV' as const, name: question!.name, ttl: 0, data: { target: 'n1.node', port: 8000 } }]
          : question!.type === 'A' && question!.name === 'n1.node'
            ? [{ type: 'A' as const, name: 'n1.node', ttl: 0, data: '127.0.0.3' }]
            : []
      other.send(
        dnsPacket.encode({ type: 'response', id: query.id!, questions: query.questions!, answers }),
        sender.port,
      )
    })
    other.bind(0, '127.0.0.1')
    await once(other, 'listening')
    const { router } = await start(t, {
      apps: {
        billing: { formation: { web: { dynos: [{ address: '127.0.0.2:7000', az: 'b' }] } } },
        legacy: {
          formation: { web: { dns: { name: '_http._tcp.legacy', server: `127.0.0.1:${other.address().port}` } } },
        },
      },
    })
    await router.until(() => router.ready('billing').length === 1 && router.ready('legacy').length === 1)
    t.match(router.app('billing').dynos, [{ name: 'web.1', address: '127.0.0.2', port: 7000, az: 'b', release: '' }])
    t.match(router.app('legacy').dynos, [{ name: 'web.1', address: '127.0.0.3', port: 8000 }])
    t.match(JSON.parse((await router.get('/dynos')).text), [
      { app: 'billing', dyno: 'web.1' },
      { app: 'legacy', dyno: 'web.1', state: 'up', since: '' },
    ])
    other.close()
    while (!/discovery_failing\{app="legacy"\} 1/.test((await router.get('/metrics')).text)) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    t.equal(router.ready('legacy').length, 1)
  },
)

t.test('ready means: every listener is bound, and something is known of every app', async (t) => {
  const silent = createSocket('udp4')
  silent.bind(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => silent.close())
  const server = `127.0.0.1:${silent.address().port}`
  const { router, config } = await start(t, {
    apps: { legacy: { formation: { web: { dns: { name: 'legacy', server } } } } },
  })
  router.isListening = false
  t.match(await router.get('/readyz'), { status: 503, text: /listener.*dynos of legacy/ })
  router.isListening = true
  t.match(await router.get('/readyz'), { status: 503, text: /dynos of legacy/ })
  await router.control.apply(config({ apps: { legacy: {} } }))
  t.equal((await router.get('/readyz')).status, 200)
})

t.test('a stop leaves no process, no socket and no DNS', async (t) => {
  const { router } = await start(t, { apps: { shop: { formation: { web: { command, quantity: 3 } } } } })
  await router.until(() => router.ready('shop').length === 3)
  const pids = await Promise.all(router.ready('shop').map(async (dyno) => (await hello(dyno)).pid))
  const { dns } = router.control.addresses
  await router.control.stop()
  t.same(pids.filter(isAlive), [])
  await t.rejects(router.get('/healthz'), { code: 'ENOENT' })
  const [host, port] = dns.split(':')
  const socket = connect({ host: host!, port: Number(port) })
  await t.rejects(once(socket, 'connect'), { code: 'ECONNREFUSED' })
})

t.test('a start that fails holds nothing', async (t) => {
  const { router: first } = await start(t, { apps: {} })
  const folder = await mkdtemp(join(tmpdir(), 'postern-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const socket = join(folder, 'postern.sock')
  const config = space({ dns: { address: first.control.addresses.dns }, admin: { address: `unix:${socket}` } })
  const second = new Space(config, socket, await StateStore.open(null))
  await t.rejects(second.control.start(), /dns\.address 127\.0\.0\.1:\d+ cannot be bound: EADDRINUSE/)
  await t.rejects(second.get('/healthz'), { code: 'ENOENT' })
})

t.test('a configuration that changes one app costs no look into the others', async (t) => {
  const dyno = (port: number) => ({ dynos: [{ address: `10.0.0.1:${port}` }] })
  const { router, config } = await start(t, {
    apps: {
      changed: { domains: ['changed.example.com'], formation: { web: dyno(1) } },
      listed: { domains: ['listed.example.com'], formation: { web: dyno(2) } },
      here: { domains: ['here.example.com'], formation: { web: { command } } },
      registered: { formation: { web: { registered: {} } } },
      elsewhere: { formation: { web: { dns: { name: '_http._tcp.example.com', server: '127.0.0.1:1' } } } },
      blank: {},
    },
  })
  const looks: string[] = []
  const [changed, ...others] = config({}).apps as [AppConfig, ...AppConfig[]]
  const apps = others.map((app) => watched(app, (path) => looks.push(`${app.name} ${path}`)))
  await router.control.apply({ ...config({}), apps: [changed, ...apps] })
  await router.until(() => ['changed', 'listed', 'here'].every((name) => router.ready(name).length === 1))
  t.not(looks.length, 0, 'a look is seen')
  looks.length = 0
  const before = router.snapshots.at(-1)!
  await router.control.apply({ ...config({}), apps: [{ ...changed, maxInFlightPerDyno: 7 }, ...apps] })
  t.strictSame(looks, [])
  const after = router.snapshots.at(-1)!
  t.equal(after.apps[0]!.maxInFlightPerDyno, 7)
  for (const [index, app] of after.apps.entries()) if (index > 0) t.equal(app, before.apps[index], app.name)
})
