import { type CompiledSnapshot, compileSnapshot } from '../model/compiled-snapshot.ts'
import type { DynoObservation, TallyCounts } from '../model/dyno-observation.ts'
import type { RouterTimeouts, SnapshotData } from '../model/snapshot.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { RouterMetrics } from '../telemetry/router-metrics.ts'
import { DEFAULT_LIMITS, type HeadLimits } from '../wire/limits.ts'
import type { BlockReason, ClientFacts } from './access.ts'
import { AccessRecord, type FormatLine } from './access-log.ts'
import { AppPools } from './app-pools.ts'
import type { BackendConnection } from './backend-connection.ts'
import { BackendPool } from './backend-pool.ts'
import { ClientConnection, type ClientHost, type Entrance } from './client-connection.ts'
import { Clock, type TimeSource } from './clock.ts'
import { Drain } from './drain.ts'
import { DynoDrains, type DynoDrainsHost } from './dyno-drains.ts'
import type { DynoState } from './dyno-state.ts'
import { type Exchange, Phase } from './exchange.ts'
import { Listener, type ListenerHost, type ListenerOptions } from './listener.ts'
import { Pipeline, type PipelineHost } from './pipeline.ts'
import { describe, ERRORS, type ErrorCode, errorAnswer, type ResponseRestriction } from './router-error.ts'
import { TimerWheel } from './timer-wheel.ts'
import type { Transport } from './transport.ts'

export interface DataPlaneOptions {
  readonly snapshot: SnapshotData
  readonly metrics: RouterMetrics
  readonly logger: Logger
  /** null: no access log. */
  readonly accessLog: { readonly format: FormatLine; write(line: string): void } | null
  /** The router's own zone; '' none. */
  readonly zone?: string
  /** The system's when left out; tests have their own. */
  readonly time?: TimeSource
  /** A dyno that takes no more requests has none in flight. */
  readonly onDrained?: () => void
}

/** More clients than this that were turned away and take their answer are not waited for: they are reset. */
const MOST_LEAVING = 1000

/** Everything of one worker: the current snapshot, the connections of both sides, and the one story between them. */
export class DataPlane implements ClientHost, ListenerHost, PipelineHost, DynoDrainsHost {
  readonly clock: Clock
  readonly wheel: TimerWheel
  readonly pools: AppPools
  readonly backends = new BackendPool()
  readonly metrics: RouterMetrics
  snapshot: CompiledSnapshot
  headLimits: HeadLimits
  closing = false
  readonly #options: DataPlaneOptions
  readonly #pipeline: Pipeline
  readonly #listeners = new Map<string, Listener>()
  readonly #clients = new Set<ClientConnection>()
  readonly #clientsByAddress = new Map<string, number>()
  /** Clients that were turned away and have not closed yet. */
  #leaving = 0
  readonly #record = new AccessRecord()
  #drain: Drain | null = null
  readonly #dynoDrains = new DynoDrains(this)

