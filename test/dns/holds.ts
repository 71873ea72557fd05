import fc from 'fast-check'
import type { Test } from 'tap'

/** Passes when `check` throws for none of `runs` values; else fails with the smallest value for which it does. */
export function holds<T>(t: Test, values: fc.Arbitrary<T>, runs: number, check: (value: T) => void): void {
  fc.assert(fc.property(values, check), { numRuns: runs })
  t.pass(`held for ${runs} values`)
}
