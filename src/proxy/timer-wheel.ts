import type { Clock } from './clock.ts'
import { turn } from './turn.ts'

/** Timeouts are seconds; a tenth of one is near enough and lets ten thousands of connections share ten wake-ups a second. */
export const TICK_MS = 100
/** One turn is 51.2 s: nearly every timeout fits into it; a longer one is looked at once a turn. A power of two. */
const SLOTS = 512

export interface TimerTarget {
  /** Its time is over; it is disarmed and may be armed again at once. */
  timedOut(timer: TimerEntry, nowMs: number): void
}

/** One timer of one owner, made with it and used again and again: links of the list of its slot are part of it. */
export class TimerEntry {
  readonly target: TimerTarget | null
  /** When it is over; 0: not armed. */
  deadlineMs = 0
  /** Number of the tick at which the wheel looks at it; 0: it is in no slot. */
  checkTick = 0
  previous: TimerEntry
  next: TimerEntry

  /** null makes the head of a list. */
  constructor(target: TimerTarget | null) {
    this.target = target
    this.previous = this
    this.next = this
  }
}

/**
 * Every timeout of a worker. Arming again for later, which each read and write does, is one store: the entry stays where it is, and when its old
 * slot comes up it moves on to the new time. Timers are never early by the clock, and late by at most two ticks.
 */
export class TimerWheel {
  readonly clock: Clock
  readonly #slots = Array.from({ length: SLOTS }, () => new TimerEntry(null))
  /** Entries whose slot has come up. A field, so that what is left when a target throws is served by the next turn. */
  readonly #due = new TimerEntry(null)
  #tick: number
  #interval: NodeJS.Timeout | null = null

  constructor(clock: Clock) {
    this.clock = clock
    this.#tick = Math.floor(clock.nowMs / TICK_MS)
  }

  /** Over in `afterMs` from now, whatever it was armed for before. */
  arm(timer: TimerEntry, afterMs: number): void {
    // The clock may be almost a tick behind.
    const deadlineMs = this.clock.nowMs + afterMs + TICK_MS
    timer.deadlineMs = deadlineMs
    if (timer.checkTick === 0 || deadlineMs < timer.checkTick * TICK_MS) this.#link(timer)
  }

  /** One store: the entry leaves its slot when that comes up. */
  disarm(timer: TimerEntry): void {
    timer.deadlineMs = 0
  }

  /** Disarms and forgets: for the end of the owner, which the wheel would else keep alive for up to a turn. */
  remove(timer: TimerEntry): void {
    timer.deadlineMs = 0
    unlink(timer)
  }

  /** Ends what is over. `start` calls it; tests that have their own clock call it themselves. */
  advance(): void {
    const nowMs = this.clock.nowMs
    const nowTick = Math.floor(nowMs / TICK_MS)
    // After a pause longer than a turn every slot is due, once.
    const from = Math.max(this.#tick + 1, nowTick - SLOTS + 1)
    for (let tick = from; tick <= nowTick; tick++) moveAll(this.#slots[tick % SLOTS]!, this.#due)
    this.#tick = nowTick
    for (let timer = this.#due.next; timer !== this.#due; timer = this.#due.next) {
      unlink(timer)
      if (timer.deadlineMs === 0) continue
      if (timer.deadlineMs > nowMs) {
        this.#link(timer)
        continue
      }
      timer.deadlineMs = 0
      timer.target!.timedOut(timer, nowMs)
    }
  }

  /** Ticks the clock and the wheel until `stop`; does not keep the process alive. */
  start(): void {
    // The clock ticks before sockets are read, timers end after what was read was looked at: what came while the process was busy counts as having
    // come in time.
    const tick = () => {
      this.clock.tick()
      setImmediate(advance)
    }
    const advance = () => {
      turn.deliver()
      if (this.#interval !== null) this.advance()
    }
    this.#interval ??= setInterval(tick, TICK_MS).unref()
  }

  stop(): void {
    if (this.#interval !== null) clearInterval(this.#interval)
    this.#interval = null
  }

  /** Into the slot of its deadline, or into the last one of this turn. */
  #link(timer: TimerEntry): void {
    unlink(timer)
    // A slot that has passed would come up a whole turn too late. One that comes up a part of a tick early is linked once more.
    const tick = Math.min(Math.floor(timer.deadlineMs / TICK_MS), this.#tick + SLOTS - 1)
    timer.checkTick = Math.max(tick, this.#tick + 1)
    const head = this.#slots[timer.checkTick % SLOTS]!
    timer.previous = head.previous
    timer.next = head
    head.previous.next = timer
    head.previous = timer
  }
}

function unlink(timer: TimerEntry): void {
  timer.checkTick = 0
  timer.previous.next = timer.next
  timer.next.previous = timer.previous
  timer.previous = timer
  timer.next = timer
}

function moveAll(from: TimerEntry, to: TimerEntry): void {
  if (from.next === from) return
  from.next.previous = to.previous
  to.previous.next = from.next
  from.previous.next = to
  to.previous = from.previous
  from.next = from
  from.previous = from
}
