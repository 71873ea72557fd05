import type { Measurement, Unit } from './scenarios/scenario.ts'

/** A whole run as it is kept in JSON: every round of every contender, and what is needed to judge it. */
export interface Results {
  readonly startedAt: string
  readonly machine: Machine
  readonly commit: string
  readonly pinning: string
  readonly rounds: number
  readonly roundMs: number
  /** Of contenders and load generators. */
  readonly versions: Readonly<Record<string, string>>
  readonly tables: readonly Table[]
  /** Contenders and scenarios that are not in the tables, with what would put them there. */
  readonly skipped: readonly Note[]
  /** What went wrong; not empty: the run failed. */
  readonly failures: readonly Note[]
}

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  readonly node: string
}

/** One scenario, with or without access logs. */
export interface Table {
  readonly scenario: string
  readonly title: string
  readonly unit: Unit
  readonly logs: boolean
  readonly rows: readonly Row[]
  readonly leftOut: readonly Note[]
}

export interface Row {
  readonly name: string
  /** Number of apps configured. */
  readonly apps: number
  readonly rounds: readonly Measurement[]
}

export interface Note {
  readonly name: string
  readonly why: string
}
