import { once } from 'node:events'
import { createServer } from 'node:net'
import { pino } from 'pino'
import t from 'tap'
import { acceptsConnections } from '../../src/control/boot-probe.ts'
import type { Assignment } from '../../src/control/dyno-runner.ts'
import { backOffMs, DynoRunner } from '../../src/control/dyno-runner.ts'
import { PortPool } from '../../src/control/port-pool.ts'
import { DynoRegistry, dynoId } from '../../src/control/registry.ts'
import { LaunchError } from '../../src/control/runtimes/runtime.ts'
import type { Dyno } from '../../src/model/dyno.ts'
import { FakeRuntime } from './fake-runtime.ts'
import { address } from './loopback.ts'
import { ManualClock, settled } from './manual-clock.ts'

const release = { name: 'v1', command: 'node server.js', cwd: '/', env: { GREETING: 'hello' } }
const worker: Assignment = { app: 'shop', processType: 'worker', number: 2, az: 'b', address: address(2, 1), release }
const web: Assignment = { ...worker, processType: 'web' }

function setUp(assignment: Assignment) {
  const clock = new ManualClock()
  const registry = new DynoRegistry()
  const runtime = new FakeRuntime()
  const drain = Promise.withResolvers<void>()
  const lines: string[] = []
  const states: string[] = []
  registry.subscribe(({ added, changed, removed }) => {
    for (const dyno of [...added, ...changed.map(({ after }) => after)]) states.push(dyno.state)
    if (removed.length > 0 && added.length === 0) states.push('gone')
  })
  const drained: Dyno[] = []
  const boot = Promise.withResolvers<boolean>()
  const context = {
    runtime,
    registry,
    clock,
    ports: new PortPool(),
    log: pino({ base: null, timestamp: false }, { write: (line: string) => lines.push(line) }),
    zone: 'app.localspace',
    graceMs: () => 30_000,
    bootTimeoutMs: () => 60_000,
    booted: async (_app: string, target: { address: string; port: number }, timeoutMs: number, signal: AbortSignal) =>
      (await acceptsConnections(target, timeoutMs, clock, signal)) ? '' : 'it did not accept on its $PORT',
    drained: (dyno: Dyno) => {
      drained.push(dyno)
      return drain.promise
    },
  }
  const runner = new DynoRunner(assignment, context, () => {
    if (runner.state === 'up') boot.resolve(true)
    if (runner.state === 'crashed') boot.resolve(false)
  })
  return { clock, registry, runtime, runner, states, drain, drained, lines, booted: boot.promise }
}

t.test('back-off doubles from one second to five minutes', async (t) => {
  t.same([1, 2, 3, 4, 8, 9, 10, 100].map(backOffMs), [1000, 2000, 4000, 8000, 128_000, 256_000, 300_000, 300_000])
})

t.test('a dyno that crashes is started again after the back-off, which grows', async (t) => {
  const { clock, runtime, runner, states } = setUp(worker)
  runner.start()
  await settled()
  t.same(states, ['starting', 'up'])
  for (const delayMs of [1000, 2000, 4000, 8000]) {
    const launches = runtime.instances.length
    runtime.last.end('exited with status 1')
    await settled()
    t.equal(runner.state, 'crashed')
    t.equal(clock.nextMs, delayMs)
    await clock.advance(delayMs - 1)
    t.equal(runtime.instances.length, launches)
    await clock.advance(1)
    t.equal(runtime.instances.length, launches + 1)
    t.equal(runner.state, 'up')
  }
})

t.test('ten minutes up begin the back-off anew', async (t) => {
  const { clock, runtime, runner } = setUp(worker)
  runner.start()
  await settled()
  for (let crash = 0; crash < 5; crash++) {
    runtime.last.end('exited with status 1')
    await clock.advance(300_000)
  }
  await clock.advance(600_000)
  runtime.last.end('exited with status 1')
  await settled()
  t.equal(clock.nextMs, 1000)
})

t.test('a dyno that cannot be started has crashed, with the reason in the log', async (t) => {
  const { runtime, runner, lines, states, booted } = setUp(worker)
  runtime.onLaunch = () => {
    throw new LaunchError('this machine does not have its address 10.0.0.1')
  }
  runner.start()
  t.notOk(await booted)
  t.same(states, ['starting', 'crashed'])
  t.match(JSON.parse(lines[0]!), {
    level: 50,
    app: 'shop',
    dyno: 'worker.2',
    msg: 'crashed: this machine does not have its address 10.0.0.1; next start in 1 s',
  })
})

t.test('a port that is taken is no crash: the next one is tried', async (t) => {
  const { runtime, runner, registry, booted } = setUp(worker)
  runtime.onLaunch = ({ port }) => {
    if (port < 5003) throw new LaunchError('in use', true)
  }
  runner.start()
  t.ok(await booted)
  t.match(registry.all(), [{ port: 5003, state: 'up' }])
})

