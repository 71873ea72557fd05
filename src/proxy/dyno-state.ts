import type { DynoEntry } from '../model/snapshot.ts'

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
  /** The least time after which it closed a connection that was kept for the next request. */
  closesIdleAfterMs = Number.POSITIVE_INFINITY
  /** Takes no new requests: draining, or gone from the snapshot. */
  retired = false
  /** Retired with nothing in flight, and the pool has said so. */
  drained = false

  constructor(entry: DynoEntry) {
    this.id = entry.id
    this.entry = entry
  }
}
