import type { AppConfig, Config } from '../config/config.ts'
import type { ServerAddress } from '../dns/server-address.ts'
import type { Dyno } from '../model/dyno.ts'
import type { DynoEntry, SnapshotData } from '../model/snapshot.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { RouterMetrics } from '../telemetry/router-metrics.ts'
import type { Clock } from './clock.ts'
import type { DataPlanePort } from './data-plane-port.ts'
import type { DiscoverySource } from './discovery.ts'
import { Discovery } from './discovery.ts'
import { Drains } from './drains.ts'
import { EmbeddedDns } from './embedded-dns.ts'
import type { EventLog } from './events.ts'
import { HealthChecks } from './health/health-checks.ts'
import type { Probe } from './health/http-probe.ts'
import type { Health } from './health/readiness.ts'
import type { Phase } from './phase.ts'
import type { DynoRegistry } from './registry.ts'
import { dynoId } from './registry.ts'
import { RoutingState } from './routing-state.ts'
import { lookupByDns } from './service-lookup.ts'

export interface RoutingContext {
  readonly dataPlane: DataPlanePort
  readonly registry: DynoRegistry
  readonly events: EventLog
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: RouterMetrics
  readonly probe: Probe
  /** The snapshot that the data plane serves by already; null: none. */
  readonly inherited: SnapshotData | null
  phase(): Phase
  /** Checks came to another health of one of the app's dynos. */
  healthChanged(app: string): void
  /** What was announced until now is in the zone, and the data plane knows what discovery has learned. */
  settled(): void
}

/** Settling takes no more than this part of the time. */
const SETTLING_SHARE = 0.2
/** What is quicker than this need not rest. */
const NO_REST_MS = 10
const LONGEST_REST_MS = 500
/** Workers cut what outlives the drain time, and then have said so. */
const CUT_MS = 1000

/**
 * From the registry to the data plane: registry → zone → DNS → discovery → health → routing state → snapshot N; and back from there,
 * when a dyno has drained. Whose dynos those are and why they run is nothing to it.
 */
export class Routing {
  readonly #context: RoutingContext
  readonly #state: RoutingState
  readonly #dns: EmbeddedDns
  readonly #discovery: Discovery
  readonly #health: HealthChecks
  readonly #drains: Drains
  /** With what was set through the API. */
  #config: Config
  #applied: SnapshotData | null
  /** As all that is beneath has been told of them. */
  #apps: readonly AppConfig[] = []
  readonly #sources = new Map<string, DiscoverySource>()
  /** Whose dynos in the registry are not yet in the zone as they are. */
  readonly #changedApps = new Set<string>()
  #settling = false
  /** How long it took the last time. */
  #settleMs = 0

