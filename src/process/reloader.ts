import type { Config } from '../config/config.ts'
import type { ConfigParts, KnownConfig } from '../config/config-parts.ts'
import { loadConfigAside } from '../config/load-aside.ts'
import { formatProblem } from '../config/problems.ts'
import type { ReloadOutcome } from '../control/admin/operations.ts'
import { fixedChanges, RestartRequired } from '../control/restart-required.ts'
import { samePlainData } from '../model/plain-data.ts'
import type { Logger } from '../telemetry/logger.ts'
import { configChanges } from './config-changes.ts'

export interface ReloadContext {
  readonly log: Logger
  /** Takes it into use whole, or throws an Error with one line for the operator and changes nothing. `parts`: what is different. */
  apply(config: Config, parts: ConfigParts): Promise<void>
}

interface Reading {
  /** null: it cannot be read. `parts`: what is different in it. */
  readonly found: { readonly known: KnownConfig; readonly parts: ConfigParts; readonly textDigest: string } | null
  /** Why it cannot be taken into use while the router runs. */
  readonly problems: readonly string[]
}

/** Reads the file again: checked whole, then taken into use whole or not at all, one reading at a time. */
export class Reloader {
  readonly #context: ReloadContext
  #known: KnownConfig
  /** Of the text that it was read from; '' not known. A large file takes seconds to check, and is often told of twice. */
  #textDigest = ''
  #queue: Promise<unknown> = Promise.resolve()
  #last: { readonly ok: boolean; readonly atMs: number; readonly problem: string } | null = null

  constructor(known: KnownConfig, context: ReloadContext) {
    this.#known = known
    this.#context = context
  }

  /** The one in use. */
  get config(): Config {
    return this.#known.config
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

  /** The file as it is now. What is as in the configuration in use is the same object. Never rejects. */
  async read(): Promise<Reading> {
    const before = this.#known
    const { file, log } = before.config
    const knownFile = { textDigest: this.#textDigest, digests: before.digests }
    const reading = await loadConfigAside(file, knownFile, { lowPriority: true })
    if (!reading.ok) return { found: null, problems: reading.problems.map(formatProblem) }
    const { parts, textDigest } = reading
    const known = before.with(parts)
    // Workers have opened their logs.
    const fixed = [
      ...fixedChanges(before.config, known.config),
      ...(samePlainData(log, known.config.log) ? [] : ['log']),
    ]
    const problems = fixed.length === 0 ? [] : [new RestartRequired(fixed).message]
    return { found: { known, parts, textDigest }, problems }
  }

  async #reload(why: string): Promise<ReloadOutcome> {
    const { log } = this.#context
    const { found, problems: refused } = await this.read()
    const problems = [...refused]
    const changes = found === null ? [] : configChanges(this.config, found.known.config)
    if (found !== null && problems.length === 0 && changes.length > 0) {
      try {
        await this.#context.apply(found.known.config, found.parts)
        this.#known = found.known
      } catch (error) {
        problems.push((error as Error).message)
      }
    }
    const ok = problems.length === 0
    if (ok && found !== null) this.#textDigest = found.textDigest
    this.#last = { ok, atMs: Date.now(), problem: problems[0] ?? '' }
    for (const problem of problems) log.error(`not reloaded (${why}): ${problem}`)
    if (!ok) log.warn('the configuration before it stays in use')
    else if (changes.length === 0) log.info(`reloaded (${why}): nothing is different`)
    else for (const change of changes) log.info(`reloaded (${why}): ${change}`)
    return { ok, changed: ok && changes.length > 0, problems, changes: ok ? changes : [] }
  }
}
