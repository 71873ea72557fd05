import type { Config } from '../config/config.ts'
import type { Dyno, DynoState } from '../model/dyno.ts'
import { dynoName } from '../model/dyno.ts'
import type { SnapshotData } from '../model/snapshot.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { RouterMetrics } from '../telemetry/router-metrics.ts'
import { AdminServer } from './admin/admin-server.ts'
import type { AdminSource } from './admin/admin-source.ts'
import type { Operations } from './admin/operations.ts'
import { AnnouncedDynos } from './announced-dynos.ts'
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import type { DataPlanePort } from './data-plane-port.ts'
import { EventLog } from './events.ts'
import { type Probe, probeByHttp } from './health/http-probe.ts'
import type { Inheritance } from './inheritance.ts'
import type { Phase } from './phase.ts'
import type { RegistryChange } from './registry.ts'
import { DynoRegistry, endpoint } from './registry.ts'
import { fixedChanges, RestartRequired } from './restart-required.ts'
import { Routing } from './routing.ts'
import { OwnRuntimes } from './runtimes/own-runtimes.ts'
import type { Runtime } from './runtimes/runtime.ts'
import { Settings } from './settings.ts'
import { SpaceView } from './space-view.ts'
import type { StateStore } from './state/state-store.ts'

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

/**
 * From the configuration to the data plane, in two halves that meet in the registry: which dynos are announced there (`AnnouncedDynos`), and what the data
 * plane is told of them (`Routing`). Here is who begins and ends when, and who tells whom. Never on the way of a request.
 */
export class ControlPlane {
  readonly #options: ControlPlaneOptions
  /** What happens in the space, for whoever watches. */
  readonly #events: EventLog
  readonly #registry = new DynoRegistry()
  readonly #settings: Settings
  readonly #dynos: AnnouncedDynos
  readonly #routing: Routing
  readonly #view: SpaceView
  /** As the file has it. */
  #config: Config
  /** With what was set through the API, and the formations that there really are. */
  #effective: Config
  #admin: AdminServer | null = null
  #phase: Phase = 'new'
  #stopAnnounced = false
  #stopped: Promise<void> | null = null

