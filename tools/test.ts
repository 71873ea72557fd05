import { globSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import t from 'tap'

// `npm test`. The command of tap would load four things more into every test process, and one of them into all processes that a test starts, to gather coverage
// and to read other languages: half of the processor time of the tests.

const HELP = `Usage: npm test -- [--reporter NAME] [--jobs N] [--bail] [FILE or FOLDER …]

Runs test files, each in a process of its own; all of test/ when none is named.
  --reporter NAME   base, terse, dot, min, json, jsonstream, junit, markdown, or tap, as it is said (base on a terminal, else tap)
  --jobs N          files at once (2)
  --bail            stop at the first failure
`
const ROOT = resolve(import.meta.dirname, '..')
/** A file that takes longer has failed. */
const TIMEOUT_MS = 120_000

interface Wanted {
  readonly files: readonly string[]
  readonly reporter: string
  readonly jobs: number
  readonly bail: boolean
}

/** null: only help. @throws Error with a sentence for people */
function wanted(args: string[]): Wanted | null {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      reporter: { type: 'string', default: process.stdout.isTTY ? 'base' : 'tap' },
      jobs: { type: 'string', default: '2' },
      bail: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const jobs = Number(values.jobs)
  if (!Number.isInteger(jobs) || jobs < 1) throw new Error(`--jobs takes a number from 1 on, not ${values.jobs}`)
  const files = (positionals.length === 0 ? [resolve(ROOT, 'test')] : positionals).flatMap(testFiles)
  return { files, reporter: values.reporter, jobs, bail: values.bail }
}

function testFiles(named: string): string[] {
  const found = statSync(named, { throwIfNoEntry: false })
  if (found === undefined) throw new Error(`there is no ${named}`)
  if (!found.isDirectory()) return [resolve(named)]
  const files = globSync('**/*.test.ts', { cwd: named }).sort()
  if (files.length === 0) throw new Error(`there is no *.test.ts in ${named}`)
  return files.map((file) => resolve(named, file))
}

/** @throws Error with a sentence for people */
async function run({ files, reporter, jobs, bail }: Wanted): Promise<void> {
  const shown = reporter !== 'tap'
  if (shown) {
    const { report, types } = await import('@tapjs/reporter')
    if (!(reporter in types)) throw new Error(`there is no reporter ${reporter}`)
    // Of the configuration it asks for one thing: whether comments are shown.
    await report(reporter, t, { get: () => false } as unknown as Parameters<typeof report>[2])
  }
  t.setTimeout(0)
  t.bail = bail
  t.jobs = Math.min(jobs, files.length)
  t.plan(files.length)
  const tests = files.map((file) =>
    // tap gives its own NODE_OPTIONS to what it starts.
    t.spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, file], {
      name: relative(ROOT, file),
      cwd: ROOT,
      buffered: t.jobs > 1,
      timeout: TIMEOUT_MS,
      // Errors are part of what is shown, where somebody shows it.
      stdio: shown ? 'pipe' : 'inherit',
      env: { ...process.env, NODE_COMPILE_CACHE: resolve(ROOT, 'node_modules/.cache/compile') },
    }),
  )
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      for (const { subtest } of tests) subtest?.proc?.kill(signal)
      process.exit(128 + constants.signals[signal])
    })
  }
}

try {
  const chosen = wanted(process.argv.slice(2))
  if (chosen === null) process.stdout.write(HELP)
  else await run(chosen)
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n\n${HELP}`)
  process.exit(2)
}
