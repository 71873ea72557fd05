import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Cast } from './cast.ts'
import { CONTENDERS } from './contenders/all.ts'
import type { Contender } from './contenders/contender.ts'
import { GENERATORS } from './load/all.ts'
import { describeCommit, describeMachine } from './machine.ts'
import { choose, type Options, parseOptions, USAGE } from './options.ts'
import { choosePinning, type Pinning } from './pin.ts'
import { endProcessesWithThisOne, stopAll } from './processes.ts'
import { formatResults } from './report.ts'
import type { Note, Results, Table } from './results.ts'
import { runRounds } from './rounds.ts'
import { SCENARIOS } from './scenarios/all.ts'
import type { Scenario } from './scenarios/scenario.ts'
import { setStage } from './stage.ts'

/** Rough cost of starting and checking a contender, for the estimate only. */
const START_SECONDS = 1.5

async function main(): Promise<number> {
  let options: Options
  let contenders: Contender[]
  let scenarios: Scenario[]
  try {
    options = parseOptions(process.argv.slice(2))
    contenders = choose(CONTENDERS, options.contenders, 'contender')
    scenarios = choose(SCENARIOS, options.scenarios, 'scenario')
    if (options.load !== null) choose(GENERATORS, [options.load], 'load generator')
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
  if (options.help) return print(USAGE)
  if (process.platform !== 'linux') {
    process.stderr.write('The benchmark needs Linux: it reads CPU time and memory of process trees from /proc.\n')
    return 1
  }
  if (options.list) return print(list())
  return await measure(options, contenders, scenarios)
}

async function measure(options: Options, wanted: Contender[], wantedScenarios: Scenario[]): Promise<number> {
  const contenders = wanted.filter((contender) => contender.missing() === null)
  const scenarios = wantedScenarios.filter((scenario) => (scenario.missing?.() ?? null) === null)
  const skipped = notes([...wanted, ...wantedScenarios])
  const pinning = choosePinning()
  holdThisProcessTo(pinning)
  endProcessesWithThisOne()
  const stage = await setStage({
    pinning,
    durationMs: options.roundMs,
    warmUpMs: options.warmUpMs,
    settleMs: options.settleMs,
    preferredGenerator: GENERATORS.find(({ name }) => name === options.load) ?? null,
    profileDirectory: options.profile === null ? null : path.resolve(options.profile),
  })
  const plans = options.logs.flatMap((logs) =>
    scenarios.filter((scenario) => logs || scenario.quietToo).map((scenario) => ({ scenario, logs })),
  )
  say(`about ${estimateMinutes(options, contenders.length, plans)} min; ${pinning.description}\n`)
  for (const { name, why } of skipped) say(`${name} is left out: ${why}\n`)

  const startedAt = new Date().toISOString()
  const cast = new Cast(stage, contenders)
  const tables: Table[] = []
  for (const { scenario, logs } of plans) {
    const onRound = (name: string, round: number) => progress(`${scenario.name} ${round}/${options.rounds} ${name}`)
    tables.push(await runRounds(stage, cast, { scenario, logs, rounds: options.rounds, onRound }))
  }
  await stopAll()
  progress('')

  const results: Results = {
    startedAt,
    machine: describeMachine(),
    commit: describeCommit(),
    pinning: pinning.description,
    rounds: options.rounds,
    roundMs: options.roundMs,
    versions: versionsOf(contenders, tables),
    tables,
    skipped,
    failures: cast.failures,
  }
  process.stdout.write(formatResults(results))
  if (options.json !== null) {
    mkdirSync(path.dirname(options.json), { recursive: true })
    writeFileSync(options.json, `${JSON.stringify(results, null, 1)}\n`)
  }
  return results.failures.length === 0 ? 0 : 1
}

function list(): string {
  const line = (name: string, missing: string | null, about: string) =>
    `  ${name.padEnd(18)}${missing === null ? about : `not here: ${missing}`}`
  return [
    'contenders',
    ...CONTENDERS.map((one) => line(one.name, one.missing(), one.missing() === null ? one.version() : '')),
    'load generators, the best first',
    ...GENERATORS.map((one) => line(one.name, one.missing(), one.missing() === null ? one.version() : '')),
    'scenarios',
    ...SCENARIOS.map((one) => line(one.name, one.missing?.() ?? null, `${one.title}; ${one.unit}`)),
    '',
  ].join('\n')
}

function notes(all: readonly { readonly name: string; readonly missing?: () => string | null }[]): Note[] {
  return all.flatMap(({ name, missing }) => {
    const why = missing?.() ?? null
    return why === null ? [] : [{ name, why }]
  })
}

function versionsOf(contenders: readonly Contender[], tables: readonly Table[]): Record<string, string> {
  const used = new Set(
    tables.flatMap((table) => table.rows.flatMap((row) => row.rounds.map((round) => round.generator))),
  )
  const generators = GENERATORS.filter(({ name }) => used.has(name))
  return Object.fromEntries([...contenders, ...generators].map((one) => [one.name, one.version()]))
}

function estimateMinutes(
  options: Options,
  contenders: number,
  plans: readonly { readonly scenario: Scenario }[],
): number {
  const perRound = options.roundMs / 1000
  const seconds = plans.reduce((sum, { scenario }) => {
    const starts =
      scenario.freshProcesses === true ? options.rounds * (START_SECONDS + 5) : START_SECONDS + options.settleMs / 1000
    return sum + contenders * scenario.spaces.length * (options.rounds * perRound + options.warmUpMs / 1000 + starts)
  }, 0)
  return Math.ceil(seconds / 60)
}

/** This process sleeps while others are measured; what little it does belongs beside the load. */
function holdThisProcessTo(pinning: Pinning): void {
  if (!pinning.pinned) return
  execFileSync('taskset', ['-a', '-c', '-p', pinning.load.join(','), String(process.pid)], { stdio: 'ignore' })
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

function say(text: string): void {
  process.stderr.write(text)
}

/** One line that is written over, on a terminal only. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${(error as Error).stack}\n`)
  process.exitCode = 1
} finally {
  await stopAll()
}
