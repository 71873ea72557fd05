import { autocannon } from './autocannon.ts'
import { h2load } from './h2load.ts'
import type { LoadGenerator } from './load.ts'
import { wrk } from './wrk.ts'

/** The best first; the last is always there. */
export const GENERATORS: readonly LoadGenerator[] = [wrk, h2load, autocannon]
