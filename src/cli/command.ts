import type { ParseArgsOptionsConfig } from 'node:util'
import { parseArgs } from 'node:util'

/** The configuration of a command that is not told another. */
export const DEFAULT_FILE = 'config/space.yml'

/** One word of the command line: `postern ps`. */
export interface Command {
  /** What `--help` prints: a line on how to call it, what it does, its options, an example. */
  readonly help: string
  /** Resolves with the exit code: 0 done, 1 failed. A UsageError is 2. */
  run(args: readonly string[]): Promise<number>
}

/** The call is wrong: one line that says how. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** What went wrong, in one line for the operator; exit code 1. */
export class Failure extends Error {
  override readonly name = 'Failure'
}

/** Options and words of a command. At most `words` words. @throws UsageError */
export function readArguments<T extends ParseArgsOptionsConfig>(args: readonly string[], options: T, words = 0) {
  try {
    const parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
    if (parsed.positionals.length > words) throw new UsageError(`'${parsed.positionals[words]}' is one word too many`)
    return parsed
  } catch (error) {
    if (error instanceof UsageError) throw error
    // Node explains the escape for a word that begins with a dash; the first sentence is what is wrong.
    throw new UsageError((error as Error).message.split('. ')[0]!)
  }
}
