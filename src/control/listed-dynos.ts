import type { AppConfig, Config, DynoListSource } from '../config/config.ts'
import type { Dyno } from '../model/dyno.ts'
import type { Clock } from './clock.ts'
import type { DynoRegistry } from './registry.ts'
import { dynoId, endpoint } from './registry.ts'

/** Dynos that run elsewhere and that the configuration lists: announced as up, for nothing here can know better. */
export class ListedDynos {
  readonly #registry: DynoRegistry
  readonly #clock: Clock
  /** What was announced of each app, by dyno id. */
  #announced = new Map<string, Map<string, Dyno>>()

  constructor(registry: DynoRegistry, clock: Clock) {
    this.#registry = registry
    this.#clock = clock
  }

  apply(config: Config): void {
    const before = this.#announced
    this.#announced = new Map()
    for (const app of config.apps) {
      const dynos = this.#listed(app, before.get(app.name) ?? new Map())
      if (dynos.size > 0) this.#announced.set(app.name, dynos)
    }
    for (const name of new Set([...before.keys(), ...this.#announced.keys()])) {
      const now = this.#announced.get(name)
      const gone = [...(before.get(name) ?? [])].filter(([id]) => !now?.has(id)).map(([, dyno]) => dyno)
      this.#registry.update([...(now?.values() ?? [])], gone)
    }
  }

  #listed(app: AppConfig, before: ReadonlyMap<string, Dyno>): Map<string, Dyno> {
    const dynos = new Map<string, Dyno>()
    for (const { processType, source } of app.formation) {
      if (source.kind !== 'dynos') continue
      for (const dyno of this.#numbered(app.name, processType, source, before)) dynos.set(dynoId(dyno), dyno)
    }
    return dynos
  }

  /** A dyno that stays in the list keeps its number, whatever was taken out before it; new ones get the lowest that are free. */
  #numbered(app: string, processType: string, source: DynoListSource, before: ReadonlyMap<string, Dyno>): Dyno[] {
    const known = new Map<string, Dyno>()
    for (const dyno of before.values()) {
      if (dyno.processType === processType) known.set(endpoint(dyno.address, dyno.port), dyno)
    }
    const kept = source.dynos.map(({ address, port }) => known.get(endpoint(address, port)))
    const used = new Set(kept.map((dyno) => dyno?.number))
    let number = 0
    return source.dynos.map(({ address, port, az }, at) => {
      const dyno = kept[at]
      if (dyno) return dyno.az === az ? dyno : { ...dyno, az }
      do number++
      while (used.has(number))
      return { app, processType, number, address, port, az, release: '', state: 'up', sinceMs: this.#clock.now() }
    })
  }
}
