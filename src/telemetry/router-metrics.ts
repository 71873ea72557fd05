import {
  type Blocks,
  blocksOf,
  type CounterDump,
  dumpBlocks,
  dumpInSteps,
  emptyBlocks,
  runToEnd,
} from './counter-dump.ts'
import {
  BLOCK_REASONS,
  type BlockReason,
  CHECK_RESULTS,
  CODE_LABELS,
  CONNECTION_USES,
  DNS_RCODES,
  DNS_TYPES,
  DYNO_STATES,
  type DynoStateLabel,
  HEALTHS,
  type HealthLabel,
  LAYOUTS,
  METRICS,
  PROCESS_KINDS,
  type ProcessKind,
  RETRY_REASONS,
  type RetryReason,
  WORKER_STATES,
  type WorkerState,
  ZONE_LABELS,
} from './metric-table.ts'
import { observe, observedBounds, positions } from './metrics.ts'
import { renderBlocks } from './prometheus.ts'

/** What the data plane holds now. */
export interface DataPlaneGauges {
  readonly snapshotVersion: number
  readonly apps: Iterable<{
    readonly app: string
    readonly inFlight: number
    readonly queued: number
    /** Backend connections with an exchange on them, and those kept for the next one. */
    readonly busyConnections: number
    readonly idleConnections: number
  }>
}

/** What this worker process is doing. */
export interface WorkerGauges {
  readonly residentBytes: number
  readonly cpuSeconds: number
  /** Longest delay since this was last asked. */
  readonly eventLoopDelaySeconds: number
}

/** The processes of a router as its control process knows them. */
export interface ProcessGauges {
  readonly workers: Readonly<Record<WorkerState, number>>
  readonly restarts: Readonly<Record<ProcessKind, number>>
  /** How the last reading of the file went; null: it was not read since the start. */
  readonly reload: { readonly ok: boolean; readonly atMs: number } | null
}

export interface DiscoveryGauge {
  readonly app: string
  readonly ageSeconds: number
  readonly failing: boolean
}

export interface DynoGauge {
  readonly app: string
  readonly state: DynoStateLabel
  /** '' when nobody checks. */
  readonly health: HealthLabel | ''
}

const REQUESTS = LAYOUTS.app.offset(METRICS.requests)
const REQUEST_DURATION = LAYOUTS.app.offset(METRICS.requestDuration)
const DURATION_BOUNDS_MS = observedBounds(METRICS.requestDuration)
const FIRST_BYTE = LAYOUTS.app.offset(METRICS.firstByte)
const FIRST_BYTE_BOUNDS_MS = observedBounds(METRICS.firstByte)
const REQUEST_BYTES = LAYOUTS.app.offset(METRICS.requestBytes)
const RESPONSE_BYTES = LAYOUTS.app.offset(METRICS.responseBytes)
const IN_FLIGHT = LAYOUTS.app.offset(METRICS.inFlight)
const QUEUED = LAYOUTS.app.offset(METRICS.queued)
const BACKEND_CONNECTIONS = LAYOUTS.app.offset(METRICS.backendConnections)
const RETRIES = LAYOUTS.app.offset(METRICS.retries)
const QUARANTINES = LAYOUTS.app.offset(METRICS.quarantines)
const DYNOS = LAYOUTS.app.offset(METRICS.dynos)
const DYNO_HEALTH = LAYOUTS.app.offset(METRICS.dynoHealth)
const HEALTH_CHECKS = LAYOUTS.app.offset(METRICS.healthChecks)
const CHECKS_PASSED = HEALTH_CHECKS + CHECK_RESULTS.indexOf('passed')
const CHECKS_FAILED = HEALTH_CHECKS + CHECK_RESULTS.indexOf('failed')
const DISCOVERY_AGE = LAYOUTS.app.offset(METRICS.discoveryAge)
const DISCOVERY_FAILING = LAYOUTS.app.offset(METRICS.discoveryFailing)
const CLIENT_CONNECTIONS = LAYOUTS.listener.offset(METRICS.clientConnections)
const CLIENT_CONNECTIONS_ACCEPTED = LAYOUTS.listener.offset(METRICS.clientConnectionsAccepted)
const BLOCKED_CLIENTS = LAYOUTS.router.offset(METRICS.blockedClients)
const ZONES_DOWN = LAYOUTS.router.offset(METRICS.zonesDown)
const DNS_QUERIES = LAYOUTS.router.offset(METRICS.dnsQueries)
const LOG_LINES_DROPPED = LAYOUTS.router.offset(METRICS.logLinesDropped)
const SNAPSHOT_VERSION = LAYOUTS.router.offset(METRICS.snapshotVersion)
const RELOAD_SUCCESS = LAYOUTS.router.offset(METRICS.reloadSuccess)
const RELOAD_TIMESTAMP = LAYOUTS.router.offset(METRICS.reloadTimestamp)
const WORKERS = LAYOUTS.router.offset(METRICS.workers)
const RESTARTS = LAYOUTS.router.offset(METRICS.restarts)
const WORKER_SNAPSHOT = LAYOUTS.worker.offset(METRICS.workerSnapshot)
const WORKER_RESIDENT = LAYOUTS.worker.offset(METRICS.workerResident)
const WORKER_DELAY = LAYOUTS.worker.offset(METRICS.workerDelay)
const WORKER_CPU = LAYOUTS.worker.offset(METRICS.workerCpu)

