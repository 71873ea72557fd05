import { dynoName } from '../model/dyno.ts'
import { dynoId, endpoint } from './registry.ts'
import type { DiscoveredDyno } from './routing-state.ts'
import type { FoundDyno } from './service-lookup.ts'

/** `1.web.shop.app.localspace`: the names of this zone, and of another router's, tell the number. */
const NUMBERED_WEB = /^([1-9]\d{0,5})\.web\./i

/**
 * Gives what DNS found the names that people know dynos by. What carries no number of its own gets the lowest that is
 * free, and keeps it for as long as it is found.
 */
export class DynoNames {
  readonly #app: string
  /** By endpoint. */
  #numbers = new Map<string, number>()

  constructor(app: string) {
    this.#app = app
  }

  name(found: readonly FoundDyno[]): DiscoveredDyno[] {
    const before = this.#numbers
    const used = new Set<number>()
    this.#numbers = new Map()
    const number = (dyno: FoundDyno, value: number | undefined) => {
      if (value === undefined) return
      used.add(value)
      this.#numbers.set(endpoint(dyno.address, dyno.port), value)
    }
    for (const dyno of found) number(dyno, ownNumber(dyno) ?? before.get(endpoint(dyno.address, dyno.port)))
    let next = 1
    const named = new Map<string, DiscoveredDyno>()
    for (const dyno of found) {
      const { address, port, az, release } = dyno
      const place = endpoint(address, port)
      if (!this.#numbers.has(place)) {
        while (used.has(next)) next++
        number(dyno, next)
      }
      const numbered = { app: this.#app, processType: 'web', number: this.#numbers.get(place)!, address, port, release }
      const id = dynoId(numbered)
      named.set(id, { id, name: dynoName('web', numbered.number), address, port, az, release })
    }
    return [...named.values()]
  }
}

function ownNumber({ target }: FoundDyno): number | undefined {
  const number = NUMBERED_WEB.exec(target)?.[1]
  return number === undefined ? undefined : Number(number)
}
