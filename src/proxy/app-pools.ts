import { type App, appNamed, type CompiledSnapshot } from '../model/compiled-snapshot.ts'
import { type DynoObservation, DynoTally, type TallyCounts } from '../model/dyno-observation.ts'
import type { SnapshotData } from '../model/snapshot.ts'
import { AppPool, type PoolSettings } from './balance.ts'
import type { DynoState } from './dyno-state.ts'
import type { TimerWheel } from './timer-wheel.ts'

/**
 * The pools of this worker, and what their dynos have in flight and came to. An app has one from its first request on: of ten thousand apps
 * most are asked for seldom, and by other workers.
 */
export class AppPools {
  #snapshot: CompiledSnapshot
  readonly #pools = new Map<string, AppPool>()
  /** Of apps that are gone, but have requests in flight. */
  readonly #leaving = new Set<AppPool>()
  readonly #settings: PoolSettings

  constructor(
    snapshot: CompiledSnapshot,
    options: {
      readonly wheel: TimerWheel
      /** The router's own zone; '' none. */
      readonly zone?: string
      readonly random?: () => number
      readonly onDrained?: (dyno: DynoState) => void
    },
  ) {
    this.#snapshot = snapshot
    this.#settings = {
      wheel: options.wheel,
      random: options.random ?? Math.random,
      zone: options.zone ?? '',
      onDrained: options.onDrained ?? (() => {}),
      ...settingsOf(snapshot.data),
    }
  }

  /** Pools follow the snapshot; an app that is the same object as before costs one comparison. */
  apply(snapshot: CompiledSnapshot): void {
    this.#snapshot = snapshot
    Object.assign(this.#settings, settingsOf(snapshot.data))
    for (const [name, pool] of this.#pools) {
      const app = appNamed(snapshot, name)
      if (app === undefined) {
        this.#pools.delete(name)
        pool.retire()
        this.#leaving.add(pool)
      } else if (pool.app !== app) {
        pool.apply(app)
      }
    }
    for (const pool of this.#leaving) if (pool.idle) this.#leaving.delete(pool)
  }

  /** Of an app of the newest snapshot. */
  of(app: App): AppPool {
    let pool = this.#pools.get(app.name)
    if (pool === undefined) {
      pool = new AppPool(app, this.#settings)
      this.#pools.set(app.name, pool)
    }
    return pool
  }

  /** For metrics; apps that nobody has asked for are not among them, nor those that are gone. */
  values(): Iterable<AppPool> {
    return this.#pools.values()
  }

  /** Requests and tunnels under way on a dyno. */
  inFlight(dynoId: string): number {
    let inFlight = 0
    for (const pool of this.#all()) inFlight += pool.dynos.get(dynoId)?.inFlight ?? 0
    return inFlight
  }

  /** The same of every dyno that has any. */
  *busyDynos(): Generator<{ readonly id: string; readonly inFlight: number }> {
    for (const pool of this.#all()) {
      if (!pool.active) continue
      for (const { id, inFlight } of pool.dynos.values()) if (inFlight > 0) yield { id, inFlight }
    }
  }

  /** What the requests of a dyno came to, as far as nobody took it away; null: no such dyno. */
  observed(dynoId: string): DynoObservation | null {
    for (const pool of this.#all()) {
      const dyno = pool.dynos.get(dynoId)
      if (dyno !== undefined) return dyno.tally.observation
    }
    const isKnown = this.#snapshot.apps.some(({ entry }) => entry.dynos.some(({ id }) => id === dynoId))
    return isKnown ? new DynoTally().observation : null
  }

  /** The same of every dyno that had any since this was last asked, which is then forgotten here. */
  takeTallies(): (readonly [dynoId: string, counts: TallyCounts])[] {
    const tallies: (readonly [string, TallyCounts])[] = []
    for (const pool of this.#all()) {
      if (!pool.active) continue
      pool.active = !pool.idle
      for (const { id, tally } of pool.dynos.values()) {
        const counts = tally.take()
        if (counts !== null) tallies.push([id, counts])
      }
    }
    return tallies
  }

  /** With those of apps that are gone whose requests are still in flight. */
  *#all(): Generator<AppPool> {
    yield* this.#pools.values()
    yield* this.#leaving
  }
}

function settingsOf({ timeouts, limits }: SnapshotData) {
  return {
    quarantineMs: timeouts.quarantineMs,
    bootWaitMs: timeouts.bootWaitMs,
    connectAttempts: limits.connectAttempts,
    retryBudgetPercent: limits.retryBudgetPercent,
  }
}
