import t from 'tap'
import type { BalancePolicy } from '../../src/model/snapshot.ts'
import type { DynoState } from '../../src/proxy/dyno-state.ts'
import { PoolFixture } from '../support/pool-fixture.ts'
import { seededRandom } from '../support/seeded-random.ts'

function policy(algorithm: BalancePolicy['algorithm']): BalancePolicy {
  return { algorithm, hashOn: 'client', hashName: '' }
}

function dynos(count: number) {
  return Array.from({ length: count }, () => ({}))
}

/** The dyno that each key goes to, each key alone. */
function homes(fixture: PoolFixture, keys: readonly string[]): string[] {
  return keys.map((key) => {
    const dyno = fixture.claim(key)!
    fixture.pool.release(dyno)
    return dyno.entry.name
  })
}

const keys = Array.from({ length: 2000 }, (_, i) => `203.0.${i >> 8}.${i & 255}`)

t.test('least in flight keeps the busiest dyno close to the mean', async (t) => {
  const fixture = new PoolFixture({ dynos: dynos(10), maxInFlightPerDyno: 10_000 })
  const counts = Object.values(fixture.spread(10_000))
  // Two choices: the gap is about log log n, whatever the number of requests; one choice would be off by about 60.
  t.ok(Math.max(...counts) <= 1006, `busiest ${Math.max(...counts)}`)
  t.ok(Math.min(...counts) >= 990, `least busy ${Math.min(...counts)}`)
})

t.test('least in flight sends little to a dyno that does not finish its requests', async (t) => {
  const fixture = new PoolFixture({ dynos: dynos(4) })
  const counts: Record<string, number> = {}
  for (let i = 0; i < 1000; i++) {
    const dyno = fixture.claim()!
    counts[dyno.entry.name] = (counts[dyno.entry.name] ?? 0) + 1
    if (dyno.entry.name !== 'web.3') fixture.pool.release(dyno)
  }
  t.ok(counts['web.3']! <= 2, `the stuck dyno got ${counts['web.3']}`)
})

t.test('least in flight takes the least busy of the rest when neither of its two choices can be used', async (t) => {
  // The two choices are always the first two dynos.
  const fixture = new PoolFixture({ dynos: dynos(5) }, { random: () => 0 })
  const [one, two, three, four, five] = [...fixture.pool.dynos.values()] as DynoState[]
  for (const [dyno, requests] of [
    [three!, 3],
    [four!, 1],
    [five!, 2],
  ] as const) {
    const others = [...fixture.pool.dynos.values()].filter((other) => other !== dyno)
    for (let i = 0; i < requests; i++) fixture.pool.claim('', others)
  }
  t.equal(fixture.pool.claim('', [one!, two!]), four)
})

t.test("least in flight prefers the router's own zone while it has room, then uses the others", async (t) => {
  const zones = { dynos: [{ az: 'a' }, { az: 'b' }, { az: 'c' }, { az: 'b' }], maxInFlightPerDyno: 5 }
  const fixture = new PoolFixture(zones, { zone: 'b' })
  t.same(Object.keys(fixture.spread(10)).sort(), ['web.2', 'web.4'])
  t.same(Object.keys(fixture.spread(10)).sort(), ['web.1', 'web.3'])
  fixture.pool.release(fixture.dyno('web.4'))
  t.equal(fixture.claim()?.entry.name, 'web.4')
  const elsewhere = new PoolFixture(zones, { zone: 'd' })
  t.equal(Object.keys(elsewhere.spread(20)).length, 4)
  const unknown = new PoolFixture({ ...zones, dynos: [{ az: '' }, { az: 'a' }] }, { zone: '' })
  t.equal(Object.keys(unknown.spread(10)).length, 2, 'an unknown zone is nobody’s own')
})

t.test('a quarantined dyno of the own zone does not hold requests there', async (t) => {
  const fixture = new PoolFixture({ dynos: [{ az: 'a' }, { az: 'b' }] }, { zone: 'a' })
  fixture.pool.quarantine(fixture.dyno('web.1'))
  t.same(fixture.spread(5), { 'web.2': 5 })
})

t.test('round robin takes turns in the order of names', async (t) => {
  const fixture = new PoolFixture({ dynos: dynos(11), balance: policy('round-robin') }, { random: () => 0 })
  const order = Array.from({ length: 22 }, () => fixture.claim()!.entry.name)
  const names = Array.from({ length: 11 }, (_, i) => `web.${i + 1}`)
  t.same(order, [...names, ...names], 'web.2 before web.10')
})

