import { readFileSync, writeFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { fullExample } from '../src/config/full-example.ts'
import { jsonSchema } from '../src/config/json-schema.ts'
import { configurationTables } from '../src/config/reference.ts'
import { errorsTable } from '../src/proxy/router-error.ts'
import { metricsTable } from '../src/telemetry/metric-table.ts'

/**
 * Writes what is said in code once and shown elsewhere. `npm run generate` writes; test/docs.test.ts holds that nobody
 * forgot to. Another generated part is one more entry here and, for a part of a file, its two markers in the file.
 */
export interface Generated {
  /** From the root of the project. */
  readonly file: string
  /** Between `<!-- generated: MARKER -->` and `<!-- end: MARKER -->`; null: the whole file. */
  readonly marker: string | null
  render(): string
}

export const GENERATED: readonly Generated[] = [
  { file: 'config/space.schema.json', marker: null, render: () => `${JSON.stringify(jsonSchema(), null, 2)}\n` },
  { file: 'config/space.full.yml', marker: null, render: fullExample },
  { file: 'docs/configuration.md', marker: 'configuration', render: configurationTables },
  { file: 'docs/errors.md', marker: 'errors', render: errorsTable },
  { file: 'docs/metrics.md', marker: 'metrics', render: metricsTable },
]

const ROOT = resolve(import.meta.dirname, '..')

/** The text that the file should have, given what it has. @throws Error when the markers are not there. */
export function withGenerated({ file, marker, render }: Generated, current: string): string {
  if (marker === null) return render()
  const begin = `<!-- generated: ${marker} -->`
  const end = `<!-- end: ${marker} -->`
  const from = current.indexOf(begin)
  const to = current.indexOf(end, from)
  if (from === -1 || to === -1) throw new Error(`${file} needs the lines ${begin} and ${end}`)
  return `${current.slice(0, from)}${begin}\n\n${render()}\n\n${current.slice(to)}`
}

function generate(): void {
  for (const entry of GENERATED) {
    const path = resolve(ROOT, entry.file)
    const current = entry.marker === null ? '' : readFileSync(path, 'utf8')
    writeFileSync(path, withGenerated(entry, current))
    console.log(relative(process.cwd(), path))
  }
}

if (import.meta.main) generate()
