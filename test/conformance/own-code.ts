import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type NamedTest, Reach } from './taken-out/reach.ts'
import { type Removal, removalsIn } from './taken-out/removals.ts'
import type { Tree, Verdict } from './taken-out/tree.ts'
import { Trees } from './taken-out/trees.ts'

// `npm run conformance:own-code`: shows for each rule of the wire a piece of code without which its test, asked alone, fails.

const HELP = `Usage: node test/conformance/own-code.ts [--only TEXT …] [--part K/N] [--tries N] [--jobs N]

Runs every named test of the wire's rules to see which code it comes through. Then takes pieces of that code out of a copy, first those that the fewest
tests come through, until the test fails without the piece, asked alone and twice. What more than a tenth of all tests come through does not count when
without it not even a plain exchange works. Exit code 1 when a test failed without no piece (UNSHOWN), or only without such a one (WEAK).
  --only TEXT   only tests whose file or name has the text; may come more than once
  --part K/N    every Nth of them from the Kth on, from 1
  --tries N     pieces of code that are tried for a test (200)
  --jobs N      trials at once (2)
`

/** A test alone that has nothing to do for so long, and for twice its usual time, waits for what never comes. */
const MOST_IDLE_MS = 4000
const ROOT = resolve(import.meta.dirname, '../..')
const SOURCE_FOLDERS = ['src/wire', 'src/proxy', 'src/model']
/** What holds rows of the contract beside the rules here: who may come in, retries, limits, timeouts, error codes. */
const OTHER_TESTS = [
  'access',
  'claiming',
  'client-address',
  'connection-limits',
  'drain',
  'dyno-drains',
  'error-codes',
  'kept-connections',
  'leaks',
  'retry-budget',
  'route',
  'router-error',
  'slow-clients',
  'timeouts',
  'withdrawal',
].map((name) => `test/proxy/${name}.test.ts`)

/** Tests of tests and of texts: there is no code of theirs. */
const WITHOUT_CODE = [
  'what people read says nothing of what is behind the router',
  'every code has its cases, in every status that it can have, unless its feature does not exist yet',
]

function filesIn(folder: string, ending: string): string[] {
  return readdirSync(join(ROOT, folder))
    .filter((file) => file.endsWith(ending))
    .sort()
    .map((file) => `${folder}/${file}`)
}

/** Code that may be a rule's own. */
interface Piece {
  readonly removal: Removal
  /** Of all tests, how many come through it. */
  readonly shared: number
  /** It runs when its file is loaded, as tables are made: who comes to it says nothing, and it is tried last. */
  readonly loaded: boolean
}

function piecesOf(tests: readonly NamedTest[], reaches: readonly Reach[]): (test: NamedTest) => Piece[] {
  const removals = [
    ...removalsIn(
      SOURCE_FOLDERS.flatMap((folder) => filesIn(folder, '.ts')),
      ROOT,
    ).values(),
  ].flat()
  const comers = new Map<Removal, Set<NamedTest>>()
  const loaded = new Set<Removal>()
  for (const removal of removals) {
    comers.set(removal, new Set(tests.filter((test) => test.comesTo(removal))))
    if (reaches.some((reach) => reach.loads(removal))) loaded.add(removal)
  }
  return (test) =>
    removals
      .filter((removal) => comers.get(removal)!.has(test) || loaded.has(removal))
      .map((removal) => ({ removal, shared: comers.get(removal)!.size, loaded: loaded.has(removal) }))
      .sort((one, other) => Number(one.loaded) - Number(other.loaded) || one.shared - other.shared)
}

/** What works as long as no more is gone than some rule. */
const PLAIN = 'test/proxy/forward.test.ts'
const PLAIN_EXCHANGES = ['a request reaches the dyno and its answer the client', 'both connections are used again']

interface Finding {
  readonly test: NamedTest
  readonly result: 'shown' | 'WEAK' | 'UNSHOWN'
  readonly piece: Piece | undefined
  readonly outcome: Verdict['outcome']
  readonly tries: number
}

