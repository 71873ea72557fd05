import { compileSnapshot } from '../../src/model/compiled-snapshot.ts'
import type { Limits, RouterTimeouts } from '../../src/model/snapshot.ts'
import { AppPools } from '../../src/proxy/app-pools.ts'
import type { AppPool } from '../../src/proxy/balance.ts'
import type { DynoState } from '../../src/proxy/dyno-state.ts'
import type { GiveUpCode, Waiter, WaitQueue } from '../../src/proxy/wait-queue.ts'
import { ManualTime } from './manual-time.ts'
import { seededRandom } from './seeded-random.ts'
import { appEntry, snapshotData } from './snapshot-data.ts'

type AppGiven = Parameters<typeof appEntry>[1]

/** The pool of one app, with time and chance in the test's hands. */
export class PoolFixture {
  readonly time = new ManualTime()
  /** Names of dynos that were retired and have nothing more in flight, in order. */
  readonly drained: string[] = []
  readonly pools: AppPools
  readonly pool: AppPool
  readonly #given: { timeouts?: Partial<RouterTimeouts>; limits?: Partial<Limits> }

  constructor(
    app: AppGiven,
    given: { zone?: string; random?: () => number; timeouts?: Partial<RouterTimeouts>; limits?: Partial<Limits> } = {},
  ) {
    this.#given = given
    const snapshot = compileSnapshot(this.#data(app))
    this.pools = new AppPools(snapshot, {
      wheel: this.time.wheel,
      zone: given.zone,
      random: given.random ?? seededRandom(1),
      onDrained: (dyno) => this.drained.push(dyno.entry.name),
    })
    this.pool = this.pools.of(snapshot.apps[0]!)
  }

  /** The app as the next snapshot has it; null: it is gone. */
  apply(app: AppGiven | null): void {
    this.pools.apply(compileSnapshot(app === null ? snapshotData() : this.#data(app)))
  }

  /** Claims for a fresh request; names or null. */
  claim(hashKey = ''): DynoState | null {
    return this.pool.claim(hashKey, [])
  }

  dyno(name: string): DynoState {
    return [...this.pool.dynos.values()].find((dyno) => dyno.entry.name === name)!
  }

  /** Claims so many times, keeps all, and counts by name. */
  spread(requests: number, hashKey: (request: number) => string = () => ''): Record<string, number> {
    const counts: Record<string, number> = {}
    for (let i = 0; i < requests; i++) {
      const name = this.claim(hashKey(i))?.entry.name ?? 'none'
      counts[name] = (counts[name] ?? 0) + 1
    }
    return counts
  }

  #data(app: AppGiven) {
    const base = snapshotData()
    return snapshotData({
      apps: [appEntry('shop', app)],
      timeouts: { ...base.timeouts, ...this.#given.timeouts },
      limits: { ...base.limits, ...this.#given.limits },
    })
  }
}

/** A request that waits and notes what became of it. */
export class WaitingRequest implements Waiter {
  readonly hashKey: string
  readonly tried: DynoState[]
  queue: WaitQueue | null = null
  previousWaiter: Waiter | null = null
  nextWaiter: Waiter | null = null
  waitingSinceMs = 0
  dyno: DynoState | null = null
  code: GiveUpCode | '' = ''
  /** For what a request may do on the spot. */
  onWake: (dyno: DynoState) => void = () => {}

  constructor(given: { hashKey?: string; tried?: DynoState[] } = {}) {
    this.hashKey = given.hashKey ?? ''
    this.tried = given.tried ?? []
  }

  /** `waiting`, the name of its dyno, or the code. */
  get state(): string {
    if (this.queue !== null) return 'waiting'
    return this.dyno?.entry.name ?? this.code
  }

  wake(dyno: DynoState): void {
    this.dyno = dyno
    this.onWake(dyno)
  }

  giveUp(code: GiveUpCode): void {
    this.code = code
  }
}

/** So many requests that wait now, first to last. */
export function waitingRequests(pool: AppPool, count: number): WaitingRequest[] {
  return Array.from({ length: count }, () => {
    const request = new WaitingRequest()
    pool.wait(request)
    return request
  })
}
