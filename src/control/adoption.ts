import { mayBeClaimed, type SnapshotData } from '../model/snapshot.ts'
import type { RunningInstance } from './inheritance.ts'
import { dynoId } from './registry.ts'

/** A running program that is to be a dyno again. */
export interface Adoptable extends RunningInstance {
  /** It has accepted connections before. */
  readonly up: boolean
}

/** The programs that an earlier control plane left running, until each has found its place. */
export class Adoption {
  readonly #left: Set<RunningInstance>
  /** By the last snapshot: dynos that were up, and whether they take requests. */
  readonly #known = new Map<string, { readonly claimable: boolean }>()

  constructor(instances: readonly RunningInstance[], snapshot: SnapshotData | null) {
    this.#left = new Set(instances)
    for (const app of snapshot?.apps ?? []) {
      for (const dyno of app.dynos) this.#known.set(dyno.id, { claimable: mayBeClaimed(dyno) })
    }
  }

  /**
   * Those that run under this name. There are two while one takes over from the other: the one that requests go to comes first, and
   * what was asked to end last.
   */
  take(app: string, processType: string, number: number): Adoptable[] {
    const taken = [...this.#left].filter(
      ({ launch }) => launch.app === app && launch.processType === processType && launch.number === number,
    )
    for (const each of taken) this.#left.delete(each)
    const rank = (each: RunningInstance) => (each.stopping ? 2 : this.#isClaimable(each) ? 0 : 1)
    return taken.sort((one, other) => rank(one) - rank(other)).map((each) => this.#adoptable(each))
  }

  /** Those that no formation has a place for. */
  takeRest(): Adoptable[] {
    const rest = [...this.#left].map((each) => this.#adoptable(each))
    this.#left.clear()
    return rest
  }

  #isClaimable({ launch }: RunningInstance): boolean {
    return this.#known.get(dynoId(launch))?.claimable ?? false
  }

  #adoptable(running: RunningInstance): Adoptable {
    const { launch } = running
    // The data plane knows web dynos only; the others are up when they run.
    return { ...running, up: launch.processType !== 'web' || this.#known.has(dynoId(launch)) }
  }
}
