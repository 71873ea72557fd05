import { pino } from 'pino'
import t from 'tap'
import type { Adoptable } from '../../src/control/adoption.ts'
import type { Release } from '../../src/control/dyno-runner.ts'
import { Formation } from '../../src/control/formation.ts'
import { addressPlan, place, ZONES } from '../../src/control/placement.ts'
import { PortPool } from '../../src/control/port-pool.ts'
import { DynoRegistry } from '../../src/control/registry.ts'
import { LaunchError } from '../../src/control/runtimes/runtime.ts'
import { FakeInstance, FakeRuntime } from './fake-runtime.ts'
import { ManualClock, settled } from './manual-clock.ts'

const releases = ['v1', 'v2', 'v3'].map((name) => ({ name, command: `run ${name}`, cwd: '/', env: {} }))
const [v1, v2, v3] = releases as [Release, Release, Release]

/** A formation of workers: they are up as soon as they run, so that the test need not listen for them. */
function setUp({ cidr = '127.34.0.0/16', inherited = (_number: number): Adoptable[] => [] } = {}) {
  const clock = new ManualClock()
  const registry = new DynoRegistry()
  const runtime = new FakeRuntime()
  const lines: string[] = []
  const zonesDown = new Set<string>()
  let drain = Promise.resolve()
  /** The fewest and the most dynos that there were at once since the first time that all were. */
  let least = Number.POSITIVE_INFINITY
  let most = 0
  registry.subscribe(() => {
    least = Math.min(least, registry.all().filter(({ state }) => state === 'up').length)
    most = Math.max(most, registry.all().length)
  })
  const formation = new Formation('shop', 'worker', {
    runtime,
    registry,
    clock,
    ports: new PortPool(),
    log: pino({ base: null, timestamp: false }, { write: (line) => lines.push(JSON.parse(line).msg) }),
    avoids: ({ az }) => zonesDown.has(az),
    zone: 'app.localspace',
    graceMs: () => 30_000,
    booted: async () => '',
    bootTimeoutMs: () => 60_000,
    drained: () => drain,
    changed: () => {},
    inherited: (_app, _type, number) => inherited(number),
    place: (_app, _type, instead) => {
      const dynos = registry.all()
      const occupied = {
        formation: dynos.filter(({ address }) => address !== instead?.address).map(({ az }) => az),
        space: [],
        taken: new Set(dynos.map(({ address }) => address)),
      }
      const zones = ZONES.filter((zone) => !zonesDown.has(zone))
      return place(addressPlan(cidr), occupied, zones)
    },
  })
  t.teardown(() => formation.stop())
  const running = () =>
    registry
      .all()
      .map(({ number, release, state, az, address }) => `${number} ${release} ${state} ${az} ${address.slice(6)}`)
      .sort()
  /** By number, from 1: what each is to run. */
  const apply = (list: readonly Release[], startFirst = false) =>
    formation.apply(new Map(list.map((release, index) => [index + 1, { release, startFirst }])))
  return {
    clock,
    runtime,
    formation,
    running,
    apply,
    lines,
    zonesDown,
    countFromNow: () => {
      least = Number.POSITIVE_INFINITY
      most = 0
    },
    counted: () => [least, most],
    holdDrains: () => {
      const held = Promise.withResolvers<void>()
      drain = held.promise
      return held.resolve
    },
  }
}

async function calm(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await settled()
}

t.test('as many dynos as are wanted, announced before they run', async (t) => {
  const { apply, running } = setUp()
  apply([v1, v1, v1])
  t.same(running(), ['1 v1 starting a .1.1', '2 v1 starting b .2.1', '3 v1 starting c .3.1'])
  await settled()
  t.same(running(), ['1 v1 up a .1.1', '2 v1 up b .2.1', '3 v1 up c .3.1'])
})

