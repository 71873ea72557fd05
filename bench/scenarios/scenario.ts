import type { Ability } from '../contenders/contender.ts'
import type { Entry } from '../entry.ts'
import type { SpaceShape } from '../facts.ts'
import type { Latency } from '../load/load.ts'
import type { Stage } from '../stage.ts'

/** One thing that is measured. Adding one is one file and one line in `all.ts`. */
export interface Scenario {
  readonly name: string
  /** What happens in it, one line. */
  readonly title: string
  readonly unit: Unit
  /** Usually one. With several each contender runs once in each of them, and the report compares it with itself too. */
  readonly spaces: readonly SpaceShape[]
  /** Contenders that cannot do this are left out. */
  readonly needs?: Ability
  /** Is the table without access logs of interest as well? */
  readonly quietToo: boolean
  /** A new process for each round: for what only a fresh one shows. */
  readonly freshProcesses?: boolean
  /** null: it can be measured here; else what would make it so. */
  readonly missing?: () => string | null
  /** Before the first round. Gives the entries that take no part, with the reason. */
  readonly prepare?: (stage: Stage, entries: readonly Entry[]) => Promise<ReadonlyMap<Entry, string>>
  readonly warmUp: (stage: Stage, entry: Entry) => Promise<void>
  /** One round of one contender. Throws with the reason when any answer was not a 2xx. */
  readonly measure: (stage: Stage, entry: Entry) => Promise<Measurement>
}

/** What the main figure of a scenario is, and which way is better. */
export type Unit =
  | 'requests per CPU-second'
  | 'MB per CPU-second'
  /** Lower is better. */
  | 'bytes per connection'
  /** Lower is better. */
  | 'p99 in µs'

export function lowerIsBetter(unit: Unit): boolean {
  return unit === 'bytes per connection' || unit === 'p99 in µs'
}

/** One round. What a scenario does not measure is null. */
export interface Measurement {
  /** In the unit of the scenario. */
  readonly main: number
  readonly generator: string
  readonly requestsPerSecond: number | null
  readonly cpuSeconds: number
  readonly latencyUs: Latency | null
  /** Of the whole process tree, right after the round. */
  readonly pssBytes: number
  readonly rssBytes: number
  readonly cores: CoreUse
  /** Of an open-loop generator: how late it was itself. */
  readonly lagUs: Latency | null
}

/** Shares of the round's time, 1 is one core. */
export interface CoreUse {
  /** The contender. */
  readonly contender: number
  /** Anything else on the contender's core: near 0, or the machine was not quiet. */
  readonly others: number
  readonly dyno: number
  /** Dyno and load together, on their cores. */
  readonly loadSide: number
}
