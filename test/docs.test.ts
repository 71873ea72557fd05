import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { loadConfig, parseConfig } from '../src/config/load.ts'
import { formatProblem } from '../src/config/problems.ts'
import { spaceFile } from '../src/config/schema.ts'
import { GENERATED, withGenerated } from '../tools/generate.ts'

const PAGES = [
  ...readdirSync('.').filter((file) => file.endsWith('.md')),
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
]

/** What an example may leave out because it is about something else. */
const REST = {
  space: { name: 'acme' },
  listeners: [{ name: 'public', address: '127.0.0.1:0', exposure: 'public' }],
}

interface Example {
  readonly page: string
  readonly line: number
  readonly text: string
}

function yamlExamples(page: string): Example[] {
  const text = readFileSync(page, 'utf8')
  return [...text.matchAll(/^```ya?ml\n(.*?)^```$/gms)].map((match) => ({
    page,
    line: text.slice(0, match.index).split('\n').length + 1,
    text: match[1]!,
  }))
}

/** At least one of its keys is one of a space file. */
function isConfig(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.keys(value).some((key) => key in spaceFile.shape)
}

t.test('every example of a configuration in the docs is right', async (t) => {
  let examples = 0
  for (const { page, line, text } of PAGES.flatMap(yamlExamples)) {
    const value: unknown = parse(text)
    if (!isConfig(value)) continue
    examples++
    const missing = Object.entries(REST).filter(([key]) => !(key in value))
    const whole = `${text}\n${missing.map(([key, rest]) => `${key}: ${JSON.stringify(rest)}`).join('\n')}`
    const result = parseConfig(whole, page)
    t.strictSame(result.ok ? [] : result.problems.map(formatProblem), [], `${page}:${line}`)
  }
  t.ok(examples >= 3, 'examples are found at all')
})

t.test('every file in config/ is right', async (t) => {
  const files = readdirSync('config').filter((file) => file.endsWith('.yml'))
  t.ok(files.includes('space.full.yml'))
  for (const file of files) {
    const result = await loadConfig(join('config', file))
    t.strictSame(result.ok ? [] : result.problems.map(formatProblem), [], file)
  }
})

t.test('what is generated is up to date (npm run generate)', async (t) => {
  for (const entry of GENERATED) {
    const current = readFileSync(entry.file, 'utf8')
    t.equal(current, withGenerated(entry, current), entry.marker ? `${entry.file}: ${entry.marker}` : entry.file)
  }
})

t.test('links in the docs lead to files', async (t) => {
  for (const page of PAGES) {
    for (const [, target] of readFileSync(page, 'utf8').matchAll(/\]\((?!https?:|mailto:|#)([^)#]+)(?:#[^)]*)?\)/g)) {
      t.ok(existsSync(join(page, '..', target!)), `${page}: ${target}`)
    }
  }
})
