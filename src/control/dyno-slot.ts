import type { Adoptable } from './adoption.ts'
import type { Release, RunnerContext } from './dyno-runner.ts'
import { DynoRunner } from './dyno-runner.ts'
import type { Place } from './placement.ts'

/** What a number of a formation is to run. */
export interface Wanted {
  readonly release: Release
  /** The new dyno before the old one ends, at another place; else in its place, after it. */
  readonly startFirst: boolean
}

export interface SlotContext extends RunnerContext {
  /** Where the next dyno of a process type goes, or one that takes over from `instead`; null when no address is left. */
  place(app: string, processType: string, instead: Place | null): Place | null
  /** Whether a dyno must not be there, since its zone is down: it moves. */
  avoids(place: Place): boolean
  /** Something is different from what `condition` said. */
  changed(app: string): void
}

/** How a number of a formation is doing, against what it is to run. */
export interface SlotCondition {
  /** What is wanted is up, where it is to be, and nothing else is left. */
  readonly settled: boolean
  /** A dyno of the release that is wanted is up under the name. */
  readonly serving: boolean
  /** What is wanted has ended unasked, or could not be started, at least once. */
  readonly crashed: boolean
  /** Why, the last time. */
  readonly reason: string
}

/** Of a number that nobody wants and that has no dyno. */
export const NO_DYNO: SlotCondition = { settled: true, serving: false, crashed: false, reason: '' }

/**
 * One number of a formation: `web.3`, whichever dynos have that name one after the other. Brings what runs to what is wanted, with
 * care, and from whatever it finds. At most one dyno serves under the name; a second one is coming up, or on its way out.
 */
export class DynoSlot {
  readonly #app: string
  readonly #processType: string
  readonly #number: number
  readonly #context: SlotContext
  #wanted: Wanted | null = null
  #current: DynoRunner | null = null
  /** To take over from `#current` as soon as it is up. */
  #successor: DynoRunner | null = null
  readonly #leaving = new Set<DynoRunner>()
  /** To be replaced although it runs what is wanted. */
  #renewed: { readonly dyno: DynoRunner; readonly startFirst: boolean } | null = null
  /** Where the last one was: the next one in its place goes there. */
  #place: Place | null = null
  /** Why what is wanted could not even be tried; '' it could. */
  #problem = ''
  #stepping = false

  constructor(app: string, processType: string, number: number, context: SlotContext) {
    this.#app = app
    this.#processType = processType
    this.#number = number
    this.#context = context
  }

  /** The dyno that serves under the name, or is to. */
  get current(): DynoRunner | null {
    return this.#current
  }

