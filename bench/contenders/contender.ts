import type { Facts } from '../facts.ts'

/** A proxy that can be put to the same work as the others. Adding one is one file and one line in `all.ts`. */
export interface Contender {
  readonly name: string
  readonly version: () => string
  /** null: it can run here; else what would make it so. */
  readonly missing: () => string | null
  /** What it does not do at all; scenarios that need it leave it out. */
  readonly cannot: readonly Ability[]
  /** Writes its files below `facts.directory` and gives the command that runs it in the foreground. */
  readonly configure: (facts: Facts) => Command
}

export type Ability = 'tunnels'

export interface Command {
  readonly command: string
  readonly args: readonly string[]
  /** Its standard output is its access log. */
  readonly logsToOutput?: boolean
}
