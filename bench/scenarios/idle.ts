import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Entry } from '../entry.ts'
import { PARITY } from '../facts.ts'
import type { Idle } from '../load/idle.ts'
import { openFilesLimit, usageOfTree } from '../measure.ts'
import { onCores } from '../pin.ts'
import { startUntilReady } from '../processes.ts'
import type { Stage } from '../stage.ts'
import { runLoad } from './closed-loop.ts'
import { gauge } from './gauge.ts'
import type { Measurement, Scenario } from './scenario.ts'

const CONNECTIONS = 5_000
const OPEN_LIMIT_MS = 60_000
/** After the last connection opened: what was only needed to open them is given back, as far as it ever is. */
const SETTLE_MS = 1_500

/** Growth of the contender's own memory; socket buffers are the kernel's, and the same for all. */
export const idle: readonly Scenario[] = [
  idleConnections('idle-keep-alive', 'keep-alive', 'memory of an idle client connection that has had one answer'),
  idleConnections('idle-tunnels', 'tunnel', 'memory of an idle tunnel (both of its connections)'),
]

function idleConnections(name: string, kind: Idle['kind'], what: string): Scenario {
  return {
    name,
    title: `${what}, at ${CONNECTIONS}`,
    unit: 'bytes per connection',
    spaces: [PARITY],
    quietToo: false,
    freshProcesses: true,
    ...(kind === 'tunnel' ? { needs: 'tunnels' as const } : {}),

    missing() {
      const needed = CONNECTIONS * 2 + 500 // two descriptors for a tunnel, and room for the rest
      return openFilesLimit() >= needed ? null : `ulimit -Hn ${needed} or more`
    },

    /** Code is compiled and pools are filled before the first reading, so that they are not taken for the connections'. */
    async warmUp(stage, entry) {
      await runLoad(stage, entry, {
        port: entry.facts.port,
        host: entry.host,
        path: '/bytes/100',
        connections: 64,
        uploadBytes: 0,
        newConnections: false,
        durationMs: stage.warmUpMs,
      })
      await sleep(SETTLE_MS)
    },

    async measure(stage, entry): Promise<Measurement> {
      const before = usageOfTree(entry.process.pid).pssBytes
      const { cost } = await gauge(stage, entry, () => holdOpen(stage, entry, kind))
      return {
        main: (cost.pssBytes - before) / CONNECTIONS,
        generator: 'own',
        requestsPerSecond: null,
        latencyUs: null,
        lagUs: null,
        ...cost,
      }
    },
  }
}

/** Opens them all and leaves them open: the process that holds them is stopped with the others at the end of the round. */
async function holdOpen(stage: Stage, entry: Entry, kind: Idle['kind']): Promise<void> {
  const wanted: Idle = { port: entry.facts.port, host: entry.host, connections: CONNECTIONS, kind }
  const program = [path.join(import.meta.dirname, '../load/idle.ts'), JSON.stringify(wanted)]
  const command = onCores(stage.pinning.load, stage.pinning.pinned, process.execPath, program)
  const { process: holder } = await startUntilReady(
    ...command,
    path.join(stage.directory, 'idle.errors'),
    OPEN_LIMIT_MS,
  )
  entry.attach(holder)
  await sleep(SETTLE_MS)
  if (holder.hasEnded) throw new Error(holder.obituary())
}