t.test('scaling up adds, scaling down ends the highest numbers and leaves the others alone', async (t) => {
  const { apply, running, runtime } = setUp()
  apply([v1, v1])
  await settled()
  apply([v1, v1, v1, v1])
  await settled()
  t.same(running(), ['1 v1 up a .1.1', '2 v1 up b .2.1', '3 v1 up c .3.1', '4 v1 up a .1.2'])
  apply([v1])
  await settled()
  t.same(running(), ['1 v1 up a .1.1'])
  t.equal(runtime.instances.length, 4)
})

t.test('a number that is to run another release gets it in its place, after the old dyno has gone', async (t) => {
  const { apply, running, countFromNow, counted, holdDrains, formation } = setUp()
  apply([v1, v1, v1])
  await settled()
  countFromNow()
  const drained = holdDrains()
  apply([v1, v2, v1])
  await calm()
  t.same(running(), ['1 v1 up a .1.1', '2 v1 draining b .2.1', '3 v1 up c .3.1'])
  t.notOk(formation.condition(2).settled)
  drained()
  await calm()
  t.same(running(), ['1 v1 up a .1.1', '2 v2 up b .2.1', '3 v1 up c .3.1'])
  t.same(counted(), [2, 3], 'one fewer served, and there was never one too many')
  t.ok(formation.condition(2).settled)
})

t.test('start first: the old dyno goes when the new one is up, at another place', async (t) => {
  const { apply, running, countFromNow, counted } = setUp()
  apply([v1])
  await settled()
  countFromNow()
  apply([v2], true)
  await calm()
  t.same(running(), ['1 v2 up a .1.2'])
  t.same(counted(), [1, 2])
})

t.test('start first: one that does not come up leaves the old dyno where it is, until it is not wanted', async (t) => {
  const { clock, apply, running, runtime, formation } = setUp()
  apply([v1])
  await settled()
  runtime.onLaunch = () => {
    throw new LaunchError('no such program: run')
  }
  apply([v2], true)
  await settled()
  t.same(running(), ['1 v1 up a .1.1', '1 v2 crashed a .1.2'])
  t.match(formation.condition(1), { settled: false, crashed: true, reason: 'no such program: run' })
  apply([v1], true)
  await clock.advance(60_000)
  t.same(running(), ['1 v1 up a .1.1'])
  t.match(formation.condition(1), { settled: true, crashed: false })
  t.equal(runtime.instances.length, 1, 'the old one is the one from before')
})

t.test('a newer wish takes the place of one that is still coming up', async (t) => {
  const { clock, apply, running, runtime } = setUp()
  apply([v1])
  await settled()
  runtime.onLaunch = ({ release }) => {
    if (release === 'v2') throw new LaunchError('not yet')
  }
  apply([v2])
  await calm()
  apply([v3])
  await clock.advance(60_000)
  t.same(running(), ['1 v3 up a .1.1'])
})

t.test('another dyno of the same release: in place, or first and elsewhere', async (t) => {
  const { running, runtime, apply, formation, countFromNow, counted } = setUp()
  apply([v1])
  await settled()
  formation.slot(1)!.renew(false)
  await calm()
  t.same(running(), ['1 v1 up a .1.1'])
  t.equal(runtime.instances.length, 2)
  countFromNow()
  formation.slot(1)!.renew(true)
  await calm()
  t.same(running(), ['1 v1 up a .1.2'])
  t.same(counted(), [1, 2])
})

