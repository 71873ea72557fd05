const BUCKETS = 10
const BUCKET_MS = 1000
/** Retries in the window that are always allowed: a quiet app has too few requests for a percentage to mean anything. */
const FLOOR = 10

/**
 * Retries as a share of the requests of the last ten seconds: when a whole app fails, retrying everything would multiply the load on what is left of
 * it.
 */
export class RetryBudget {
  readonly #requests = new Int32Array(BUCKETS)
  readonly #retries = new Int32Array(BUCKETS)
  #second = 0
  #requestSum = 0
  #retrySum = 0

  request(nowMs: number): void {
    this.#roll(nowMs)
    this.#requests[this.#second % BUCKETS]!++
    this.#requestSum++
  }

  /** Takes one retry when there is one to take. `percent` 0: never. */
  tryRetry(nowMs: number, percent: number): boolean {
    this.#roll(nowMs)
    if (percent === 0 || this.#retrySum >= Math.max(FLOOR, (this.#requestSum * percent) / 100)) return false
    this.#retries[this.#second % BUCKETS]!++
    this.#retrySum++
    return true
  }

  /** Empties the buckets of seconds that have left the window. */
  #roll(nowMs: number): void {
    const second = Math.floor(nowMs / BUCKET_MS)
    if (second <= this.#second) return
    const stale = Math.min(second - this.#second, BUCKETS)
    for (let i = 1; i <= stale; i++) {
      const bucket = (this.#second + i) % BUCKETS
      this.#requestSum -= this.#requests[bucket]!
      this.#retrySum -= this.#retries[bucket]!
      this.#requests[bucket] = 0
      this.#retries[bucket] = 0
    }
    this.#second = second
  }
}
