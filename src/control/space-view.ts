import type { AppConfig, Config } from '../config/config.ts'
import type { DynoKnowledge, DynoRow } from './admin/dyno-rows.ts'
import { announcedRow, byName, discoveredRow } from './admin/dyno-rows.ts'
import type { RunningDyno, Topology } from './admin/topology.ts'
import { topology } from './admin/topology.ts'
import type { DynoRegistry } from './registry.ts'
import { dynoId } from './registry.ts'
import type { Routing } from './routing.ts'

/** What operators see of the dynos: those that were announced here, and those that only another DNS server knows. */
export class SpaceView {
  readonly #registry: DynoRegistry
  readonly #routing: Routing
  readonly #config: () => Config
  readonly #known: DynoKnowledge

  constructor(
    registry: DynoRegistry,
    routing: Routing,
    { config, ...known }: { config: () => Config } & DynoKnowledge,
  ) {
    this.#registry = registry
    this.#routing = routing
    this.#config = config
    this.#known = known
  }

  /** Every dyno in whatever state, by name. */
  dynos(): DynoRow[] {
    const rows = this.#registry.all().map((dyno) => announcedRow(dyno, this.#known))
    for (const app of this.#config().apps) {
      if (!isLearnedElsewhere(app)) continue
      for (const dyno of this.#routing.dynosOf(app.name)) rows.push(discoveredRow(app.name, dyno, this.#known))
    }
    return rows.sort(byName)
  }

  /** The dynos that are up or will be. */
  topology(): Topology {
    const { space, dns, apps } = this.#config()
    const sources = apps.map((app) => ({
      name: app.name,
      domains: app.domains,
      processTypes: app.formation.map(({ processType }) => processType),
      dynos: this.#running(app),
    }))
    return topology(space.name, dns.zone, sources)
  }

  #running(app: AppConfig): RunningDyno[] {
    const announced = this.#registry.ofApp(app.name).filter(({ state }) => state === 'starting' || state === 'up')
    const dynos = announced.map(({ processType, number, address, ...dyno }) => {
      return { id: dynoId({ processType, number, address, ...dyno }), processType, number, address }
    })
    if (!isLearnedElsewhere(app)) return dynos
    const found = this.#routing.dynosOf(app.name).filter(({ draining }) => !draining)
    return dynos.concat(
      found.map(({ id, name, address }) => {
        return { id, processType: 'web', number: Number(name.slice('web.'.length)), address }
      }),
    )
  }
}

function isLearnedElsewhere({ formation }: AppConfig): boolean {
  return formation.some(({ processType, source }) => processType === 'web' && source.kind === 'dns')
}
