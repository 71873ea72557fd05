import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { errorsTable } from '../src/proxy/router-error.ts'
import { metricsTable } from '../src/telemetry/metric-table.ts'

const DOCS = resolve(import.meta.dirname, '../docs')

function generatedPart(file: string, marker: string): string {
  const text = readFileSync(resolve(DOCS, file), 'utf8')
  const begin = text.indexOf(`<!-- generated: ${marker} -->`)
  const end = text.indexOf(`<!-- end: ${marker} -->`)
  if (begin === -1 || end < begin) throw new Error(`${file} lacks its markers`)
  return text.slice(text.indexOf('\n', begin), end).trim()
}

t.test('docs/metrics.md shows every metric of the code as it is', async (t) => {
  t.equal(generatedPart('metrics.md', 'metrics'), metricsTable())
})

t.test('docs/errors.md shows every error of the code as it is', async (t) => {
  t.equal(generatedPart('errors.md', 'errors'), errorsTable())
})

t.test('the tables are tables: every row has as many cells as the head', async (t) => {
  for (const table of [metricsTable(), errorsTable()]) {
    const [head, ...rows] = table.split('\n').map((row) => row.split('|').length)
    t.ok(rows.length > 10)
    t.strictSame(
      rows.filter((cells) => cells !== head),
      [],
    )
  }
})