const CODE_POSITIONS = positions(CODE_LABELS)
const OTHER_CODE = CODE_LABELS.indexOf('other')
const RETRY_POSITIONS = positions(RETRY_REASONS)
const OTHER_RETRY = RETRY_REASONS.indexOf('other')
const BLOCK_POSITIONS = positions(BLOCK_REASONS)
const DYNO_STATE_POSITIONS = positions(DYNO_STATES)
const HEALTH_POSITIONS = positions(HEALTHS)
const IDLE_CONNECTIONS = BACKEND_CONNECTIONS + CONNECTION_USES.indexOf('idle')
const BUSY_CONNECTIONS = BACKEND_CONNECTIONS + CONNECTION_USES.indexOf('busy')
const DNS_TYPE_POSITIONS = positions(DNS_TYPES)
const OTHER_DNS_TYPE = DNS_TYPES.indexOf('other')
const DNS_RCODE_POSITIONS = positions(DNS_RCODES)
const OTHER_DNS_RCODE = DNS_RCODES.indexOf('other')

/** Everything that one process counts. Hot paths increment cells; the rest is asked for when someone looks. */
export class RouterMetrics {
  /** Requests that matched no app: label app="". */
  readonly noApp: AppMetrics
  readonly #blocks: Blocks = emptyBlocks()
  readonly #router = LAYOUTS.router.newBlock()
  readonly #apps = new Map<string, AppMetrics>()
  readonly #listeners: Float64Array[] = []
  readonly #listenerIndexes = new Map<string, number>()
  #dataPlane: () => DataPlaneGauges | null = () => null
  #isZoneDown: ((zone: string) => boolean) | null = null
  #dynos: () => Iterable<DynoGauge> = () => []
  #discovery: () => Iterable<DiscoveryGauge> = () => []
  #processes: () => ProcessGauges | null = () => null
  #worker: (() => WorkerGauges) | null = null

  constructor() {
    this.#blocks.router.set('', this.#router)
    this.noApp = this.app('')
  }

  /** Gets or makes the app's series. Hold on to the result rather than ask per request. */
  app(name: string): AppMetrics {
    let app = this.#apps.get(name)
    if (app === undefined) {
      app = new AppMetrics()
      this.#apps.set(name, app)
      this.#blocks.app.set(name, app.cells)
    }
    return app
  }

