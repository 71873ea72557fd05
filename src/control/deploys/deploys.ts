import type { AppConfig, Config } from '../../config/config.ts'
import type { Dyno } from '../../model/dyno.ts'
import type { DynoObservation } from '../../model/dyno-observation.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Clock } from '../clock.ts'
import { Derived } from '../derived.ts'
import type { DynoSlot, SlotCondition } from '../dyno-slot.ts'
import type { EventContent, EventLog } from '../events.ts'
import type { WantedDynos } from '../local-dynos.ts'
import { Refusal } from '../refusal.ts'
import { findApp } from '../settings.ts'
import type { AppState, ReleaseRecord } from '../state/records.ts'
import type { StateStore } from '../state/state-store.ts'
import { Turns } from '../turns.ts'
import {
  contentsText,
  effectiveApp,
  fileContents,
  localProcessTypes,
  quantityOf,
  releaseContents,
  wantedDynos,
} from './app-settings.ts'
import {
  beginDeploy,
  forgetMoved,
  releaseAtOnce,
  releaseOf,
  rollBack,
  trimReleases,
  underWay,
} from './deploy-record.ts'
import { DeployRunner } from './deploy-runner.ts'
import { type DeployStatus, deployStatus } from './deploy-status.ts'
import { deployEvent, type StockFacts } from './deploy-step.ts'
import { sampleSoFar } from './gate-watch.ts'
import {
  abort,
  type DeployRequest,
  deployOrder,
  pause,
  type ReleaseOrder,
  resume,
  rollbackOrder,
  scale,
} from './orders.ts'

export interface DeploysContext {
  readonly store: StateStore
  readonly events: EventLog
  readonly clock: Clock
  readonly log: Logger
  config(): Config
  /** The dynos, and what routing knows of the app, are to follow `wanted` and `effective` from now on. */
  changed(app: string): void
  condition(app: string, processType: string, number: number): SlotCondition
  slot(app: string, processType: string, number: number): DynoSlot | null
  /** Those of the registry. */
  dynos(app: string): Dyno[]
  observed(dynoId: string): DynoObservation | null
}

/** Who makes the releases that come from it. */
const FILE = 'the file'
const RETRY_MS = 1000

/**
 * The one door to releases and deploys. What an app is to run is durable before any dyno is touched, and what a dyno is to run
 * follows from that alone. Changes of one app wait for one another.
 */
export class Deploys {
  readonly #context: DeploysContext
  /** By app: the state as far as it is durable. */
  readonly #durable = new Map<string, AppState>()
  /** By app: as the file had it when the state last followed it. */
  readonly #followed = new Map<string, AppConfig>()
  readonly #effectiveApps = new Derived(effectiveApp)
  readonly #wantedDynos = new Derived(wantedDynos)
  readonly #turns = new Map<string, Turns>()
  readonly #runners = new Map<string, DeployRunner>()
  /** Apps whose deploy will be looked at, anyway. */
  readonly #due = new Set<string>()
  #stopped = false

  constructor(context: DeploysContext) {
    this.#context = context
  }

  // --- What follows from it --------------------------------------------------------------------------------------------

  /** What the dynos of an app are to run. */
  wanted(app: AppConfig): WantedDynos {
    return this.#wantedDynos.of(app, this.#state(app.name))
  }

