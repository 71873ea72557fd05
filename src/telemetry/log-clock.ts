import { performance } from 'node:perf_hooks'

/** A step of the wall clock (NTP, a suspended machine) beyond this is followed; less is the grain of the two clocks. */
const TOLERANCE_MS = 20

// Looked up rather than padded for every line.
const THREE_DIGITS = Array.from({ length: 1000 }, (_, number) => String(number).padStart(3, '0'))
const MICROSECONDS = THREE_DIGITS.map((digits) => `${digits}Z`)

/**
 * Timestamps with microseconds: `2026-04-26T16:58:32.943253Z`.
 * The wall clock of JavaScript counts milliseconds; the monotonic one counts microseconds, but it drifts from the wall over
 * weeks and stands still while the machine sleeps. So the monotonic one is read, and set right by the wall once a second, when the text of
 * the second has to be made anew anyway.
 */
export class LogClock {
  readonly #wallMs: () => number
  readonly #monotonicMs: () => number
  /** What the wall showed when the monotonic clock was 0. */
  #originMs: number
  #secondBeganMs = Number.NEGATIVE_INFINITY
  /** `2026-04-26T16:58:32.` */
  #second = ''
  #lastMs = Number.NaN
  #last = ''

  constructor(wallMs: () => number = Date.now, monotonicMs: () => number = () => performance.now()) {
    this.#wallMs = wallMs
    this.#monotonicMs = monotonicMs
    this.#originMs = wallMs() - monotonicMs()
  }

  /** Of now, or of a monotonic time that is about now. */
  timestamp(monotonicMs: number = this.#monotonicMs()): string {
    if (monotonicMs === this.#lastMs) return this.#last
    let intoSecondMs = this.#originMs + monotonicMs - this.#secondBeganMs
    if (!(intoSecondMs >= 0 && intoSecondMs < 1000)) intoSecondMs = this.#beginSecond(monotonicMs)
    const wholeMs = Math.trunc(intoSecondMs)
    const micros = Math.trunc((intoSecondMs - wholeMs) * 1000)
    this.#lastMs = monotonicMs
    this.#last = this.#second + THREE_DIGITS[wholeMs]! + MICROSECONDS[micros]!
    return this.#last
  }

  #beginSecond(monotonicMs: number): number {
    const wallMs = this.#wallMs()
    let nowMs = this.#originMs + monotonicMs
    if (Math.abs(nowMs - wallMs) > TOLERANCE_MS) {
      this.#originMs += wallMs - nowMs
      nowMs = wallMs
    }
    this.#secondBeganMs = Math.floor(nowMs / 1000) * 1000
    this.#second = `${new Date(this.#secondBeganMs).toISOString().slice(0, 19)}.`
    return nowMs - this.#secondBeganMs
  }
}