  /** Series live as long as their app: those of any other are forgotten. What still counts into them counts for nobody. */
  retainApps(names: Iterable<string>): void {
    const kept = new Set(names).add('')
    for (const name of this.#apps.keys()) {
      if (kept.has(name)) continue
      this.#apps.delete(name)
      this.#blocks.app.delete(name)
    }
  }

  /** Gets or makes the series of a listener. The index is good for the life of this object, also over reloads. */
  listener(name: string): number {
    let index = this.#listenerIndexes.get(name)
    if (index === undefined) {
      const block = LAYOUTS.listener.newBlock()
      block[CLIENT_CONNECTIONS] = 0
      index = this.#listeners.push(block) - 1
      this.#listenerIndexes.set(name, index)
      this.#blocks.listener.set(name, block)
    }
    return index
  }

  connectionOpened(listener: number): void {
    const cells = this.#listeners[listener]!
    cells[CLIENT_CONNECTIONS]! += 1
    cells[CLIENT_CONNECTIONS_ACCEPTED]! += 1
  }

  connectionClosed(listener: number): void {
    this.#listeners[listener]![CLIENT_CONNECTIONS]! -= 1
  }

  clientBlocked(reason: BlockReason): void {
    this.#router[BLOCKED_CLIENTS + BLOCK_POSITIONS.get(reason)!]! += 1
  }

  logLinesDropped(lines: number): void {
    this.#router[LOG_LINES_DROPPED]! += lines
  }

  /** `type` and `rcode` are the names of the registries (`SRV`, `NXDOMAIN`); what is not in the table counts as `other`. */
  dnsQuery(type: string, rcode: string): void {
    const row = DNS_TYPE_POSITIONS.get(type) ?? OTHER_DNS_TYPE
    const column = DNS_RCODE_POSITIONS.get(rcode) ?? OTHER_DNS_RCODE
    this.#router[DNS_QUERIES + row * DNS_RCODES.length + column]! += 1
  }

  setDataPlaneSource(source: () => DataPlaneGauges): void {
    this.#dataPlane = source
  }

  /** One item per dyno. */
  setDynoSource(source: () => Iterable<DynoGauge>): void {
    this.#dynos = source
  }

  setZoneSource(isDown: (zone: string) => boolean): void {
    this.#isZoneDown = isDown
  }

  setDiscoverySource(source: () => Iterable<DiscoveryGauge>): void {
    this.#discovery = source
  }

  setProcessSource(source: () => ProcessGauges): void {
    this.#processes = source
  }

  /** This process is the worker of that name, which its successor will have too. */
  setWorkerSource(worker: string, source: () => WorkerGauges): void {
    this.#blocks.worker.set(worker, LAYOUTS.worker.newBlock())
    this.#worker = source
  }

  /** Everything that this process counts and holds now, as plain data for the process that adds it up. */
  snapshotCounters(): CounterDump {
    return runToEnd(this.countInSteps())
  }

