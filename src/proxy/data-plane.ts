import type { AccessTables } from '../model/access-rules.ts'
import { type CompiledSnapshot, compileSnapshot } from '../model/compiled-snapshot.ts'
import type { RouterTimeouts, SnapshotData } from '../model/snapshot.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { RouterMetrics } from '../telemetry/router-metrics.ts'
import { DEFAULT_LIMITS, type HeadLimits } from '../wire/limits.ts'
import type { ClientFacts } from './access.ts'
import { AppPools } from './app-pools.ts'
import type { BackendConnection } from './backend-connection.ts'
import { BackendPool } from './backend-pool.ts'
import type { ClientConnection, Entrance } from './client-connection.ts'
import { Clients, type ClientsHost } from './clients.ts'
import { Clock, type TimeSource } from './clock.ts'
import { Drain } from './drain.ts'
import { DynoDrains, type DynoDrainsHost } from './dyno-drains.ts'
import type { DynoState } from './dyno-state.ts'
import { type Exchange, Phase } from './exchange.ts'
import { type AccessLog, Ledger } from './ledger.ts'
import type { ListenerHost, ListenerOptions } from './listener.ts'
import { Listeners } from './listeners.ts'
import { Pipeline, type PipelineHost } from './pipeline.ts'
import { TimerWheel } from './timer-wheel.ts'
import type { Transport } from './transport.ts'
import { turn } from './turn.ts'

export interface DataPlaneOptions {
  readonly snapshot: SnapshotData
  /** Of the snapshot's lists of ranges; compiled here when left out. */
  readonly tables?: AccessTables
  readonly metrics: RouterMetrics
  readonly logger: Logger
  /** null: no access log. */
  readonly accessLog: AccessLog | null
  /** The router's own zone; '' none. */
  readonly zone?: string
  /** The system's when left out; tests have their own. */
  readonly time?: TimeSource
  /** A dyno that takes no more requests has none in flight. */
  readonly onDrained?: () => void
}

/** Everything of one worker: the current snapshot, the connections of both sides, and the one story between them. */
export class DataPlane implements ClientsHost, ListenerHost, PipelineHost, DynoDrainsHost {
  readonly clock: Clock
  readonly wheel: TimerWheel
  readonly pools: AppPools
  readonly backends = new BackendPool()
  readonly metrics: RouterMetrics
  readonly ledger: Ledger
  snapshot: CompiledSnapshot
  headLimits: HeadLimits
  closing = false
  readonly #options: DataPlaneOptions
  readonly #pipeline: Pipeline
  readonly #clients: Clients
  readonly #listeners = new Listeners(this)
  #drain: Drain | null = null
  readonly #dynoDrains = new DynoDrains(this)

