import fc from 'fast-check'
import t from 'tap'
import type { DynoState } from '../../src/proxy/dyno-state.ts'
import { PoolFixture, WaitingRequest, waitingRequests } from '../support/pool-fixture.ts'

const starting = { released: true, quantity: 2, starting: 2, crashed: 0 }

t.test('in flight is what was claimed and not released, and a release too many is a bug', async (t) => {
  const { pool } = new PoolFixture({ dynos: [{}] })
  const dyno = pool.claim('', [])!
  pool.claim('', [])
  t.equal(dyno.inFlight, 2)
  pool.release(dyno)
  pool.release(dyno)
  t.equal(dyno.inFlight, 0)
  t.throws(() => pool.release(dyno), /web\.1 was released more often than claimed/)
})

t.test('a dyno never has more in flight than its cap, and none is claimed when all are full', async (t) => {
  for (const algorithm of ['least-in-flight', 'round-robin', 'random', 'hash'] as const) {
    const fixture = new PoolFixture({
      dynos: [{}, {}, {}],
      maxInFlightPerDyno: 5,
      balance: { algorithm, hashOn: 'client', hashName: '' },
    })
    t.same(
      fixture.spread(15, (i) => `key ${i}`),
      { 'web.1': 5, 'web.2': 5, 'web.3': 5 },
      algorithm,
    )
    t.equal(fixture.claim('key'), null, algorithm)
    fixture.pool.release(fixture.dyno('web.2'))
    t.equal(fixture.claim('key')?.entry.name, 'web.2', algorithm)
  }
})

t.test('a draining dyno gets no new requests, finishes its own and says when it is through', async (t) => {
  const fixture = new PoolFixture({ dynos: [{}, {}] })
  const { pool } = fixture
  const dyno = fixture.dyno('web.1')
  pool.claim('', [fixture.dyno('web.2')])
  pool.claim('', [fixture.dyno('web.2')])
  fixture.apply({ dynos: [{ draining: true }, {}] })
  t.equal(fixture.dyno('web.1'), dyno, 'its counter survives the snapshot')
  t.same(fixture.spread(10), { 'web.2': 10 })
  pool.release(dyno)
  t.same(fixture.drained, [])
  pool.release(dyno)
  t.same(fixture.drained, ['web.1'])
  fixture.apply({ dynos: [{ draining: true }, { az: 'b' }] })
  t.same(fixture.drained, ['web.1'], 'once')
})

t.test('a dyno that drains with nothing in flight is through at once', async (t) => {
  const fixture = new PoolFixture({ dynos: [{}, {}] })
  fixture.apply({ dynos: [{ draining: true }, {}] })
  t.same(fixture.drained, ['web.1'])
})

t.test('a dyno that vanishes is kept until its requests are through, then forgotten', async (t) => {
  const fixture = new PoolFixture({ dynos: [{}, {}] })
  const dyno = fixture.pool.claim('', [fixture.dyno('web.2')])!
  fixture.apply({ dynos: [{ name: 'web.2' }] })
  t.same([...fixture.pool.dynos.keys()].sort(), ['web.1', 'web.2'])
  t.same(fixture.spread(10), { 'web.2': 10 })
  fixture.pool.release(dyno)
  t.same([...fixture.pool.dynos.keys()], ['web.2'])
  t.same(fixture.drained, ['web.1'])
})

t.test('a dyno whose drain is called off is claimed again and may drain again', async (t) => {
  const fixture = new PoolFixture({ dynos: [{}] })
  fixture.apply({ dynos: [{ draining: true }] })
  fixture.apply({ dynos: [{}] })
  const dyno = fixture.claim()!
  t.equal(dyno.entry.name, 'web.1')
  fixture.apply({ dynos: [{ draining: true }] })
  fixture.pool.release(dyno)
  t.same(fixture.drained, ['web.1', 'web.1'])
})

t.test('what is in flight and the room that is left agree with a plain count after any story', async () => {
  const names = ['web.1', 'web.2', 'web.3', 'web.4']
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constantFrom('claim' as const, 'release' as const), which: fc.nat(20) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('apply' as const),
        which: fc.nat(20),
        dynos: fc.uniqueArray(fc.record({ name: fc.constantFrom(...names), draining: fc.boolean() }), {
          selector: (dyno) => dyno.name,
        }),
        cap: fc.integer({ min: 1, max: 4 }),
      }),
    },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const fixture = new PoolFixture({ dynos: [{}, {}], maxInFlightPerDyno: 2 })
      const claimed: DynoState[] = []
      let cap = 2
      let ready = ['web.1', 'web.2']
      for (const step of steps) {
        if (step.do === 'apply') {
          cap = step.cap
          ready = step.dynos.filter((dyno) => !dyno.draining).map((dyno) => dyno.name)
          fixture.apply({ dynos: step.dynos, maxInFlightPerDyno: cap, formation: starting })
        } else if (step.do === 'claim') {
          const load = (name: string) => claimed.filter((dyno) => dyno.entry.name === name && !dyno.retired).length
          const dyno = fixture.claim()
          if ((dyno !== null) !== ready.some((name) => load(name) < cap)) throw new Error('room was misjudged')
          if (dyno !== null) claimed.push(dyno)
        } else if (claimed.length > 0) {
          fixture.pool.release(claimed.splice(step.which % claimed.length, 1)[0]!)
        }
        for (const dyno of fixture.pool.dynos.values()) {
          if (dyno.inFlight !== claimed.filter((other) => other === dyno).length)
            throw new Error('in flight was miscounted')
        }
      }
    }),
    { numRuns: 500 },
  )
})

