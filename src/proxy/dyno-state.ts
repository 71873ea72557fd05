import { DynoTally } from '../model/dyno-observation.ts'
import type { DynoEntry } from '../model/snapshot.ts'

/** How a dyno closes idle connections is remembered for one to two of these. */
const WINDOW_MS = 60_000

/** What this worker knows of one dyno beyond the snapshot. It outlives snapshots, by the dyno's id, until nothing is in flight. */
export class DynoState {
  readonly id: string
  /** As the newest snapshot has it; the last one that had it when the dyno has gone. */
  entry: DynoEntry
  /** Requests and tunnels that were claimed and not released. */
  inFlight = 0
  /** Passed over until then; 0: not in quarantine. */
  quarantinedUntilMs = 0
  /** 0: no connect has failed yet. */
  lastFailedAtMs = 0
  /** Takes no new requests: draining, or gone from the snapshot. */
  retired = false
  /** When it came into the balance, as far as its share grows from then on; -1: it has all of it. */
  rampsSinceMs = -1
  /** Not for the request that is about to choose: its share is still small. */
  heldBack = false
  /** Retired with nothing in flight, and the pool has said so. */
  drained = false
  /** What its requests came to. */
  readonly tally = new DynoTally()

  /** Shortest rests after which it closed a kept connection: in this window of time, and in the one before. */
  #shortestRestMs = Number.POSITIVE_INFINITY
  #shortestBeforeMs = Number.POSITIVE_INFINITY
  #windowEndMs = 0

  constructor(entry: DynoEntry) {
    this.id = entry.id
    this.entry = entry
  }

  /** It closed a connection that rested so long. */
  closedIdle(restMs: number, nowMs: number): void {
    this.#turnWindow(nowMs)
    if (restMs < this.#shortestRestMs) this.#shortestRestMs = restMs
  }

  /** The shortest rest after which it lately closed a kept connection; infinite when it did not. */
  closesIdleAfterMs(nowMs: number): number {
    this.#turnWindow(nowMs)
    return Math.min(this.#shortestRestMs, this.#shortestBeforeMs)
  }

  /** What it did long ago may have been a restart, which closes all connections, or another version of it. */
  #turnWindow(nowMs: number): void {
    if (nowMs < this.#windowEndMs) return
    this.#shortestBeforeMs = nowMs < this.#windowEndMs + WINDOW_MS ? this.#shortestRestMs : Number.POSITIVE_INFINITY
    this.#shortestRestMs = Number.POSITIVE_INFINITY
    this.#windowEndMs = nowMs + WINDOW_MS
  }
}
