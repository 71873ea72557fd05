import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { VEGUR_TESTS } from './vegur.ts'

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/conformance.md'), 'utf8')

/** Ids of all rules, from the calls that register them. */
const ids = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.test.ts'))
  .flatMap((file) => [...readFileSync(join(import.meta.dirname, file), 'utf8').matchAll(/^rule\(\s*'([^']+)'/gm)])
  .map(([, id]) => id!)

t.test('every rule has an id of its own', async (t) => {
  t.ok(ids.length > 150, 'rules are found at all')
  t.strictSame(
    ids.filter((id, index) => ids.indexOf(id) !== index),
    [],
  )
})

t.test('docs/conformance.md lists every rule, and all of them hold', async (t) => {
  const rows = [...PAGE.matchAll(/^\| `([^`]+)` \|.*\| (.+) \|$/gm)]
  t.strictSame(rows.map(([, id]) => id!).sort(), [...ids].sort(), 'else run `npm run conformance`')
  t.strictSame(
    rows.filter(([, , result]) => result !== 'holds'),
    [],
  )
})

t.test('every test of Vegur is held by rules that there are', async (t) => {
  for (const { name, rules } of Object.values(VEGUR_TESTS).flat()) {
    t.ok(rules.length > 0 && rules.every((id) => ids.includes(id)), name)
  }
  t.equal(Object.values(VEGUR_TESTS).flat().length, 87)
})
