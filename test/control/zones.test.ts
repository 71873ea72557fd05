import { pino } from 'pino'
import t from 'tap'
import { EventLog } from '../../src/control/events.ts'
import type { Health } from '../../src/control/health/readiness.ts'
import { DynoRegistry, dynoId } from '../../src/control/registry.ts'
import { StateStore } from '../../src/control/state/state-store.ts'
import { type SpreadFormation, Spreading } from '../../src/control/zones/spreading.ts'
import { nextMove, outageOf, type ZoneWitness } from '../../src/control/zones/zone-outage.ts'
import { Zones } from '../../src/control/zones/zones.ts'
import type { DynoState } from '../../src/model/dyno.ts'
import { ManualClock, settled } from './manual-clock.ts'

/** `shop a 5`: a dyno of shop in zone a that fails since 5 ms; `shop b`: one that is well. */
function witnesses(...lines: string[]): ZoneWitness[] {
  return lines.map((line) => {
    const [app, az, since] = line.split(' ')
    return { app: app!, az: az!, failedSinceMs: since === undefined ? null : Number(since) }
  })
}

t.test(
  'a zone has gone when all of its dynos failed together and those of the same apps elsewhere are well',
  async (t) => {
    t.equal(outageOf('a', witnesses('shop a 5', 'shop a 20000', 'shop b', 'shop c')), 2)
    t.equal(outageOf('a', witnesses('shop a 5', 'blog a 5', 'shop b', 'blog c')), 2)
    t.equal(outageOf('a', witnesses('shop a 5', 'shop b', 'shop c')), 0, 'one is no proof')
    t.equal(outageOf('a', witnesses('shop a 5', 'shop a', 'shop b')), 0, 'one is well')
    t.equal(outageOf('a', witnesses('shop a 5', 'shop a 40000', 'shop b')), 0, 'not together')
    t.equal(outageOf('a', witnesses('shop a 5', 'shop a 5', 'shop b 5', 'shop c')), 0, 'a release that crashes')
    t.equal(outageOf('a', witnesses('shop a 5', 'shop a 5', 'blog b')), 0, 'nobody else to tell')
    t.equal(
      outageOf('a', witnesses('shop a 5', 'shop a 5', 'shop b', 'blog b 5')),
      2,
      'another app may have its own trouble',
    )
  },
)

t.test('a formation is spread when no zone has two more dynos than another', async (t) => {
  const next = (zones: string, usable = 'abc') =>
    nextMove(new Map([...zones].map((zone, index) => [index + 1, zone])), [...usable])?.number ?? null
  t.equal(next('abcabc'), null)
  t.equal(next('bcbcb'), 5)
  t.equal(next('bcbc'), 4)
  t.equal(next('bcba'), null)
  t.equal(next('bcbcb', 'bc'), null)
  t.equal(next('aabb', 'bc'), 4)
  t.equal(next(''), null)
})

async function setUp() {
  const clock = new ManualClock()
  const registry = new DynoRegistry()
  const store = await StateStore.open(null)
  const events = new EventLog(clock)
  const health = new Map<string, Health>()
  let changes = 0
  const context = {
    store,
    registry,
    events,
    clock,
    log: pino({ level: 'silent' }),
    healthOf: (_app: string, id: string) => health.get(id) ?? null,
    onChange: () => {
      changes++
    },
  }
  const zones = new Zones(context)
  t.teardown(() => zones.stop())
  const dyno = (number: number, az: string, state: DynoState = 'up', port = 5000 + number) => {
    const address = `127.35.${'abc'.indexOf(az) + 1}.${number}`
    return { app: 'shop', processType: 'web', number, address, port, az, release: 'v1', state, sinceMs: clock.now() }
  }
  const down = () => zones.list().flatMap(({ zone, state, by }) => (state === 'down' ? [`${zone} ${by}`] : []))
  return { clock, registry, store, events, health, zones, context, dyno, down, changes: () => changes }
}