t.test('round robin passes over the full ones', async (t) => {
  const fixture = new PoolFixture(
    { dynos: dynos(3), balance: policy('round-robin'), maxInFlightPerDyno: 3 },
    { random: () => 0 },
  )
  const others = [fixture.dyno('web.1'), fixture.dyno('web.3')]
  for (let i = 0; i < 3; i++) fixture.pool.claim('', others)
  const order = Array.from({ length: 4 }, () => fixture.claim()!.entry.name)
  t.same(order, ['web.3', 'web.1', 'web.3', 'web.1'])
})

t.test('round robin goes on from where it was when dynos come and go', async (t) => {
  const fixture = new PoolFixture({ dynos: dynos(3), balance: policy('round-robin') }, { random: () => 0 })
  t.equal(fixture.claim()?.entry.name, 'web.1')
  fixture.apply({ dynos: dynos(4), balance: policy('round-robin') })
  t.same(
    Array.from({ length: 4 }, () => fixture.claim()!.entry.name),
    ['web.2', 'web.3', 'web.4', 'web.1'],
  )
})

t.test('random gives each dyno its share, also when others are full or in quarantine', async (t) => {
  const fixture = new PoolFixture({ dynos: dynos(5), balance: policy('random'), maxInFlightPerDyno: 100_000 })
  for (const count of Object.values(fixture.spread(10_000))) t.ok(Math.abs(count - 2000) < 150, `${count} of 2000`)
  fixture.pool.quarantine(fixture.dyno('web.2'))
  const counts = fixture.spread(10_000)
  t.equal(counts['web.2'], undefined)
  for (const count of Object.values(counts)) t.ok(Math.abs(count - 2500) < 180, `${count} of 2500`)
})

t.test('a hashed key always goes to the same dyno, in every worker', async (t) => {
  const one = new PoolFixture({ dynos: dynos(7), balance: policy('hash') }, { random: seededRandom(1) })
  const other = new PoolFixture({ dynos: dynos(7).reverse(), balance: policy('hash') }, { random: seededRandom(2) })
  t.same(homes(one, keys), homes(other, keys))
})

t.test('hashed keys are spread evenly', async (t) => {
  const fixture = new PoolFixture({ dynos: dynos(8), balance: policy('hash'), maxInFlightPerDyno: 100_000 })
  const counts = Object.values(fixture.spread(2000, (i) => keys[i]!))
  t.equal(counts.length, 8)
  for (const count of counts) t.ok(Math.abs(count - 250) < 60, `${count} of 250`)
})

t.test('a dyno that goes moves only its own keys, one that comes takes its share only', async (t) => {
  const seven = new PoolFixture({ dynos: dynos(7), balance: policy('hash') })
  const before = homes(seven, keys)
  seven.apply({ dynos: dynos(7).toSpliced(3, 1, { draining: true } as object), balance: policy('hash') })
  const without = homes(seven, keys)
  for (const [i, home] of without.entries()) {
    if (home !== before[i] && before[i] !== 'web.4') t.fail(`${keys[i]} moved from ${before[i]} to ${home}`)
    if (home === 'web.4') t.fail(`${keys[i]} went to the dyno that drains`)
  }
  seven.apply({ dynos: dynos(8), balance: policy('hash') })
  const moved = homes(seven, keys).filter((home, i) => home !== before[i])
  t.same([...new Set(moved)], ['web.8'])
  t.ok(Math.abs(moved.length - 250) < 60, `${moved.length} of 250 moved`)
})

t.test('the successor of a dyno inherits its keys, though it is another process', async (t) => {
  const fixture = new PoolFixture({ dynos: dynos(4), balance: policy('hash') })
  const before = homes(fixture, keys)
  fixture.apply({ dynos: [{}, { id: 'web.2 of v2', release: 'v2' }, {}, {}], balance: policy('hash') })
  t.same(homes(fixture, keys), before)
})

t.test('a full dyno passes its hashed keys on to the same next one each time', async (t) => {
  const fixture = new PoolFixture({ dynos: dynos(5), balance: policy('hash'), maxInFlightPerDyno: 2 })
  const order = Array.from({ length: 10 }, () => fixture.claim('203.0.113.9')!.entry.name)
  t.same(order.slice(0, 2), [order[0], order[0]])
  t.same(order.slice(2, 4), [order[2], order[2]])
  t.not(order[2], order[0])
  const again = new PoolFixture({ dynos: dynos(5), balance: policy('hash'), maxInFlightPerDyno: 2 })
  t.same(
    Array.from({ length: 10 }, () => again.claim('203.0.113.9')!.entry.name),
    order,
  )
})

t.test('requests without the header or cookie that is hashed are spread over all dynos', async (t) => {
  const fixture = new PoolFixture({ dynos: dynos(4), balance: policy('hash') })
  t.equal(Object.keys(fixture.spread(40, () => '')).length, 4)
})
