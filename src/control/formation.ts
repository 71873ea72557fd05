import type { Adoptable } from './adoption.ts'
import type { SlotCondition, SlotContext, Wanted } from './dyno-slot.ts'
import { DynoSlot, NO_DYNO } from './dyno-slot.ts'

export interface FormationContext extends SlotContext {
  /** Programs that an earlier control plane left running under this name, best first. */
  inherited(app: string, processType: string, number: number): Adoptable[]
}

/** The dynos of one process type of one app that run here: each number runs what is wanted of it, and no other number runs. */
export class Formation {
  readonly #app: string
  readonly #processType: string
  readonly #context: FormationContext
  /** By number; also those that are not wanted any more, until they are gone. */
  readonly #slots = new Map<number, DynoSlot>()

  constructor(app: string, processType: string, context: FormationContext) {
    this.#app = app
    this.#processType = processType
    this.#context = context
  }

  /** By number. Dynos that are missing are announced when this returns; those that run something else are replaced after that. */
  apply(wanted: ReadonlyMap<number, Wanted>): void {
    for (const [number, slot] of this.#slots) if (!wanted.has(number)) void slot.stop()
    for (const [number, what] of wanted) {
      let slot = this.#slots.get(number)
      if (slot === undefined) {
        slot = new DynoSlot(this.#app, this.#processType, number, this.#context)
        this.#slots.set(number, slot)
        slot.adopt(this.#context.inherited(this.#app, this.#processType, number), what)
      } else {
        slot.want(what)
      }
    }
  }

  condition(number: number): SlotCondition {
    return this.#slots.get(number)?.condition ?? NO_DYNO
  }

  slot(number: number): DynoSlot | null {
    return this.#slots.get(number) ?? null
  }

  /** Zone of the dyno that serves under each number; numbers that have none are left out. */
  zones(): Map<number, string> {
    const zones = new Map<number, string>()
    for (const [number, { current }] of this.#slots) if (current !== null) zones.set(number, current.assignment.az)
    return zones
  }

  get settled(): boolean {
    return [...this.#slots.values()].every(({ condition }) => condition.settled)
  }

  zonesChanged(): void {
    for (const slot of this.#slots.values()) slot.zonesChanged()
  }

  /** Ends all dynos with care; resolves when nothing of them is left. */
  async stop(): Promise<void> {
    await Promise.all([...this.#slots.values()].map((slot) => slot.stop()))
  }

  /** Ends all dynos at once. */
  kill(): void {
    for (const slot of this.#slots.values()) slot.kill()
  }
}
