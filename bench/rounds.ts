import type { Cast } from './cast.ts'
import type { Contender } from './contenders/contender.ts'
import { auditLogs, type Entry } from './entry.ts'
import type { Note, Table } from './results.ts'
import type { Measurement, Scenario } from './scenarios/scenario.ts'
import { settle } from './settle.ts'
import type { Stage } from './stage.ts'

export interface Plan {
  readonly scenario: Scenario
  readonly logs: boolean
  readonly rounds: number
  /** Told after every round, for a person who waits. */
  readonly onRound: (name: string, round: number) => void
}

interface Part {
  readonly contender: Contender
  readonly apps: number
  readonly rounds: Measurement[]
}

/** Runs one scenario: warm-up for each, then A B C, A B C, … so that a machine that changes its mood changes it for all. */
export async function runRounds(stage: Stage, cast: Cast, plan: Plan): Promise<Table> {
  const { scenario } = plan
  const leftOut: Note[] = []
  const parts =
    scenario.freshProcesses === true ? await fresh(stage, cast, plan) : await kept(stage, cast, plan, leftOut)
  for (const { name, cannot } of cast.contenders) {
    if (scenario.needs !== undefined && cannot.includes(scenario.needs))
      leftOut.push({ name, why: `has no ${scenario.needs}` })
  }
  return {
    scenario: scenario.name,
    title: scenario.title,
    unit: scenario.unit,
    logs: plan.logs,
    rows: parts.map(({ contender, apps, rounds }) => ({ name: contender.name, apps, rounds })),
    leftOut,
  }
}

/** The same processes in all rounds. */
async function kept(stage: Stage, cast: Cast, plan: Plan, leftOut: Note[]): Promise<Part[]> {
  const { scenario } = plan
  const entries = (await cast.for(scenario.spaces, plan.logs)).filter((entry) => canTakePart(entry.contender, scenario))
  const excused = (await scenario.prepare?.(stage, entries)) ?? new Map<Entry, string>()
  for (const [entry, why] of excused) leftOut.push({ name: entry.name, why })
  const parts = new Map<Entry, Part>()
  for (const entry of entries) {
    if (!excused.has(entry)) parts.set(entry, { contender: entry.contender, apps: entry.shape.apps, rounds: [] })
  }
  const attempt = async (entry: Entry, work: () => Promise<void>) => {
    try {
      await work()
    } catch (error) {
      parts.delete(entry)
      await cast.fail(entry, scenario.name, error as Error)
    }
  }
  for (const entry of [...parts.keys()]) {
    await attempt(entry, async () => {
      await settle(stage, entry)
      await scenario.warmUp(stage, entry)
    })
  }
  for (let round = 1; round <= plan.rounds; round++) {
    for (const [entry, part] of [...parts]) {
      await attempt(entry, async () => {
        part.rounds.push(await scenario.measure(stage, entry))
        plan.onRound(entry.name, round)
      })
    }
  }
  for (const why of await auditLogs([...parts.keys()])) cast.failures.push({ name: scenario.name, why })
  return [...parts.values()]
}

/** A process of its own for every round. */
async function fresh(stage: Stage, cast: Cast, plan: Plan): Promise<Part[]> {
  const { scenario } = plan
  await cast.dismiss()
  const space = scenario.spaces[0]!
  const parts = cast.contenders
    .filter((contender) => canTakePart(contender, scenario))
    .map((contender): Part => ({ contender, apps: space.apps, rounds: [] }))
  for (let round = 1; round <= plan.rounds; round++) {
    for (const part of parts) {
      const entry = await cast.start(part.contender, space, plan.logs)
      if (entry === null) continue
      try {
        await scenario.warmUp(stage, entry)
        part.rounds.push(await scenario.measure(stage, entry))
        plan.onRound(entry.name, round)
      } catch (error) {
        await cast.fail(entry, scenario.name, error as Error)
      }
      await entry.stop()
    }
  }
  return parts.filter((part) => part.rounds.length === plan.rounds)
}

function canTakePart(contender: Contender, scenario: Scenario): boolean {
  return scenario.needs === undefined || !contender.cannot.includes(scenario.needs)
}
