import type { Entry } from '../entry.ts'
import { busySeconds, cpuSecondsOfTree, usageOfTree } from '../measure.ts'
import type { Stage } from '../stage.ts'
import type { CoreUse } from './scenario.ts'

/** What a piece of work cost: read before and after it. */
export interface Cost {
  readonly cpuSeconds: number
  readonly pssBytes: number
  readonly rssBytes: number
  readonly cores: CoreUse
}

export async function gauge<T>(stage: Stage, entry: Entry, work: () => Promise<T>): Promise<{ result: T; cost: Cost }> {
  const before = read(stage, entry)
  const result = await work()
  const after = read(stage, entry)
  const { pssBytes, rssBytes } = usageOfTree(entry.process.pid)
  const seconds = after.at - before.at
  const cpuSeconds = after.contender - before.contender
  const share = (from: number, to: number) => (to - from) / seconds
  return {
    result,
    cost: {
      cpuSeconds,
      pssBytes,
      rssBytes,
      cores: {
        contender: cpuSeconds / seconds,
        others: Math.max(0, share(before.contenderCore, after.contenderCore) - cpuSeconds / seconds),
        dyno: share(before.dyno, after.dyno),
        loadSide: share(before.loadCores, after.loadCores),
      },
    },
  }
}

function read(stage: Stage, entry: Entry) {
  const { contender, dyno, load } = stage.pinning
  return {
    at: performance.now() / 1000,
    contender: cpuSecondsOfTree(entry.process.pid),
    contenderCore: busySeconds(contender),
    dyno: cpuSecondsOfTree(stage.dyno.pid),
    loadCores: busySeconds([...new Set([...dyno, ...load])]),
  }
}
