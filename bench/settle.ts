import type { Entry } from './entry.ts'
import { runLoad } from './scenarios/closed-loop.ts'
import type { Stage } from './stage.ts'

/** Who has had it. */
const settled = new WeakSet<Entry>()

/**
 * Small requests, once for each process and the same for all, before whatever is measured of it first: a program whose code is compiled while it runs needs some
 * ten thousand of them until that is done, and scenarios of large bodies would not make as many in a whole run.
 */
export async function settle(stage: Stage, entry: Entry): Promise<void> {
  if (settled.has(entry)) return
  settled.add(entry)
  await runLoad(stage, entry, {
    port: entry.facts.port,
    host: entry.host,
    path: '/bytes/100',
    connections: 64,
    uploadBytes: 0,
    newConnections: false,
    durationMs: stage.settleMs,
  })
}