t.test('when a slot is free the first waiter has it, before release returns', async (t) => {
  const fixture = new PoolFixture({ dynos: [{}], maxInFlightPerDyno: 1 })
  const dyno = fixture.claim()!
  const [first, second, third] = waitingRequests(fixture.pool, 3)
  fixture.pool.release(dyno)
  t.equal(first!.dyno, dyno)
  t.equal(dyno.inFlight, 1, 'it is counted for the waiter')
  t.same([second!.state, third!.state], ['waiting', 'waiting'])
  t.equal(fixture.claim(), null, 'a newcomer does not get ahead')
  fixture.pool.release(dyno)
  t.same([second!.state, third!.state], ['web.1', 'waiting'])
})

t.test('a waiter that gives its slot back at once does not deepen the stack', async (t) => {
  const fixture = new PoolFixture({ dynos: [{}], maxInFlightPerDyno: 1, queue: { limit: 50_000, timeoutMs: 1000 } })
  const dyno = fixture.claim()!
  const waiters = waitingRequests(fixture.pool, 50_000)
  for (const waiter of waiters) waiter.onWake = () => fixture.pool.release(dyno)
  fixture.pool.release(dyno)
  t.equal(waiters.filter((waiter) => waiter.dyno === dyno).length, 50_000)
  t.equal(dyno.inFlight, 0)
})

t.test('a full queue refuses at once with H11', async (t) => {
  const fixture = new PoolFixture({ dynos: [{}], maxInFlightPerDyno: 1, queue: { limit: 2, timeoutMs: 1000 } })
  fixture.claim()
  waitingRequests(fixture.pool, 2)
  t.equal(fixture.pool.waiting, 2)
  t.equal(fixture.pool.wait(new WaitingRequest()), 'H11')
  t.equal(fixture.pool.waiting, 2)
})

t.test('who waits too long for room gets H11, in order and not before time', async (t) => {
  const fixture = new PoolFixture({ dynos: [{}], maxInFlightPerDyno: 1, queue: { limit: 10, timeoutMs: 2000 } })
  const dyno = fixture.claim()!
  const [first] = waitingRequests(fixture.pool, 1)
  fixture.time.pass(1000)
  const [second] = waitingRequests(fixture.pool, 1)
  fixture.time.pass(900)
  t.same([first!.state, second!.state], ['waiting', 'waiting'])
  fixture.time.pass(400)
  t.same([first!.state, second!.state], ['H11', 'waiting'])
  fixture.pool.release(dyno)
  t.equal(second!.state, 'web.1')
  fixture.time.pass(10_000)
  t.equal(second!.code, '', 'nothing is left of its timer')
})

t.test('a waiter whose client goes away leaves from anywhere in the queue, and may leave twice', async (t) => {
  const fixture = new PoolFixture({ dynos: [{}], maxInFlightPerDyno: 1 })
  const dyno = fixture.claim()!
  const waiters = waitingRequests(fixture.pool, 5)
  for (const index of [2, 0, 4, 0]) fixture.pool.leave(waiters[index]!)
  t.equal(fixture.pool.waiting, 2)
  fixture.pool.release(dyno)
  fixture.pool.release(dyno)
  t.same(
    waiters.map((waiter) => waiter.state),
    ['', 'web.1', '', 'web.1', ''],
  )
  t.equal(fixture.pool.waiting, 0)
})

t.test(
  'requests for an app whose dynos all boot wait, and the first dyno that is up serves them in order',
  async (t) => {
    const fixture = new PoolFixture({ dynos: [], formation: starting })
    t.equal(fixture.claim(), null)
    const waiters = waitingRequests(fixture.pool, 3)
    fixture.time.pass(40_000)
    fixture.apply({ dynos: [{}], maxInFlightPerDyno: 2 })
    t.same(
      waiters.map((waiter) => waiter.state),
      ['web.1', 'web.1', 'waiting'],
    )
  },
)

