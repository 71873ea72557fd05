import { performance } from 'node:perf_hooks'
import { turn } from './turn.ts'

/** Where the time comes from; tests have their own. */
export interface TimeSource {
  /** Milliseconds that never jump. */
  monotonicMs(): number
  /** Milliseconds since 1970. */
  unixMs(): number
}

const SYSTEM_TIME: TimeSource = { monotonicMs: () => performance.now(), unixMs: () => Date.now() }

/** The time as of the last tick: whoever needs no better than a tick reads a field instead of asking the system per request. */
export class Clock {
  /** Monotonic, whole milliseconds, never 0. */
  nowMs = 0
  /** For the `Date` header, RFC 9110 §5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`. */
  date = ''
  readonly #source: TimeSource
  #dateSecond = -1
  /** Both as of `#moment`. */
  #exactMs = 0
  #exactUnixMs = 0
  #moment = 0

  constructor(source: TimeSource = SYSTEM_TIME) {
    this.#source = source
    this.tick()
  }

  /** Monotonic milliseconds with their fractions: of now, or of the beginning of the present moment of a turn, since to ask is dear. */
  exactMs(): number {
    if (turn.moment === 0) return this.#source.monotonicMs()
    if (turn.moment !== this.#moment) this.#look()
    return this.#exactMs
  }

  /** The same in milliseconds since 1970. */
  unixMs(): number {
    if (turn.moment === 0) return this.#source.unixMs()
    if (turn.moment !== this.#moment) this.#look()
    return this.#exactUnixMs
  }

  #look(): void {
    this.#exactMs = this.#source.monotonicMs()
    this.#exactUnixMs = this.#source.unixMs()
    this.#moment = turn.moment
  }

  tick(): void {
    this.nowMs = Math.floor(this.#source.monotonicMs()) + 1
    const unixMs = this.#source.unixMs()
    const second = Math.floor(unixMs / 1000)
    if (second !== this.#dateSecond) {
      this.#dateSecond = second
      this.date = new Date(unixMs).toUTCString()
    }
  }
}
