import { pino } from 'pino'
import t from 'tap'
import { Formation } from '../../src/control/formation.ts'
import { addressPlan, place } from '../../src/control/placement.ts'
import { PortPool } from '../../src/control/port-pool.ts'
import { DynoRegistry } from '../../src/control/registry.ts'
import { LaunchError } from '../../src/control/runtimes/runtime.ts'
import { FakeRuntime } from './fake-runtime.ts'
import { ManualClock, settled } from './manual-clock.ts'

const releases = ['v1', 'v2', 'v3'].map((name) => ({ name, command: `run ${name}`, cwd: '/', env: {} }))
const [v1, v2, v3] = releases as [(typeof releases)[0], (typeof releases)[0], (typeof releases)[0]]

/** A formation of workers: they are up as soon as they run, so that the test need not listen for them. */
function setUp(cidr = '127.34.0.0/16') {
  const clock = new ManualClock()
  const registry = new DynoRegistry()
  const runtime = new FakeRuntime()
  const lines: string[] = []
  /** The fewest dynos that were up at once since the first time that all were. */
  let least = Number.POSITIVE_INFINITY
  registry.subscribe(() => {
    least = Math.min(least, registry.all().filter(({ state }) => state === 'up').length)
  })
  const formation = new Formation('shop', 'worker', {
    runtime,
    registry,
    clock,
    ports: new PortPool(),
    log: pino({ base: null, timestamp: false }, { write: (line) => lines.push(JSON.parse(line).msg) }),
    execCommands: () => null,
    zone: 'app.localspace',
    graceMs: () => 30_000,
    booted: async () => '',
    drained: async () => {},
    inherited: () => null,
    place: (_app, _type, instead) => {
      const dynos = registry.all()
      return place(addressPlan(cidr), {
        formation: dynos.filter(({ address }) => address !== instead?.assignment.address).map(({ az }) => az),
        space: [],
        taken: new Set(dynos.map(({ address }) => address)),
      })
    },
  })
  t.teardown(() => formation.stop())
  const running = () =>
    registry
      .all()
      .map(({ number, release, state, az }) => `${number} ${release} ${state} ${az}`)
      .sort()
  const countFromNow = () => {
    least = Number.POSITIVE_INFINITY
  }
  return { clock, registry, runtime, formation, running, lines, countFromNow, leastUp: () => least }
}

t.test('as many dynos as are wanted, announced before they run', async (t) => {
  const { formation, running } = setUp()
  formation.apply(3, v1)
  t.same(running(), ['1 v1 starting a', '2 v1 starting b', '3 v1 starting c'])
  await settled()
  t.same(running(), ['1 v1 up a', '2 v1 up b', '3 v1 up c'])
})

t.test('scaling up adds, scaling down ends the highest numbers and leaves the others alone', async (t) => {
  const { formation, running, runtime } = setUp()
  formation.apply(2, v1)
  await settled()
  formation.apply(4, v1)
  await settled()
  t.same(running(), ['1 v1 up a', '2 v1 up b', '3 v1 up c', '4 v1 up a'])
  formation.apply(1, v1)
  await settled()
  t.same(running(), ['1 v1 up a'])
  t.equal(runtime.instances.length, 4)
})

t.test('another release takes over one dyno at a time, in the same zones, and never with one dyno fewer', async (t) => {
  const { formation, running, runtime, countFromNow, leastUp } = setUp()
  formation.apply(4, v1)
  await settled()
  countFromNow()
  formation.apply(4, v2)
  for (let turn = 0; turn < 20; turn++) await settled()
  t.same(running(), ['1 v2 up a', '2 v2 up b', '3 v2 up c', '4 v2 up a'])
  t.equal(leastUp(), 4)
  t.same(
    runtime.instances.slice(4).map(({ launch }) => launch.command),
    Array.from({ length: 4 }, () => 'run v2'),
  )
})

t.test('a release that does not come up goes no further than its first dyno, and the old ones stay', async (t) => {
  const { clock, formation, running, runtime, lines, leastUp, countFromNow } = setUp()
  formation.apply(3, v1)
  await settled()
  countFromNow()
  runtime.onLaunch = () => {
    throw new LaunchError('no such program: run')
  }
  formation.apply(3, v2)
  await clock.advance(60_000)
  t.same(running(), ['1 v1 up a', '2 v1 up b', '3 v1 up c'])
  t.equal(leastUp(), 3)
  t.match(lines.at(-1), /release v2 did not come up as worker\.1/)
})

t.test('a newer release takes the place of one that is still coming up', async (t) => {
  const { clock, formation, running, runtime } = setUp()
  formation.apply(2, v1)
  await settled()
  runtime.onLaunch = ({ release }) => {
    if (release === 'v2') throw new LaunchError('not yet')
  }
  formation.apply(2, v2)
  formation.apply(2, v3)
  await clock.advance(60_000)
  for (let turn = 0; turn < 20; turn++) await settled()
  t.same(running(), ['1 v3 up a', '2 v3 up b'])
})

t.test('a formation that shrinks while it rolls ends with the new size and the new release', async (t) => {
  const { formation, running } = setUp()
  formation.apply(4, v1)
  await settled()
  formation.apply(4, v2)
  formation.apply(2, v2)
  for (let turn = 0; turn < 20; turn++) await settled()
  t.same(running(), ['1 v2 up a', '2 v2 up b'])
})

t.test('dynos for which the space has no address are not started, and that is said', async (t) => {
  const { formation, running, lines } = setUp('127.34.0.0/28')
  formation.apply(7, v1)
  await settled()
  t.equal(running().length, 6)
  t.match(lines.at(-1), /worker\.7 is not started: the space has no address left/)
})

t.test('a stop ends all of them, also in the middle of a roll', async (t) => {
  const { formation, running } = setUp()
  formation.apply(3, v1)
  await settled()
  formation.apply(3, v2)
  await formation.stop()
  await settled()
  t.same(running(), [])
})
