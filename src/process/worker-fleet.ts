import type { ProcessRow } from '../control/admin/operations.ts'
import type { DataPlanePort } from '../control/data-plane-port.ts'
import { type DynoObservation, DynoTally } from '../model/dyno-observation.ts'
import { type DynoEntry, mayBeClaimed, type SnapshotData } from '../model/snapshot.ts'
import type { CounterDump } from '../telemetry/counter-dump.ts'
import type { ProcessStatus, WorkerReport } from './messages.ts'
import { type SnapshotParts, SnapshotWriter } from './snapshot-parts.ts'

interface Worker {
  /** The newest snapshot that it has confirmed; 0 none yet. */
  version: number
  inFlight: ReadonlyMap<string, number>
  connections: number
  residentBytes: number
  eventLoopDelayMs: number
  counters: CounterDump | null
}

export type WorkerSaid = Pick<
  ProcessRow,
  'snapshotVersion' | 'connections' | 'inFlight' | 'residentBytes' | 'eventLoopDelayMs'
>

/** The data plane as the control process sees it: what was told to the workers, and what they said. */
export class WorkerFleet implements DataPlanePort {
  readonly #publish: (parts: SnapshotParts) => void
  readonly #writer = new SnapshotWriter()
  readonly #workers = new Map<number, Worker>()
  /** Dynos that take no more requests, and the first snapshot that says so. */
  readonly #retired = new Map<string, number>()
  /** Every dyno of the last snapshot, and what its requests came to; null: it had none. */
  readonly #tallies = new Map<string, DynoTally | null>()
  #last: SnapshotData | null = null

  constructor(publish: (parts: SnapshotParts) => void) {
    this.#publish = publish
  }

  /** There are web dynos that are to be up and are not yet, and have not failed. */
  get booting(): boolean {
    return this.#last?.apps.some(({ formation }) => formation.starting > 0) ?? true
  }

  /** The workers have this already. */
  resume(data: SnapshotData): void {
    this.#writer.resume(data)
    this.#last = data
    for (const { dynos } of data.apps) {
      for (const dyno of dynos) {
        this.#tallies.set(dyno.id, null)
        if (!mayBeClaimed(dyno)) this.#retired.set(dyno.id, data.version)
      }
    }
  }

  apply(data: SnapshotData): void {
    this.#noteChanges(data)
    this.#last = data
    this.#publish(this.#writer.next(data))
    this.#forgetDrained()
  }

  /** What the workers would be told by `apply`. */
  preview(data: SnapshotData): SnapshotParts {
    return this.#writer.preview(data)
  }

  /**
   * Drained is believed when every worker has confirmed the snapshot that says so, and has said in the same breath or later
   * that nothing is in flight: until then a worker that was not told yet may send the dyno another request.
   */
  inFlight(dynoId: string): number {
    const retiredIn = this.#retired.get(dynoId) ?? 0
    let inFlight = 0
    let uncounted = false
    for (const worker of this.#workers.values()) {
      inFlight += worker.inFlight.get(dynoId) ?? 0
      uncounted ||= worker.version < retiredIn
    }
    return inFlight === 0 && uncounted ? 1 : inFlight
  }

  observed(dynoId: string): DynoObservation | null {
    const tally = this.#tallies.get(dynoId)
    return tally === undefined ? null : (tally ?? new DynoTally()).observation
  }

  /** Which workers there are. One that has not reported yet has confirmed nothing. */
  know({ workers }: ProcessStatus): void {
    const ids = new Set(workers.map(({ id }) => id))
    for (const id of this.#workers.keys()) if (!ids.has(id)) this.#workers.delete(id)
    for (const id of ids) {
      if (!this.#workers.has(id)) {
        this.#workers.set(id, {
          version: 0,
          inFlight: new Map(),
          connections: 0,
          residentBytes: 0,
          eventLoopDelayMs: 0,
          counters: null,
        })
      }
    }
  }

  heard(id: number, report: WorkerReport): void {
    const worker = this.#workers.get(id)
    if (worker === undefined) return
    worker.version = report.version
    worker.inFlight = new Map(report.inFlight)
    worker.connections = report.connections
    worker.residentBytes = report.residentBytes
    worker.eventLoopDelayMs = report.eventLoopDelayMs
    worker.counters = report.counters ?? worker.counters
    for (const [dynoId, counts] of report.tallies) {
      const known = this.#tallies.get(dynoId)
      if (known === undefined) continue
      const tally = known ?? new DynoTally()
      tally.add(counts)
      this.#tallies.set(dynoId, tally)
    }
  }

  /** What one worker said last; null: there is no such worker. */
  of(id: number): WorkerSaid | null {
    const worker = this.#workers.get(id)
    if (worker === undefined) return null
    let inFlight = 0
    for (const count of worker.inFlight.values()) inFlight += count
    const { version, connections, residentBytes, eventLoopDelayMs } = worker
    return { snapshotVersion: version, connections, inFlight, residentBytes, eventLoopDelayMs }
  }

  counters(): CounterDump[] {
    return [...this.#workers.values()].flatMap(({ counters }) => counters ?? [])
  }

  #noteChanges(data: SnapshotData): void {
    const before = new Map(this.#last?.apps.map((app) => [app.name, app]))
    for (const app of data.apps) {
      const was = before.get(app.name)
      before.delete(app.name)
      if (was === app) continue
      this.#followDynos(was?.dynos ?? [], app.dynos)
      const claimable = new Set(app.dynos.filter(mayBeClaimed).map(({ id }) => id))
      for (const id of claimable) this.#retired.delete(id)
      for (const dyno of was?.dynos ?? []) {
        if (mayBeClaimed(dyno) && !claimable.has(dyno.id)) this.#retired.set(dyno.id, data.version)
      }
    }
    for (const { dynos } of before.values()) {
      this.#followDynos(dynos, [])
      for (const dyno of dynos) if (mayBeClaimed(dyno)) this.#retired.set(dyno.id, data.version)
    }
  }

  #followDynos(before: readonly DynoEntry[], now: readonly DynoEntry[]): void {
    const ids = new Set(now.map(({ id }) => id))
    for (const { id } of before) if (!ids.has(id)) this.#tallies.delete(id)
    for (const id of ids) if (!this.#tallies.has(id)) this.#tallies.set(id, null)
  }

  #forgetDrained(): void {
    for (const [id, version] of this.#retired) {
      const done = [...this.#workers.values()].every((worker) => worker.version >= version && !worker.inFlight.has(id))
      if (done) this.#retired.delete(id)
    }
  }
}
