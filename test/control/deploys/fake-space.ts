import { pino } from 'pino'
import type { Config } from '../../../src/config/config.ts'
import { Adoption } from '../../../src/control/adoption.ts'
import { Deploys } from '../../../src/control/deploys/deploys.ts'
import type { EventContent } from '../../../src/control/events.ts'
import { EventLog } from '../../../src/control/events.ts'
import type { RunningInstance } from '../../../src/control/inheritance.ts'
import { LocalDynos } from '../../../src/control/local-dynos.ts'
import { ZONES } from '../../../src/control/placement.ts'
import { DynoRegistry } from '../../../src/control/registry.ts'
import type { Instance, Launch, Runtime } from '../../../src/control/runtimes/runtime.ts'
import { StateStore } from '../../../src/control/state/state-store.ts'
import { type FakeInstance, FakeRuntime } from '../fake-runtime.ts'
import { ManualClock, settled } from '../manual-clock.ts'
import { space } from '../space.ts'

type App = Record<string, unknown>

/** Programs outlive the control plane: this is what a supervisor keeps of them. */
class Host extends FakeRuntime {
  /** Called when a program has begun to run. */
  onStart: (instance: FakeInstance) => void = () => {}
  /** Called after each change of what runs. */
  onChange: () => void = () => {}

  override async launch(launch: Launch, line: (text: string) => void) {
    const instance = (await super.launch(launch, line)) as FakeInstance
    void instance.ended.then(() => {
      this.instances.splice(this.instances.indexOf(instance), 1)
      this.onChange()
    })
    this.onStart(instance)
    this.onChange()
    return instance
  }
}

/** The host as one control plane sees it, until that is killed. */
class Link implements Runtime {
  readonly #host: Host
  cut = false

  constructor(host: Host) {
    this.#host = host
  }

  async launch(launch: Launch, line: (text: string) => void): Promise<Instance> {
    if (this.cut) return new Promise(() => {})
    return this.see(await this.#host.launch(launch, line))
  }

  see(instance: Instance): Instance {
    const ended = instance.ended.then((how) => (this.cut ? new Promise<string>(() => {}) : how))
    return {
      ended,
      stop: (graceMs) => {
        if (!this.cut) void instance.stop(graceMs)
        return ended
      },
      kill: () => {
        if (!this.cut) instance.kill()
      },
    }
  }

  async close(): Promise<void> {}
}

/**
 * The part of a control plane that deploys, with programs that the test plays: of process type `worker`, which are up as soon as they
 * run. It can be killed and taken over by another one, as often as the test likes.
 */
export class FakeSpace {
  readonly clock = new ManualClock()
  readonly host = new Host()
  readonly events: EventContent[] = []
  /** Called after each change of the registry. */
  onDynos: () => void = () => {}
  store!: StateStore
  registry!: DynoRegistry
  deploys!: Deploys
  #local!: LocalDynos
  #link!: Link
  #config!: Config
  /** Grows with every takeover: what an earlier control plane still does has no effect on this one. */
  #generation = 0
  readonly #app: App

  private constructor(app: App, deploy: App) {
    this.#app = app
    this.#config = this.config(app, deploy)
  }

  static async start(app: App, deploy: App = {}): Promise<FakeSpace> {
    const fake = new FakeSpace(app, deploy)
    fake.store = await StateStore.open(null)
    await fake.takeOver(true)
    return fake
  }

