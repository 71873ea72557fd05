import type { Test } from 'tap'
import type { Outcome, RunOptions } from './search.ts'

/** Runs an oracle with its fixed seed, then as long again with one that nobody chose, and passes when neither finds anything. */
export async function holds(
  t: Test,
  name: string,
  run: (options: RunOptions) => Promise<Outcome>,
  options: RunOptions,
): Promise<void> {
  for (const seed of [options.seed, Math.floor(Math.random() * 2 ** 31)]) {
    const { finding, cases, counts } = await run({ ...options, seed })
    t.comment(
      `${name}: seed ${seed}, ${cases} cases: ${[...counts].map(([what, count]) => `${what} ${count}`).join(', ')}`,
    )
    if (finding === null) t.pass(`seed ${seed} found nothing`)
    else t.fail(`seed ${seed}, case ${finding.case}: ${finding.problem}`, { input: finding.input })
  }
}
