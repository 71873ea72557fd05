import { EMPTY_PART, type ZonePart, ZoneSet } from '../dns/zone.ts'
import type { Dyno } from '../model/dyno.ts'
import { apexParts, type DynoZoneOptions, dynoParts } from './dyno-zone.ts'

/** The zones of the dynos as they are: an app that changes has its own records replaced, and no others but the SOA. */
export class LiveZones {
  readonly zones: ZoneSet
  readonly #options: DynoZoneOptions
  /** One for each zone, as in all of the others. */
  #apex: readonly ZonePart[]
  readonly #apps = new Map<string, readonly ZonePart[]>()

  constructor(options: DynoZoneOptions) {
    const sources = apexParts(options)
    this.zones = new ZoneSet(sources)
    this.#options = options
    this.#apex = sources
  }

  /** What is looked up from now on finds the dynos that these apps have now. Returns the keys of names whose answers may be others. */
  update(apps: Iterable<string>, dynosOf: (app: string) => readonly Dyno[], serial: number): Set<string> {
    const touched = new Set<string>()
    for (const app of apps) {
      const dynos = dynosOf(app)
      const now = dynos.length === 0 ? NONE : dynoParts(dynos, this.#options)
      this.#replace(this.#apps.get(app) ?? NONE, now, touched)
      if (now === NONE) this.#apps.delete(app)
      else this.#apps.set(app, now)
    }
    const apex = apexParts({ ...this.#options, serial })
    this.#replace(this.#apex, apex, touched)
    this.#apex = apex
    return touched
  }

  #replace(before: readonly ZonePart[], now: readonly ZonePart[], touched: Set<string>): void {
    for (const [index, zone] of this.zones.zones.entries()) {
      for (const key of zone.replace(before[index] ?? EMPTY_PART, now[index] ?? EMPTY_PART)) touched.add(key)
    }
  }
}

const NONE: readonly ZonePart[] = []
