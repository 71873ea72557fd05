import { Clock } from '../../src/proxy/clock.ts'
import { TICK_MS, TimerWheel } from '../../src/proxy/timer-wheel.ts'

/** A clock and a timer wheel whose time passes when a test says so. */
export class ManualTime {
  readonly clock: Clock
  readonly wheel: TimerWheel
  /** Since the start of the test. */
  elapsedMs = 0

  /** `unixMs`: the time of day at the start. */
  constructor(unixMs = 0) {
    this.clock = new Clock({ monotonicMs: () => this.elapsedMs, unixMs: () => unixMs + this.elapsedMs })
    this.wheel = new TimerWheel(this.clock)
  }

  /** Tick by tick, as in a process that is never late. */
  pass(ms: number): void {
    const endMs = this.elapsedMs + ms
    while (this.elapsedMs < endMs) this.jump(Math.min(TICK_MS, endMs - this.elapsedMs))
  }

  /** At once, as in a process that was busy or stopped meanwhile. */
  jump(ms: number): void {
    this.elapsedMs += ms
    this.clock.tick()
    this.wheel.advance()
  }
}