  constructor(config: Config, options: ControlPlaneOptions) {
    const { dataPlane, log, metrics, state, clock = systemClock, inheritance = null } = options
    this.#options = options
    this.#config = config
    this.#effective = config
    const registry = this.#registry
    const events = new EventLog(clock)
    this.#events = events
    const phase = () => this.#phase
    this.#settings = new Settings({ config: () => this.#config, state, events, onChange: () => this.#useSettings() })
    this.#routing = new Routing(this.#settings.effective(config), {
      dataPlane,
      registry,
      events,
      clock,
      log,
      metrics,
      probe: options.probe ?? probeByHttp,
      inherited: inheritance?.snapshot ?? null,
      phase,
      healthChanged: (app) => this.#dynos.healthChanged(app),
      settled: () => this.#dynos.settled(),
    })
    this.#dynos = new AnnouncedDynos({
      store: state,
      registry,
      events,
      clock,
      log,
      runtime: options.runtime ?? new OwnRuntimes({ graceMs: config.shutdown.dynoGraceMs, log }),
      inheritance,
      phase,
      config: () => this.#config,
      deployed: (app) => this.#followDeploy(app),
      settleSoon: () => this.#routing.settleSoon(),
      booted: (...boot) => this.#routing.booted(...boot),
      drained: (dyno) => this.#routing.drained(dyno),
      healthOf: (app, id) => this.#routing.healthOf(app, id),
      observed: (id) => dataPlane.observed(id),
    })
    registry.subscribe((change) => {
      this.#tell(change)
      this.#routing.announced(change.apps)
    })
    this.#view = new SpaceView(registry, this.#routing, {
      config: () => this.#effective,
      inFlight: (id) => dataPlane.inFlight(id),
      healthOf: (app, id) => this.#routing.healthOf(app, id),
    })
    metrics.setDynoSource(() => this.#view.dynos())
    metrics.setZoneSource((zone) => this.#dynos.zones.isDown(zone))
  }

  /** Where the embedded DNS answers (`127.0.0.1:5300`) and where the admin API does (`unix:/run/postern.sock`). */
  get addresses(): { readonly dns: string; readonly admin: string } {
    const { host, port } = this.#routing.dnsAddress
    return { dns: endpoint(host, port), admin: this.#admin?.address ?? '' }
  }

  // --- Beginning -------------------------------------------------------------------------------------------------------

  /**
   * Binds DNS and admin, hands the first snapshot to the data plane and begins to start dynos. Does not wait for those:
   * requests for an app whose dynos boot wait in the data plane.
   * @throws Error with one line for the operator; then nothing is held, and nothing runs.
   */
  async start(): Promise<void> {
    try {
      const { admin } = this.#config
      this.#admin = await AdminServer.create(this.#adminSource(), this.#options.version, admin.tokens)
      await this.#admin.listen(admin)
      await this.#routing.start()
      await this.#dynos.deploys.begin(this.#config, this.#options.inheritance === undefined)
      this.#phase = 'started'
      this.#use(this.#config)
      this.#dynos.start()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  #adminSource(): AdminSource {
    const { exposition, state, operations = null } = this.#options
    const { deploys, registered, zones } = this.#dynos
    return {
      config: () => this.#effective,
      notReady: () => this.#notReady(),
      dynos: () => this.#view.dynos(),
      topology: () => this.#view.topology(),
      exposition,
      settings: this.#settings,
      deploys,
      registered,
      zones,
      state,
      events: this.#events,
      operations,
    }
  }

  // --- What is different -----------------------------------------------------------------------------------------------

  /**
   * Takes a checked configuration into use: whole, or not at all. Resolves when the data plane has its snapshot; dynos
   * start, roll and drain after that.
   * @throws RestartRequired
   */
  async apply(config: Config): Promise<void> {
    const fixed = fixedChanges(this.#config, config)
    if (fixed.length > 0) throw new RestartRequired(fixed)
    await this.#dynos.deploys.configure(config)
    this.#use(config)
    this.#events.emit({ kind: 'config' })
  }

  /** What the data plane would be told if this came into use, with the dynos that there are now. */
  preview(config: Config): SnapshotData {
    return this.#routing.preview(this.#effectiveOf(config))
  }

  #use(file: Config): void {
    const config = this.#effectiveOf(file)
    // First what may refuse it.
    this.#dynos.apply(file, config)
    this.#config = file
    this.#effective = config
    this.#options.metrics.retainApps(config.apps.map((app) => app.name))
    this.#routing.use(config)
    // Deploys that were under way, or have begun with this, may go on from here.
    for (const { name } of config.apps) this.#dynos.deploys.wake(name)
  }

  /** What was set through the API came to be another. */
  #useSettings(): void {
    this.#effective = this.#effectiveOf(this.#config)
    this.#routing.useSettings(this.#effective)
  }

  /** A step of a deploy is durable, or a formation was scaled. */
  #followDeploy(name: string): void {
    const app = this.#config.apps.find((each) => each.name === name)
    // Before the first configuration is in use, and after the last, nothing follows.
    if (app === undefined || this.#phase !== 'started') return
    this.#dynos.applyApp(app)
    const before = formationText(this.#effective, name)
    this.#effective = this.#effectiveOf(this.#config)
    if (formationText(this.#effective, name) !== before) this.#routing.useFormation(this.#effective, name)
  }

  /** What the file says, with what was set through the API. */
  #effectiveOf(file: Config): Config {
    return this.#settings.effective(this.#dynos.deploys.effective(file))
  }

  #tell({ added, changed, removed }: RegistryChange): void {
    const tell = (dyno: Dyno, state: DynoState) => {
      const { app, az, release } = dyno
      this.#events.emit({ kind: 'dyno', app, dyno: dynoName(dyno.processType, dyno.number), state, az, release })
    }
    for (const dyno of added) tell(dyno, dyno.state)
    for (const { after } of changed) tell(after, after.state)
    for (const dyno of removed) tell(dyno, 'down')
  }

  #notReady(): string[] {
    if (this.#phase === 'stopping' || this.#stopAnnounced) return ['the router is stopping']
    const reasons = this.#routing.unknownApps().map((app) => `nothing is known yet of the dynos of ${app}`)
    if (!this.#routing.isPublished || !this.#options.listening()) reasons.unshift('not every listener is bound')
    return reasons
  }

  // --- Ending ----------------------------------------------------------------------------------------------------------

  /**
   * From now on /readyz says that the router will stop; everything else goes on. A load balancer in front gets to know of it
   * before connections are refused.
   */
  announceStop(): void {
    this.#stopAnnounced = true
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
    this.#routing.stop()
    await this.#dynos.stop()
    await this.#routing.close()
    await this.#admin?.close()
  }

  /** Ends all dynos at once. A `stop` that waits for them is done soon after. */
  hurry(): void {
    this.#phase = 'stopping'
    this.#routing.hurry()
    this.#dynos.kill()
  }

  /** Lets go of DNS and admin for a control plane that takes over. Dynos run on; this one is of no use any more. */
  async relinquish(): Promise<void> {
    this.#phase = 'new'
    await Promise.all([this.#dynos.relinquish(), this.#routing.relinquish(), this.#admin?.close()])
  }
}

function formationText({ apps }: Config, name: string): string {
  return JSON.stringify(apps.find((app) => app.name === name)?.formation)
}
