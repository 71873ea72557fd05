/**
 * The oracles for as long as wanted: `node test/oracle/fuzz.ts --minutes 10 [--oracle a|b|c|d] [--seed N] [--case N]`. Without `--oracle`
 * all four, one after the other. `--case` replays one case of a seed. Exits with 1 after a finding, which it prints with its smallest input.
 */
import { parseArgs } from 'node:util'
import type { Outcome, RunOptions } from './search.ts'

const ORACLES: Record<
  string,
  { readonly name: string; load(): Promise<{ run(options: RunOptions): Promise<Outcome> }> }
> = {
  a: { name: 'grammar', load: () => import('./grammar.ts') },
  b: { name: 'differential', load: () => import('./differential.ts') },
  c: { name: 'round-trip', load: () => import('./round-trip.ts') },
  d: { name: 'answers', load: () => import('./answers.ts') },
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    oracle: { type: 'string', default: 'abcd' },
    seed: { type: 'string' },
    case: { type: 'string' },
  },
})
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
const amount =
  values.case === undefined ? { minutes: Number(values.minutes) } : { cases: 1, firstCase: Number(values.case) }

for (const letter of values.oracle) {
  const oracle = ORACLES[letter]
  if (oracle === undefined) throw new Error(`--oracle ${letter}: there are a, b, c and d`)
  const { run } = await oracle.load()
  console.log(`${letter} ${oracle.name}: seed ${seed}`)
  const outcome = await run({
    seed,
    ...amount,
    onProgress: (cases, elapsedMs) => console.log(`${letter} ${cases} cases, ${rate(cases, elapsedMs)} a second`),
  })
  const { finding, cases, elapsedMs, counts } = outcome
  for (const [what, count] of [...counts].sort((a, b) => b[1] - a[1]))
    console.log(`  ${String(count).padStart(8)} ${what}`)
  console.log(
    `${letter} ${oracle.name}: ${cases} cases in ${(elapsedMs / 60_000).toFixed(1)} minutes, ${rate(cases, elapsedMs)} a second`,
  )
  if (finding !== null) {
    console.log(`FOUND by oracle ${letter}, seed ${seed}, case ${finding.case}: ${finding.problem}\n${finding.input}`)
    process.exitCode = 1
    break
  }
}

function rate(cases: number, elapsedMs: number): string {
  return (cases / (elapsedMs / 1000)).toFixed(0)
}