t.test('a zone is marked down and up, once, and the state keeps it', async (t) => {
  const { zones, context, events, down, changes } = await setUp()
  t.strictSame(zones.usable(), ['a', 'b', 'c'])
  await zones.setZone('b', 'down', 'ann')
  await zones.setZone('b', 'down', 'ann')
  t.strictSame(zones.usable(), ['a', 'c'])
  t.equal(new Zones(context).isDown('b'), true, 'after a restart of control')
  await zones.setZone('b', 'up', 'bob')
  await zones.setZone('b', 'up', 'bob')
  t.strictSame(down(), [])
  t.equal(changes(), 2)
  t.strictSame(
    events.since(0).map(({ kind, zone, state, by }) => ({ kind, zone, state, by })),
    [
      { kind: 'zone', zone: 'b', state: 'down', by: 'ann' },
      { kind: 'zone', zone: 'b', state: 'up', by: 'bob' },
    ],
  )
  await t.rejects(zones.setZone('x', 'down', 'ann'), /there is no zone x; there are a, b, c/)
  for (const zone of ['a', 'b', 'c']) await zones.setZone(zone, 'down', 'ann')
  t.strictSame(zones.usable(), ['a', 'b', 'c'], 'nowhere would be worse')
})

t.test('a zone whose dynos crash together is found down, and tried again after a while', async (t) => {
  const { clock, registry, dyno, down } = await setUp()
  registry.update([dyno(1, 'a'), dyno(2, 'b'), dyno(3, 'c'), dyno(4, 'a')])
  registry.update([dyno(1, 'a', 'crashed')])
  await clock.advance(1000)
  t.strictSame(down(), [])
  // It starts again meanwhile, on another port, and is not up yet.
  registry.update([dyno(1, 'a', 'starting', 6000)], [dyno(1, 'a')])
  registry.update([dyno(1, 'a', 'crashed', 6000)])
  registry.update([dyno(4, 'a', 'crashed')])
  await settled()
  t.strictSame(down(), ['a postern'])
  await clock.advance(299_000)
  t.strictSame(down(), ['a postern'])
  await clock.advance(2000)
  t.strictSame(down(), [])
  registry.update([dyno(4, 'a', 'crashed', 6001), dyno(1, 'a', 'crashed', 6002)], [dyno(1, 'a', 'crashed', 6000)])
  await settled()
  t.strictSame(down(), ['a postern'])
  await clock.advance(400_000)
  t.strictSame(down(), ['a postern'], 'twice as long')
  await clock.advance(300_000)
  t.strictSame(down(), [])
})

t.test(
  'dynos that fail their checks together are found too; those that came up again in between are not',
  async (t) => {
    const { clock, registry, zones, health, dyno, down } = await setUp()
    const dynos = [dyno(1, 'a'), dyno(2, 'b'), dyno(3, 'c'), dyno(4, 'a')]
    registry.update(dynos)
    health.set(dynoId(dynos[0]!), 'failing')
    zones.healthChanged('shop')
    await clock.advance(10_000)
    health.set(dynoId(dynos[0]!), 'passing')
    health.set(dynoId(dynos[3]!), 'failing')
    zones.healthChanged('shop')
    await settled()
    t.strictSame(down(), [])
    health.set(dynoId(dynos[0]!), 'failing')
    zones.healthChanged('shop')
    await settled()
    t.strictSame(down(), ['a postern'])
  },
)

t.test('dynos are moved one at a time until they are spread, and no further than that helps', async (t) => {
  const dynos = new Map([...'bcbcbc'].map((zone, index) => [index + 1, zone]))
  const moves: number[] = []
  const kept: number[] = []
  let isSettled = true
  let crashed = false
  const spreading = new Spreading({
    formations: (): SpreadFormation[] => [{ name: 'shop web', dynos, settled: isSettled, isDeployed: false }],
    zones: () => ['a', 'b', 'c'],
    move: (_formation, number) => {
      moves.push(number)
      isSettled = false
      spreading.wake()
    },
    keep: (_formation, number) => {
      kept.push(number)
      crashed = false
    },
    hasCrashed: () => crashed,
  })
  const arrive = (zone: string) => {
    dynos.set(moves.at(-1)!, zone)
    isSettled = true
    spreading.wake()
  }
  spreading.zonesChanged()
  spreading.wake()
  t.strictSame(moves, [6])
  arrive('a')
  t.strictSame(moves, [6, 5])
  arrive('a')
  t.strictSame(moves, [6, 5])
  t.strictSame([...dynos.values()].join(''), 'bcbcaa')

  dynos.set(5, 'b').set(6, 'c')
  spreading.zonesChanged()
  crashed = true
  spreading.wake()
  t.strictSame(kept, [6])
  isSettled = true
  spreading.wake()
  t.strictSame(moves, [6, 5, 6], 'not again and again')

  spreading.zonesChanged()
  arrive('b')
  t.strictSame(moves, [6, 5, 6, 6], 'where there is no room nothing goes round in circles')
})
