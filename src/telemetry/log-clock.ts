/** A step of the wall clock (NTP, a suspended machine) larger than this is followed; smaller ones are the two clocks' grain. */
const TOLERANCE_MS = 20

/**
 * Timestamps with microseconds: `2026-04-26T16:58:32.943253Z`.
 * The wall clock of JavaScript counts milliseconds, the monotonic one microseconds but drifts from the wall over weeks: the
 * monotonic one is read, and compared with the wall once a second, when the text of the second is made anew anyway.
 */
export class LogClock {
  readonly #wallMs: () => number
  readonly #monotonicMs: () => number
  #originMs: number
  #secondBeganMs = Number.NEGATIVE_INFINITY
  /** `2026-04-26T16:58:32.` */
  #second = ''

  constructor(wallMs: () => number = Date.now, monotonicMs: () => number = () => performance.now()) {
    this.#wallMs = wallMs
    this.#monotonicMs = monotonicMs
    this.#originMs = wallMs() - monotonicMs()
  }

  timestamp(): string {
    let nowMs = this.#originMs + this.#monotonicMs()
    let intoSecondMs = nowMs - this.#secondBeganMs
    if (!(intoSecondMs >= 0 && intoSecondMs < 1000)) {
      const aheadMs = nowMs - this.#wallMs()
      if (Math.abs(aheadMs) > TOLERANCE_MS) {
        this.#originMs -= aheadMs
        nowMs -= aheadMs
      }
      this.#secondBeganMs = Math.floor(nowMs / 1000) * 1000
      this.#second = `${new Date(this.#secondBeganMs).toISOString().slice(0, 19)}.`
      intoSecondMs = nowMs - this.#secondBeganMs
    }
    // A leading 1 keeps the zeros: 1_000_000 + 3_253 is '1003253'.
    const micros = 1_000_000 + Math.trunc(intoSecondMs * 1000)
    return `${this.#second}${String(micros).slice(1)}Z`
  }
}
