import { createHash } from 'node:crypto'
import type { Config } from '../config/config.ts'
import { loadConfigAside } from '../config/load-aside.ts'
import { formatProblem } from '../config/problems.ts'
import { readBounded } from '../config/read-file.ts'
import type { ReloadOutcome } from '../control/admin/operations.ts'
import { fixedChanges, RestartRequired } from '../control/restart-required.ts'
import type { Logger } from '../telemetry/logger.ts'
import { configChanges } from './config-changes.ts'

export interface ReloadContext {
  readonly log: Logger
  /** Takes it into use whole, or throws an Error with one line for the operator and changes nothing. */
  apply(config: Config): Promise<void>
}

/** Reads the file again: checked whole, then taken into use whole or not at all, one reading at a time. */
export class Reloader {
  readonly #context: ReloadContext
  #config: Config
  /** Of the file that it was read from; null: not known. A large file takes seconds to check, and is often told of twice. */
  #digest: string | null = null
  #queue: Promise<unknown> = Promise.resolve()
  #last: { readonly ok: boolean; readonly atMs: number; readonly problem: string } | null = null

  constructor(config: Config, context: ReloadContext) {
    this.#config = config
    this.#context = context
  }

  /** The one in use. */
  get config(): Config {
    return this.#config
  }

  /** How the last reading went; null: there was none. */
  get last(): { readonly ok: boolean; readonly atMs: number; readonly problem: string } | null {
    return this.#last
  }

  /** Never rejects. `why` is for the log: `the file changed`. */
  reload(why: string): Promise<ReloadOutcome> {
    const outcome = this.#queue.then(() => this.#reload(why))
    this.#queue = outcome
    return outcome
  }

  async #reload(why: string): Promise<ReloadOutcome> {
    const { log } = this.#context
    const digest = await digestOf(this.#config.file)
    const read = digest !== null && digest === this.#digest ? SAME : await readConfig(this.#config)
    const problems = [...read.problems]
    const changes = read.config === null ? [] : configChanges(this.#config, read.config)
    if (read.config !== null && problems.length === 0 && changes.length > 0) {
      try {
        await this.#context.apply(read.config)
        this.#config = read.config
      } catch (error) {
        problems.push((error as Error).message)
      }
    }
    const ok = problems.length === 0
    // One that was changed while it was read will be read again.
    if (ok && read !== SAME) this.#digest = digest === (await digestOf(this.#config.file)) ? digest : null
    this.#last = { ok, atMs: Date.now(), problem: problems[0] ?? '' }
    for (const problem of problems) log.error(`not reloaded (${why}): ${problem}`)
    if (!ok) log.warn('the configuration before it stays in use')
    else if (changes.length === 0) log.info(`reloaded (${why}): nothing is different`)
    else for (const change of changes) log.info(`reloaded (${why}): ${change}`)
    return { ok, changed: ok && changes.length > 0, problems, changes: ok ? changes : [] }
  }
}

const SAME: Reading = { config: null, problems: [] }

interface Reading {
  readonly config: Config | null
  readonly problems: readonly string[]
}

/** null when it cannot be read. */
async function digestOf(file: string): Promise<string | null> {
  const read = await readBounded(file)
  return 'problem' in read ? null : createHash('sha256').update(read.text).digest('base64')
}

/** The file as it is now, and why it cannot be taken into use while the router runs. */
export async function readConfig(current: Config): Promise<Reading> {
  const result = await loadConfigAside(current.file)
  if (!result.ok) return { config: null, problems: result.problems.map(formatProblem) }
  const { config } = result
  // Workers have opened their logs.
  const fixed = [
    ...fixedChanges(current, config),
    ...(JSON.stringify(current.log) === JSON.stringify(config.log) ? [] : ['log']),
  ]
  const problems = fixed.length === 0 ? [] : [new RestartRequired(fixed).message]
  return { config, problems }
}