  constructor(options: DataPlaneOptions) {
    this.#options = options
    this.clock = new Clock(options.time)
    this.wheel = new TimerWheel(this.clock)
    this.metrics = options.metrics
    this.snapshot = compileSnapshot(options.snapshot, undefined, options.tables)
    this.headLimits = headLimits(options.snapshot)
    this.pools = new AppPools(this.snapshot, {
      wheel: this.wheel,
      zone: options.zone,
      onDrained: (dyno) => this.#dynoDrained(dyno),
    })
    this.ledger = new Ledger(this.clock, this.metrics, options.accessLog)
    this.#pipeline = new Pipeline(this)
    this.#clients = new Clients(this, this.#pipeline)
    this.wheel.start()
    this.metrics.setDataPlaneSource(() => ({ snapshotVersion: this.snapshot.version, apps: this.#appGauges() }))
  }

  get timeouts(): RouterTimeouts {
    return this.snapshot.data.timeouts
  }

  get requestsPerConnection(): number {
    return this.snapshot.data.limits.requestsPerConnection
  }

  get tunnels(): ReadonlySet<Exchange> {
    return this.#pipeline.tunnels.open
  }

  nowMs(): number {
    return this.clock.exactMs()
  }

  // --- Control's side ------------------------------------------------------------------------------------------------

  /**
   * One pointer is swapped; requests under way keep the snapshot that they began with. `tables`: of the lists of ranges, the same object as before where these
   * are; compiled here when left out.
   */
  apply(data: SnapshotData, tables?: AccessTables): void {
    const before = this.snapshot
    this.snapshot = compileSnapshot(data, before, tables)
    this.headLimits = headLimits(data)
    this.pools.apply(this.snapshot)
    this.backends.dropRetired()
    if (this.snapshot.positions !== before.positions) this.metrics.retainApps(this.snapshot.positions.keys())
    this.#pipeline.tunnels.judge(this.snapshot)
    this.#dynoDrains.follow(this.snapshot, before)
  }

  /** The sockets that the config wants, and no others: see Listeners. */
  listen(
    wanted: readonly ListenerOptions[],
    boundFor: (listener: string) => object | null = () => null,
  ): Promise<void> {
    return this.#listeners.follow(wanted, boundFor)
  }

  /** Bound ports by listener name. */
  get ports(): Map<string, number> {
    return this.#listeners.ports
  }

  /** Open connections of clients, tunnels among them. */
  get connections(): number {
    return this.#clients.open.size
  }

  /** How many tunnels of each app would be cut if this came into use. */
  tunnelsEndedBy(data: SnapshotData, tables?: AccessTables): Map<string, number> {
    return this.#pipeline.tunnels.endedBy(compileSnapshot(data, this.snapshot, tables), this.snapshot)
  }

  /**
   * Takes no more connections and lets those that are open end (see Drain): requests within `drainMs`, tunnels within
   * `tunnelsMs`, the same unless said otherwise.
   */
  async stop(drainMs: number, tunnelsMs: number = drainMs): Promise<void> {
    // What has come is served: a client whose request is here is not idle.
    turn.deliver()
    this.closing = true
    this.#listeners.close()
    const host = {
      clients: this.#clients.open,
      tunnels: this.tunnels,
      endTunnel: (x: Exchange) => this.#pipeline.tunnels.dismiss(x),
      forceClose: (client: ClientConnection) => {
        this.#pipeline.forceClose(client.exchange)
        client.close()
      },
    }
    this.#drain = new Drain(host, { requestsMs: drainMs, tunnelsMs })
    await this.#drain.done
    this.backends.dropAll()
    this.wheel.stop()
  }

  /** A `stop` under way waits no longer. */
  hurry(): void {
    this.#drain?.hurry()
  }

  *exchanges(): Generator<Exchange> {
    for (const { exchange } of this.#clients.open) if (exchange.phase !== Phase.idle) yield exchange
  }

  forceClose(x: Exchange): void {
    this.#pipeline.forceClose(x)
  }

  // --- Clients -------------------------------------------------------------------------------------------------------

  listenerIndex(name: string): number {
    return this.metrics.listener(name)
  }

  acceptFailed(listener: string, error: Error): void {
    this.#options.logger.error({ listener, err: error }, 'cannot accept connections')
  }

  admit(
    entrance: Entrance,
    transport: Transport,
    facts: ClientFacts,
    needsProxyHeader: boolean,
  ): ClientConnection | null {
    return this.#clients.admit(entrance, transport, facts, needsProxyHeader)
  }

  clientNamed(client: ClientConnection): boolean {
    return this.#clients.named(client)
  }

  connectionClosed(client: ClientConnection): void {
    this.#clients.closed(client)
    this.#drain?.clientGone()
  }

  // --- Backends ------------------------------------------------------------------------------------------------------

  idleClosed(backend: BackendConnection, byDyno: boolean): void {
    this.backends.remove(backend, byDyno, this.nowMs())
  }

  fault(error: unknown): void {
    this.#options.logger.error({ err: error }, 'a connection was given up because of a bug in the router')
  }

  #dynoDrained(dyno: DynoState): void {
    this.backends.drop(dyno)
    this.#options.onDrained?.()
  }

  *#appGauges() {
    for (const pool of this.pools.values()) {
      let inFlight = 0
      let idleConnections = 0
      for (const dyno of pool.dynos.values()) {
        inFlight += dyno.inFlight
        idleConnections += this.backends.idleCount(dyno)
      }
      // A claimed dyno has a connection, or is getting one.
      yield { app: pool.app.name, inFlight, queued: pool.waiting, busyConnections: inFlight, idleConnections }
    }
  }
}

function headLimits(data: SnapshotData): HeadLimits {
  const { limits } = data
  return {
    ...DEFAULT_LIMITS,
    requestLineBytes: limits.requestLineBytes,
    headerLineBytes: limits.headerLineBytes,
    headerNameBytes: limits.headerNameBytes,
    headerCount: limits.headerCount,
    headBytes: limits.headBytes,
    chunkExtensionBytes: limits.chunkExtensionBytes,
    trailerBytes: limits.trailerBytes,
  }
}
