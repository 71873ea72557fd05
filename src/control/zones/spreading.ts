import { nextMove } from './zone-outage.ts'

/** The dynos of one process type that run here. */
export interface SpreadFormation {
  /** `shop web` */
  readonly name: string
  /** Zone by number. */
  readonly dynos: ReadonlyMap<number, string>
  /** Every number runs what it is to run, and nothing else is left. */
  readonly settled: boolean
  /** Its dynos are not to be touched. */
  readonly isDeployed: boolean
}

export interface SpreadingContext {
  formations(): readonly SpreadFormation[]
  /** Where dynos may be placed. */
  zones(): readonly string[]
  /** Another dyno elsewhere first, then the end of this one. */
  move(formation: string, number: number): void
  /** The other dyno does not come up: this one stays. */
  keep(formation: string, number: number): void
  /** The other dyno has crashed. */
  hasCrashed(formation: string, number: number): boolean
}

/**
 * Brings formations back over all zones after an outage, a dyno at a time. A formation whose dyno does not come up, or finds no room
 * where it should go, is left as it is until the zones change again.
 */
export class Spreading {
  readonly #context: SpreadingContext
  readonly #givenUp = new Set<string>()
  #moving: { readonly formation: string; readonly number: number; readonly to: readonly string[] } | null = null
  #stepping = false
  #isDue = false

  constructor(context: SpreadingContext) {
    this.#context = context
  }

  /** There may be something to do, for which `wake` is to be called when dynos have changed. */
  get isDue(): boolean {
    return this.#isDue
  }

  /** Other zones may be used than before, or nobody knows what was under way. */
  zonesChanged(): void {
    this.#givenUp.clear()
    this.#isDue = true
    this.wake()
  }

  /** Dynos have entered other states. */
  wake(): void {
    // A move announces dynos, which wakes.
    if (this.#stepping || !this.#isDue) return
    this.#stepping = true
    this.#step()
    this.#stepping = false
  }

  #step(): void {
    const { formations, zones, move } = this.#context
    const all = formations()
    if (this.#moving !== null && !this.#isMoved(this.#moving, all)) return
    this.#moving = null
    for (const { name, dynos, settled, isDeployed } of all) {
      if (!settled || isDeployed || this.#givenUp.has(name)) continue
      const next = nextMove(dynos, zones())
      if (next === null) continue
      this.#moving = { formation: name, ...next }
      move(name, next.number)
      return
    }
    this.#isDue = all.some(({ settled, isDeployed }) => !settled || isDeployed)
  }

  #isMoved(
    { formation, number, to }: { formation: string; number: number; to: readonly string[] },
    all: readonly SpreadFormation[],
  ): boolean {
    const { hasCrashed, keep } = this.#context
    const where = all.find(({ name }) => name === formation)
    if (where === undefined || where.isDeployed) return true
    if (!where.settled && hasCrashed(formation, number)) keep(formation, number)
    if (!where.settled) return false
    if (!to.includes(where.dynos.get(number) ?? '')) this.#givenUp.add(formation)
    return true
  }
}
