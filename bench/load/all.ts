import { autocannon } from './autocannon.ts'
import { h2load } from './h2load.ts'
import type { LoadGenerator } from './load.ts'
import { wrk } from './wrk.ts'

/** The best first; the last is always there. */
export const GENERATORS: readonly LoadGenerator[] = [wrk, h2load, autocannon]

/** The one to make a load with: the preferred one where it can, else the best that can; undefined when none is installed. */
export function generatorFor(
  load: Parameters<LoadGenerator['supports']>[0],
  preferred: LoadGenerator | null,
): LoadGenerator | undefined {
  const usable = (generator: LoadGenerator) => generator.missing() === null && generator.supports(load)
  return preferred !== null && usable(preferred) ? preferred : GENERATORS.find(usable)
}
