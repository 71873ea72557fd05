import type { AppConfig, Config } from '../config/config.ts'
import type { Dyno, DynoState } from '../model/dyno.ts'
import { dynoName } from '../model/dyno.ts'
import type { DynoObservation } from '../model/dyno-observation.ts'
import type { SnapshotData } from '../model/snapshot.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { RouterMetrics } from '../telemetry/router-metrics.ts'
import { AdminServer } from './admin/admin-server.ts'
import type { Operations } from './admin/operations.ts'
import { Adoption } from './adoption.ts'
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import { underWay } from './deploys/deploy-record.ts'
import { Deploys } from './deploys/deploys.ts'
import type { DiscoverySource } from './discovery.ts'
import { Discovery } from './discovery.ts'
import { Drains } from './drains.ts'
import type { DynoSlot, SlotCondition } from './dyno-slot.ts'
import { EmbeddedDns } from './embedded-dns.ts'
import { EventLog } from './events.ts'
import { HealthChecks } from './health/health-checks.ts'
import { type Probe, probeByHttp } from './health/http-probe.ts'
import type { Health } from './health/readiness.ts'
import type { Inheritance } from './inheritance.ts'
import { ListedDynos } from './listed-dynos.ts'
import { LocalDynos } from './local-dynos.ts'
import { RegisteredDynos } from './registered-dynos.ts'
import type { RegistryChange } from './registry.ts'
import { DynoRegistry, dynoId, endpoint } from './registry.ts'
import { RoutingState } from './routing-state.ts'
import { OwnRuntimes } from './runtimes/own-runtimes.ts'
import type { Runtime } from './runtimes/runtime.ts'
import { lookupByDns } from './service-lookup.ts'
import { Settings } from './settings.ts'
import { SpaceView } from './space-view.ts'
import type { StateStore } from './state/state-store.ts'
import { type SpreadFormation, Spreading } from './zones/spreading.ts'
import { Zones } from './zones/zones.ts'

/** What the control plane needs of the data plane, which may be in other processes. */
export interface DataPlanePort {
  /** Takes a snapshot into use. */
  apply(data: SnapshotData): void
  /**
   * Requests and tunnels that are in flight on the dyno, also when it is no longer in the snapshot; 0 when there are
   * none. More than 0 as long as there may be some that nobody has counted yet: until every worker has confirmed the
   * snapshot that marks the dyno draining.
   */
  inFlight(dynoId: string): number
  /**
   * What the requests of the dyno came to since this control plane began to count: two looks and the difference between
   * them tell how it did meanwhile. null once no snapshot has the dyno any more. In many processes a second behind.
   */
  observed(dynoId: string): DynoObservation | null
}

export interface ControlPlaneOptions {
  readonly dataPlane: DataPlanePort
  readonly log: Logger
  readonly metrics: RouterMetrics
  /** Open; whoever opened it closes it, after this has stopped. */
  readonly state: StateStore
  /** Version of Postern, for the description of the admin API. */
  readonly version: string
  /** Whether every listener of the data plane is bound. */
  listening(): boolean
  /** Metrics of the whole router as Prometheus text. */
  exposition(): Promise<string>
  readonly clock?: Clock
  readonly runtime?: Runtime
  readonly probe?: Probe
  /** What another control plane left when it ended; the data plane serves by it. */
  readonly inheritance?: Inheritance
  /** What operators may do with the router as a whole; without it there are no such routes. */
  readonly operations?: Operations
}

/** Settling takes no more than this part of the time. */
const SETTLING_SHARE = 0.2
/** What is quicker than this need not rest. */
const NO_REST_MS = 10
const LONGEST_REST_MS = 500

/**
 * From the configuration to the routing state: config | registry → zone → DNS → discovery → routing state → snapshot N.
 * Never on the way of a request.
 */
export class ControlPlane {
  /** What happens in the space, for whoever watches. */
  readonly events: EventLog
  readonly deploys: Deploys
  readonly #options: ControlPlaneOptions
  readonly #clock: Clock
  readonly #runtime: Runtime
  readonly #registry = new DynoRegistry()
  readonly #state: RoutingState
  readonly #dns: EmbeddedDns
  readonly #local: LocalDynos
  readonly #listed: ListedDynos
  /** For the admin API: who runs dynos elsewhere announces them here. */
  readonly registered: RegisteredDynos
  readonly zones: Zones
  readonly #spreading: Spreading
  readonly #discovery: Discovery
  readonly #health: HealthChecks
  readonly #drains: Drains
  readonly #view: SpaceView
  readonly #settings: Settings
  /** As the file has it. */
  #config: Config
  /** With what was set through the API. */
  #effective: Config
  #admin: AdminServer | null = null
  #applied: SnapshotData | null = null
  /** Whose dynos in the registry are not yet in the zone as they are. */
  readonly #changedApps = new Set<string>()
  #settling = false
  /** How long it took the last time. */
  #settleMs = 0
  #stopAnnounced = false
  #phase: 'new' | 'started' | 'stopping' = 'new'
  #stopped: Promise<void> | null = null

