import { monitorEventLoopDelay } from 'node:perf_hooks'
import { DataPlane } from '../proxy/data-plane.ts'
import type { CounterDump } from '../telemetry/counter-dump.ts'
import { createLogger, type Logger } from '../telemetry/logger.ts'
import { RouterMetrics } from '../telemetry/router-metrics.ts'
import type { AppTexts } from './app-texts.ts'
import { type AccessLog, listenerOptions, openAccessLog } from './data-plane-options.ts'
import type { SupervisorToWorker, WorkerToSupervisor } from './messages.ts'
import { leaveSignalsToSupervisor } from './signals.ts'
import { inSlices } from './slices.ts'
import { type SnapshotParts, SnapshotReader } from './snapshot-parts.ts'

const REPORT_MS = 1000
/** With thousands of apps it takes a while to write down what was counted: not more than this part of the time. */
const COUNTING_SHARE = 0.02
/** Nor at one time for longer than this; nor does a snapshot hold requests up for longer while it is read. */
const SLICE_MS = 2
/** Resolution of the event-loop delay: finer than a delay that a client would notice. */
const DELAY_RESOLUTION_MS = 10

/** Runs this process as a worker: serves by the newest snapshot that it was told, and says what it has under way. */
export function runWorker(): void {
  leaveSignalsToSupervisor()
  const worker = new WorkerProcess()
  process.on('message', (message, handle) => worker.heard(message as SupervisorToWorker, handle as object | undefined))
}

class WorkerProcess {
  readonly #metrics = new RouterMetrics()
  readonly #reader = new SnapshotReader()
  readonly #delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
  /** Messages, the first of which is being dealt with. */
  readonly #unheard: [SupervisorToWorker, object | undefined][] = []
  /** Of the snapshot that comes next. */
  #apps: AppTexts[] = []
  /** Bound sockets that came for the next `listen`, by listener. */
  readonly #sockets = new Map<string, { close(): void }>()
  #logger: Logger | null = null
  #accessLog: AccessLog | null = null
  #plane: DataPlane | null = null
  #reportDue = false
  #countAtMs = 0
  /** Longest in the last second. */
  #delayMs = 0

  /** One after the other, in the order in which they came: a large snapshot takes some turns of the event loop to read. */
  heard(message: SupervisorToWorker, handle: object | undefined): void {
    this.#unheard.push([message, handle])
    if (this.#unheard.length === 1) void this.#hearAll()
  }

  async #hearAll(): Promise<void> {
    for (let next = this.#unheard[0]; next !== undefined; next = this.#unheard[0]) {
      const doing = this.#hear(...next)
      if (doing !== undefined) await doing
      this.#unheard.shift()
    }
  }