  /** The same in steps of one app, between which a worker serves: of ten thousand apps it takes a tenth of a second. */
  *countInSteps(): Generator<void, CounterDump> {
    yield* this.#collectGauges()
    return yield* dumpInSteps(this.#blocks)
  }

  /** Prometheus text; `others` are what further processes counted. */
  exposition(others: Iterable<CounterDump> = []): string {
    const dumps = [...others]
    runToEnd(this.#collectGauges())
    const blocks = dumps.length === 0 ? this.#blocks : blocksOf([dumpBlocks(this.#blocks), ...dumps])
    return renderBlocks(blocks)
  }

  *#collectGauges(): Generator<void, void> {
    for (const cells of this.#blocks.app.values()) LAYOUTS.app.clearGauges(cells)
    yield
    const dataPlane = this.#dataPlane()
    this.#router[SNAPSHOT_VERSION] = dataPlane?.snapshotVersion ?? Number.NaN
    for (const { app, inFlight, queued, busyConnections, idleConnections } of dataPlane?.apps ?? []) {
      yield
      const { cells } = this.app(app)
      cells[IN_FLIGHT] = inFlight
      cells[QUEUED] = queued
      cells[BUSY_CONNECTIONS] = busyConnections
      cells[IDLE_CONNECTIONS] = idleConnections
    }
    this.#collectProcesses(dataPlane?.snapshotVersion ?? Number.NaN)
    if (this.#isZoneDown !== null) {
      for (const [index, zone] of ZONE_LABELS.entries())
        this.#router[ZONES_DOWN + index] = Number(this.#isZoneDown(zone))
    }
    for (const { app, state, health } of this.#dynos()) {
      const { cells } = this.app(app)
      // An app that has dynos shows every state, so that none up is a zero and not a gap.
      if (Number.isNaN(cells[DYNOS])) cells.fill(0, DYNOS, DYNOS + DYNO_STATES.length)
      cells[DYNOS + DYNO_STATE_POSITIONS.get(state)!]! += 1
      if (health === '') continue
      if (Number.isNaN(cells[DYNO_HEALTH])) cells.fill(0, DYNO_HEALTH, DYNO_HEALTH + HEALTHS.length)
      cells[DYNO_HEALTH + HEALTH_POSITIONS.get(health)!]! += 1
    }
    for (const { app, ageSeconds, failing } of this.#discovery()) {
      const { cells } = this.app(app)
      cells[DISCOVERY_AGE] = ageSeconds
      cells[DISCOVERY_FAILING] = failing ? 1 : 0
    }
  }

  #collectProcesses(snapshotVersion: number): void {
    for (const cells of this.#blocks.worker.values()) {
      const { residentBytes, cpuSeconds, eventLoopDelaySeconds } = this.#worker!()
      cells[WORKER_SNAPSHOT] = snapshotVersion
      cells[WORKER_RESIDENT] = residentBytes
      cells[WORKER_DELAY] = eventLoopDelaySeconds
      cells[WORKER_CPU] = cpuSeconds
    }
    const processes = this.#processes()
    if (processes === null) return
    for (const [at, state] of WORKER_STATES.entries()) this.#router[WORKERS + at] = processes.workers[state]
    for (const [at, kind] of PROCESS_KINDS.entries()) this.#router[RESTARTS + at] = processes.restarts[kind]
    this.#router[RELOAD_SUCCESS] = processes.reload === null ? Number.NaN : Number(processes.reload.ok)
    this.#router[RELOAD_TIMESTAMP] = processes.reload === null ? Number.NaN : processes.reload.atMs / 1000
  }
}

/** The series of one app. */
export class AppMetrics {
  readonly cells: Float64Array = LAYOUTS.app.newBlock()

  /**
   * Counts a request that has ended.
   * `status`: as logged, 0 when there was none. `code`: '' or the table's. `firstByteMs`: -1 when no byte was answered.
   */
  finished(
    status: number,
    code: string,
    durationMs: number,
    firstByteMs: number,
    requestBytes: number,
    responseBytes: number,
  ): void {
    const cells = this.cells
    const row = status < 600 ? (status / 100) | 0 : 0
    const column = code === '' ? 0 : (CODE_POSITIONS.get(code) ?? OTHER_CODE)
    cells[REQUESTS + row * CODE_LABELS.length + column]! += 1
    observe(cells, REQUEST_DURATION, DURATION_BOUNDS_MS, durationMs)
    if (firstByteMs >= 0) observe(cells, FIRST_BYTE, FIRST_BYTE_BOUNDS_MS, firstByteMs)
    cells[REQUEST_BYTES]! += requestBytes
    cells[RESPONSE_BYTES]! += responseBytes
  }

  retried(reason: RetryReason): void {
    this.cells[RETRIES + (RETRY_POSITIONS.get(reason) ?? OTHER_RETRY)]! += 1
  }

  healthChecked(passed: boolean): void {
    this.cells[passed ? CHECKS_PASSED : CHECKS_FAILED]! += 1
  }

  quarantined(): void {
    this.cells[QUARANTINES]! += 1
  }
}
