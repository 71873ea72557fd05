import path from 'node:path'
import type { Entry } from '../entry.ts'
import { PARITY } from '../facts.ts'
import type { OpenLoop, OpenLoopOutcome } from '../load/open-loop.ts'
import { onCores } from '../pin.ts'
import { run } from '../processes.ts'
import type { Stage } from '../stage.ts'
import { runLoad } from './closed-loop.ts'
import { gauge } from './gauge.ts'
import type { Measurement, Scenario } from './scenario.ts'

const CONNECTIONS = 128
const GRACE_MS = 30_000
/** Above this share of its own maximum a contender's latency is that of its queue, and the round fails for want of answers. */
const HIGHEST_SHARE = 0.9

/** Latency is only comparable at the same rate for all, and only tells something below what the slowest can do. */
export const latency: readonly Scenario[] = [
  ...[25, 50, 75].map((percent) =>
    openLoop(`latency-${percent}`, `${percent} % of the slowest contender's maximum`, (maxima) => {
      return (Math.min(...maxima.values()) * percent) / 100
    }),
  ),
  openLoop('latency-nginx-50', "half of nginx's maximum", (maxima) => {
    const nginx = [...maxima].find(([entry]) => entry.name === 'nginx')
    return nginx === undefined ? null : nginx[1] / 2
  }),
]

function openLoop(name: string, at: string, rateOf: (maxima: ReadonlyMap<Entry, number>) => number | null): Scenario {
  let rate = 0

  async function requests(stage: Stage, entry: Entry, durationMs: number): Promise<OpenLoopOutcome> {
    const { port } = entry.facts
    const wanted: OpenLoop = { port, host: entry.host, path: '/bytes/100', rate, connections: CONNECTIONS, durationMs }
    const program = [path.join(import.meta.dirname, '../load/open-loop.ts'), JSON.stringify(wanted)]
    const command = onCores(stage.pinning.load, stage.pinning.pinned, process.execPath, program)
    const outcome = JSON.parse(await run(...command, durationMs + GRACE_MS)) as OpenLoopOutcome
    entry.asked(outcome.requests)
    entry.collectLog()
    if (outcome.errors.length > 0) throw new Error(`at ${Math.round(rate)} requests/s: ${outcome.errors.join(', ')}`)
    return outcome
  }

  return {
    name,
    title: `100 B answers at a set rate: ${at}`,
    unit: 'p99 in µs',
    spaces: [PARITY],
    quietToo: false,

    async prepare(stage, entries) {
      const maxima = new Map<Entry, number>()
      for (const entry of entries) maxima.set(entry, await maximum(stage, entry))
      const chosen = rateOf(maxima)
      if (chosen === null) return new Map(entries.map((entry) => [entry, 'nginx is not measured']))
      rate = chosen
      const tooSlow = entries.filter((entry) => maxima.get(entry)! * HIGHEST_SHARE < rate)
      return new Map(tooSlow.map((entry) => [entry, `does ${Math.round(maxima.get(entry)!)} requests/s at most`]))
    },

    async warmUp(stage, entry) {
      await requests(stage, entry, stage.warmUpMs)
    },

    async measure(stage, entry): Promise<Measurement> {
      const { result, cost } = await gauge(stage, entry, () => requests(stage, entry, stage.durationMs))
      return {
        main: result.latencyUs.p99,
        generator: 'own, open loop',
        requestsPerSecond: result.requests / result.seconds,
        latencyUs: result.latencyUs,
        lagUs: result.lagUs,
        ...cost,
      }
    },
  }
}

/** Requests per second at 64 connections, which also is the first part of the warm-up. Found once for each process. */
async function maximum(stage: Stage, entry: Entry): Promise<number> {
  const known = maxima.get(entry)
  if (known !== undefined) return known
  const outcome = await runLoad(stage, entry, {
    port: entry.facts.port,
    host: entry.host,
    path: '/bytes/100',
    connections: 64,
    uploadBytes: 0,
    newConnections: false,
    durationMs: stage.warmUpMs * 2,
  })
  maxima.set(entry, outcome.requests / outcome.seconds)
  return maxima.get(entry)!
}

const maxima = new WeakMap<Entry, number>()
