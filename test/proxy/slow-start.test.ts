import t from 'tap'
import { PoolFixture } from '../support/pool-fixture.ts'

// The promise: a cold dyno gets few requests at first and its whole share in the end, and nobody waits because of it.

const ALGORITHMS = ['least-in-flight', 'round-robin', 'random', 'hash'] as const

function setUp(algorithm: (typeof ALGORITHMS)[number]) {
  const app = (count: number, ready = true) => ({
    dynos: Array.from({ length: count }, (_, i) => ({ ready: ready || i > 0 })),
    slowStartMs: 10_000,
    maxInFlightPerDyno: 100_000,
    balance: { algorithm, hashOn: 'client' as const, hashName: '' },
  })
  const fixture = new PoolFixture(app(4))
  /** Part of the next requests that a dyno gets. */
  const share = (name: string) => {
    const count = 2000
    const before = fixture.dyno(name).inFlight
    for (let i = 0; i < count; i++) {
      const dyno = fixture.claim(`key ${i}`)!
      // Short requests: nothing is in flight by the next one, except what shows the share.
      if (dyno.entry.name !== name) fixture.pool.release(dyno)
    }
    const got = fixture.dyno(name).inFlight - before
    while (fixture.dyno(name).inFlight > 0) fixture.pool.release(fixture.dyno(name))
    return got / count
  }
  return { fixture, app, share }
}

t.test(
  'the share of a dyno that comes grows, whatever the algorithm; those that were there have all of theirs',
  async (t) => {
    for (const algorithm of ALGORITHMS.slice(1)) {
      const { fixture, app, share } = setUp(algorithm)
      t.ok(share('web.1') > 0.2, `${algorithm}: the dynos of the first snapshot`)
      fixture.apply(app(5))
      const first = share('web.5')
      t.ok(first > 0 && first < 0.05, `${algorithm}: ${first}`)
      fixture.time.pass(5000)
      const half = share('web.5')
      t.ok(half > 0.06 && half < 0.14, `${algorithm}: ${half}`)
      fixture.time.pass(5000)
      const whole = share('web.5')
      t.ok(whole > 0.15 && whole < 0.25, `${algorithm}: ${whole}`)
    }
  },
)

t.test('of equal dynos the new one is the least busy, and still gets few requests', async (t) => {
  const { fixture, app } = setUp('least-in-flight')
  fixture.spread(400)
  fixture.apply(app(5))
  const counts = fixture.spread(200)
  t.ok((counts['web.5'] ?? 0) < 20, JSON.stringify(counts))
})

t.test('a dyno that comes back begins anew', async (t) => {
  const { fixture, app, share } = setUp('round-robin')
  fixture.apply(app(4, false))
  t.equal(share('web.1'), 0)
  fixture.apply(app(4, true))
  const first = share('web.1')
  t.ok(first > 0 && first < 0.06, `${first}`)
})

t.test('who has nobody but a cold dyno takes it', async (t) => {
  const { fixture, app } = setUp('random')
  fixture.apply(app(0))
  fixture.apply(app(1))
  for (let i = 0; i < 100; i++) t.equal(fixture.claim()?.entry.name, 'web.1')
})
