import { spawn } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { HEROKU_DIFFERENCES, VEGUR_TESTS } from './vegur.ts'

// `npm run conformance`: runs every rule, prints them as a table and writes docs/conformance.md. Exit code 1 when one does not hold.

const HELP = `Usage: node test/conformance/report.ts [--topic TOPIC] [--no-write]

Runs the rules of the wire, prints them with section and result, and writes docs/conformance.md.
  --topic TOPIC   only the rules of one file, for example host; writes nothing
  --no-write      print only
`

const FOLDER = import.meta.dirname
const PAGE = join(FOLDER, '../../docs/conformance.md')

interface Result {
  readonly id: string
  readonly source: string
  readonly sentence: string
  readonly holds: boolean
  readonly file: string
}

/** One test file, by its TAP output: a rule is a test at the top of the file, in the parts that `rule` gave it. */
async function run(file: string): Promise<Result[]> {
  const child = spawn(process.execPath, [join(FOLDER, file)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  const results = [...output.matchAll(/^(not )?ok \d+ - (.+?) \| (.+?) \| (.+?)(?: # time=.*)?$/gm)].map(
    ([, not, id, source, sentence]) => ({
      id: id!,
      source: unescaped(source!),
      sentence: unescaped(sentence!),
      holds: not === undefined,
      file,
    }),
  )
  if (code !== 0 && results.every(({ holds }) => holds)) throw new Error(`${file} ended with ${code}\n${output}`)
  return results
}

/** TAP escapes `#` and backslashes in names. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([#\\])/g, '$1')
}

async function runAll(files: readonly string[]): Promise<Result[]> {
  const results = new Map<string, Result[]>()
  const waiting = [...files]
  const worker = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) results.set(file, await run(file))
  }
  await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, worker))
  return files.flatMap((file) => results.get(file)!)
}

function table(results: readonly Result[]): string {
  const width = (of: (result: Result) => string) => Math.max(...results.map((result) => of(result).length))
  const [ids, sources] = [width(({ id }) => id), width(({ source }) => source)]
  return results
    .map(
      ({ id, source, sentence, holds }) =>
        `${holds ? 'holds ' : 'BROKEN'}  ${id.padEnd(ids)}  ${source.padEnd(sources)}  ${sentence}`,
    )
    .join('\n')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

function page(results: readonly Result[]): string {
  const rows = results.map(
    ({ id, source, sentence, holds }) =>
      `| \`${id}\` | ${cell(source)} | ${cell(sentence)} | ${holds ? 'holds' : '**broken**'} |`,
  )
  const vegur = Object.entries(VEGUR_TESTS).flatMap(([group, tests]) =>
    tests.map(
      ({ name, rules, differs }) =>
        `| ${group} | \`${name}\` | ${rules.map((id) => `\`${id}\``).join(', ')} | ${differs === '' ? 'same' : cell(differs)} |`,
    ),
  )
  const heroku = HEROKU_DIFFERENCES.map((row) => `| ${row.map(cell).join(' | ')} |`)
  return `# Conformance

What Postern does with HTTP/1.1 on the wire, rule by rule: which section it comes from, and a test that holds it over real sockets, with bytes written by hand on
both sides. The tests are in \`test/conformance/\`, one topic per file; \`npm run conformance\` runs them, prints this table and writes this page.
Where Postern reads bytes otherwise than Node's parser does, and why: [differences](conformance-differences.md).

That a rule has a test which fails without its code is shown, not believed: \`npm run conformance:taken-out\` takes conditions, operands, cases, bounds, list elements and statements
of \`src/wire/\` and of the wire's side of \`src/proxy/\` out of a copy of the code, one at a time, and runs the tests that come through it until a named one fails. What none of them notices
is printed, and is a failure, unless \`test/conformance/taken-out/equivalents.ts\` says why it is no rule. \`--only src/wire/host.ts\` does one file, \`--only FILE:LINE\` one line.

The other way round, \`npm run conformance:own-code\` finds the code of each rule, and of each named test in \`test/proxy/\` that holds who may come in, retries, limits, timeouts or error codes: it takes
pieces of code that the test comes through out, first those that the fewest tests come through, until the test, asked alone, fails twice. It prints the piece and how many tests come through it;
a rule without such a piece, or with none but what every exchange needs, is a failure. \`--only TEXT\` does some of them, \`--part K/N\` an Nth.

## Rules

| rule | source | what is so | result |
|---|---|---|---|
${rows.join('\n')}

What time, number or the end of a connection decides is held by named tests of \`test/proxy/\`:

| what | tests |
|---|---|
| who may come in, and what a reload takes away | \`access\`, \`client-address\`, \`withdrawal\`, \`route\` |
| every error code: status, body in three forms, log line and metric together | \`error-codes\`, \`router-error\` |
| every timeout, with a clock that the test moves | \`timeouts\` |
| clients that are slow, stop reading, close their side or leave | \`slow-clients\`, \`leaks\` |
| limits of connections, of the queue, of tries and of retries | \`connection-limits\`, \`claiming\`, \`retry-budget\`, \`kept-connections\` |
| the end of a dyno, and of the router | \`dyno-drains\`, \`drain\` |

"Heroku" is what Heroku documents of its routers, "Vegur" its published router \`heroku/vegur\`, "Postern" a decision of our own.

## Where we differ from Heroku on purpose

| what | Heroku | Postern, and why |
|---|---|---|
${heroku.join('\n')}

## Vegur's tests

Every test of Vegur's round-trip suite has a counterpart; where the result is another one on purpose the last column says why.

| group | Vegur's test | held here by | difference |
|---|---|---|---|
${vegur.join('\n')}
`
}

function unknownRules(results: readonly Result[]): string[] {
  const known = new Set(results.map(({ id }) => id))
  return Object.values(VEGUR_TESTS)
    .flat()
    .flatMap(({ name, rules }) =>
      rules.filter((id) => !known.has(id)).map((id) => `${name} names ${id}, which is no rule`),
    )
}

const { values } = parseArgs({
  options: {
    topic: { type: 'string' },
    'no-write': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stdout.write(HELP)
} else {
  const files = readdirSync(FOLDER)
    .filter(
      (file) =>
        file.endsWith('.test.ts') &&
        file !== 'page.test.ts' &&
        (values.topic === undefined || file === `${values.topic}.test.ts`),
    )
    .sort()
  if (files.length === 0) {
    process.stderr.write(`No such topic: ${values.topic}\n`)
    process.exit(2)
  }
  const results = await runAll(files)
  const broken = results.filter(({ holds }) => !holds)
  process.stdout.write(`${table(results)}\n\n${results.length} rules, ${broken.length} broken\n`)
  if (values.topic === undefined) {
    const unknown = unknownRules(results)
    for (const line of unknown) process.stderr.write(`${line}\n`)
    if (!values['no-write']) {
      writeFileSync(PAGE, page(results))
      process.stdout.write(`Written: ${relative(process.cwd(), PAGE)}\n`)
    }
    if (unknown.length > 0) process.exitCode = 1
  }
  if (broken.length > 0) process.exitCode = 1
}
