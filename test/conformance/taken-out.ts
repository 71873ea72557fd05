import { readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { whyUnnoticed } from './taken-out/equivalents.ts'
import { Reach } from './taken-out/reach.ts'
import { type Removal, removalsIn } from './taken-out/removals.ts'
import type { Tree, Verdict } from './taken-out/tree.ts'
import { Trees } from './taken-out/trees.ts'

// `npm run conformance:taken-out`: takes the rules of the wire out of the code one at a time and shows that a named test notices each.

const HELP = `Usage: node test/conformance/taken-out.ts [--only TEXT …] [--tests FOLDER …] [--jobs N] [--minutes N] [--quiet]

Takes conditions, operands, cases, bounds, list elements and statements out of a copy of the code, one at a time, and runs the tests that come
through it until one fails. Exit code 1 when no test noticed something, unless test/conformance/taken-out/equivalents.ts says why not.
  --only TEXT     only files whose name has the text, or FILE:LINE; may come more than once
  --tests FOLDER  ask the tests of this folder only: test/wire, test/conformance or test/proxy; may come more than once
  --jobs N        trials at once (2)
  --minutes N     end after so long (120); what was not tried by then is said, and is a failure
  --quiet         print what was not noticed only
`

const ROOT = resolve(import.meta.dirname, '../..')

/** Code that holds rules of the wire, in the order in which it is tried. */
const SOURCES = [
  ...readdirSync(join(ROOT, 'src/wire'))
    .sort()
    .map((file) => `src/wire/${file}`),
  ...[
    'request-reader',
    'answer-reader',
    'client-connection',
    'backend-connection',
    'exchange',
    'pipeline',
    'forward',
    'finish',
    'release',
    'tunnels',
    'headers',
    'route',
    'access',
  ].map((name) => `src/proxy/${name}.ts`),
]
/** Oracles that roll dice are left out: what only they find is held by no name. */
const DICE = ['test/wire/properties.test.ts']
const TEST_FOLDERS = ['test/wire', 'test/conformance', 'test/proxy']

function testsIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder))
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => `${folder}/${file}`)
    .filter((file) => !DICE.includes(file))
}

interface Trial {
  readonly removal: Removal
  readonly outcome: Verdict['outcome']
  /** The test that noticed it, and its file; '' when none did. */
  readonly name: string
  readonly test: string
  /** Test files that were asked. */
  readonly tried: number
  /** Why it is no matter that none did; '' when it is one. */
  readonly why: string
}

/** Which tests are asked first: those that noticed the neighbours of what is gone now, then the quick ones. */
class Experience {
  readonly #noticed = new Map<string, number>()
  #last = ''

  note(test: string, file: string): void {
    const key = `${file} ${test}`
    this.#noticed.set(key, (this.#noticed.get(key) ?? 0) + 1)
    this.#last = key
  }

  order(reaches: readonly Reach[], removal: Removal): Reach[] {
    const { file } = removal
    const folders = file.startsWith('src/wire/') ? ['test/wire', 'test/conformance'] : TEST_FOLDERS
    const worth = ({ test, ms }: Reach) => {
      const key = `${file} ${test}`
      return ((this.#noticed.get(key) ?? 0) + (key === this.#last ? 20 : 0) + 0.5) / ms
    }
    return reaches
      .filter(({ test }) => folders.includes(dirname(test)))
      .filter((reach) => reach.comesTo(removal))
      .sort((one, other) => worth(other) - worth(one))
  }
}

async function tryWithout(
  removal: Removal,
  tree: Tree,
  reaches: readonly Reach[],
  experience: Experience,
): Promise<Trial> {
  const asked = experience.order(reaches, removal)
  const trial = { removal, outcome: 'passed' as const, tried: asked.length, test: '', name: '', why: '' }
  return tree.without(removal, async () => {
    for (let from = 0; from < asked.length; ) {
      const { outcome, names } = await tree.run(asked.slice(from).map(({ test }) => test))
      if (outcome === 'passed') break
      const name = names.at(-1) ?? 'at its beginning'
      const at = Math.max(
        from,
        asked.findIndex(({ tests }) => tests.some((test) => test.name === name)),
      )
      const { test } = asked[at]!
      // With sockets a test may have failed for another reason: asked alone, it has to fail again.
      if (test.startsWith('test/wire/') || outcome === 'endless' || (await tree.run([test])).outcome !== 'passed') {
        experience.note(test, removal.file)
        return { ...trial, outcome, test, name }
      }
      from = at + 1
    }
    return { ...trial, why: whyUnnoticed(removal) }
  })
}

function line({ removal, outcome, test, name, tried, why }: Trial): string {
  const place = `${removal.file}:${removal.line}:${removal.column}`
  if (test !== '') return `noticed   ${place}  ${removal.label}\n          ${outcome}: ${test}: ${name}`
  return `${why === '' ? 'UNNOTICED' : 'excused  '}  ${place}  ${removal.label}\n          ${why === '' ? `${tried} test files passed` : why}`
}

function summary(trials: readonly Trial[]): string {
  const rows = [...new Set(trials.map(({ removal }) => removal.file))].map((file) => {
    const own = trials.filter(({ removal }) => removal.file === file)
    const failed = own.filter(({ outcome }) => outcome === 'failed' || outcome === 'crashed').length
    const endless = own.filter(({ outcome }) => outcome === 'endless').length
    const excused = own.filter(({ why }) => why !== '').length
    return [file, own.length, failed, endless, excused, own.length - failed - endless - excused] as const
  })
  const total = [1, 2, 3, 4, 5].map((column) => rows.reduce((sum, row) => sum + Number(row[column]), 0))
  return [['file', 'taken out', 'failed', 'endless', 'excused', 'UNNOTICED'], ...rows, ['all', ...total]]
    .map(
      ([file, ...numbers]) => String(file).padEnd(34) + numbers.map((number) => String(number).padStart(10)).join(''),
    )
    .join('\n')
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    tests: { type: 'string', multiple: true, default: TEST_FOLDERS },
    jobs: { type: 'string', default: '2' },
    minutes: { type: 'string', default: '120' },
    quiet: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(HELP)
} else {
  const stopAtMs = performance.now() + Number(values.minutes) * 60_000
  const chosen = ({ file, line }: Removal) =>
    values.only.length === 0 ||
    values.only.some((text) => `${file}:${line}:`.includes(/:\d+$/.test(text) ? `${text}:` : text))
  const removals = [...removalsIn(SOURCES, ROOT).values()].flat().filter(chosen)
  const trees = new Trees(ROOT, Number(values.jobs))
  const trials: Trial[] = []
  const reaches: Reach[] = []
  await trees.run(values.tests.flatMap(testsIn), async (test, tree) => void reaches.push(await Reach.of(test, tree)))
  process.stdout.write(`${removals.length} pieces of code, ${reaches.length} test files\n`)
  const experience = new Experience()
  await trees.run(removals, async (removal, tree) => {
    if (performance.now() > stopAtMs) return
    const trial = await tryWithout(removal, tree, reaches, experience)
    trials.push(trial)
    if (!values.quiet || (trial.test === '' && trial.why === '')) process.stdout.write(`${line(trial)}\n`)
  })
  const untried = removals.length - trials.length
  process.stdout.write(`\n${summary(trials)}\n`)
  if (untried > 0) process.stdout.write(`Not tried in ${values.minutes} minutes: ${untried}\n`)
  if (untried > 0 || trials.some(({ test, why }) => test === '' && why === '')) process.exitCode = 1
}