  constructor(config: Config, context: RoutingContext) {
    const { dataPlane, clock, log, metrics, events, probe, inherited } = context
    this.#context = context
    this.#config = config
    this.#applied = inherited
    this.#state = new RoutingState(config)
    if (inherited) this.#state.resume(inherited, clock.now())
    this.#dns = new EmbeddedDns(config, { log, metrics })
    this.#discovery = new Discovery({
      lookup: lookupByDns,
      clock,
      log,
      onDynos: (app, dynos) => {
        this.#state.discovered(app, dynos, clock.now())
        this.#followHealth(app)
        this.settleSoon()
      },
    })
    this.#health = new HealthChecks({
      probe,
      clock,
      log,
      metrics,
      events,
      failures: (id) => dataPlane.observed(id)?.failures ?? 0,
      presume: (app, id) => this.#presumedHealth(app, id),
      onChange: (app) => {
        this.#state.judged(app, this.#health.healthOf(app))
        context.healthChanged(app)
        this.settleSoon()
      },
    })
    this.#drains = new Drains({
      state: this.#state,
      clock,
      inFlight: (id) => dataPlane.inFlight(id),
      drainMs: () => this.#config.deploy.drainTimeoutMs + CUT_MS,
      onForgotten: () => this.settleSoon(),
    })
    metrics.setDiscoverySource(() => this.#discoveryGauges())
  }

  // --- Life ------------------------------------------------------------------------------------------------------------

  /** Binds DNS. @throws Error with one line for the operator. */
  start(): Promise<void> {
    return this.#dns.start()
  }

  /** Learns no more. DNS still answers, for dynos that are on their way out. */
  stop(): void {
    this.#discovery.stop()
    this.#health.stop()
    this.#drains.stop()
  }

  /** Whoever waits for a dyno to drain waits no longer. */
  hurry(): void {
    this.#drains.stop()
  }

  close(): Promise<void> {
    return this.#dns.stop()
  }

  /** Learns no more, and lets go of DNS. Who waits for a dyno to drain goes on waiting: it must not end now. */
  relinquish(): Promise<void> {
    this.#discovery.stop()
    this.#health.stop()
    return this.#dns.stop()
  }

  // --- What is different -----------------------------------------------------------------------------------------------

  /** Takes a configuration into use; when this returns the data plane has its snapshot. */
  use(config: Config): void {
    const changed = this.#configure(config)
    for (const { name } of changed) this.#followHealth(name)
    for (const app of config.apps) {
      if (changed.has(app) || this.#changedApps.has(app.name)) this.#countAnnounced(app)
    }
    this.#dns.admit(config)
    this.#updateZone(this.#changedApps)
    this.#changedApps.clear()
    this.#discover(changed)
    this.#publish()
  }

  /** The same, where nothing but settings is different. */
  useSettings(config: Config): void {
    this.#config = config
    this.#state.configure(config)
    if (this.#context.phase() === 'started') this.#publish()
  }

  /** The same, where nothing but the formation of one app is different; the data plane has its snapshot soon. */
  useFormation(config: Config, app: string): void {
    this.#discover(this.#configure(config))
    this.announced([app])
  }

  /** The dynos that these apps have in the registry are others, or in other states. */
  announced(apps: Iterable<string>): void {
    for (const app of apps) this.#changedApps.add(app)
    this.settleSoon()
  }

  /**
   * Changes that come together make one zone and one snapshot. In a large space that takes its time, here and in every worker: there it
   * is done less often.
   */
  settleSoon(): void {
    if (this.#settling) return
    this.#settling = true
    const restMs = this.#settleMs / SETTLING_SHARE - this.#settleMs
    if (restMs < NO_REST_MS) setImmediate(() => this.#settle())
    else this.#context.clock.after(Math.min(restMs, LONGEST_REST_MS), () => this.#settle())
  }

  // --- What is known ---------------------------------------------------------------------------------------------------

  /** Where the embedded DNS answers clients. @throws Error while it does not listen. */
  get dnsAddress(): ServerAddress {
    return this.#dns.address
  }

  /** The data plane has a snapshot. */
  get isPublished(): boolean {
    return this.#applied !== null
  }

  /** Apps whose dynos nobody could be asked about yet. */
  unknownApps(): string[] {
    return this.#discovery.statuses().flatMap(({ app, tried }) => (tried ? [] : app))
  }

  /** What discovery knows of an app; also the draining ones. */
  dynosOf(app: string): DynoEntry[] {
    return this.#state.dynosOf(app)
  }

  /** null: the dyno is not checked. */
  healthOf(app: string, id: string): { readonly health: Health; readonly reason: string } | null {
    return this.#health.statusOf(app, id)
  }

  /** Waits until a dyno that boots may get requests: '', or why it may not when the time is over. Never rejects. */
  booted(
    app: string,
    target: { readonly address: string; readonly port: number },
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<string> {
    return this.#health.booted(app, target, timeoutMs, signal)
  }

  /** Waits until nothing is in flight on a dyno that was announced as draining, or its time for that is over. Never rejects. */
  drained(dyno: Dyno): Promise<void> {
    // A router that stops has drained its data plane before: nothing can be in flight.
    return this.#context.phase() === 'stopping' ? Promise.resolve() : this.#drains.drained(dyno)
  }

  /** What the data plane would be told if this came into use, with the dynos that there are now. */
  preview(config: Config): SnapshotData {
    const state = new RoutingState(this.#config)
    if (this.#applied) state.resume(this.#applied, this.#context.clock.now())
    state.configure(config)
    return state.snapshot()
  }

  // --- Beneath ---------------------------------------------------------------------------------------------------------

  #settle(): void {
    const beganAtMs = performance.now()
    const { phase, settled } = this.#context
    this.#settling = false
    if (phase() === 'new') return
    const changed = new Set(this.#changedApps)
    this.#changedApps.clear()
    this.#updateZone(changed)
    for (const app of this.#config.apps) if (changed.has(app.name)) this.#countAnnounced(app)
    if (phase() === 'started') this.#publish()
    // The zone has the change by now: what is asked after this wake-up finds it.
    for (const app of changed) this.#discovery.wake(app)
    settled()
    this.#settleMs = performance.now() - beganAtMs
  }

  #updateZone(apps: ReadonlySet<string>): void {
    if (apps.size > 0) this.#dns.update(apps, (app) => this.#context.registry.ofApp(app))
  }

  #publish(): void {
    const snapshot = this.#state.snapshot()
    if (snapshot !== this.#applied) {
      this.#applied = snapshot
      this.#context.dataPlane.apply(snapshot)
    }
    if (this.#state.draining().length > 0) this.#drains.watch()
  }

  /** The apps that are new or differ. */
  #configure(config: Config): ReadonlySet<AppConfig> {
    const before = new Set(this.#apps)
    this.#config = config
    this.#apps = config.apps
    this.#state.configure(config)
    this.#health.configure(config.apps, config.dns.zone)
    return new Set(config.apps.filter((app) => !before.has(app)))
  }

  #discover(changed: Iterable<AppConfig>): void {
    for (const app of changed) {
      const source = this.#discoverySource(app)
      if (source) this.#sources.set(app.name, source)
      else {
        this.#sources.delete(app.name)
        this.#state.discovered(app.name, [], this.#context.clock.now())
      }
    }
    const names = new Set(this.#config.apps.map(({ name }) => name))
    for (const name of this.#sources.keys()) if (!names.has(name)) this.#sources.delete(name)
    this.#discovery.apply(this.#sources)
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
    const app = this.#config.apps.find((app) => app.name === name)
    return app && webSource(app)?.kind === 'command' ? 'passing' : 'unknown'
  }

  #countAnnounced(app: AppConfig): void {
    const source = webSource(app)
    const dynos = this.#context.registry.ofApp(app.name).filter((dyno) => dyno.processType === 'web')
    const inState = (state: string) => dynos.filter((dyno) => dyno.state === state)
    this.#state.announced(
      app.name,
      !source || source.kind === 'dns'
        ? null
        : { starting: inState('starting').length, crashed: inState('crashed').length, up: inState('up').map(dynoId) },
    )
  }

  #discoveryGauges() {
    const now = this.#context.clock.now()
    return this.#discovery.statuses().map(({ app, answeredAtMs, failure }) => ({
      app,
      ageSeconds: answeredAtMs === 0 ? Number.NaN : (now - answeredAtMs) / 1000,
      failing: failure !== '',
    }))
  }
}

function webSource(app: AppConfig) {
  return app.formation.find(({ processType }) => processType === 'web')?.source
}