  get condition(): SlotCondition {
    const current = this.#current
    const wanted = this.#wanted
    if (wanted === null) return { ...NO_DYNO, settled: this.#leaving.size === 0 }
    const isUp = current !== null && current.state === 'up'
    const serving = isUp && current.assignment.release.name === wanted.release.name
    const chosen = this.#successor ?? current
    if (chosen === null || !this.#isWanted(chosen)) {
      return { settled: false, serving, crashed: this.#problem !== '', reason: this.#problem }
    }
    const settled = chosen === current && isUp && this.#leaving.size === 0
    return { settled, serving, crashed: chosen.crashes > 0, reason: chosen.lastFailure }
  }

  /** Programs that an earlier control plane left running under this name, before the first `want`. */
  adopt(running: readonly Adoptable[], wanted: Wanted): void {
    this.#wanted = wanted
    this.#atOnce(() => {
      for (const each of running) {
        const dyno = adoptedDyno(each, this.#context, wanted.release, () => this.#changed())
        if (each.stopping) this.#leave(dyno)
        else if (this.#current === null) this.#current = dyno
        else if (this.#successor === null && dyno.assignment.release === wanted.release) this.#successor = dyno
        else this.#leave(dyno)
      }
    })
    if (this.#current !== null) this.#place = this.#current.assignment
    this.#reconcile()
  }

  /** Announces the dyno before it returns, when there is none yet. */
  want(wanted: Wanted): void {
    this.#wanted = wanted
    this.#reconcile()
  }

  /** Another dyno of the same release: in place, or first and elsewhere. */
  renew(startFirst: boolean): void {
    if (this.#current === null) return
    this.#renewed = { dyno: this.#current, startFirst }
    this.#reconcile()
  }

  /** Not to be renewed any more: the dyno that was to go stays. */
  keep(): void {
    this.#renewed = null
    this.#reconcile()
  }

  /** Zones are down or up that were not. */
  zonesChanged(): void {
    this.#reconcile()
  }

  /** Ends what there is with care. Resolves when nothing is left. */
  async stop(): Promise<void> {
    this.#wanted = null
    this.#reconcile()
    await Promise.all([...this.#leaving].map((dyno) => dyno.stop()))
  }

  /** Ends what there is at once. */
  kill(): void {
    this.#wanted = null
    for (const dyno of [this.#current, this.#successor, ...this.#leaving]) dyno?.kill()
  }

  #changed(): void {
    this.#reconcile()
    this.#context.changed(this.#app)
  }

  /** What a dyno says while it is started or ended is no news: whoever does that knows what comes next. */
  #atOnce(step: () => void): void {
    if (this.#stepping) return
    this.#stepping = true
    step()
    this.#stepping = false
  }

  #reconcile(): void {
    this.#atOnce(() => this.#step())
  }

  #step(): void {
    const wanted = this.#wanted
    const current = this.#current
    if (wanted === null) {
      this.#dismiss()
    } else if (current === null) {
      // In its place means after it.
      if (this.#leaving.size > 0) return
      const isThere = this.#place !== null && !this.#context.avoids(this.#place)
      this.#current = this.#start(wanted.release, isThere ? this.#place : null)
      if (this.#current !== null) this.#place = this.#current.assignment
    } else if (this.#isWanted(current)) {
      this.#dropSuccessor()
    } else if (!this.#startsFirst(current, wanted)) {
      this.#dismiss()
    } else if (this.#successor === null || !this.#isWanted(this.#successor)) {
      this.#dropSuccessor()
      const place = this.#context.place(this.#app, this.#processType, current.assignment)
      this.#successor = this.#start(wanted.release, place)
    } else if (this.#successor.state === 'up') {
      // In one turn, and so in one snapshot: from one dyno to the other without a gap.
      this.#current = this.#successor
      this.#place = this.#current.assignment
      this.#successor = null
      this.#leave(current)
    }
  }

  #isWanted(dyno: DynoRunner): boolean {
    if (this.#context.avoids(dyno.assignment)) return false
    return dyno.assignment.release.name === this.#wanted?.release.name && dyno !== this.#renewed?.dyno
  }

  /** What is to leave its zone has no place there to come back to. */
  #startsFirst(current: DynoRunner, wanted: Wanted): boolean {
    if (this.#context.avoids(current.assignment)) return true
    return this.#renewed?.dyno === current ? this.#renewed.startFirst : wanted.startFirst
  }

  #dismiss(): void {
    this.#dropSuccessor()
    const dyno = this.#current
    this.#current = null
    if (dyno !== null) this.#leave(dyno)
  }

  #dropSuccessor(): void {
    const dyno = this.#successor
    this.#successor = null
    if (dyno !== null) this.#leave(dyno)
  }

  #leave(dyno: DynoRunner): void {
    this.#leaving.add(dyno)
    void dyno.stop().finally(() => {
      this.#leaving.delete(dyno)
      this.#changed()
    })
  }

  #start(release: Release, place: Place | null): DynoRunner | null {
    const [app, processType, number] = [this.#app, this.#processType, this.#number]
    const at = place ?? this.#context.place(app, processType, null)
    if (at === null) {
      this.#problem = 'the space has no address left'
      this.#context.log.child({ app }).error(`${processType}.${number} is not started: ${this.#problem}`)
      return null
    }
    this.#problem = ''
    const { az, address } = at
    const assignment = { app, processType, number, az, address, release }
    const dyno = new DynoRunner(assignment, this.#context, () => this.#changed())
    dyno.start()
    return dyno
  }
}

/** The dyno that a running program is; `wanted` when that is the release it runs. */
export function adoptedDyno(
  running: Adoptable,
  context: RunnerContext,
  wanted: Release | null = null,
  onChange: () => void = () => {},
): DynoRunner {
  const { app, processType, number, az, address, release: name, command, cwd, exec, env } = running.launch
  const release = wanted?.name === name ? wanted : { name, command, cwd, ...(exec && { exec }), env }
  const dyno = new DynoRunner({ app, processType, number, az, address, release }, context, onChange)
  dyno.adopt(running)
  return dyno
}
