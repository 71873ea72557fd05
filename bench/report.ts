import { align, duration, grouped, percent, withSpread } from './figures.ts'
import type { Results, Row, Table } from './results.ts'
import type { Measurement } from './scenarios/scenario.ts'
import { type Figure, figure, pairedRatio } from './statistics.ts'

/** More than this of the contender's core taken by something else, or of the load's cores busy, is told under the table. */
const NOISY = 0.05
const SATURATED = 0.95

/** The whole run for a terminal: what it ran on, a table for each scenario, what is missing and what failed. */
export function formatResults(results: Results): string {
  const { machine } = results
  const versions = Object.entries(results.versions).map(([name, version]) => `${name} ${version}`)
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.kernel}, Node ${machine.node}, commit ${results.commit}`,
    `${versions.join(', ')}`,
    `${results.pinning}; ${results.rounds} rounds of ${results.roundMs / 1000} s, medians, ± half of the range`,
    ...results.tables.map(formatTable),
    ...section(
      'Left out',
      results.skipped.map(({ name, why }) => `${name}: ${why}`),
    ),
    ...section(
      'FAILED',
      results.failures.map(({ name, why }) => `${name}: ${why}`),
    ),
    '',
  ].join('\n')
}

export function formatTable(table: Table): string {
  const generators = [...new Set(table.rows.flatMap((row) => row.rounds.map((round) => round.generator)))]
  const logs = table.logs ? 'with an access log' : 'access logs off'
  const header = ['', table.unit, 'postern ÷ it', 'requests/s', 'p50', 'p99', 'p99.9', 'memory', 'core']
  const severalSpaces = new Set(table.rows.map((row) => row.apps)).size > 1
  const body = table.rows.map((row) => cells(row, table, severalSpaces))
  const excuses = table.leftOut.map(({ name, why }) => `  ${name} is left out: ${why}`)
  const heading = `\n${table.scenario}: ${table.title}; ${logs}; load by ${generators.join(' and ') || 'none'}`
  return [heading, ...align([header, ...body]), ...remarks(table), ...excuses].join('\n')
}

/** The ratio of a row's contender to Postern in the same space, Postern's figure over its own; null when there is no pair. */
export function ratioToPostern(row: Row, table: Table): Figure | null {
  const own = table.rows.find((other) => other.name === 'postern' && other.apps === row.apps)
  if (own === undefined || own === row) return null
  return pairedRatio(mains(own), mains(row))
}

function cells(row: Row, table: Table, severalSpaces: boolean): string[] {
  const ratio = ratioToPostern(row, table)
  const over = (pick: (round: Measurement) => number | undefined, format: (value: number) => string) => {
    const values = row.rounds.map(pick).filter((value) => value !== undefined)
    return values.length === 0 ? '–' : withSpread(figure(values), format)
  }
  return [
    severalSpaces ? `${row.name}, ${grouped(row.apps)} apps` : row.name,
    over((round) => round.main, grouped),
    ratio === null ? '–' : withSpread(ratio, (value) => value.toFixed(2)),
    over((round) => round.requestsPerSecond ?? undefined, grouped),
    over((round) => round.latencyUs?.p50, duration),
    over((round) => round.latencyUs?.p99, duration),
    over((round) => round.latencyUs?.p999, duration),
    over(
      (round) => round.pssBytes,
      (bytes) => `${Math.round(bytes / 2 ** 20)} MiB`,
    ),
    percent(figure(row.rounds.map((round) => round.cores.contender)).median),
  ]
}

/** What a reader has to know before believing a table, each with the contenders that it is about. */
function remarks(table: Table): string[] {
  const severalSpaces = new Set(table.rows.map((row) => row.apps)).size > 1
  const about = new Map<string, string[]>()
  const remark = (text: string, row: Row, value = '') => {
    const label = severalSpaces ? `${row.name} with ${grouped(row.apps)} apps` : row.name
    about.set(text, [...(about.get(text) ?? []), `${label} ${value}`.trim()])
  }
  for (const row of table.rows) {
    const smaller = table.rows.find((other) => other.name === row.name && other.apps < row.apps)
    if (smaller !== undefined) {
      const ratio = pairedRatio(mains(row), mains(smaller))
      remark(
        `${grouped(row.apps)} apps ÷ ${smaller.apps} apps`,
        row,
        withSpread(ratio, (value) => value.toFixed(2)),
      )
    }
    const over = (pick: (round: Measurement) => number) => figure(row.rounds.map(pick)).median
    const others = over((round) => round.cores.others)
    if (others > NOISY) remark('something else ran on the core of', row, percent(others))
    const lag = over((round) => round.lagUs?.p99 ?? Number.NaN)
    const closedLoop = row.rounds.some((round) => round.requestsPerSecond !== null)
    if (lag > 0) remark("the generator's own lag at p99", row, duration(lag))
    else if (
      closedLoop &&
      over((round) => round.cores.loadSide) > SATURATED &&
      over((round) => round.cores.contender) < SATURATED
    ) {
      remark('dyno and load were the limit of requests/s, only figures per CPU-second tell, for', row)
    }
  }
  return [...about].map(([text, rows]) => `  ${text}: ${rows.join(', ')}`)
}

function mains(row: Row): number[] {
  return row.rounds.map((round) => round.main)
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`\n${title}`, ...lines.map((line) => `  ${line}`)]
}