t.test('who waits too long for a boot gets H20', async (t) => {
  const fixture = new PoolFixture({ dynos: [], formation: starting })
  const [waiter] = waitingRequests(fixture.pool, 1)
  fixture.time.pass(74_900)
  t.equal(waiter!.state, 'waiting', 'the time of the queue is not that of a boot')
  fixture.time.pass(400)
  t.equal(waiter!.state, 'H20')
})

t.test('who waited for a boot and then waits for room has the whole time of the queue', async (t) => {
  const fixture = new PoolFixture({ dynos: [], formation: starting })
  const waiters = waitingRequests(fixture.pool, 2)
  fixture.time.pass(60_000)
  fixture.apply({ dynos: [{}], maxInFlightPerDyno: 1, queue: { limit: 10, timeoutMs: 30_000 } })
  t.same(
    waiters.map((waiter) => waiter.state),
    ['web.1', 'waiting'],
  )
  fixture.time.pass(29_900)
  t.equal(waiters[1]!.state, 'waiting')
  fixture.time.pass(400)
  t.equal(waiters[1]!.state, 'H11')
})

t.test('an app whose only dyno comes and goes does not make a request wait for ever', async (t) => {
  const full = { dynos: [{}], maxInFlightPerDyno: 1, queue: { limit: 10, timeoutMs: 1000 } }
  const fixture = new PoolFixture(full, { timeouts: { bootWaitMs: 3000 } })
  fixture.claim()
  const [waiter] = waitingRequests(fixture.pool, 1)
  for (let i = 0; i < 10 && waiter!.state === 'waiting'; i++) {
    fixture.apply({ ...full, dynos: [], formation: starting })
    fixture.time.pass(600)
    fixture.apply(full)
    fixture.time.pass(600)
  }
  t.equal(waiter!.state, 'H20')
  t.ok(fixture.time.elapsedMs <= 4000 + 1200, `${fixture.time.elapsedMs} ms`)
})

t.test('waiting ends when it becomes vain: all crashed, scaled to zero, app gone', async (t) => {
  for (const [next, code] of [
    [{ dynos: [], formation: { released: true, quantity: 2, starting: 0, crashed: 2 } }, 'H10'],
    [{ dynos: [], formation: { released: true, quantity: 0, starting: 0, crashed: 0 } }, 'H14'],
    [null, 'H14'],
  ] as const) {
    const fixture = new PoolFixture({ dynos: [], formation: starting })
    const waiters = waitingRequests(fixture.pool, 2)
    fixture.apply(next)
    t.same(
      waiters.map((waiter) => waiter.state),
      [code, code],
    )
    t.equal(fixture.pool.waiting, 0)
  }
})

t.test('a request for an app that cannot serve does not begin to wait', async (t) => {
  const fixture = new PoolFixture({ dynos: [], formation: { released: true, quantity: 2, starting: 0, crashed: 2 } })
  t.equal(fixture.claim(), null)
  t.equal(fixture.pool.wait(new WaitingRequest()), 'H10')
})

t.test('a client that is given up may queue its next request on the spot', async (t) => {
  const fixture = new PoolFixture({ dynos: [{}], maxInFlightPerDyno: 1, queue: { limit: 10, timeoutMs: 0 } })
  fixture.claim()
  const request = new WaitingRequest()
  let times = 0
  request.giveUp = () => {
    times++
    fixture.pool.wait(request)
  }
  fixture.pool.wait(request)
  fixture.time.pass(1000)
  t.ok(times >= 1 && times <= 10, `${times} times in ten ticks`)
})

t.test('a dyno whose connect failed is passed over for five seconds', async (t) => {
  const fixture = new PoolFixture({
    dynos: [{}, {}],
    balance: { algorithm: 'round-robin', hashOn: 'client', hashName: '' },
  })
  const failed = fixture.dyno('web.1')
  fixture.pool.quarantine(failed)
  t.same(fixture.spread(10), { 'web.2': 10 })
  fixture.time.pass(4900)
  t.same(fixture.spread(10), { 'web.2': 10 })
  fixture.time.pass(200)
  t.same(fixture.spread(10), { 'web.1': 5, 'web.2': 5 })
})

t.test('a connect that succeeds ends the quarantine', async (t) => {
  const fixture = new PoolFixture({ dynos: [{}, {}], maxInFlightPerDyno: 1 })
  fixture.pool.quarantine(fixture.dyno('web.1'))
  t.equal(fixture.claim()?.entry.name, 'web.2')
  const [waiter] = waitingRequests(fixture.pool, 1)
  t.equal(waiter!.state, 'waiting')
  fixture.pool.connected(fixture.dyno('web.1'))
  t.equal(waiter!.state, 'web.1')
})

