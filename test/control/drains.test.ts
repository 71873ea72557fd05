import t from 'tap'
import { Drains } from '../../src/control/drains.ts'
import { dynoId } from '../../src/control/registry.ts'
import { RoutingState } from '../../src/control/routing-state.ts'
import type { Dyno } from '../../src/model/dyno.ts'
import { ManualClock } from './manual-clock.ts'
import { space } from './space.ts'

const dyno: Dyno = {
  app: 'shop',
  processType: 'web',
  number: 1,
  address: '127.35.1.1',
  port: 5000,
  az: 'a',
  release: 'v1',
  state: 'draining',
  sinceMs: 0,
}
const id = dynoId(dyno)
const found = { id, name: 'web.1', address: dyno.address, port: dyno.port, az: 'a', release: 'v1' }

function setUp() {
  const clock = new ManualClock()
  const state = new RoutingState(space({ apps: { shop: { formation: { web: { command: 'a' } } } } }))
  const inFlight = new Map<string, number>()
  let forgotten = 0
  const drains = new Drains({
    state,
    clock,
    inFlight: (dynoId) => inFlight.get(dynoId) ?? 0,
    drainMs: () => 30_000,
    onForgotten: () => {
      forgotten++
      state.snapshot()
    },
  })
  state.discovered('shop', [found], clock.now())
  state.snapshot()
  const vanish = () => {
    state.discovered('shop', [], clock.now())
    state.snapshot()
    drains.watch()
  }
  let ended = false
  const wait = () => void drains.drained(dyno).then(() => (ended = true))
  return { clock, state, drains, inFlight, vanish, wait, isOver: () => ended, forgotten: () => forgotten }
}

t.test('a dyno has drained when nothing is in flight on it', async (t) => {
  const { clock, state, inFlight, vanish, wait, isOver, forgotten } = setUp()
  inFlight.set(id, 2)
  wait()
  vanish()
  await clock.advance(10_000)
  t.notOk(isOver())
  t.equal(state.draining().length, 1)
  inFlight.set(id, 0)
  await clock.advance(100)
  t.ok(isOver())
  t.equal(forgotten(), 1)
  t.same(state.draining(), [])
  t.equal(clock.nextMs, Number.POSITIVE_INFINITY, 'nothing more to look at')
})

t.test('nothing in flight is not enough while new requests may still go to it', async (t) => {
  const { clock, vanish, wait, isOver } = setUp()
  wait()
  await clock.advance(5000)
  t.notOk(isOver())
  vanish()
  await clock.advance(100)
  t.ok(isOver())
})

t.test('the deadline ends the drain of a dyno that is never done', async (t) => {
  const { clock, state, inFlight, vanish, wait, isOver } = setUp()
  inFlight.set(id, 1)
  wait()
  vanish()
  await clock.advance(29_900)
  t.notOk(isOver())
  await clock.advance(200)
  t.ok(isOver())
  t.same(state.draining(), [])
})

t.test('the deadline holds also when discovery never learns that the dyno drains', async (t) => {
  const { clock, wait, isOver } = setUp()
  wait()
  await clock.advance(30_100)
  t.ok(isOver())
})

t.test('requests count also when the app is gone from the configuration', async (t) => {
  const { clock, state, inFlight, wait, isOver } = setUp()
  inFlight.set(id, 1)
  state.configure(space({ apps: {} }))
  state.snapshot()
  wait()
  await clock.advance(1000)
  t.notOk(isOver())
  inFlight.set(id, 0)
  await clock.advance(100)
  t.ok(isOver())
})

t.test('dynos that take no requests have drained at once', async (t) => {
  const { drains, clock } = setUp()
  await drains.drained({ ...dyno, processType: 'worker' })
  t.equal(clock.nextMs, Number.POSITIVE_INFINITY)
})

t.test('a stop lets everyone go', async (t) => {
  const { drains, wait, isOver, clock } = setUp()
  wait()
  drains.stop()
  await clock.advance(0)
  t.ok(isOver())
})