  config(app: App, deploy: App = {}): Config {
    return space({
      apps: { shop: { ...this.#app, ...app } },
      space: { name: 'test', cidr: '127.34.0.0/16' },
      deploy: { hold: '10s', ...deploy },
    })
  }

  /** Another control plane in the place of this one, which is no more. */
  async takeOver(fresh = false): Promise<void> {
    void this.deploys?.stop()
    if (this.#link) this.#link.cut = true
    this.#link = new Link(this.host)
    const link = this.#link
    const generation = ++this.#generation
    const registry = new DynoRegistry()
    const log = pino({ level: 'silent' })
    const events = new EventLog(this.clock)
    events.subscribe((event) => {
      if (this.#generation === generation) this.events.push(event)
    })
    this.registry = registry
    registry.subscribe(() => {
      if (this.#generation === generation) this.onDynos()
    })
    const running = this.host.instances.map((instance): RunningInstance => {
      return { launch: instance.launch, instance: link.see(instance), stopping: instance.asked.length > 0 }
    })
    let deploys: Deploys
    const local = new LocalDynos(
      {
        runtime: link,
        registry,
        clock: this.clock,
        log,
        zone: 'app.localspace',
        graceMs: () => 30_000,
        bootTimeoutMs: () => 60_000,
        booted: async () => '',
        drained: async () => {},
        changed: (app) => deploys.wake(app),
      },
      new Adoption(running, null),
      () => ZONES,
    )
    deploys = new Deploys({
      store: this.store,
      events,
      clock: this.clock,
      log,
      config: () => this.#config,
      changed: (app) => {
        if (this.#generation === generation) local.applyApp(app, deploys.wanted(this.#config.apps[0]!))
      },
      condition: (app, processType, number) => local.condition(app, processType, number),
      slot: (app, processType, number) => local.slot(app, processType, number),
      dynos: (app) => registry.ofApp(app),
      observed: () => null,
    })
    this.deploys = deploys
    this.#local = local
    await deploys.begin(this.#config, fresh)
    this.#use()
  }

  /** Another file, and what follows from it at once. */
  async reload(app: App | null, deploy: App = {}): Promise<void> {
    await this.take(app, deploy)
    await this.calm()
  }

  /** Another file; null: without the app. */
  async take(app: App | null, deploy: App = {}): Promise<void> {
    const config = app === null ? { ...this.#config, apps: [] } : this.config(app, deploy)
    await this.deploys.configure(config)
    this.#config = config
    this.#use()
  }

  /** Another file, of which something else is refused: it does not come into use. */
  async refuse(app: App): Promise<void> {
    await this.deploys.configure(this.config(app))
    await this.calm()
  }

  /** The file is again the one that is in use. */
  async changeBack(): Promise<void> {
    await this.deploys.configure(this.#config)
    await this.calm()
  }

  #use(): void {
    this.#local.apply(this.#config, (app) => this.deploys.wanted(app))
    this.deploys.wake('shop')
  }

  /** `1 v2 up`, in order. */
  dynos(): string[] {
    const dynos = this.registry.ofApp('shop').sort((one, other) => one.number - other.number)
    return dynos.map(({ number, release, state }) => `${number} ${release} ${state}`)
  }

  /** Releases of the dynos, in order of number. */
  get releases(): string {
    const dynos = this.registry.ofApp('shop').sort((one, other) => one.number - other.number)
    return dynos.map(({ release, state }) => (state === 'up' ? release : `${release}(${state})`)).join(' ')
  }

  get up(): number {
    return this.registry.ofApp('shop').filter(({ state }) => state === 'up').length
  }

  /** What was told, in short: `replacing v2 1: worker.1 worker.2`. */
  told(): string[] {
    return this.events.map((event) => {
      const { kind, phase = '', step = '', release = '', number = '', dynos, reason = '', passed, status = '' } = event
      const what = [kind, phase, step, status, release, number, passed ?? '', dynos ?? '', reason]
      return what.filter((part) => part !== '').join(' ')
    })
  }

  async calm(): Promise<void> {
    for (let turn = 0; turn < 15; turn++) await settled()
  }

  /** Time goes no faster than steps can follow. */
  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 500) {
      await this.clock.advance(Math.min(left, 500))
      await this.calm()
    }
  }

  async end(): Promise<void> {
    void this.deploys.stop()
    for (const instance of this.host.instances) instance.obedient = true
    this.#local.kill()
    await this.#local.stop()
  }
}

export const worker = (quantity: number | undefined, command = 'run one', more: App = {}): App => ({
  formation: { worker: { command, ...(quantity !== undefined && { quantity }) } },
  ...more,
})