  /** The configuration with the formations that there really are. */
  effective(config: Config): Config {
    return { ...config, apps: config.apps.map((app) => this.#effectiveApps.of(app, this.#state(app.name))) }
  }

  // --- Control plane ---------------------------------------------------------------------------------------------------

  /**
   * Before the first configuration comes into use. `fresh`: no dyno runs yet; else the dynos of an earlier control process do, and
   * deploys go on where they were.
   * @throws Refusal unavailable
   */
  async begin(config: Config, fresh: boolean): Promise<void> {
    await Promise.all(config.apps.map((app) => this.#inTurn(app.name, () => this.#takeUp(app, config, fresh))))
  }

  /**
   * Makes releases of what is new in the file. Resolves when they are durable; what they change comes into use with the
   * configuration.
   * @throws Refusal unavailable
   */
  async configure(config: Config): Promise<void> {
    const before = new Set(this.#context.config().apps.map(({ name }) => name))
    const changed = config.apps.filter((app) => !before.has(app.name) || this.#followed.get(app.name) !== app)
    await Promise.all(
      changed.map((app) =>
        this.#inTurn(app.name, () =>
          before.has(app.name) ? this.#follow(app, config, false) : this.#takeUp(app, config, true),
        ),
      ),
    )
  }

  /** Something about the dynos of the app is different, or about what they are to run. */
  wake(app: string): void {
    if (this.#due.has(app) || this.#stopped || !underWay(this.#state(app).deploy)) return
    this.#due.add(app)
    // Whoever calls is in the middle of a change, and more of them may come in this turn.
    setImmediate(() => void this.#inTurn(app, () => this.#advance(app)))
  }

  /** No deploy goes on here. Resolves when nothing is written any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const runner of this.#runners.values()) runner.stop()
    await Promise.all([...this.#turns.values()].map((turns) => turns.take(async () => {})))
  }

  // --- Operators -------------------------------------------------------------------------------------------------------

  /** The next release. Resolves when it is durable; `status` tells how it goes. @throws Refusal */
  deploy(app: string, request: DeployRequest): Promise<DeployStatus> {
    return this.#ordered(app, (config, state) =>
      this.#begin(app, state, deployOrder(this.#context.config(), config, state, request)),
    )
  }

  /** A new release with the contents of an old one; null: of the last that succeeded before the present one. @throws Refusal */
  rollback(app: string, { version, by }: { version: number | null; by: string }): Promise<DeployStatus> {
    return this.#ordered(app, (config, state) => this.#begin(app, state, rollbackOrder(config, state, version, by)))
  }

  /** After the present batch. @throws Refusal */
  pause(app: string, by: string): Promise<DeployStatus> {
    return this.#change(app, by, 'pause', (state) => pause(app, state))
  }

  /** @throws Refusal */
  resume(app: string, by: string): Promise<DeployStatus> {
    return this.#change(app, by, 'resume', (state) => resume(app, state, this.#context.clock.now()))
  }

  /** Back to the release before. @throws Refusal */
  abort(app: string, by: string): Promise<DeployStatus> {
    return this.#change(app, by, 'abort', (state) => abort(app, state, by, this.#context.clock.now()))
  }

  /** null: there was no deploy yet. @throws Refusal not_found */
  status(app: string): DeployStatus | null {
    this.#appConfig(app)
    const { batchPercent } = this.#context.config().deploy
    return deployStatus(app, this.#state(app), this.#stocks(app), batchPercent)
  }

  /** Those that are kept, oldest first. @throws Refusal not_found */
  releases(app: string): readonly ReleaseRecord[] {
    this.#appConfig(app)
    return this.#state(app).releases
  }

  /** The release that is in force; 0: none. @throws Refusal not_found */
  currentRelease(app: string): number {
    this.#appConfig(app)
    return this.#state(app).current
  }

  /** @throws Refusal */
  async scale(app: string, processType: string, quantity: number, by: string): Promise<void> {
    await this.#inTurn(app, async () => {
      const next = scale(this.#context.config(), this.#appConfig(app), this.#state(app), processType, quantity)
      await this.#write(app, next, [{ kind: 'formation', processType, quantity, by }])
      this.#context.changed(app)
      this.wake(app)
    })
  }

  /** Another dyno of the same release in the place of this one (`web.1`). @throws Refusal */
  async restart(app: string, dyno: string, by: string): Promise<void> {
    const [, processType = '', number = '0'] = /^(.*)\.([1-9]\d*)$/.exec(dyno) ?? []
    const config = this.#appConfig(app)
    const state = this.#state(app)
    const slot = this.#context.slot(app, processType, Number(number))
    if (slot?.current == null) throw new Refusal('not_found', `${app} has no dyno ${dyno} that runs here`)
    // Its end would be held against the release.
    if (underWay(state.deploy)) throw new Refusal('conflict', `${app} is being deployed; a restart has to wait`)
    this.#context.events.emit({ kind: 'formation', app, restart: dyno, by })
    slot.renew(quantityOf(config, state, processType) === 1)
  }

  // --- Beneath ---------------------------------------------------------------------------------------------------------

  async #advance(app: string): Promise<void> {
    this.#due.delete(app)
    // Of an app that the file does not have any more the dynos end, and its deploy rests.
    if (this.#stopped || !this.#context.config().apps.some(({ name }) => name === app)) return
    try {
      await this.#runner(app).advance()
    } catch (error) {
      this.#context.log.error({ app }, `the deploy cannot go on: ${(error as Error).message}`)
      this.#context.clock.after(RETRY_MS, () => this.wake(app))
    }
  }

  /** An app none of whose dynos is known here yet. `fresh`: none runs. */
  async #takeUp(app: AppConfig, config: Config, fresh: boolean): Promise<void> {
    const state = this.#context.store.app(app.name)
    this.#durable.set(app.name, state)
    if (state.deploy?.phase === 'watching') {
      // What was counted went with the one who counted; and what was up only just before may not be known as such here.
      const deploy = { ...state.deploy, phase: 'replacing', phaseSinceMs: this.#context.clock.now() } as const
      await this.#write(app.name, { ...state, deploy })
    }
    await this.#follow(app, config, fresh)
  }

  /** The state follows the file. */
  async #follow(app: AppConfig, config: Config, fresh: boolean): Promise<void> {
    // What could not be written has not followed.
    this.#followed.delete(app.name)
    await this.#followFile(app, config, fresh)
    this.#followed.set(app.name, app)
  }

  async #followFile(app: AppConfig, config: Config, fresh: boolean): Promise<void> {
    const { store, clock } = this.#context
    let state = store.app(app.name)
    for (const processType of localProcessTypes(app, state)) {
      state = forgetMoved(state, processType, quantityOf(app, state, processType))
    }
    const contents = fileContents(app)
    const release = { by: FILE, label: '', description: 'Changed in the file', ...releaseContents(app, state, config) }
    // Of an app whose dynos run elsewhere there is nothing to keep: a space may have thousands.
    const isBlank = Object.keys(release.processes).length === 0
    if (contents === state.fileContents || isBlank) return this.#write(app.name, state)
    state = { ...state, fileContents: contents }
    const current = releaseOf(state, state.current)
    if (current !== null && contentsText(current) === contentsText(release)) {
      if (!underWay(state.deploy) || state.deploy.phase === 'rolling-back') return this.#write(app.name, state)
      const next = rollBack(state, 'the file was changed back', true, clock.now())
      await this.#write(app.name, next, [deployEvent('rolling-back', next.deploy!, next.deploy!.reason)])
    } else if (fresh || state.current === 0) {
      const next = releaseAtOnce(state, release, clock.now())
      await this.#write(app.name, next, [releaseEvent(next.releases.at(-1)!)])
    } else {
      await this.#begin(app.name, state, { release, settings: state, surge: false, canary: 0 })
    }
    this.wake(app.name)
  }

  async #begin(app: string, state: AppState, order: ReleaseOrder): Promise<void> {
    const { release, surge, canary } = order
    const { commands, env } = order.settings
    const old = this.#webDynos(app).filter((dyno) => dyno.release === `v${state.current}`)
    const baseline = sampleSoFar(old, this.#context.observed)
    const nowMs = this.#context.clock.now()
    const next = beginDeploy(state, release, { surge, canary, baseline, commands, env }, nowMs)
    const events = [releaseEvent(next.releases.at(-1)!), deployEvent('begun', next.deploy!)]
    if (underWay(state.deploy)) events.unshift(deployEvent('superseded', state.deploy))
    await this.#write(app, next, events)
  }

  #change(app: string, by: string, what: string, change: (state: AppState) => AppState): Promise<DeployStatus> {
    return this.#ordered(app, async (_config, state) => {
      const next = change(state)
      await this.#write(app, next, [{ ...deployEvent(what, next.deploy!, next.deploy!.reason), by }])
    })
  }

  #ordered(app: string, order: (config: AppConfig, state: AppState) => Promise<void>): Promise<DeployStatus> {
    return this.#inTurn(app, async () => {
      await order(this.#appConfig(app), this.#context.store.app(app))
      // Where there was none before, it may be that the app has a formation only now.
      this.#context.changed(app)
      this.wake(app)
      return this.status(app)!
    })
  }

  #runner(app: string): DeployRunner {
    let runner = this.#runners.get(app)
    if (runner === undefined) {
      const { clock, observed } = this.#context
      runner = new DeployRunner({
        clock,
        observed,
        settings: () => this.#context.config().deploy,
        state: () => this.#state(app),
        take: async ({ state, events }) => {
          await this.#write(app, state, events)
          if (!this.#stopped) this.#context.changed(app)
        },
        stocks: () => this.#stocks(app),
        webDynos: () => this.#webDynos(app),
        due: () => this.wake(app),
      })
      this.#runners.set(app, runner)
    }
    return runner
  }

  #stocks(app: string): StockFacts[] {
    const config = this.#context.config().apps.find(({ name }) => name === app)
    if (config === undefined) return []
    const state = this.#state(app)
    return localProcessTypes(config, state).map((processType) => {
      const length = quantityOf(config, state, processType)
      const dynos = Array.from({ length }, (_, index) => {
        return { number: index + 1, ...this.#context.condition(app, processType, index + 1) }
      })
      return { processType, dynos }
    })
  }

  #webDynos(app: string): Dyno[] {
    return this.#context.dynos(app).filter(({ processType }) => processType === 'web')
  }

  #state(app: string): AppState {
    return this.#durable.get(app) ?? this.#context.store.app(app)
  }

  async #write(app: string, state: AppState, events: readonly EventContent[] = []): Promise<void> {
    const next = trimReleases(state, this.#context.config().deploy.keepReleases)
    if (next !== this.#context.store.app(app)) {
      // Others keep things of their own in it: what is theirs is as it is now.
      await this.#context.store.updateApp(app, ({ maintenance, registered }) => ({ ...next, maintenance, registered }))
    }
    this.#durable.set(app, next)
    for (const event of events) this.#context.events.emit({ app, ...event })
  }

  #inTurn<T>(app: string, run: () => Promise<T>): Promise<T> {
    const turns = this.#turns.get(app) ?? new Turns(1)
    this.#turns.set(app, turns)
    return turns.take(run)
  }

  /** @throws Refusal not_found */
  #appConfig(app: string): AppConfig {
    return findApp(this.#context.config(), app)
  }
}

function releaseEvent({ version, status, description, by, label }: ReleaseRecord): EventContent {
  return { kind: 'release', release: `v${version}`, status, description, by, label }
}
