import { check } from './check.ts'
import type { Contender } from './contenders/contender.ts'
import { auditLogs, Entry } from './entry.ts'
import type { SpaceShape } from './facts.ts'
import type { Note } from './results.ts'
import type { Stage } from './stage.ts'

/** The contenders that are running, each checked before it is measured. They stay for as long as scenarios want the same of them. */
export class Cast {
  readonly failures: Note[] = []
  readonly #stage: Stage
  #contenders: readonly Contender[]
  #entries: Entry[] = []
  #part = ''

  constructor(stage: Stage, contenders: readonly Contender[]) {
    this.#stage = stage
    this.#contenders = contenders
  }

  /** Entries of every contender that is still in, space by space. */
  async for(spaces: readonly SpaceShape[], logs: boolean): Promise<readonly Entry[]> {
    const part = JSON.stringify({ spaces, logs })
    if (part === this.#part) return this.#entries
    await this.dismiss()
    for (const space of spaces) {
      for (const contender of this.#contenders) {
        const entry = await this.start(contender, space, logs)
        if (entry !== null) this.#entries.push(entry)
      }
    }
    await auditLogs(this.#entries) // forget what the checks left in the logs
    this.#part = part
    return this.#entries
  }

  /** Starts and checks one; null when it is not fit to be measured, which is a failure of the run. */
  async start(contender: Contender, space: SpaceShape, logs: boolean): Promise<Entry | null> {
    if (!this.#contenders.includes(contender)) return null
    let entry: Entry
    try {
      entry = await Entry.start(this.#stage, contender, space, logs)
    } catch (error) {
      this.exclude(contender, `did not start: ${(error as Error).message}`)
      return null
    }
    const problems = await check(entry.facts, contender.cannot)
    if (problems.length === 0) return entry
    this.exclude(contender, problems.join('; '))
    await entry.stop()
    return null
  }

  /** It is not measured any more, and the run has failed. */
  exclude(contender: Contender, why: string): void {
    this.failures.push({ name: contender.name, why })
    this.#contenders = this.#contenders.filter((one) => one !== contender)
    this.#entries = this.#entries.filter((entry) => entry.contender !== contender)
  }

  get contenders(): readonly Contender[] {
    return this.#contenders
  }

  async dismiss(): Promise<void> {
    await Promise.all(this.#entries.map((entry) => entry.stop()))
    this.#entries = []
    this.#part = ''
  }
}