t.test(
  'a dyno is told who it is, over what the configuration sets, and its output is logged under its name',
  async (t) => {
    const own = { ...release, env: { GREETING: 'hello', PORT: '1', DYNO: 'web.9' } }
    const { runtime, runner, lines, booted } = setUp({ ...worker, release: own })
    runner.start()
    await booted
    t.same(runtime.last.launch.env, {
      GREETING: 'hello',
      PORT: '5000',
      DYNO: 'worker.2',
      HEROKU_APP_NAME: 'shop',
      HEROKU_RELEASE_VERSION: 'v1',
      HEROKU_PRIVATE_IP: address(2, 1),
      HEROKU_DNS_APP_NAME: 'shop.app.localspace',
      HEROKU_DNS_FORMATION_NAME: 'worker.shop.app.localspace',
      HEROKU_DNS_DYNO_NAME: '2.worker.shop.app.localspace',
    })
    runtime.last.line('ready')
    t.match(JSON.parse(lines.at(-1)!), { app: 'shop', dyno: 'worker.2', msg: 'ready' })
  },
)

t.test('a web dyno is up when it accepts on its port, and not before', async (t) => {
  const { clock, runtime, runner, registry, booted } = setUp(web)
  const server = createServer()
  t.teardown(() => server.close())
  runner.start()
  await settled()
  await clock.advance(1000)
  t.equal(runner.state, 'starting')
  const { port } = runtime.last.launch
  server.listen(port, web.address)
  await once(server, 'listening')
  const up = booted
  const ticking = setInterval(() => void clock.advance(1000), 5)
  t.ok(await up)
  clearInterval(ticking)
  t.match(registry.all(), [{ state: 'up', port, address: web.address }])
})

t.test('a web dyno that does not accept within the boot timeout is killed and has crashed', async (t) => {
  const { clock, runtime, runner, lines, booted } = setUp(web)
  runner.start()
  await clock.advance(59_000)
  t.equal(runner.state, 'starting')
  await clock.advance(1000)
  t.notOk(await booted)
  t.same(runtime.instances[0]!.asked, ['kill'])
  t.match(JSON.parse(lines[0]!).msg, 'crashed: it did not accept on its $PORT within 60 s')
  t.match([runner.crashes, runner.lastFailure], [1, 'it did not accept on its $PORT within 60 s'])
})

t.test('a stop drains first, then asks the program to end, and withdraws the dyno when it is gone', async (t) => {
  const { runtime, runner, registry, states, drain, drained, booted } = setUp(worker)
  runner.start()
  await booted
  runtime.last.obedient = false
  const stopped = runner.stop()
  await settled()
  t.equal(runner.state, 'draining')
  t.same(drained.map(dynoId), [`shop/worker.2/v1@${address(2, 1)}:5000`])
  t.same(runtime.last.asked, [], 'it runs on while it drains')
  drain.resolve()
  await settled()
  t.same(runtime.last.asked, ['stop 30000'])
  t.equal(registry.all().length, 1)
  runtime.last.end('exited with status 0')
  await stopped
  t.same(states, ['starting', 'up', 'draining', 'gone'])
  t.equal(runtime.instances.length, 1)
})

t.test('a dyno that is stopped while it boots gets the grace time and is not killed', async (t) => {
  const { runtime, runner, states } = setUp(web)
  runner.start()
  await settled()
  runtime.last.obedient = false
  const stopped = runner.stop()
  await settled()
  t.same(runtime.last.asked, ['stop 30000'])
  runtime.last.end('exited with status 143')
  await stopped
  t.same(states, ['starting', 'gone'])
})

t.test('a dyno that is stopped while it waits to start again does not start again', async (t) => {
  const { clock, runtime, runner, states, booted } = setUp(worker)
  runner.start()
  await booted
  runtime.last.end('exited with status 1')
  await settled()
  await runner.stop()
  await clock.advance(600_000)
  t.equal(runtime.instances.length, 1)
  t.equal(states.at(-1), 'gone')
})

t.test('a dyno that dies while it drains is not started again', async (t) => {
  const { clock, runtime, runner, states, drain, booted } = setUp(worker)
  runner.start()
  await booted
  const stopped = runner.stop()
  runtime.last.end('killed by SIGKILL')
  await clock.advance(600_000)
  drain.resolve()
  await stopped
  t.equal(runtime.instances.length, 1)
  t.same(states, ['starting', 'up', 'draining', 'gone'])
})

t.test('a kill waits for no drain and no grace time', async (t) => {
  const { runtime, runner, registry, booted } = setUp(worker)
  runner.start()
  await booted
  runtime.last.obedient = false
  const stopped = runner.stop()
  await settled()
  runner.kill()
  await stopped
  t.equal(runtime.last.asked[0], 'kill')
  t.same(registry.all(), [])
})

t.test('a dyno that comes back with another port is one change of the registry', async (t) => {
  const { clock, runtime, runner, registry, booted } = setUp(worker)
  runner.start()
  await booted
  runtime.last.end('exited with status 1')
  await settled()
  const changes: number[][] = []
  registry.subscribe(({ added, removed }) => changes.push([added.length, removed.length]))
  await clock.advance(1000)
  t.same(changes[0], [1, 1])
  t.match(registry.all(), [{ port: 5001, state: 'up' }])
})
