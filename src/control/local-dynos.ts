import type { AppConfig, Config } from '../config/config.ts'
import type { Adoption } from './adoption.ts'
import type { DynoRunner } from './dyno-runner.ts'
import type { FormationContext } from './formation.ts'
import { adoptedDyno, Formation } from './formation.ts'
import type { AddressPlan, Place } from './placement.ts'
import { addressPlan, place } from './placement.ts'
import { PortPool } from './port-pool.ts'
import type { ReleaseBook } from './release-book.ts'

/** Every dyno that runs here: brings the formations to what the configuration says. */
export class LocalDynos {
  readonly #context: FormationContext
  readonly #releases: ReleaseBook
  readonly #adoption: Adoption
  /** By app, then by process type. */
  readonly #formations = new Map<string, Map<string, Formation>>()
  readonly #leaving = new Set<Formation | DynoRunner>()
  /** Made when the first dyno needs an address: a space whose dynos all run elsewhere may be as small as it likes. */
  #plan: AddressPlan | null = null
  /** Addresses that are not for dynos although they are in the space. */
  #reserved: readonly string[] = []

  constructor(
    context: Omit<FormationContext, 'place' | 'ports' | 'inherited'>,
    releases: ReleaseBook,
    adoption: Adoption,
  ) {
    this.#releases = releases
    this.#adoption = adoption
    this.#context = {
      ...context,
      inherited: (app, processType, number) => adoption.take(app, processType, number),
      ports: new PortPool(),
      place: (app, processType, instead) => this.#place(app, processType, instead),
    }
  }

  /** @throws RangeError when there are dynos to place and the space has no room for any; then nothing was changed. */
  apply(config: Config): void {
    const runsHere = config.apps.some((app) => app.formation.some(({ source }) => source.kind === 'command'))
    if (runsHere && this.#plan?.cidr !== config.space.cidr) this.#plan = addressPlan(config.space.cidr)
    this.#reserved = [config.dns.host, ...config.listeners.map((listener) => listener.host)]
    for (const app of config.apps) this.#applyApp(app)
    const names = new Set(config.apps.map((app) => app.name))
    for (const [name, formations] of this.#formations) {
      if (!names.has(name)) for (const processType of formations.keys()) this.#dismiss(name, processType)
    }
    // Whose app or number is gone, or who was on its way out already.
    for (const running of this.#adoption.takeRest()) this.#leave(adoptedDyno(running, this.#context))
  }

  async stop(): Promise<void> {
    for (const [name, formations] of this.#formations) {
      for (const processType of formations.keys()) this.#dismiss(name, processType)
    }
    await Promise.all([...this.#leaving].map((each) => each.stop()))
  }

  /** Ends every dyno at once; `stop` resolves then. */
  kill(): void {
    for (const formations of this.#formations.values()) for (const formation of formations.values()) formation.kill()
    for (const each of this.#leaving) each.kill()
  }

  #applyApp(app: AppConfig): void {
    const formations = this.#formations.get(app.name) ?? new Map<string, Formation>()
    this.#formations.set(app.name, formations)
    const name = this.#releases.nameOf(app)
    const wanted = new Set<string>()
    for (const { processType, source } of app.formation) {
      if (source.kind !== 'command') continue
      wanted.add(processType)
      const formation = formations.get(processType) ?? new Formation(app.name, processType, this.#context)
      formations.set(processType, formation)
      formation.apply(source.quantity, { name, command: source.command, cwd: source.cwd, env: app.env })
    }
    for (const processType of formations.keys()) {
      if (!wanted.has(processType)) this.#dismiss(app.name, processType)
    }
  }

  #dismiss(app: string, processType: string): void {
    const formations = this.#formations.get(app)
    const formation = formations?.get(processType)
    if (!formations || !formation) return
    formations.delete(processType)
    if (formations.size === 0) this.#formations.delete(app)
    this.#leave(formation)
  }

  #leave(leaving: Formation | DynoRunner): void {
    this.#leaving.add(leaving)
    void leaving.stop().finally(() => this.#leaving.delete(leaving))
  }

  #place(app: string, processType: string, instead: DynoRunner | null): Place | null {
    if (!this.#plan) return null
    const dynos = this.#context.registry.all()
    const staying = dynos.filter((dyno) => dyno.state !== 'draining')
    const formation = staying.filter(
      (dyno) => dyno.app === app && dyno.processType === processType && dyno.address !== instead?.assignment.address,
    )
    return place(this.#plan, {
      formation: formation.map((dyno) => dyno.az),
      space: staying.map((dyno) => dyno.az),
      taken: new Set([...this.#reserved, ...dynos.map((dyno) => dyno.address)]),
    })
  }
}