t.test(
  'of programs that run already, that which serves goes on, and what was asked to end is waited for',
  async (t) => {
    const program = (release: string, host: number, more: { up?: boolean; stopping?: boolean }): Adoptable => {
      const address = `127.34.1.${host}`
      const identity = { app: 'shop', processType: 'worker', number: 1, release, az: 'a', address, port: 5000 + host }
      const launch = { ...identity, command: 'run', cwd: '/', env: {}, exec: null }
      const instance = new FakeInstance(launch, () => {})
      instance.obedient = false
      return { launch, instance, up: true, stopping: false, ...more }
    }
    const leaving = program('v1', 1, { stopping: true })
    const alone = setUp({ inherited: (number) => (number === 1 ? [leaving] : []) })
    alone.apply([v2])
    await calm()
    t.same(alone.running(), ['1 v1 draining a .1.1'], 'nothing starts beside it')
    ;(leaving.instance as FakeInstance).end('exited with status 0')
    await calm()
    t.match(alone.running(), [/^1 v2 up/])

    const serving = program('v1', 1, {})
    const next = program('v2', 2, { up: false })
    const both = setUp({ inherited: (number) => (number === 1 ? [serving, next] : []) })
    both.apply([v2], true)
    ;(serving.instance as FakeInstance).obedient = true
    await calm()
    t.same(both.running(), ['1 v2 up a .1.2'])
    t.equal(both.runtime.instances.length, 0, 'neither was started again')
    ;(next.instance as FakeInstance).obedient = true
  },
)

t.test('dynos for which the space has no address are not started, and that is said', async (t) => {
  const { apply, running, lines, formation } = setUp({ cidr: '127.34.0.0/28' })
  apply([v1, v1, v1, v1, v1, v1, v1])
  await settled()
  t.equal(running().length, 6)
  t.match(lines.at(-1), /worker\.7 is not started: the space has no address left/)
  t.match(formation.condition(7), { crashed: true, reason: 'the space has no address left' })
})

t.test('a stop ends all of them, also in the middle of a replacement, and nothing starts after it', async (t) => {
  const { clock, apply, running, formation, runtime } = setUp()
  apply([v1, v1, v1])
  await settled()
  apply([v2, v1, v1])
  await formation.stop()
  await clock.advance(60_000)
  t.same(running(), [])
  const before = runtime.instances.length
  apply([v1, v1])
  await calm()
  apply([v2, v1])
  formation.kill()
  await clock.advance(60_000)
  t.same(running(), [])
  t.equal(runtime.instances.length, before + 2)
})

t.test('dynos leave a zone that is down, the new ones first, and none comes up there meanwhile', async (t) => {
  const { formation, apply, running, zonesDown, runtime, countFromNow, counted } = setUp()
  apply([v1, v1, v1, v1])
  await settled()
  t.strictSame(running(), ['1 v1 up a .1.1', '2 v1 up b .2.1', '3 v1 up c .3.1', '4 v1 up a .1.2'])
  countFromNow()
  zonesDown.add('a')
  formation.zonesChanged()
  await settled()
  t.strictSame(running(), ['1 v1 up b .2.2', '2 v1 up b .2.1', '3 v1 up c .3.1', '4 v1 up c .3.2'])
  t.strictSame(counted(), [4, 6])
  // In place would be in the zone that has gone.
  zonesDown.clear()
  zonesDown.add('b')
  apply([v2, v1, v1, v1])
  await settled()
  t.match(running()[0], /^1 v2 up [ac] /)
  t.notOk(runtime.last.launch.az === 'b')
})

t.test('a dyno is moved to where there are fewest, or stays when the other does not come up', async (t) => {
  const { formation, apply, running, runtime } = setUp()
  apply([v1, v1])
  await settled()
  runtime.onLaunch = () => {
    throw new LaunchError('no')
  }
  formation.slot(2)!.renew(true)
  await settled()
  t.equal(formation.condition(2).crashed, true)
  t.equal(formation.settled, false)
  formation.slot(2)!.keep()
  await settled()
  t.strictSame(running(), ['1 v1 up a .1.1', '2 v1 up b .2.1'])
  t.equal(formation.settled, true)
  runtime.onLaunch = () => {}
  formation.slot(2)!.renew(true)
  await settled()
  t.strictSame(
    formation.zones(),
    new Map([
      [1, 'a'],
      [2, 'b'],
    ]),
    'b has none without it',
  )
})
