import type { AppConfig, Config, DynoListSource } from '../config/config.ts'
import type { Dyno } from '../model/dyno.ts'
import type { Clock } from './clock.ts'
import type { DynoRegistry } from './registry.ts'
import { dynoId, endpoint } from './registry.ts'

interface ListedApp {
  readonly formation: AppConfig['formation']
  /** By dyno id. */
  readonly announced: ReadonlyMap<string, Dyno>
}

const NONE: ReadonlyMap<string, Dyno> = new Map()

/** Dynos that run elsewhere and that the configuration lists: announced as up, for nothing here can know better. */
export class ListedDynos {
  readonly #registry: DynoRegistry
  readonly #clock: Clock
  #apps = new Map<string, ListedApp>()

  constructor(registry: DynoRegistry, clock: Clock) {
    this.#registry = registry
    this.#clock = clock
  }

  apply(config: Config): void {
    const before = this.#apps
    this.#apps = new Map()
    for (const app of config.apps) {
      const { name, formation } = app
      const was = before.get(name)
      const now =
        was?.formation === formation ? was : { formation, announced: this.#listed(app, was?.announced ?? NONE) }
      this.#apps.set(name, now)
      before.delete(name)
      if (now !== was) this.#announce(now.announced, was?.announced ?? NONE)
    }
    for (const { announced } of before.values()) this.#announce(NONE, announced)
  }

  #announce(now: ReadonlyMap<string, Dyno>, before: ReadonlyMap<string, Dyno>): void {
    const gone = [...before].filter(([id]) => !now.has(id)).map(([, dyno]) => dyno)
    this.#registry.update([...now.values()], gone)
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
