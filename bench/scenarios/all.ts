import { bodies } from './bodies.ts'
import { newConnections } from './connections.ts'
import { idle } from './idle.ts'
import { latency } from './latency.ts'
import { manyApps } from './many-apps.ts'
import type { Scenario } from './scenario.ts'
import { small } from './small.ts'
import { uploads } from './uploads.ts'

export const SCENARIOS: readonly Scenario[] = [
  ...small,
  ...bodies,
  ...uploads,
  newConnections,
  manyApps,
  ...latency,
  ...idle,
]