  constructor(config: Config, options: ControlPlaneOptions) {
    const { dataPlane, log, metrics } = options
    const clock = options.clock ?? systemClock
    this.#options = options
    this.#clock = clock
    this.events = new EventLog(clock)
    this.#config = config
    this.#effective = config
    const { inheritance } = options
    this.#settings = new Settings({
      config: () => this.#config,
      state: options.state,
      events: this.events,
      onChange: () => this.#useSettings(),
    })
    this.#state = new RoutingState(this.#settings.effective(config))
    if (inheritance) {
      this.#state.resume(inheritance.snapshot, clock.now())
      this.#applied = inheritance.snapshot
    }
    this.#runtime = options.runtime ?? new OwnRuntimes({ graceMs: config.shutdown.dynoGraceMs, log })
    this.#dns = new EmbeddedDns(config, { log, metrics })
    this.#drains = new Drains({
      state: this.#state,
      clock,
      inFlight: (id) => dataPlane.inFlight(id),
      drainMs: () => this.#config.deploy.drainTimeoutMs + CUT_MS,
      onForgotten: () => this.#settleSoon(),
    })
    this.#health = new HealthChecks({
      probe: options.probe ?? probeByHttp,
      clock,
      log,
      metrics,
      events: this.events,
      failures: (id) => dataPlane.observed(id)?.failures ?? 0,
      presume: (app, id) => this.#presumedHealth(app, id),
      onChange: (app) => {
        this.#state.judged(app, this.#health.healthOf(app))
        this.zones.healthChanged(app)
        this.deploys.wake(app)
        this.#settleSoon()
      },
    })
    const context = {
      runtime: this.#runtime,
      registry: this.#registry,
      clock,
      log,
      zone: config.dns.zone,
      booted: (app: string, target: { address: string; port: number }, timeoutMs: number, signal: AbortSignal) =>
        this.#health.booted(app, target, timeoutMs, signal),
      // A router that stops has drained its data plane before: nothing can be in flight.
      drained: (dyno: Dyno) => (this.#phase === 'stopping' ? Promise.resolve() : this.#drains.drained(dyno)),
      graceMs: () => {
        const { shutdown, deploy } = this.#config
        return this.#phase === 'stopping' ? shutdown.dynoGraceMs : deploy.shutdownGraceMs
      },
      bootTimeoutMs: () => this.#config.deploy.bootTimeoutMs,
      changed: (app: string) => {
        this.deploys.wake(app)
        if (this.#spreading.isDue) this.#settleSoon()
      },
    }
    this.zones = new Zones({
      store: options.state,
      registry: this.#registry,
      events: this.events,
      clock,
      log,
      healthOf: (app, id) => this.#health.statusOf(app, id)?.health ?? null,
      onChange: () => this.#useZones(),
    })
    this.#spreading = new Spreading({
      formations: () => this.#spreadable(),
      zones: () => this.zones.usable(),
      move: (formation, number) => this.#slotOf(formation, number)?.renew(true),
      keep: (formation, number) => this.#slotOf(formation, number)?.keep(),
      hasCrashed: (formation, number) => this.#slotOf(formation, number)?.condition.crashed ?? false,
    })
    const adoption = new Adoption(inheritance?.instances ?? [], inheritance?.snapshot ?? null)
    this.#local = new LocalDynos(context, adoption, () => this.zones.usable())
    this.deploys = new Deploys({
      store: options.state,
      events: this.events,
      clock,
      log,
      config: () => this.#config,
      changed: (app) => this.#followDeploys(app),
      condition: (app, processType, number) => this.#conditionOf(app, processType, number),
      slot: (app, processType, number) => this.#local.slot(app, processType, number),
      dynos: (app) => this.#registry.ofApp(app),
      observed: (dynoId) => dataPlane.observed(dynoId),
    })
    this.#listed = new ListedDynos(this.#registry, clock)
    this.registered = new RegisteredDynos({ store: options.state, registry: this.#registry, clock, log })
    this.#discovery = new Discovery({
      lookup: lookupByDns,
      clock,
      log,
      onDynos: (app, dynos) => {
        this.#state.discovered(app, dynos, clock.now())
        this.#followHealth(app)
        this.#settleSoon()
      },
    })
    this.#view = new SpaceView(this.#registry, this.#state, {
      config: () => this.#effective,
      inFlight: (id) => dataPlane.inFlight(id),
      healthOf: (app, id) => this.#health.statusOf(app, id),
    })
    this.#registry.subscribe((change) => {
      this.#tell(change)
      for (const app of change.apps) this.#changedApps.add(app)
      this.#settleSoon()
    })
    metrics.setDynoSource(() => this.#view.dynos())
    metrics.setZoneSource((zone) => this.zones.isDown(zone))
    metrics.setDiscoverySource(() => this.#discoveryGauges())
  }

  /** Where the embedded DNS answers (`127.0.0.1:5300`) and where the admin API does (`unix:/run/postern.sock`). */
  get addresses(): { readonly dns: string; readonly admin: string } {
    const { host, port } = this.#dns.address
    return { dns: endpoint(host, port), admin: this.#admin?.address ?? '' }
  }

  /**
   * Binds DNS and admin, hands the first snapshot to the data plane and begins to start dynos. Does not wait for those:
   * requests for an app whose dynos boot wait in the data plane.
   * @throws Error with one line for the operator; then nothing is held, and nothing runs.
   */
  async start(): Promise<void> {
    const view = this.#view
    try {
      const { exposition, version } = this.#options
      const admin = {
        config: () => this.#effective,
        notReady: () => this.#notReady(),
        dynos: () => view.dynos(),
        topology: () => view.topology(),
        exposition,
        settings: this.#settings,
        deploys: this.deploys,
        registered: this.registered,
        zones: this.zones,
        state: this.#options.state,
        events: this.events,
        operations: this.#options.operations ?? null,
      }
      this.#admin = await AdminServer.create(admin, version, this.#config.admin.tokens)
      await this.#admin.listen(this.#config.admin)
      await this.#dns.start()
      await this.deploys.begin(this.#config, this.#options.inheritance === undefined)
      this.#phase = 'started'
      this.#use(this.#config)
      this.zones.start()
      // Whoever ran before may have been in the middle of it.
      if (this.#options.inheritance) this.#spreading.zonesChanged()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /**
   * Takes a checked configuration into use: whole, or not at all. Resolves when the data plane has its snapshot; dynos
   * start, roll and drain after that.
   * @throws RestartRequired
   */
  async apply(config: Config): Promise<void> {
    const fixed = fixedChanges(this.#config, config)
    if (fixed.length > 0) throw new RestartRequired(fixed)
    await this.deploys.configure(config)
    this.#use(config)
    this.events.emit({ kind: 'config' })
  }

  /**
   * Ends the dynos that run here, then DNS and admin. The data plane comes first: when this is called nothing is in
   * flight any more.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#phase = 'stopping'
    const written = this.deploys.stop()
    this.#discovery.stop()
    this.#health.stop()
    this.zones.stop()
    this.registered.stop()
    this.#drains.stop()
    await this.#local.stop()
    await this.#runtime.close()
    await written
    await this.#dns.stop()
    await this.#admin?.close()
  }

  /**
   * From now on /readyz says that the router will stop; everything else goes on. A load balancer in front gets to know of it
   * before connections are refused.
   */
  announceStop(): void {
    this.#stopAnnounced = true
  }

  /** Lets go of DNS and admin for a control plane that takes over. Dynos run on; this one is of no use any more. */
  async relinquish(): Promise<void> {
    this.#phase = 'new'
    this.#discovery.stop()
    this.#health.stop()
    this.zones.stop()
    this.registered.stop()
    await Promise.all([this.deploys.stop(), this.#dns.stop(), this.#admin?.close()])
  }

  /** What the data plane would be told if this came into use, with the dynos that there are now. */
  preview(config: Config): SnapshotData {
    const state = new RoutingState(this.#effective)
    if (this.#applied) state.resume(this.#applied, this.#clock.now())
    state.configure(this.#effectiveOf(config))
    return state.snapshot()
  }

  /** Ends all dynos at once. A `stop` that waits for them is done soon after. */
  hurry(): void {
    this.#phase = 'stopping'
    void this.deploys.stop()
    this.#drains.stop()
    this.#local.kill()
  }

  #use(file: Config): void {
    const config = this.#effectiveOf(file)
    // First what may refuse it.
    this.#local.apply(file, (app) => this.deploys.wanted(app))
    this.#config = file
    this.#effective = config
    this.#listed.apply(config)
    this.registered.apply(config)
    this.#state.configure(config)
    this.#health.configure(config.apps, config.dns.zone)
    for (const { name } of config.apps) this.#followHealth(name)
    for (const app of config.apps) this.#countAnnounced(app)
    this.#dns.admit(config)
    if (this.#changedApps.size > 0) this.#dns.update(this.#registry.all())
    this.#changedApps.clear()
    this.#discover()
    this.#options.metrics.retainApps(config.apps.map((app) => app.name))
    this.#publish()
    // Deploys that were under way, or have begun with this, may go on from here.
    for (const { name } of config.apps) this.deploys.wake(name)
  }

  /** A dyno that fails its health check serves only because somebody has to. */
  #conditionOf(app: string, processType: string, number: number): SlotCondition {
    const condition = this.#local.condition(app, processType, number)
    const dyno = this.#local.slot(app, processType, number)?.current?.dyno
    const status = dyno ? this.#health.statusOf(app, dynoId(dyno)) : null
    if (status?.health !== 'failing') return condition
    return { ...condition, serving: false, reason: `fails its health check: ${status.reason}` }
  }

  /** A step of a deploy is durable, or a formation was scaled. */
  #followDeploys(name: string): void {
    const app = this.#config.apps.find((each) => each.name === name)
    // Before the first configuration is in use, and after the last, nothing follows.
    if (app === undefined || this.#phase !== 'started') return
    this.#local.applyApp(name, this.deploys.wanted(app))
    const before = JSON.stringify(this.#effective.apps.find((each) => each.name === name)?.formation)
    this.#effective = this.#effectiveOf(this.#config)
    const now = this.#effective.apps.find((each) => each.name === name)!
    if (JSON.stringify(now.formation) === before) return
    this.#state.configure(this.#effective)
    this.#health.configure(this.#effective.apps, this.#effective.dns.zone)
    this.#discover()
    this.#changedApps.add(name)
    this.#settleSoon()
  }

  /** Zones are down or up that were not: dynos leave the ones, and come back to the others. */
  #useZones(): void {
    if (this.#phase !== 'started') return
    this.#local.zonesChanged()
    this.#spreading.zonesChanged()
  }

  /** A deploy moves dynos as well; what it leaves is spread after it. */
  #spreadable(): SpreadFormation[] {
    const formations: SpreadFormation[] = []
    for (const { app, processType, formation } of this.#local.formations()) {
      const isDeployed = underWay(this.#options.state.app(app).deploy)
      const { settled } = formation
      formations.push({ name: `${app} ${processType}`, dynos: formation.zones(), settled, isDeployed })
    }
    return formations
  }

  #slotOf(formation: string, number: number): DynoSlot | null {
    const [app, processType] = formation.split(' ') as [string, string]
    return this.#local.slot(app, processType, number)
  }

  #discover(): void {
    const sources = new Map<string, DiscoverySource>()
    for (const app of this.#effective.apps) {
      const source = this.#discoverySource(app)
      if (source) sources.set(app.name, source)
      else this.#state.discovered(app.name, [], this.#clock.now())
    }
    this.#discovery.apply(sources)
  }

  /** What the file says, with what was set through the API. */
  #effectiveOf(file: Config): Config {
    return this.#settings.effective(this.deploys.effective(file))
  }

  /** What was set through the API came to be another. */
  #useSettings(): void {
    this.#effective = this.#effectiveOf(this.#config)
    this.#state.configure(this.#effective)
    if (this.#phase === 'started') this.#publish()
  }

  #discoverySource(app: AppConfig): DiscoverySource | null {
    const source = webSource(app)
    if (!source) return null
    if (source.kind !== 'dns') {
      // The zone was made from the registry here: an empty answer is no accident, and one is enough.
      const name = `_http._tcp.web.${app.name}.${this.#config.dns.zone}`
      return { question: { name, ...this.#dns.ownServer, servicePort: null }, emptyAfter: 1, wakes: true }
    }
    const { name, host, port, servicePort } = source
    return { question: { name, host, port, servicePort }, emptyAfter: this.#config.dns.emptyAfter, wakes: false }
  }

  #followHealth(app: string): void {
    this.#health.follow(app, this.#state.discoveredOf(app))
    this.#state.judged(app, this.#health.healthOf(app))
  }

  /** What serves goes on to until checks say otherwise, and what was started here has passed a check to be up. */
  #presumedHealth(name: string, id: string): Health {
    const known = this.#state.lastEntryOf(name)?.dynos.find((dyno) => dyno.id === id)
    if (known) return known.ready ? 'passing' : 'failing'
    const app = this.#effective.apps.find((app) => app.name === name)
    return app && webSource(app)?.kind === 'command' ? 'passing' : 'unknown'
  }

  #countAnnounced(app: AppConfig): void {
    const source = webSource(app)
    const dynos = this.#registry.ofApp(app.name).filter((dyno) => dyno.processType === 'web')
    const inState = (state: string) => dynos.filter((dyno) => dyno.state === state)
    this.#state.announced(
      app.name,
      !source || source.kind === 'dns'
        ? null
        : { starting: inState('starting').length, crashed: inState('crashed').length, up: inState('up').map(dynoId) },
    )
  }

  #tell({ added, changed, removed }: RegistryChange): void {
    const tell = (dyno: Dyno, state: DynoState) => {
      const { app, az, release } = dyno
      this.events.emit({ kind: 'dyno', app, dyno: dynoName(dyno.processType, dyno.number), state, az, release })
    }
    for (const dyno of added) tell(dyno, dyno.state)
    for (const { after } of changed) tell(after, after.state)
    for (const dyno of removed) tell(dyno, 'down')
  }

  /**
   * Changes that come together make one zone and one snapshot. In a large space that takes its time, here and in every worker: there it
   * is done less often.
   */
  #settleSoon(): void {
    if (this.#settling) return
    this.#settling = true
    const restMs = this.#settleMs / SETTLING_SHARE - this.#settleMs
    if (restMs < NO_REST_MS) setImmediate(() => this.#settle())
    else this.#clock.after(Math.min(restMs, LONGEST_REST_MS), () => this.#settle())
  }

  #settle(): void {
    const beganAtMs = performance.now()
    this.#settling = false
    if (this.#phase === 'new') return
    const changed = new Set(this.#changedApps)
    this.#changedApps.clear()
    if (changed.size > 0) this.#dns.update(this.#registry.all())
    for (const app of this.#effective.apps) if (changed.has(app.name)) this.#countAnnounced(app)
    if (this.#phase === 'started') this.#publish()
    // The zone has the change by now: what is asked after this wake-up finds it.
    for (const app of changed) this.#discovery.wake(app)
    if (this.#phase === 'started') this.#spreading.wake()
    this.#settleMs = performance.now() - beganAtMs
  }

  #publish(): void {
    const snapshot = this.#state.snapshot()
    if (snapshot !== this.#applied) {
      this.#applied = snapshot
      this.#options.dataPlane.apply(snapshot)
    }
    if (this.#state.draining().length > 0) this.#drains.watch()
  }

  #notReady(): string[] {
    if (this.#phase === 'stopping' || this.#stopAnnounced) return ['the router is stopping']
    const reasons: string[] = []
    if (!this.#applied || !this.#options.listening()) reasons.push('not every listener is bound')
    for (const { app, tried } of this.#discovery.statuses()) {
      if (!tried) reasons.push(`nothing is known yet of the dynos of ${app}`)
    }
    return reasons
  }

  #discoveryGauges() {
    const now = this.#clock.now()
    return this.#discovery.statuses().map(({ app, answeredAtMs, failure }) => ({
      app,
      ageSeconds: answeredAtMs === 0 ? Number.NaN : (now - answeredAtMs) / 1000,
      failing: failure !== '',
    }))
  }
}

/** Workers cut what outlives the drain time, and then have said so. */
const CUT_MS = 1000

/** Taken when the router starts, and then for good. */
const FIXED_KEYS = ['space', 'dns', 'admin', 'state'] as const

export function fixedChanges(before: Config, after: Config): (typeof FIXED_KEYS)[number][] {
  return FIXED_KEYS.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]))
}

/** The configuration changes what only a start can change. */
export class RestartRequired extends Error {
  override readonly name = 'RestartRequired'
  /** Names of the sections. */
  readonly keys: readonly string[]

  constructor(keys: readonly string[]) {
    super(`a change of ${keys.join(' and ')} needs a restart`)
    this.keys = keys
  }
}

function webSource(app: AppConfig) {
  return app.formation.find(({ processType }) => processType === 'web')?.source
}
