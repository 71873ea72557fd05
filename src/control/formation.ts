import type { Logger } from '../telemetry/logger.ts'
import type { Adoptable } from './adoption.ts'
import type { Release, RunnerContext } from './dyno-runner.ts'
import { DynoRunner } from './dyno-runner.ts'
import type { Place } from './placement.ts'

export interface FormationContext extends RunnerContext {
  /** Where the next dyno of a process type goes, or one that takes over from `instead`; null when no address is left. */
  place(app: string, processType: string, instead: DynoRunner | null): Place | null
  /** A program that an earlier control plane left running under this name. */
  inherited(app: string, processType: string, number: number): Adoptable | null
}

/** The dynos of one process type of one app that run here: keeps as many as are wanted, of the release that is wanted. */
export class Formation {
  readonly app: string
  readonly processType: string
  readonly #context: FormationContext
  readonly #log: Logger
  /** By number. */
  readonly #dynos = new Map<number, DynoRunner>()
  /** No longer part of the formation, but not yet gone. */
  readonly #leaving = new Set<DynoRunner>()
  #release: Release | null = null
  #quantity = 0
  /** The dyno that is to take over next in a roll. */
  #successor: DynoRunner | null = null
  #roll: Promise<void> = Promise.resolve()

  constructor(app: string, processType: string, context: FormationContext) {
    this.app = app
    this.processType = processType
    this.#context = context
    this.#log = context.log.child({ app })
  }

  /** The dynos that are missing are announced when this returns; those of another release are replaced after that. */
  apply(quantity: number, release: Release): void {
    const before = this.#release
    this.#quantity = quantity
    this.#release = release
    this.#scale(release)
    const isOther = (name: string) => name !== release.name
    // Dynos that were inherited may be of another release than the first one that is wanted here.
    const rolls = before
      ? isOther(before.name)
      : [...this.#dynos.values()].some((dyno) => isOther(dyno.assignment.release.name))
    if (!rolls) return
    this.#supersede()
    this.#roll = this.#roll.then(() => this.#replaceOneByOne(release))
  }

  /** Ends all dynos with care; resolves when nothing of them is left. */
  async stop(): Promise<void> {
    this.#quantity = 0
    this.#release = null
    this.#supersede()
    for (const number of [...this.#dynos.keys()]) this.#dismiss(number)
    await this.#roll
    await Promise.all([...this.#leaving].map((dyno) => dyno.stop()))
  }

  /** Ends all dynos at once. */
  kill(): void {
    this.#successor?.kill()
    for (const dyno of [...this.#dynos.values(), ...this.#leaving]) dyno.kill()
  }

  #scale(release: Release): void {
    for (const number of this.#dynos.keys()) {
      if (number > this.#quantity) this.#dismiss(number)
    }
    for (let number = 1; number <= this.#quantity; number++) {
      if (this.#dynos.has(number)) continue
      const running = this.#context.inherited(this.app, this.processType, number)
      const dyno = running ? adoptedDyno(running, this.#context, release) : this.#start(number, release, null)
      if (dyno) this.#dynos.set(number, dyno)
    }
  }

  /**
   * The replacement first, and the old dyno only goes when that is up: no moment with fewer dynos than were asked for.
   * A release whose dyno does not come up goes no further, and the old dynos stay.
   */
  async #replaceOneByOne(release: Release): Promise<void> {
    for (const [number, old] of [...this.#dynos]) {
      if (this.#release !== release) return
      if (this.#dynos.get(number) !== old || old.assignment.release.name === release.name) continue
      const successor = this.#start(number, release, old)
      if (!successor) return
      this.#successor = successor
      const isUp = await successor.booted
      this.#successor = null
      if (isUp && this.#release === release && this.#dynos.get(number) === old) {
        this.#dismiss(number)
        this.#dynos.set(number, successor)
        await old.stop()
        continue
      }
      await successor.stop()
      if (isUp || this.#release !== release) continue
      const name = `${this.processType}.${number}`
      this.#log.error(`release ${release.name} did not come up as ${name}; the dynos of the release before it stay`)
      return
    }
  }

  #supersede(): void {
    void this.#successor?.stop()
  }

  #start(number: number, release: Release, instead: DynoRunner | null): DynoRunner | null {
    const place = this.#context.place(this.app, this.processType, instead)
    if (!place) {
      this.#log.error(`${this.processType}.${number} is not started: the space has no address left`)
      return null
    }
    const { app, processType } = this
    const dyno = new DynoRunner({ app, processType, number, ...place, release }, this.#context)
    dyno.start()
    return dyno
  }

  #dismiss(number: number): void {
    const dyno = this.#dynos.get(number)
    if (!dyno) return
    this.#dynos.delete(number)
    this.#leaving.add(dyno)
    void dyno.stop().finally(() => this.#leaving.delete(dyno))
  }
}

/** The dyno that a running program is; `wanted` when that is the release it runs. */
export function adoptedDyno(running: Adoptable, context: RunnerContext, wanted: Release | null = null): DynoRunner {
  const { app, processType, number, az, address, release: name, command, cwd, env } = running.launch
  const release = wanted?.name === name ? wanted : { name, command, cwd, env }
  const dyno = new DynoRunner({ app, processType, number, az, address, release }, context)
  dyno.adopt(running)
  return dyno
}
