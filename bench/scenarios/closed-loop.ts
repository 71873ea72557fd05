import type { Entry } from '../entry.ts'
import { PARITY, type SpaceShape } from '../facts.ts'
import { generatorFor } from '../load/all.ts'
import type { Load, LoadOutcome } from '../load/load.ts'
import { onCores } from '../pin.ts'
import { run } from '../processes.ts'
import { makeDirectory, type Stage } from '../stage.ts'
import { gauge } from './gauge.ts'
import type { Measurement, Scenario } from './scenario.ts'

export interface ClosedLoop {
  readonly name: string
  readonly title: string
  readonly path: string
  readonly connections: number
  /** The main figure counts bytes of bodies, not requests. */
  readonly countBytes?: boolean
  readonly uploadBytes?: number
  readonly newConnections?: boolean
  readonly spaces?: readonly SpaceShape[]
  readonly quietToo?: boolean
}

/** So many connections, each asks again as soon as it has its answer: shows what the contender can do at most. */
export function closedLoop(shape: ClosedLoop): Scenario {
  const load = (entry: Entry, durationMs: number): Load => ({
    port: entry.facts.port,
    host: entry.host,
    path: shape.path,
    connections: shape.connections,
    uploadBytes: shape.uploadBytes ?? 0,
    newConnections: shape.newConnections ?? false,
    durationMs,
  })
  return {
    name: shape.name,
    title: shape.title,
    unit: shape.countBytes === true ? 'MB per CPU-second' : 'requests per CPU-second',
    spaces: shape.spaces ?? [PARITY],
    quietToo: shape.quietToo ?? true,

    missing() {
      const kind = { uploadBytes: shape.uploadBytes ?? 0, newConnections: shape.newConnections ?? false }
      return generatorFor(kind, null) === undefined ? 'apt-get install wrk' : null
    },

    async warmUp(stage, entry) {
      await runLoad(stage, entry, load(entry, stage.warmUpMs))
    },

    async measure(stage, entry): Promise<Measurement> {
      const wanted = load(entry, stage.durationMs)
      const { result, cost } = await gauge(stage, entry, () => runLoad(stage, entry, wanted))
      const bytes = wanted.uploadBytes > 0 ? result.requests * wanted.uploadBytes : result.bytes
      return {
        main: (shape.countBytes === true ? bytes / 1e6 : result.requests) / cost.cpuSeconds,
        generator: generatorFor(wanted, stage.preferredGenerator)!.name,
        requestsPerSecond: result.requests / result.seconds,
        latencyUs: result.requests === 0 ? null : result.latencyUs,
        lagUs: null,
        ...cost,
      }
    },
  }
}

/** Makes a load and gives its outcome; throws when anything but a 2xx came back. */
export async function runLoad(stage: Stage, entry: Entry, load: Load): Promise<LoadOutcome> {
  const generator = generatorFor(load, stage.preferredGenerator)!
  const directory = makeDirectory(stage, generator.name)
  const command = generator.command(load, directory)
  const pinned = onCores(stage.pinning.load, stage.pinning.pinned, ...command)
  const printed = await run(...pinned, load.durationMs + LOAD_GRACE_MS)
  const outcome = generator.read(printed, load, directory)
  entry.asked(outcome.requests)
  entry.collectLog()
  if (outcome.errors.length > 0) throw new Error(`${generator.name} counted ${outcome.errors.join(', ')}`)
  if (outcome.bytes === 0) throw new Error(`no answer within ${load.durationMs / 1000} s`)
  return outcome
}

/** A generator that has not ended this long after its time is stopped. */
const LOAD_GRACE_MS = 30_000
