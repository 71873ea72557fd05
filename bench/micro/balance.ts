/** Claiming and releasing a dyno, with 64 requests in flight; and a timer armed again by every read. `node bench/micro/balance.ts` */
import { compileSnapshot } from '../../src/model/compiled-snapshot.ts'
import type { BalancePolicy } from '../../src/model/snapshot.ts'
import { AppPools } from '../../src/proxy/app-pools.ts'
import { Clock } from '../../src/proxy/clock.ts'
import type { DynoState } from '../../src/proxy/dyno-state.ts'
import { TimerEntry, TimerWheel } from '../../src/proxy/timer-wheel.ts'
import { seededRandom } from '../../test/support/seeded-random.ts'
import { appEntry, snapshotData } from '../../test/support/snapshot-data.ts'
import { describeMachine, nanosecondsPer, report } from './measure.ts'

const IN_FLIGHT = 64
const KEYS = 1024
const keys = Array.from({ length: KEYS }, (_, i) => `203.0.${i >> 8}.${i & 255}`)
const tried: DynoState[] = []
const wheel = new TimerWheel(new Clock())

describeMachine()
for (const algorithm of ['least-in-flight', 'round-robin', 'random', 'hash'] as const) {
  for (const count of [4, 100, 1000])
    report(`${algorithm}, ${count} dynos: claim and release`, claimAndRelease(algorithm, count, 200))
}
report('least-in-flight, 100 dynos, 99 of them full: claim and release', claimAndRelease('least-in-flight', 100, 1, 99))

const timers = Array.from({ length: 10_000 }, () => new TimerEntry({ timedOut: () => {} }))
report(
  'timer: arm again',
  nanosecondsPer((i) => {
    const timer = timers[i % timers.length]!
    wheel.arm(timer, 55_000)
    return timer.deadlineMs
  }),
)

function claimAndRelease(
  algorithm: BalancePolicy['algorithm'],
  count: number,
  cap: number,
  inFlight = IN_FLIGHT,
): number {
  const app = appEntry('shop', {
    dynos: Array.from({ length: count }, () => ({})),
    balance: { algorithm, hashOn: 'client', hashName: '' },
    maxInFlightPerDyno: cap,
  })
  const snapshot = compileSnapshot(snapshotData({ apps: [app] }))
  const pool = new AppPools(snapshot, { wheel, random: seededRandom(1) }).of(snapshot.apps[0]!)
  const claimed = Array.from({ length: inFlight }, (_, i) => pool.claim(keys[i % KEYS]!, tried)!)
  return nanosecondsPer((i) => {
    const place = i % inFlight
    pool.release(claimed[place]!)
    claimed[place] = pool.claim(keys[i % KEYS]!, tried)!
    return claimed[place].inFlight
  })
}
