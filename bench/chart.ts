/**
 * `node bench/chart.ts RESULTS.json > chart.svg`: requests per CPU-second of every contender in one scenario, with and without access logs. The
 * SVG has no script and no outside resource, and follows the reader's light or dark theme.
 */
import { readFileSync } from 'node:fs'
import type { Results, Table } from './results.ts'
import { type Figure, figure } from './statistics.ts'

const HEADLINE = 'small-64'

const WIDTH = 760
const LABEL_WIDTH = 130
const VALUE_WIDTH = 90
const BAR_HEIGHT = 14
const GROUP_GAP = 14
const TOP = 62
const FOOT = 44

interface Bar {
  readonly name: string
  readonly logs: boolean
  readonly figure: Figure
}

export function chart(results: Results): string {
  const tables = results.tables.filter((table) => table.scenario === HEADLINE)
  if (tables.length === 0) throw new Error(`the results hold no table of ${HEADLINE}`)
  const bars = tables.flatMap(barsOf)
  const most = Math.max(...bars.map((bar) => bar.figure.median * (1 + bar.figure.spread)))
  const scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / most
  const names = [...new Set(bars.map((bar) => bar.name))].sort((a, b) => best(bars, b) - best(bars, a))
  let y = TOP
  const groups = names.map((name) => {
    const own = bars.filter((bar) => bar.name === name)
    const drawn = own.map((bar, i) => drawBar(bar, y + i * (BAR_HEIGHT + 2), scale))
    const height = own.length * (BAR_HEIGHT + 2)
    const label = text(LABEL_WIDTH - 10, y + height / 2 + 3, name, `end name${name === 'postern' ? ' own' : ''}`)
    y += height + GROUP_GAP
    return [label, ...drawn].join('\n')
  })
  const { machine } = results
  const height = y + FOOT
  const foot = `${results.startedAt.slice(0, 10)}, ${machine.cpu}, one core for each contender, Node ${machine.node}, commit ${results.commit}`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>Requests per CPU-second: ${names.map((name) => `${name} ${Math.round(best(bars, name))}`).join(', ')}</title>
<style>
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .end { text-anchor: end }
  .own { font-weight: 700 }
  .small { font-size: 11px; fill: #57606a }
  .logs { fill: #8c959f } .quiet { fill: #d0d7de } .postern.logs { fill: #0969da } .postern.quiet { fill: #80ccff }
  .range { stroke: #24292f; stroke-width: 1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 } .range { stroke: #e6edf3 }
    .logs { fill: #7d8590 } .quiet { fill: #3d444d } .postern.logs { fill: #4493f8 } .postern.quiet { fill: #1f4f99 }
  }
</style>
${text(0, 18, 'Requests per CPU-second of the proxy', 'title')}
${text(0, 36, `${tables[0]!.title}; the same work for each; median and range of ${results.rounds} rounds`, 'small')}
${text(0, 52, tables.map((table) => (table.logs ? 'first bar: with an access log' : 'second bar: access logs off')).join('; '), 'small')}
${groups.join('\n')}
${text(0, height - 22, foot, 'small')}
${text(
  0,
  height - 6,
  Object.entries(results.versions)
    .map((pair) => pair.join(' '))
    .join(', '),
  'small',
)}
</svg>
`
}

function barsOf(table: Table): Bar[] {
  return table.rows.map((row) => ({
    name: row.name,
    logs: table.logs,
    figure: figure(row.rounds.map((round) => round.main)),
  }))
}

function drawBar({ name, logs, figure: { median, spread } }: Bar, y: number, scale: number): string {
  const end = LABEL_WIDTH + median * scale
  const middle = y + BAR_HEIGHT / 2
  const reach = median * spread * scale
  return [
    `<rect class="${name} ${logs ? 'logs' : 'quiet'}" x="${LABEL_WIDTH}" y="${y}" width="${round(median * scale)}" height="${BAR_HEIGHT}"/>`,
    `<path class="range" d="M${round(end - reach)} ${middle}H${round(end + reach)}"/>`,
    text(end + reach + 6, y + BAR_HEIGHT - 3, Math.round(median).toLocaleString('en-US'), 'small'),
  ].join('\n')
}

function text(x: number, y: number, words: string, classes: string): string {
  const safe = words.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`)
  return `<text class="${classes}" x="${round(x)}" y="${round(y)}">${safe}</text>`
}

function best(bars: readonly Bar[], name: string): number {
  return Math.max(...bars.filter((bar) => bar.name === name).map((bar) => bar.figure.median))
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

if (import.meta.main) process.stdout.write(chart(JSON.parse(readFileSync(process.argv[2]!, 'utf8'))))
