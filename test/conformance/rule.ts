import t, { type Test } from 'tap'
import { Stage } from './stage.ts'

/** Between the parts of a rule's name in the test's output, where `report.ts` finds them again. */
export const SEPARATOR = ' | '

/**
 * One rule of the wire and the test that holds it: the registry of rules is all calls of this. `id` is `topic/what`, `source` the section that it
 * comes from, `sentence` what is so. `npm run conformance` runs them all and prints them as a table.
 */
export function rule(
  id: string,
  source: string,
  sentence: string,
  test: (t: Test) => Promise<unknown>,
): Promise<unknown> {
  return t.test([id, source, sentence].join(SEPARATOR), { timeout: 60_000 }, async (t) => {
    try {
      await test(t)
    } finally {
      await Stage.closeAll(t)
    }
  })
}
