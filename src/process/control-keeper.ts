import type { Logger } from '../telemetry/logger.ts'
import { Child, FAILURES_FORGOTTEN_MS, restartDelayMs } from './child.ts'
import type { ControlToSupervisor, Heritage, ProcessFacts, SupervisorToControl } from './messages.ts'

type ControlChild = Child<ControlToSupervisor, SupervisorToControl>

/** A control process that has not loaded within this is taken for one that cannot. */
const LOAD_MS = 30_000
/** The same for being in charge, once it was told what of: of a hundred thousand dynos, say. */
const TAKE_OVER_MS = 120_000
/** For what an end needs beyond the grace time of dynos. */
const STOP_MARGIN_MS = 10_000

export interface ControlKeeperContext {
  readonly log: Logger
  /** What the next one goes on from. */
  heritage(): Promise<Heritage>
  heard(message: ControlToSupervisor): void
  changed(): void
}

/** Keeps one control process in charge. While there is none, workers and dynos go on as they are. */
export class ControlKeeper {
  readonly #context: ControlKeeperContext
  #child: ControlChild | null = null
  #serving = false
  #failuresInRow = 0
  #restart: NodeJS.Timeout | null = null
  #stopping = false
  /** Started in place of one that failed. */
  restarts = 0

  constructor(context: ControlKeeperContext) {
    this.#context = context
  }

  get facts(): ProcessFacts {
    return { pid: this.#child?.pid ?? -1, sinceMs: this.#child?.sinceMs ?? Date.now() }
  }

  get serving(): boolean {
    return this.#serving
  }

  /** The first. Resolves with '' once it is in charge, or why it cannot be; then it is not tried again. */
  async start(): Promise<string> {
    const child = await this.#load()
    if (typeof child === 'string') return child
    const problem = await this.#handOver(child)
    if (problem === '') this.#watch(child)
    return problem
  }

  /** What control should know; it is lost while there is none, and the next one gets a `Heritage` instead. */
  send(message: SupervisorToControl): void {
    this.#child?.send(message)
  }

  /**
   * By one from the program as it is on disk, which has loaded before the old one lets go. Resolves with '' or the reason why it does not
   * come up; then the old one stays.
   */
  async replace(): Promise<string> {
    const next = await this.#load()
    if (typeof next === 'string') return next
    const old = this.#child
    if (!this.#stopping && old !== null) {
      this.#child = null
      old.send({ kind: 'relinquish' })
      await endWithin(old, STOP_MARGIN_MS)
    }
    if (this.#stopping) {
      next.kill()
      return 'the router stops'
    }
    const problem = await this.#handOver(next)
    this.#watch(next)
    return problem
  }

  /** Lets go of what only one router can have; dynos run on, and so do the workers. `resume` undoes it. */
  async relinquish(): Promise<void> {
    if (this.#restart !== null) clearTimeout(this.#restart)
    const child = this.#child
    this.#child = null
    this.#serving = false
    if (child === null) return
    child.send({ kind: 'relinquish' })
    await endWithin(child, STOP_MARGIN_MS)
  }

  resume(): void {
    if (!this.#stopping) this.#startAnother('control had let go', 0)
  }

  /** With its dynos. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    if (this.#restart !== null) clearTimeout(this.#restart)
    const child = this.#child
    if (child === null) return
    child.send({ kind: 'stop' })
    await endWithin(child, graceMs + STOP_MARGIN_MS)
  }

  kill(): void {
    this.#stopping = true
    if (this.#restart !== null) clearTimeout(this.#restart)
    this.#child?.kill()
  }

  /** To be called every second. */
  tick(): void {
    // One that takes over has other bounds.
    if (!this.#serving || !this.#child?.tick()) return
    this.#context.log.error('the control process does not answer any more; it is killed and replaced')
    this.#child.kill()
  }

  /** A process that could take over, or why there is none. */
  async #load(): Promise<ControlChild | string> {
    const loaded = Promise.withResolvers<void>()
    const child: ControlChild = new Child('control', (message) => {
      if (message.kind === 'loaded') loaded.resolve()
      else if (child === this.#child) this.#heard(message)
    })
    const timer = setTimeout(() => child.kill(), LOAD_MS)
    const how = await Promise.race([loaded.promise, child.exited])
    clearTimeout(timer)
    return how === undefined ? child : `a new control process ${how}`
  }

  /** From now on it is the one in charge. Resolves with '' once it says so. */
  async #handOver(child: ControlChild): Promise<string> {
    const heritage = await this.#context.heritage()
    this.#child = child
    this.#serving = false
    const outcome = Promise.withResolvers<string>()
    this.#outcome = (problem) => outcome.resolve(problem)
    const timer = setTimeout(() => child.kill(), TAKE_OVER_MS)
    child.send({ kind: 'takeOver', heritage })
    void child.exited.then((how) => outcome.resolve(`the control process ${how}`))
    const problem = await outcome.promise
    clearTimeout(timer)
    this.#serving = problem === ''
    this.#context.changed()
    return problem
  }
  #outcome: (problem: string) => void = () => {}

  #heard(message: ControlToSupervisor): void {
    if (message.kind === 'serving') this.#outcome('')
    else if (message.kind === 'unable') this.#outcome(message.message)
    else this.#context.heard(message)
  }

  #watch(child: ControlChild): void {
    void child.exited.then((how) => {
      if (this.#child !== child) return
      this.#child = null
      this.#serving = false
      this.#context.changed()
      if (this.#stopping) return
      const livedMs = Date.now() - child.sinceMs
      this.#failuresInRow = livedMs >= FAILURES_FORGOTTEN_MS ? 1 : this.#failuresInRow + 1
      this.#startAnother(`the control process ${how}`, restartDelayMs(this.#failuresInRow))
    })
  }

  #startAnother(why: string, delayMs: number): void {
    this.#context.log.error(`${why}; another one starts in ${delayMs / 1000} s`)
    this.#restart = setTimeout(async () => {
      this.#restart = null
      this.restarts++
      const child = await this.#load()
      if (this.#stopping) {
        if (typeof child !== 'string') child.kill()
      } else if (typeof child === 'string') {
        this.#failuresInRow++
        this.#startAnother(child, restartDelayMs(this.#failuresInRow))
      } else {
        const problem = await this.#handOver(child)
        if (problem !== '') this.#context.log.error(`the control process cannot begin: ${problem}`)
        this.#watch(child)
      }
    }, delayMs)
  }
}

async function endWithin(child: ControlChild, waitMs: number): Promise<void> {
  const timer = setTimeout(() => child.kill(), waitMs)
  await child.exited
  clearTimeout(timer)
}
