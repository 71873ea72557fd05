import type { App } from '../model/compiled-snapshot.ts'
import { mayBeClaimed } from '../model/snapshot.ts'
import { ALGORITHMS, type Algorithm, type ReadyDynos } from './balance-algorithms.ts'
import { DynoState } from './dyno-state.ts'
import { hashText } from './hash.ts'
import { RetryBudget } from './retry-budget.ts'
import { type UnservableCode, unservable } from './route.ts'
import { TimerEntry, type TimerTarget, type TimerWheel } from './timer-wheel.ts'
import { type GiveUpCode, type Waiter, WaitQueue } from './wait-queue.ts'

/** What all pools of a worker share; `AppPools` changes it when a snapshot does. */
export interface PoolSettings {
  readonly wheel: TimerWheel
  /** Gives [0, 1). */
  readonly random: () => number
  /** The router's own zone, preferred by least-in-flight; '' none. */
  readonly zone: string
  /** A dyno that was retired has nothing more in flight. */
  readonly onDrained: (dyno: DynoState) => void
  quarantineMs: number
  bootWaitMs: number
  connectAttempts: number
  retryBudgetPercent: number
}

/** The share that a dyno begins with whose share grows: requests are what warms it up. */
const FIRST_SHARE = 0.1

/** `queued`: `wake` or `giveUp` follows. `exhausted`: all that may be tried was tried; the last failure names the code. */
export type WaitOutcome = 'queued' | 'exhausted' | 'H11' | UnservableCode

const byName = new Intl.Collator('en', { numeric: true })

/**
 * The dynos of one app in this worker: which one takes the next request, and who waits for one. Choosing and counting are one synchronous step
 * (`claim`), so that what is in flight is never less than what is under way; `release` gives the slot straight to the first waiter.
 */
export class AppPool implements TimerTarget {
  app: App
  /** By id: those of the snapshot, and those that left it with requests in flight. */
  readonly dynos = new Map<string, DynoState>()
  /** A dyno was claimed since somebody last wrote `false` here: in a large space, most apps have nothing to tell. */
  active = false
  readonly #settings: PoolSettings
  readonly #queue = new WaitQueue()
  readonly #timer = new TimerEntry(this)
  readonly #budget = new RetryBudget()
  readonly #ready: ReadyDynos
  #algorithm: Algorithm
  /** Ready dynos below the cap. */
  #roomy = 0
  #readySinceMs = 0
  /** Dynos whose share grows. */
  #ramping: DynoState[] = []
  #serving = false
  #arranged = false

