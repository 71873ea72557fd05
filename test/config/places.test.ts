import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { configFromObject, parseConfig } from '../../src/config/load.ts'

const FULL = readFileSync('config/space.full.yml', 'utf8')
const DEMO = readFileSync('config/space.yml', 'utf8')

/** What breaks files: pieces of YAML, values of other types, and text of other kinds. */
const piece = fc.oneof(
  fc.constantFrom(...':-?#&*!|>\'"%@`{}[],\t\n\r ', '\n  ', ': ', '- ', '---\n', '...\n', '\u{1f600}', '\ufeff', '\0'),
  fc.constantFrom('null', '[]', '{}', '5', 'true', '*a', '&a ', '!!int ', 'x: y', '<<: *a', '__proto__: 1', '127.1'),
  fc.string({ maxLength: 8 }),
)

interface Edit {
  readonly at: number
  readonly remove: number
  readonly insert: string
}

const edit = fc.record({ at: fc.nat(20_000), remove: fc.nat(12), insert: piece })

function edited(text: string, edits: readonly Edit[]): string {
  for (const { at, remove, insert } of edits) {
    const from = at % (text.length + 1)
    text = text.slice(0, from) + insert + text.slice(from + remove)
  }
  return text
}

function everyPlaceIsInside(text: string): void {
  const result = parseConfig(text, 't.yml')
  if (result.ok) return
  if (result.problems.length === 0) throw new Error('failed without a problem')
  const lines = text.split('\n')
  for (const { line, column, message, path } of result.problems) {
    const inside = line >= 1 && line <= lines.length && column >= 1 && column <= lines[line - 1]!.length + 1
    if (!inside) throw new Error(`${line}:${column} is outside: ${path}: ${message}`)
    if (/[\n\r\u001b]/.test(message + path)) throw new Error(`more than one line: ${path}: ${message}`)
    if (message === '') throw new Error('a problem without a sentence')
  }
}

t.test('every problem of a damaged file has its place inside the file', async () => {
  fc.assert(
    fc.property(fc.constantFrom(FULL, DEMO), fc.array(edit, { minLength: 1, maxLength: 6 }), (text, edits) =>
      everyPlaceIsInside(edited(text, edits)),
    ),
    { numRuns: 100 },
  )
})

t.test('so has every problem of any text', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
  )
  fc.assert(fc.property(text, everyPlaceIsInside), { numRuns: 500 })
})

t.test('a value that cannot be made a text is a problem like any other', async (t) => {
  for (const config of [
    { space: { name: 'acme', cidr: Object.create(null) } },
    { admin: { address: Object.create(null) } },
  ]) {
    t.equal(configFromObject(config).ok, false)
  }
})

t.test('any value at any key gives problems, never an exception', async () => {
  const keys = [...FULL.matchAll(/([A-Za-z]+):/g)].map((match) => match[1]!)
  const leaf = fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.double(),
    fc.string(),
    fc.constantFrom('5s', '8KiB', '20%', '10.0.0.0/8', 'web'),
  )
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6 },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...keys, 'x'), tie('tree'), { maxKeys: 4 }),
    ),
  }))
  fc.assert(
    fc.property(tree, (value) => {
      const result = configFromObject(value)
      return result.ok || result.problems.length > 0
    }),
    { numRuns: 500 },
  )
})