async function find(test: NamedTest, pieces: readonly Piece[], tests: number, tree: Tree): Promise<Finding> {
  let tries = 0
  let weak: Finding | undefined
  let mostIdleMs = Infinity
  const run = async (): Promise<Verdict['outcome']> => {
    const { outcome, names } = await tree.run([test.file], { only: [test.name], mostIdleMs })
    // What cannot even be loaded says nothing.
    return names.includes(test.name) ? outcome : 'passed'
  }
  const beganMs = performance.now()
  // With sockets it may fail once for another reason.
  if ((await run()) !== 'passed' && (await run()) !== 'passed') {
    throw new Error(`${test.file}: alone, this does not hold as it is: ${test.name}`)
  }
  mostIdleMs = Math.max(MOST_IDLE_MS, 2 * (performance.now() - beganMs))
  for (const piece of pieces) {
    tries++
    const finding = await tree.without(piece.removal, async (): Promise<Finding | undefined> => {
      const outcome = (await run()) === 'passed' ? 'passed' : await run()
      if (outcome === 'passed') return undefined
      const own =
        piece.shared <= tests / 10 || (await tree.run([PLAIN], { only: PLAIN_EXCHANGES })).outcome === 'passed'
      return { test, result: own ? 'shown' : 'WEAK', piece, outcome, tries }
    })
    if (finding?.result === 'shown') return finding
    weak ??= finding
  }
  return weak ?? { test, result: 'UNSHOWN', piece: undefined, outcome: 'passed', tries }
}

function line({ test, result, piece, outcome, tries }: Finding, of: number): string {
  // A rule by its id, which is the first part of what `rule` makes of it.
  const name = /^(\S+) \| /.exec(test.name)?.[1] ?? `${test.file}: ${test.name}`
  if (piece === undefined) return `${result}  ${name}\n         ${tries} pieces of code were taken out`
  const { file, line, column, label } = piece.removal
  const who = piece.loaded ? 'a table' : `${piece.shared} of ${of} come through it`
  return `${result.padEnd(7)}  ${name}\n         ${outcome} without ${file}:${line}:${column}  ${label}\n         ${who}, tried ${tries}`
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    part: { type: 'string', default: '1/1' },
    tries: { type: 'string', default: '200' },
    jobs: { type: 'string', default: '2' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(HELP)
} else {
  const trees = new Trees(ROOT, Number(values.jobs))
  const reaches: Reach[] = []
  const files = [
    ...filesIn('test/conformance', '.test.ts').filter((file) => !file.endsWith('/page.test.ts')),
    ...OTHER_TESTS,
  ]
  await trees.run(files, async (file, tree) => void reaches.push(await Reach.of(file, tree)))
  const tests = files
    .flatMap((file) => reaches.find((reach) => reach.test === file)!.tests)
    .filter(({ name }) => !WITHOUT_CODE.includes(name))
  const [part, parts] = values.part.split('/').map(Number) as [number, number]
  const chosen = tests
    .filter(
      ({ file, name }) =>
        values.only.length === 0 || values.only.some((text) => file.includes(text) || name.includes(text)),
    )
    .filter((_, i) => i % parts === part - 1)
  const pieces = piecesOf(tests, reaches)
  process.stdout.write(`${chosen.length} of ${tests.length} tests\n`)
  const findings: Finding[] = []
  await trees.run(chosen, async (test, tree) => {
    const finding = await find(test, pieces(test).slice(0, Number(values.tries)), tests.length, tree)
    findings.push(finding)
    process.stdout.write(`${line(finding, tests.length)}\n`)
  })
  const count = (result: Finding['result']) => findings.filter((finding) => finding.result === result).length
  const tried = findings.reduce((sum, { tries }) => sum + tries, 0)
  process.stdout.write(
    `\n${count('shown')} shown, ${count('WEAK')} WEAK, ${count('UNSHOWN')} UNSHOWN; ${tried} pieces of code tried\n`,
  )
  if (count('shown') < chosen.length) process.exitCode = 1
}