  constructor(app: App, settings: PoolSettings) {
    this.app = app
    this.#settings = settings
    // Workers that all began with the first dyno would move on in step.
    this.#ready = {
      dynos: [],
      nameHashes: new Int32Array(0),
      localCount: 0,
      cap: 0,
      turn: Math.floor(settings.random() * 1000),
    }
    this.#algorithm = ALGORITHMS[app.entry.balance.algorithm]
    this.apply(app)
  }

  get waiting(): number {
    return this.#queue.length
  }

  /** Nothing is in flight on any dyno. */
  get idle(): boolean {
    for (const dyno of this.dynos.values()) if (dyno.inFlight > 0) return false
    return true
  }

  /** A newer version of the same app. */
  apply(app: App): void {
    this.app = app
    this.#algorithm = ALGORITHMS[app.entry.balance.algorithm]
    const present = new Set<string>()
    // Those that a worker begins with have been serving for who knows how long.
    const ramps = this.#arranged && app.entry.slowStartMs > 0
    for (const entry of app.entry.dynos) {
      present.add(entry.id)
      let dyno = this.dynos.get(entry.id)
      const joins = mayBeClaimed(entry) && (dyno === undefined || dyno.retired)
      if (dyno === undefined) {
        dyno = new DynoState(entry)
        this.dynos.set(entry.id, dyno)
      }
      if (joins && ramps) dyno.rampsSinceMs = this.#nowMs()
      dyno.entry = entry
      dyno.retired = !mayBeClaimed(entry)
      dyno.drained &&= dyno.retired
    }
    for (const dyno of this.dynos.values()) {
      if (!present.has(dyno.id)) dyno.retired = true
    }
    this.#arrange()
    for (const dyno of this.dynos.values()) this.#settle(dyno)
    this.#serveWaiters()
  }

  /** The app is gone: what is in flight may end, nothing begins. */
  retire(): void {
    for (const dyno of this.dynos.values()) dyno.retired = true
    this.#arrange()
    for (const dyno of this.dynos.values()) this.#settle(dyno)
    this.#abandonWaiters('H14')
  }

  /** A dyno for a request, counted as in flight until `release`; null: ask `wait`. */
  claim(hashKey: string, tried: readonly DynoState[]): DynoState | null {
    const dyno = this.#choose(hashKey, tried)
    if (dyno === null) return null
    this.active = true
    if (++dyno.inFlight === this.#ready.cap) this.#roomy--
    return dyno
  }

  /** Exactly once for each claim, when the last byte of the answer or tunnel is through or the attempt has failed. */
  release(dyno: DynoState): void {
    if (dyno.inFlight === 0) throw new Error(`${dyno.id} was released more often than claimed`)
    if (dyno.inFlight-- === this.#ready.cap && !dyno.retired) this.#roomy++
    if (dyno.retired) this.#settle(dyno)
    else if (this.#queue.length > 0) this.#serveWaiters()
  }

  /** After `claim` gave null. */
  wait(waiter: Waiter): WaitOutcome {
    if (this.#ready.dynos.length === 0) {
      const code = unservable(this.app.entry)
      if (code !== '') return code
    } else if (this.#exhausted(waiter.tried)) {
      return 'exhausted'
    }
    if (this.#queue.length >= this.app.entry.queue.limit) return 'H11'
    this.#queue.push(waiter, this.#nowMs())
    if (this.#timer.deadlineMs === 0) this.#armTimer()
    return 'queued'
  }

  /** The waiter's client went away. */
  leave(waiter: Waiter): void {
    this.#queue.remove(waiter)
  }

  /** A connect was refused or timed out: the dyno is passed over for a while. */
  quarantine(dyno: DynoState): void {
    dyno.lastFailedAtMs = this.#nowMs()
    dyno.quarantinedUntilMs = dyno.lastFailedAtMs + this.#settings.quarantineMs
    if (this.#queue.length > 0) this.#armTimer()
  }

  /** A connect succeeded: whatever was wrong is over. */
  connected(dyno: DynoState): void {
    if (dyno.quarantinedUntilMs === 0) return
    dyno.quarantinedUntilMs = 0
    this.#serveWaiters()
  }

  /** For the retry budget: once per request. */
  countRequest(): void {
    this.#budget.request(this.#nowMs())
  }

  /** Whether the app's budget has a retry left; takes it. */
  tryRetry(): boolean {
    return this.#budget.tryRetry(this.#nowMs(), this.#settings.retryBudgetPercent)
  }

  timedOut(): void {
    const nowMs = this.#nowMs()
    // A quarantine may have ended.
    this.#serveWaiters()
    const code: GiveUpCode = this.#ready.dynos.length === 0 ? 'H20' : 'H11'
    // Counted, since a client whose request was given up may at once send the next one into the same queue.
    for (let left = this.#queue.length; left > 0; left--) {
      const waiter = this.#queue.first
      if (waiter === null || this.#deadlineMs(waiter) > nowMs) break
      this.#queue.remove(waiter)
      waiter.giveUp(code)
    }
    this.#armTimer()
  }

  /** Everything that follows from which dynos are ready and what the cap is. */
  #arrange(): void {
    const { zone } = this.#settings
    const isLocal = (dyno: DynoState) => zone !== '' && dyno.entry.az === zone
    const dynos = [...this.dynos.values()]
      .filter((dyno) => !dyno.retired)
      .sort(
        (a, b) =>
          Number(isLocal(b)) - Number(isLocal(a)) ||
          byName.compare(a.entry.name, b.entry.name) ||
          byName.compare(a.id, b.id),
      )
    if (this.#ready.dynos.length === 0) this.#readySinceMs = this.#nowMs()
    this.#ready.dynos = dynos
    this.#ready.nameHashes = Int32Array.from(dynos, (dyno) => hashText(dyno.entry.name))
    this.#ready.localCount = dynos.filter(isLocal).length
    this.#ready.cap = this.app.entry.maxInFlightPerDyno
    this.#roomy = dynos.filter((dyno) => dyno.inFlight < this.#ready.cap).length
    this.#ramping = dynos.filter((dyno) => dyno.rampsSinceMs !== -1)
    this.#arranged = true
  }

  /** Says so, once, when a retired dyno has nothing in flight; forgets it when the snapshot no longer has it. */
  #settle(dyno: DynoState): void {
    if (!dyno.retired || dyno.inFlight > 0) return
    if (!this.app.entry.dynos.includes(dyno.entry)) this.dynos.delete(dyno.id)
    if (dyno.drained) return
    dyno.drained = true
    this.#settings.onDrained(dyno)
  }

  #choose(hashKey: string, tried: readonly DynoState[]): DynoState | null {
    if (this.#roomy === 0 || tried.length >= this.#settings.connectAttempts) return null
    const nowMs = this.#nowMs()
    const { random } = this.#settings
    if (this.#ramping.length > 0) {
      this.#holdBack(nowMs)
      const dyno = this.#algorithm(this.#ready, hashKey, tried, nowMs, random)
      for (const ramping of this.#ramping) ramping.heldBack = false
      if (dyno !== null) return dyno
      // Better a cold dyno than a wait.
    }
    return this.#algorithm(this.#ready, hashKey, tried, nowMs, random) ?? leastRecentlyFailed(this.#ready, tried, nowMs)
  }

  /** By lot, for this one choice: so the share of a new dyno grows whatever the algorithm. */
  #holdBack(nowMs: number): void {
    const { slowStartMs } = this.app.entry
    for (let index = this.#ramping.length - 1; index >= 0; index--) {
      const dyno = this.#ramping[index]!
      const share = (nowMs - dyno.rampsSinceMs) / slowStartMs
      if (share < 1) {
        dyno.heldBack = this.#settings.random() >= Math.max(FIRST_SHARE, share)
      } else {
        dyno.rampsSinceMs = -1
        this.#ramping.splice(index, 1)
      }
    }
  }

  #exhausted(tried: readonly DynoState[]): boolean {
    return (
      tried.length > 0 &&
      (tried.length >= this.#settings.connectAttempts || this.#ready.dynos.every((dyno) => tried.includes(dyno)))
    )
  }

  /** First come, first served, as long as there is room. */
  #serveWaiters(): void {
    // A waiter that was woken may release at once: the loop below sees the room, a loop within it would only deepen the stack.
    if (this.#serving) return
    this.#serving = true
    try {
      let waiter = this.#queue.first
      while (waiter !== null && this.#roomy > 0) {
        const dyno = this.claim(waiter.hashKey, waiter.tried)
        if (dyno !== null) {
          this.#queue.remove(waiter)
          waiter.wake(dyno)
          waiter = this.#queue.first
        } else if (waiter.tried.length > 0) {
          // It has tried the dynos that have room; those behind it may not have.
          waiter = waiter.nextWaiter
        } else {
          break
        }
      }
    } finally {
      this.#serving = false
    }
    if (this.#ready.dynos.length === 0) {
      const code = unservable(this.app.entry)
      if (code !== '') this.#abandonWaiters(code)
    }
    this.#armTimer()
  }

  #abandonWaiters(code: GiveUpCode): void {
    for (let left = this.#queue.length; left > 0 && this.#queue.first !== null; left--) {
      const waiter = this.#queue.first
      this.#queue.remove(waiter)
      waiter.giveUp(code)
    }
  }

  /** Waiting for a boot and then for room are two waits: the second begins when a dyno comes up, and both together end. */
  #deadlineMs(waiter: Waiter): number {
    const bootEndMs = waiter.waitingSinceMs + this.#settings.bootWaitMs
    if (this.#ready.dynos.length === 0) return bootEndMs
    const { timeoutMs } = this.app.entry.queue
    return Math.min(Math.max(waiter.waitingSinceMs, this.#readySinceMs), bootEndMs) + timeoutMs
  }

  /** For whatever comes first: the first waiter's end, or the end of a quarantine, which makes room. */
  #armTimer(): void {
    const { wheel } = this.#settings
    const first = this.#queue.first
    if (first === null) {
      wheel.disarm(this.#timer)
      return
    }
    const nowMs = this.#nowMs()
    let untilMs = this.#deadlineMs(first)
    for (const { quarantinedUntilMs } of this.#ready.dynos) {
      if (quarantinedUntilMs > nowMs && quarantinedUntilMs < untilMs) untilMs = quarantinedUntilMs
    }
    wheel.arm(this.#timer, Math.max(0, untilMs - nowMs))
  }

  #nowMs(): number {
    return this.#settings.wheel.clock.nowMs
  }
}

/** The last resort when all that were not tried are in quarantine; null when one of them is not: it is worth waiting for. */
function leastRecentlyFailed(ready: ReadyDynos, tried: readonly DynoState[], nowMs: number): DynoState | null {
  let best: DynoState | null = null
  for (const dyno of ready.dynos) {
    if (tried.includes(dyno)) continue
    if (dyno.quarantinedUntilMs <= nowMs) return null
    if (dyno.inFlight < ready.cap && (best === null || dyno.lastFailedAtMs < best.lastFailedAtMs)) best = dyno
  }
  return best
}