t.test('when all are in quarantine the least recently failed is tried anyway', async (t) => {
  const fixture = new PoolFixture({ dynos: [{}, {}, {}] })
  for (const name of ['web.2', 'web.3', 'web.1']) {
    fixture.pool.quarantine(fixture.dyno(name))
    fixture.time.pass(200)
  }
  t.equal(fixture.claim()?.entry.name, 'web.2')
  const tried = [fixture.dyno('web.2')]
  t.equal(fixture.pool.claim('', tried)?.entry.name, 'web.3')
})

t.test('a dyno in quarantine is not used while another one is only full: that one is waited for', async (t) => {
  const fixture = new PoolFixture({ dynos: [{}, {}], maxInFlightPerDyno: 1 })
  fixture.pool.quarantine(fixture.dyno('web.1'))
  fixture.claim()
  t.equal(fixture.claim(), null)
  const [waiter] = waitingRequests(fixture.pool, 1)
  fixture.pool.release(fixture.dyno('web.2'))
  t.equal(waiter!.state, 'web.2')
})

t.test('the end of a quarantine is room for who waits', async (t) => {
  const fixture = new PoolFixture({ dynos: [{}, {}], maxInFlightPerDyno: 1 })
  fixture.claim()
  const free = fixture.dyno('web.1').inFlight === 0 ? fixture.dyno('web.1') : fixture.dyno('web.2')
  fixture.pool.quarantine(free)
  const [waiter] = waitingRequests(fixture.pool, 1)
  fixture.time.pass(4900)
  t.equal(waiter!.state, 'waiting')
  fixture.time.pass(400)
  t.equal(waiter!.state, free.entry.name)
})

t.test('a request tries each dyno once, then it is exhausted', async (t) => {
  const fixture = new PoolFixture({ dynos: [{}, {}, {}] })
  const tried: DynoState[] = []
  for (let dyno = fixture.pool.claim('', tried); dyno !== null; dyno = fixture.pool.claim('', tried)) {
    t.notOk(tried.includes(dyno))
    tried.push(dyno)
    fixture.pool.quarantine(dyno)
    fixture.pool.release(dyno)
  }
  t.equal(tried.length, 3)
  t.equal(fixture.pool.wait(new WaitingRequest({ tried })), 'exhausted')
})

t.test('a request tries at most as many dynos as the limit says', async (t) => {
  const fixture = new PoolFixture(
    { dynos: Array.from({ length: 30 }, () => ({})) },
    { limits: { connectAttempts: 10 } },
  )
  const tried: DynoState[] = []
  for (let dyno = fixture.pool.claim('', tried); dyno !== null; dyno = fixture.pool.claim('', tried)) tried.push(dyno)
  t.equal(tried.length, 10)
  t.equal(fixture.pool.wait(new WaitingRequest({ tried })), 'exhausted')
})

t.test('a waiter that has tried the dyno with room lets the next one have it', async (t) => {
  const fixture = new PoolFixture({ dynos: [{}, {}], maxInFlightPerDyno: 1 })
  const one = fixture.dyno('web.1')
  fixture.claim()
  fixture.claim()
  const picky = new WaitingRequest({ tried: [one] })
  t.equal(fixture.pool.wait(picky), 'queued')
  const [other] = waitingRequests(fixture.pool, 1)
  fixture.pool.release(one)
  t.same([picky.state, other!.state], ['waiting', 'web.1'])
  fixture.pool.release(fixture.dyno('web.2'))
  t.equal(picky.state, 'web.2')
})

t.test('retries of an app are bounded by its budget', async (t) => {
  const fixture = new PoolFixture({ dynos: [{}] }, { limits: { retryBudgetPercent: 20 } })
  for (let i = 0; i < 1000; i++) fixture.pool.countRequest()
  let retries = 0
  while (fixture.pool.tryRetry()) retries++
  t.equal(retries, 200)
  const none = new PoolFixture({ dynos: [{}] }, { limits: { retryBudgetPercent: 0 } })
  t.equal(none.pool.tryRetry(), false)
})

t.test('an app that goes finishes what is in flight and begins nothing', async (t) => {
  const fixture = new PoolFixture({ dynos: [{}] })
  const dyno = fixture.claim()!
  fixture.apply(null)
  t.same([...fixture.pools.values()], [])
  t.equal(fixture.claim(), null)
  fixture.pool.release(dyno)
  t.same(fixture.drained, ['web.1'])
})

t.test(
  'an app that a snapshot does not change keeps its pool untouched, and new settings reach every pool',
  async (t) => {
    const fixture = new PoolFixture({ dynos: [{}] })
    const { app } = fixture.pool
    fixture.apply({ dynos: [{}] })
    t.not(fixture.pool.app, app, 'compiled without the previous snapshot it is another object')
    t.equal(fixture.pools.of(fixture.pool.app), fixture.pool)
  },
)