  constructor(options: DataPlaneOptions) {
    this.#options = options
    this.clock = new Clock(options.time)
    this.wheel = new TimerWheel(this.clock)
    this.metrics = options.metrics
    this.snapshot = compileSnapshot(options.snapshot)
    this.headLimits = headLimits(options.snapshot)
    const { timeouts, limits } = options.snapshot
    this.pools = new AppPools({
      wheel: this.wheel,
      timeouts,
      limits,
      zone: options.zone,
      onDrained: (dyno) => this.#dynoDrained(dyno),
    })
    this.pools.apply(this.snapshot)
    this.#pipeline = new Pipeline(this)
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

  /** One pointer is swapped; requests under way keep the snapshot that they began with. */
  apply(data: SnapshotData): void {
    const before = this.snapshot
    this.snapshot = compileSnapshot(data, before)
    this.headLimits = headLimits(data)
    this.pools.apply(this.snapshot)
    this.backends.dropRetired()
    if (!sameNames(this.snapshot, before)) this.metrics.retainApps(this.snapshot.appsByName.keys())
    this.#pipeline.tunnels.judge(this.snapshot)
    this.#dynoDrains.follow(this.snapshot, before)
  }

  /**
   * Opens what is new, then closes what is gone. Rejects, with nothing changed, when an address cannot be bound.
   * `boundFor`: gives the handle of a socket that somebody else bound for a listener, or null; asked for what is new only.
   */
  async listen(
    wanted: readonly ListenerOptions[],
    boundFor: (listener: string) => object | null = () => null,
  ): Promise<void> {
    const opened: Listener[] = []
    try {
      for (const options of wanted) {
        if (sameSocket(this.#listeners.get(options.name)?.options, options)) continue
        const listener = new Listener(options, this, boundFor(options.name))
        await listener.listen()
        opened.push(listener)
      }
    } catch (error) {
      for (const listener of opened) listener.close()
      throw error
    }
    for (const [name, listener] of this.#listeners) {
      const options = wanted.find((options) => options.name === name)
      if (options !== undefined && sameSocket(listener.options, options)) {
        listener.configure(options)
      } else {
        listener.close()
        this.#listeners.delete(name)
      }
    }
    for (const listener of opened) this.#listeners.set(listener.options.name, listener)
  }

  /** Bound ports by listener name. */
  get ports(): Map<string, number> {
    return new Map([...this.#listeners].map(([name, listener]) => [name, listener.port]))
  }

  /** Requests and tunnels under way on a dyno. */
  inFlight(dynoId: string): number {
    let inFlight = 0
    for (const pool of this.pools.all()) inFlight += pool.dynos.get(dynoId)?.inFlight ?? 0
    return inFlight
  }

  /** The same of every dyno that has any. */
  *busyDynos(): Generator<{ readonly id: string; readonly inFlight: number }> {
    for (const pool of this.pools.all()) {
      if (!pool.active) continue
      for (const { id, inFlight } of pool.dynos.values()) if (inFlight > 0) yield { id, inFlight }
    }
  }

  /** What the requests of a dyno came to, as far as nobody took it away; null: no such dyno. */
  observed(dynoId: string): DynoObservation | null {
    for (const pool of this.pools.all()) {
      const dyno = pool.dynos.get(dynoId)
      if (dyno !== undefined) return dyno.tally.observation
    }
    return null
  }

  /** The same of every dyno that had any since this was last asked, which is then forgotten here. */
  takeTallies(): (readonly [dynoId: string, counts: TallyCounts])[] {
    const tallies: (readonly [string, TallyCounts])[] = []
    for (const pool of this.pools.all()) {
      if (!pool.active) continue
      pool.active = !pool.idle
      for (const { id, tally } of pool.dynos.values()) {
        const counts = tally.take()
        if (counts !== null) tallies.push([id, counts])
      }
    }
    return tallies
  }

  /** Open connections of clients, tunnels among them. */
  get connections(): number {
    return this.#clients.size
  }

  /** How many tunnels of each app would be cut if this came into use. */
  tunnelsEndedBy(data: SnapshotData): Map<string, number> {
    return this.#pipeline.tunnels.endedBy(compileSnapshot(data, this.snapshot), this.snapshot)
  }

  /**
   * Takes no more connections and lets those that are open end (see Drain): requests within `drainMs`, tunnels within
   * `tunnelsMs`, the same unless said otherwise.
   */
  async stop(drainMs: number, tunnelsMs: number = drainMs): Promise<void> {
    this.closing = true
    for (const listener of this.#listeners.values()) listener.close()
    this.#listeners.clear()
    const host = {
      clients: this.#clients,
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
    for (const { exchange } of this.#clients) if (exchange.phase !== Phase.idle) yield exchange
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
    if (!needsProxyHeader && !this.#admitted(facts)) {
      transport.reset()
      return null
    }
    const client = new ClientConnection(this, this.#pipeline, entrance, transport, facts, needsProxyHeader)
    this.metrics.connectionOpened(entrance.index)
    this.#clients.add(client)
    if (!needsProxyHeader) this.#letIn(client)
    return client
  }

  clientNamed(client: ClientConnection): boolean {
    if (!this.#admitted(client.facts)) return false
    this.#letIn(client)
    return true
  }

  connectionClosed(client: ClientConnection): void {
    this.#clients.delete(client)
    this.metrics.connectionClosed(client.entrance.index)
    if (client.turnedAway) this.#leaving--
    if (client.countedAddress !== '') {
      const left = (this.#clientsByAddress.get(client.countedAddress) ?? 1) - 1
      if (left === 0) this.#clientsByAddress.delete(client.countedAddress)
      else this.#clientsByAddress.set(client.countedAddress, left)
    }
    this.#drain?.clientGone()
  }

  /** What the peer address alone tells; with `forbid` the 403 waits for the request. */
  #admitted(facts: ClientFacts): boolean {
    const verdict = facts.judgePeer(this.snapshot.access)
    if (verdict === 'admitted') return true
    if (this.snapshot.data.onUntrusted === 'forbid' && verdict !== 'internal-listener') return true
    this.metrics.clientBlocked(verdict)
    this.#logBlocked(facts, verdict)
    return false
  }

  /**
   * H22 when there are too many already, of all or of this client. Those that are turned away do not count while they leave: else a client that comes again
   * and again would keep everyone out. A trusted proxy comes for many clients, so it is no one address.
   */
  #letIn(client: ClientConnection): void {
    const { connections, connectionsPerAddress } = this.snapshot.data.limits
    if (connections > 0 && this.#clients.size - this.#leaving > connections) return this.#turnAway(client)
    if (connectionsPerAddress === 0 || client.facts.proxied) return
    const address = client.facts.peerText
    const count = (this.#clientsByAddress.get(address) ?? 0) + 1
    if (count > connectionsPerAddress) return this.#turnAway(client)
    this.#clientsByAddress.set(address, count)
    client.countedAddress = address
  }

  #turnAway(client: ClientConnection): void {
    this.#leaving++
    client.turnedAway = true
    const answer = errorAnswer({
      code: 'H22',
      status: 503,
      accept: '',
      method: '',
      requestId: '',
      date: this.clock.date,
      connection: 'close',
      requestIdToClient: false,
    })
    const answered = this.#leaving <= MOST_LEAVING
    if (answered) {
      client.writeText(answer.text)
      client.sayGoodbye()
    } else {
      client.reset()
    }
    const record = this.#newRecord('H22')
    record.forwardedFor = client.facts.peerText
    record.status = answered ? 503 : 0
    record.bytes = answered ? answer.bodyBytes : 0
    this.#write(record)
    this.metrics.noApp.finished(record.status, 'H22', 0, -1, 0, record.bytes)
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

  // --- The end of every exchange -------------------------------------------------------------------------------------

  finished(x: Exchange): void {
    const nowMs = this.nowMs()
    const metrics = x.app === null ? this.metrics.noApp : this.metrics.app(x.app.name)
    const firstByteMs = x.firstByteAtMs === -1 ? -1 : x.firstByteAtMs - x.beganAtMs
    metrics.finished(x.status, x.code, nowMs - x.beganAtMs, firstByteMs, x.requestBytes, x.responseBytes)
    if (this.#options.accessLog === null) return
    const record = this.#record
    const error = x.code === '' ? null : ERRORS[x.code]
    record.sock = error === null ? '' : error.sock
    record.at = error === null ? 'info' : error.at
    record.code = x.code
    record.desc = x.code === '' ? '' : describe(x.code, x.code === 'H25' ? (x.detail as ResponseRestriction) : '')
    record.cause = x.code === 'H25' ? '' : x.detail
    record.method = x.method
    record.path = x.target
    record.host = x.host
    record.requestId = x.requestId
    record.forwardedFor = x.forwardedFor
    const dyno = x.lastDyno
    record.dyno = dyno === null ? '' : dyno.entry.name
    record.az = dyno === null ? '' : dyno.entry.az
    record.release = dyno === null ? '' : dyno.entry.release
    record.connectMs = x.connectMs
    record.serviceMs = x.servedAtMs === -1 ? -1 : nowMs - x.servedAtMs
    record.status = x.status
    record.bytes = x.responseBytes
    record.protocol = x.minorVersion === 1 ? 'http1.1' : 'http1.0'
    record.app = x.app === null ? '' : x.app.name
    record.retries = x.retries
    record.notRetried = x.notRetried
    this.#write(record)
  }

  #logBlocked(facts: ClientFacts, reason: BlockReason): void {
    const record = this.#newRecord('P01')
    record.forwardedFor = facts.text || facts.peerText
    record.cause = facts.label === '' ? reason : `${reason} (${facts.label})`
    this.#write(record)
  }

  #newRecord(code: ErrorCode): AccessRecord {
    const record = new AccessRecord()
    const error = ERRORS[code]
    record.code = code
    record.at = error.at
    record.sock = error.sock
    record.desc = describe(code)
    return record
  }

  #write(record: AccessRecord): void {
    const { accessLog } = this.#options
    if (accessLog !== null) accessLog.write(accessLog.format(record))
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

/** Whether a listener can stay bound. Port 0 asks for any: the one that it has will do. */
function sameSocket(bound: ListenerOptions | undefined, wanted: ListenerOptions): boolean {
  return bound !== undefined && bound.host === wanted.host && bound.port === wanted.port
}

function sameNames({ apps }: CompiledSnapshot, before: CompiledSnapshot): boolean {
  return apps.length === before.apps.length && apps.every(({ name }, index) => name === before.apps[index]!.name)
}
