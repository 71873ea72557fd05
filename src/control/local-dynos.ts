import type { AppConfig, Config } from '../config/config.ts'
import type { Adoption } from './adoption.ts'
import type { DynoRunner } from './dyno-runner.ts'
import type { DynoSlot, SlotCondition, Wanted } from './dyno-slot.ts'
import { adoptedDyno, NO_DYNO } from './dyno-slot.ts'
import type { FormationContext } from './formation.ts'
import { Formation } from './formation.ts'
import type { AddressPlan, Place } from './placement.ts'
import { addressPlan, place } from './placement.ts'
import { PortPool } from './port-pool.ts'

/** What the dynos of an app are to run: by process type, then by number. */
export type WantedDynos = ReadonlyMap<string, ReadonlyMap<number, Wanted>>

/** Every dyno that runs here: brings the formations to what is wanted. */
export class LocalDynos {
  readonly #context: FormationContext
  readonly #adoption: Adoption
  readonly #zones: () => readonly string[]
  /** By app, then by process type. */
  readonly #formations = new Map<string, Map<string, Formation>>()
  readonly #leaving = new Set<Formation | DynoRunner>()
  /** Made when the first dyno needs an address: a space whose dynos all run elsewhere may be as small as it likes. */
  #plan: AddressPlan | null = null
  #cidr = ''
  /** Addresses that are not for dynos although they are in the space. */
  #reserved: readonly string[] = []

  /** `zones`: those where dynos may be placed, read for each. */
  constructor(
    context: Omit<FormationContext, 'place' | 'avoids' | 'ports' | 'inherited'>,
    adoption: Adoption,
    zones: () => readonly string[],
  ) {
    this.#adoption = adoption
    this.#zones = zones
    this.#context = {
      ...context,
      inherited: (app, processType, number) => adoption.take(app, processType, number),
      ports: new PortPool(),
      avoids: ({ az }) => !zones().includes(az),
      place: (app, processType, instead) => this.#place(app, processType, instead),
    }
  }

  /**
   * All apps of the configuration, and no others.
   * @throws RangeError when there are dynos to place and the space has no room for any; then nothing was changed.
   */
  apply(config: Config, wanted: (app: AppConfig) => WantedDynos): void {
    const byApp = new Map(config.apps.map((app) => [app.name, wanted(app)]))
    const runsHere = [...byApp.values()].some((types) => types.size > 0)
    if (runsHere && this.#plan?.cidr !== config.space.cidr) this.#plan = addressPlan(config.space.cidr)
    this.#cidr = config.space.cidr
    this.#reserved = [config.dns.host, ...config.listeners.map((listener) => listener.host)]
    for (const [name, types] of byApp) if (types.size > 0 || this.#formations.has(name)) this.applyApp(name, types)
    for (const [name, formations] of this.#formations) {
      if (!byApp.has(name)) for (const processType of formations.keys()) this.#dismiss(name, processType)
    }
    // Whose app or number is gone, or who was on its way out already.
    for (const running of this.#adoption.takeRest()) this.#leave(adoptedDyno(running, this.#context))
  }

  /** One app. */
  applyApp(app: string, wanted: WantedDynos): void {
    const formations = this.#formations.get(app) ?? new Map<string, Formation>()
    this.#formations.set(app, formations)
    for (const [processType, numbers] of wanted) {
      const formation = formations.get(processType) ?? new Formation(app, processType, this.#context)
      formations.set(processType, formation)
      formation.apply(numbers)
    }
    for (const processType of formations.keys()) {
      if (!wanted.has(processType)) this.#dismiss(app, processType)
    }
  }

  /** How a number is doing against what it is to run. */
  condition(app: string, processType: string, number: number): SlotCondition {
    const formation = this.#formations.get(app)?.get(processType)
    return formation?.condition(number) ?? NO_DYNO
  }

  /** Dynos that are where none may be any more move: the new one first. */
  zonesChanged(): void {
    for (const formations of this.#formations.values()) {
      for (const formation of formations.values()) formation.zonesChanged()
    }
  }

  /** Every formation that has dynos here. */
  *formations(): Generator<{ readonly app: string; readonly processType: string; readonly formation: Formation }> {
    for (const [app, formations] of this.#formations) {
      for (const [processType, formation] of formations) yield { app, processType, formation }
    }
  }

  /** null: there is no such dyno here. */
  slot(app: string, processType: string, number: number): DynoSlot | null {
    return this.#formations.get(app)?.get(processType)?.slot(number) ?? null
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

  #place(app: string, processType: string, instead: Place | null): Place | null {
    const plan = this.#plan ?? planOrNull(this.#cidr)
    if (plan === null) return null
    const dynos = this.#context.registry.all()
    const staying = dynos.filter((dyno) => dyno.state !== 'draining')
    const formation = staying.filter(
      (dyno) => dyno.app === app && dyno.processType === processType && dyno.address !== instead?.address,
    )
    const occupied = {
      formation: formation.map((dyno) => dyno.az),
      space: staying.map((dyno) => dyno.az),
      taken: new Set([...this.#reserved, ...dynos.map((dyno) => dyno.address)]),
    }
    return place(plan, occupied, this.#zones())
  }
}

function planOrNull(cidr: string): AddressPlan | null {
  try {
    return addressPlan(cidr)
  } catch {
    return null
  }
}
