import { check } from './check.ts'
import type { Contender } from './contenders/contender.ts'
import { auditLogs, Entry } from './entry.ts'
import type { SpaceShape } from './facts.ts'
import type { Note } from './results.ts'
import type { Stage } from './stage.ts'

/** The contenders that take part and those of them that run, each checked before it is measured. They stay for as long as scenarios want the same of them. */
export class Cast {
  readonly failures: Note[] = []
  readonly #stage: Stage
  readonly contenders: readonly Contender[]
  /** Contender, space and logs of what did not start or gave wrong answers: not tried again. */
  readonly #unfit = new Set<string>()
  #entries: Entry[] = []
  #part = ''

  constructor(stage: Stage, contenders: readonly Contender[]) {
    this.#stage = stage
    this.contenders = contenders
  }

  /** Entries of every contender that is still in, space by space; those that run already stay as they are. */
  async for(spaces: readonly SpaceShape[], logs: boolean): Promise<readonly Entry[]> {
    const part = JSON.stringify({ spaces, logs })
    if (part !== this.#part) await this.dismiss()
    this.#part = part
    const running = this.#entries
    const started: Entry[] = []
    this.#entries = []
    for (const space of spaces) {
      for (const contender of this.contenders) {
        const known = running.find((entry) => entry.contender === contender && entry.shape === space)
        const entry = known ?? (await this.start(contender, space, logs))
        if (entry === null) continue
        this.#entries.push(entry)
        if (entry !== known) started.push(entry)
      }
    }
    await auditLogs(started) // forget what the checks left in the logs
    return this.#entries
  }

  /** Starts and checks one; null when it is not fit to be measured in this space, which is a failure of the run. */
  async start(contender: Contender, space: SpaceShape, logs: boolean): Promise<Entry | null> {
    const key = JSON.stringify([contender.name, space, logs])
    if (this.#unfit.has(key)) return null
    const exclude = (why: string) => {
      this.#unfit.add(key)
      this.failures.push({ name: `${contender.name} with ${space.apps} apps`, why })
      return null
    }
    let entry: Entry
    try {
      entry = await Entry.start(this.#stage, contender, space, logs)
    } catch (error) {
      return exclude(`did not start: ${(error as Error).message}`)
    }
    const problems = await check(entry.facts, contender.cannot)
    if (problems.length === 0) return entry
    await entry.stop()
    return exclude(problems.join('; '))
  }

  /** Something went wrong while it was measured: the run has failed, and other scenarios get a new process of it. */
  async fail(entry: Entry, scenario: string, error: Error): Promise<void> {
    const obituary = entry.process.hasEnded ? ` (it ${entry.process.obituary()})` : ''
    this.failures.push({ name: entry.name, why: `${scenario}: ${error.message}${obituary}` })
    this.#entries = this.#entries.filter((other) => other !== entry)
    await entry.stop()
  }

  async dismiss(): Promise<void> {
    await Promise.all(this.#entries.map((entry) => entry.stop()))
    this.#entries = []
    this.#part = ''
  }
}
