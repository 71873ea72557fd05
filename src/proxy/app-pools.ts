import type { App, CompiledSnapshot } from '../model/compiled-snapshot.ts'
import type { DynoObservation, TallyCounts } from '../model/dyno-observation.ts'
import type { Limits, RouterTimeouts } from '../model/snapshot.ts'
import { AppPool, type PoolSettings } from './balance.ts'
import type { DynoState } from './dyno-state.ts'
import type { TimerWheel } from './timer-wheel.ts'

/** The pool of every app in this worker, and what their dynos have in flight and came to. */
export class AppPools {
  readonly #pools = new Map<string, AppPool>()
  /** Of apps that are gone, but have requests in flight. */
  readonly #leaving = new Set<AppPool>()
  readonly #settings: PoolSettings

  constructor(options: {
    readonly wheel: TimerWheel
    readonly timeouts: RouterTimeouts
    readonly limits: Limits
    /** The router's own zone; '' none. */
    readonly zone?: string
    readonly random?: () => number
    readonly onDrained?: (dyno: DynoState) => void
  }) {
    this.#settings = {
      wheel: options.wheel,
      random: options.random ?? Math.random,
      zone: options.zone ?? '',
      onDrained: options.onDrained ?? (() => {}),
      ...settingsOf(options.timeouts, options.limits),
    }
  }

  /** Pools follow the snapshot; an app that is the same object as before costs one comparison. */
  apply(snapshot: CompiledSnapshot): void {
    Object.assign(this.#settings, settingsOf(snapshot.data.timeouts, snapshot.data.limits))
    for (const app of snapshot.apps) {
      const pool = this.#pools.get(app.name)
      if (pool === undefined) this.#pools.set(app.name, new AppPool(app, this.#settings))
      else if (pool.app !== app) pool.apply(app)
    }
    for (const [name, pool] of this.#pools) {
      if (snapshot.appsByName.has(name)) continue
      this.#pools.delete(name)
      pool.retire()
      this.#leaving.add(pool)
    }
    for (const pool of this.#leaving) if (pool.idle) this.#leaving.delete(pool)
  }

  /** Throws for an app that no snapshot has had: apps are looked up in a snapshot first. */
  of(app: App): AppPool {
    const pool = this.#pools.get(app.name)
    if (pool === undefined) throw new Error(`no pool for app ${app.name}`)
    return pool
  }

  /** For metrics; pools of apps that are gone are not among them. */
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
    return null
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

function settingsOf(timeouts: RouterTimeouts, limits: Limits) {
  return {
    quarantineMs: timeouts.quarantineMs,
    bootWaitMs: timeouts.bootWaitMs,
    connectAttempts: limits.connectAttempts,
    retryBudgetPercent: limits.retryBudgetPercent,
  }
}
