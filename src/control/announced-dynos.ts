import type { AppConfig, Config } from '../config/config.ts'
import type { DynoObservation } from '../model/dyno-observation.ts'
import type { Logger } from '../telemetry/logger.ts'
import { Adoption } from './adoption.ts'
import type { Clock } from './clock.ts'
import { underWay } from './deploys/deploy-record.ts'
import { Deploys } from './deploys/deploys.ts'
import type { RunnerContext } from './dyno-runner.ts'
import type { DynoSlot, SlotCondition } from './dyno-slot.ts'
import type { EventLog } from './events.ts'
import type { Health } from './health/readiness.ts'
import type { Inheritance } from './inheritance.ts'
import { ListedDynos } from './listed-dynos.ts'
import { LocalDynos } from './local-dynos.ts'
import type { Phase } from './phase.ts'
import { RegisteredDynos } from './registered-dynos.ts'
import type { DynoRegistry } from './registry.ts'
import { dynoId } from './registry.ts'
import type { Runtime } from './runtimes/runtime.ts'
import type { StateStore } from './state/state-store.ts'
import { type SpreadFormation, Spreading } from './zones/spreading.ts'
import { Zones } from './zones/zones.ts'

/** `drained` and `booted` are told to the runners of dynos as they are. */
export interface AnnouncedDynosContext extends Pick<RunnerContext, 'drained' | 'booted'> {
  readonly store: StateStore
  readonly registry: DynoRegistry
  readonly events: EventLog
  readonly clock: Clock
  readonly log: Logger
  /** Closed in the end. */
  readonly runtime: Runtime
  /** What another control plane left running; null: nothing. */
  readonly inheritance: Inheritance | null
  phase(): Phase
  /** As the file has it. */
  config(): Config
  /** A step of a deploy is durable, or a formation was scaled: `applyApp` is to follow. */
  deployed(app: string): void
  /** `settled` is to be called soon, whatever is different by then. */
  settleSoon(): void
  /** null: the dyno is not checked. */
  healthOf(app: string, id: string): { readonly health: Health; readonly reason: string } | null
  /** What the requests of a dyno came to; null: it gets none. */
  observed(id: string): DynoObservation | null
}

/**
 * From the configuration to the registry: which dynos there are to be, whether they run here by deploys and zones, are listed, or are
 * registered by somebody else. What becomes of an announced one is nothing to it.
 */
export class AnnouncedDynos {
  /** For the admin API: releases, and how they come into use. */
  readonly deploys: Deploys
  /** For the admin API: where dynos may be. */
  readonly zones: Zones
  /** For the admin API: who runs dynos elsewhere announces them here. */
  readonly registered: RegisteredDynos
  readonly #context: AnnouncedDynosContext
  readonly #local: LocalDynos
  readonly #listed: ListedDynos
  readonly #spreading: Spreading