  /** A promise: what comes next has to wait for it. */
  #hear(message: SupervisorToWorker, handle: object | undefined): Promise<void> | undefined {
    switch (message.kind) {
      case 'begin':
        this.#begin(message)
        break
      case 'apps':
        this.#apps.push(message.apps)
        break
      case 'snapshot':
        return this.#apply(message)
      case 'socket':
        this.#sockets.set(message.listener, handle as { close(): void })
        break
      case 'listen':
        void this.#listen(message)
        break
      case 'judge':
        return this.#judge(message)
      case 'drain':
        void this.#drain(message)
        break
      case 'hurry':
        this.#plane?.hurry()
        break
      case 'reopenLogs':
        this.#accessLog?.sink.reopen()
        break
    }
    return undefined
  }

  #begin({ slot, log }: SupervisorToWorker & { kind: 'begin' }): void {
    this.#logger = createLogger({ level: log.level }).child({ worker: slot })
    this.#accessLog = openAccessLog(log, { logger: this.#logger, metrics: this.#metrics })
    process.title = `postern worker ${slot}`
    this.#delay.enable()
    this.#metrics.setWorkerSource(String(slot), () => {
      const { user, system } = process.cpuUsage()
      return {
        residentBytes: residentBytes(),
        cpuSeconds: (user + system) / 1e6,
        eventLoopDelaySeconds: this.#delayMs / 1000,
      }
    })
    setInterval(() => {
      // The histogram counts the timer's own period too.
      this.#delayMs = Math.max(0, this.#delay.max / 1e6 - DELAY_RESOLUTION_MS)
      this.#delay.reset()
      if (performance.now() < this.#countAtMs) this.#report(null)
      else void this.#count().then((counters) => this.#report(counters))
    }, REPORT_MS)
  }

  #withApps(parts: SnapshotParts): SnapshotParts {
    const apps = this.#apps
    this.#apps = []
    return { ...parts, apps }
  }

  async #judge({ id, parts }: SupervisorToWorker & { kind: 'judge' }): Promise<void> {
    const { data, tables } = (await inSlices(this.#reader.previewInSteps(this.#withApps(parts)), SLICE_MS)).value
    // Before its first snapshot a worker has no tunnels, and nothing that this could be the difference to.
    const tunnels = this.#plane?.tunnelsEndedBy(data, tables) ?? new Map()
    tell({ kind: 'judged', id, tunnels })
  }

  async #apply({ parts }: SupervisorToWorker & { kind: 'snapshot' }): Promise<void> {
    const { data, tables } = (await inSlices(this.#reader.readInSteps(this.#withApps(parts)), SLICE_MS)).value
    if (this.#plane !== null) {
      this.#plane.apply(data, tables)
    } else {
      const log = this.#accessLog
      this.#plane = new DataPlane({
        snapshot: data,
        tables,
        metrics: this.#metrics,
        logger: this.#logger!,
        accessLog: log === null ? null : { format: log.format, write: (line) => log.sink.write(line) },
        onDrained: () => this.#reportSoon(),
      })
    }
    this.#report(null)
  }

  async #listen({ id, listeners }: SupervisorToWorker & { kind: 'listen' }): Promise<void> {
    const sockets = new Map(this.#sockets)
    this.#sockets.clear()
    let problem = ''
    try {
      await this.#plane!.listen(listeners.map(listenerOptions), (name) => {
        const socket = sockets.get(name)
        sockets.delete(name)
        return socket ?? null
      })
      for (const unused of sockets.values()) unused.close()
    } catch (error) {
      problem = (error as Error).message
    }
    tell({ kind: 'listened', id, problem })
  }

  async #drain({ requestsMs, tunnelsMs }: SupervisorToWorker & { kind: 'drain' }): Promise<void> {
    await this.#plane?.stop(requestsMs, tunnelsMs)
    await this.#accessLog?.sink.close()
    this.#report(this.#metrics.snapshotCounters(), () => process.exit(0))
  }

  /** Dynos that drain together make one report. */
  #reportSoon(): void {
    if (this.#reportDue) return
    this.#reportDue = true
    setImmediate(() => this.#report(null))
  }

  /** What was counted, gathered in slices between which requests are served. */
  async #count(): Promise<CounterDump> {
    this.#countAtMs = Number.POSITIVE_INFINITY
    const { value, busyMs } = await inSlices(this.#metrics.countInSteps(), SLICE_MS)
    this.#countAtMs = performance.now() + busyMs / COUNTING_SHARE
    return value
  }

  /** `counters` null: not counted this time. */
  #report(counters: CounterDump | null, sent?: () => void): void {
    this.#reportDue = false
    const plane = this.#plane
    const busy = plane === null ? [] : [...plane.pools.busyDynos()]
    const report = {
      version: plane?.snapshot.version ?? 0,
      inFlight: busy.map(({ id, inFlight }) => [id, inFlight] as const),
      connections: plane?.connections ?? 0,
      residentBytes: residentBytes(),
      eventLoopDelayMs: this.#delayMs,
      tallies: plane?.pools.takeTallies() ?? [],
      counters,
    }
    tell({ kind: 'report', report }, sent)
  }
}

/** NaN when it cannot be known: to look takes a descriptor, and there may be none left. */
function residentBytes(): number {
  try {
    return process.memoryUsage.rss()
  } catch {
    return Number.NaN
  }
}

function tell(message: WorkerToSupervisor, sent: () => void = () => {}): void {
  // Without a supervisor this process is about to end.
  process.send!(message, undefined, {}, sent)
}