  constructor(context: AnnouncedDynosContext) {
    const { store, registry, events, clock, log, inheritance, config } = context
    this.#context = context
    this.zones = new Zones({
      store,
      registry,
      events,
      clock,
      log,
      healthOf: (app, id) => context.healthOf(app, id)?.health ?? null,
      onChange: () => this.#useZones(),
    })
    const adoption = new Adoption(inheritance?.instances ?? [], inheritance?.snapshot ?? null)
    this.#local = new LocalDynos(this.#runners(), adoption, () => this.zones.usable())
    this.#listed = new ListedDynos(registry, clock)
    this.registered = new RegisteredDynos({ store, registry, clock, log })
    this.#spreading = new Spreading({
      formations: () => this.#spreadable(),
      zones: () => this.zones.usable(),
      move: (formation, number) => this.#slotOf(formation, number)?.renew(true),
      keep: (formation, number) => this.#slotOf(formation, number)?.keep(),
      hasCrashed: (formation, number) => this.#slotOf(formation, number)?.condition.crashed ?? false,
    })
    this.deploys = new Deploys({
      store,
      events,
      clock,
      log,
      config,
      changed: (app) => context.deployed(app),
      condition: (app, processType, number) => this.#conditionOf(app, processType, number),
      slot: (app, processType, number) => this.#local.slot(app, processType, number),
      dynos: (app) => registry.ofApp(app),
      observed: (id) => context.observed(id),
    })
  }

  // --- Life ------------------------------------------------------------------------------------------------------------

  /** After the first configuration is in use. */
  start(): void {
    this.zones.start()
    // Whoever ran before may have been in the middle of it.
    if (this.#context.inheritance) this.#spreading.zonesChanged()
  }

  /** Ends the dynos that run here, with care; resolves when nothing of them is left and nothing is written any more. */
  async stop(): Promise<void> {
    const written = this.deploys.stop()
    this.zones.stop()
    this.registered.stop()
    await this.#local.stop()
    await this.#context.runtime.close()
    await written
  }

  /** Ends them at once. A `stop` that waits for them is done soon after. */
  kill(): void {
    void this.deploys.stop()
    this.#local.kill()
  }

  /** Changes nothing any more, and lets the dynos run on. Resolves when nothing is written any more. */
  relinquish(): Promise<void> {
    this.zones.stop()
    this.registered.stop()
    return this.deploys.stop()
  }

  // --- What is different -----------------------------------------------------------------------------------------------

  /**
   * All dynos of a configuration, and no others; announced when this returns. `file`: as it is, since deploys know what else they made
   * of it.
   * @throws RangeError when there are dynos to place and the space has no room for any; then nothing was changed.
   */
  apply(file: Config, effective: Config): void {
    // First what may refuse it.
    this.#local.apply(file, (app) => this.deploys.wanted(app))
    this.#listed.apply(effective)
    this.registered.apply(effective)
  }

  /** Those of one app that run here, by where its deploy is. */
  applyApp(app: AppConfig): void {
    this.#local.applyApp(app.name, this.deploys.wanted(app))
  }

  /** Checks came to another health of one of the app's dynos. */
  healthChanged(app: string): void {
    this.zones.healthChanged(app)
    this.deploys.wake(app)
  }

  /** What was announced until now has come to where it counts. */
  settled(): void {
    if (this.#context.phase() === 'started') this.#spreading.wake()
  }

  // --- Beneath ---------------------------------------------------------------------------------------------------------

  /** What every dyno that runs here is run with. */
  #runners() {
    const { runtime, registry, clock, log, config, phase, booted, drained, settleSoon } = this.#context
    return {
      runtime,
      registry,
      clock,
      log,
      zone: config().dns.zone,
      booted,
      drained,
      graceMs: () => {
        const { shutdown, deploy } = config()
        return phase() === 'stopping' ? shutdown.dynoGraceMs : deploy.shutdownGraceMs
      },
      bootTimeoutMs: () => config().deploy.bootTimeoutMs,
      changed: (app: string) => {
        this.deploys.wake(app)
        if (this.#spreading.isDue) settleSoon()
      },
    }
  }

  /** Zones are down or up that were not: dynos leave the ones, and come back to the others. */
  #useZones(): void {
    if (this.#context.phase() !== 'started') return
    this.#local.zonesChanged()
    this.#spreading.zonesChanged()
  }

  /** A dyno that fails its health check serves only because somebody has to. */
  #conditionOf(app: string, processType: string, number: number): SlotCondition {
    const condition = this.#local.condition(app, processType, number)
    const dyno = this.#local.slot(app, processType, number)?.current?.dyno
    const status = dyno ? this.#context.healthOf(app, dynoId(dyno)) : null
    if (status?.health !== 'failing') return condition
    return { ...condition, serving: false, reason: `fails its health check: ${status.reason}` }
  }

  /** A deploy moves dynos as well; what it leaves is spread after it. */
  #spreadable(): SpreadFormation[] {
    const formations: SpreadFormation[] = []
    for (const { app, processType, formation } of this.#local.formations()) {
      const isDeployed = underWay(this.#context.store.app(app).deploy)
      const { settled } = formation
      formations.push({ name: `${app} ${processType}`, dynos: formation.zones(), settled, isDeployed })
    }
    return formations
  }

  #slotOf(formation: string, number: number): DynoSlot | null {
    const [app, processType] = formation.split(' ') as [string, string]
    return this.#local.slot(app, processType, number)
  }
}
