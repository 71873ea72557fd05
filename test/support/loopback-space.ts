import type {
  AppEntry,
  DynoEntry,
  HeaderPolicy,
  Limits,
  RouterTimeouts,
  SnapshotData,
} from '../../src/model/snapshot.ts'
import { appEntry, snapshotData } from './snapshot-data.ts'

let version = 0

export type SpaceParts = Partial<Omit<SnapshotData, 'timeouts' | 'limits' | 'headers'>> & {
  readonly timeouts?: Partial<RouterTimeouts>
  readonly limits?: Partial<Limits>
  readonly headers?: Partial<HeaderPolicy>
}

/** A snapshot of a space on the loopback network, as the demo has it: 127.10.0.0/16 is inside. */
export function space(parts: SpaceParts = {}): SnapshotData {
  const base = snapshotData({ insideRanges: ['127.10.0.0/16'] })
  return {
    ...base,
    ...parts,
    version: ++version,
    limits: { ...base.limits, ...parts.limits },
    timeouts: { ...base.timeouts, ...parts.timeouts },
    headers: { ...base.headers, ...parts.headers },
  }
}

export type AppParts = Partial<Omit<AppEntry, 'timeouts' | 'dynos'>> & {
  readonly timeouts?: Partial<AppEntry['timeouts']>
  /** A number is a port on 127.0.0.1. */
  readonly dynos?: readonly (Partial<DynoEntry> | number)[]
}

/** An app, `shop` at `shop.example.com` unless said otherwise, whose dynos take turns. */
export function app(parts: AppParts = {}): AppEntry {
  const { name = 'shop', timeouts, dynos = [], ...rest } = parts
  const base = appEntry(name)
  return appEntry(name, {
    balance: { algorithm: 'round-robin', hashOn: 'client', hashName: '' },
    formation: { released: true, quantity: Math.max(1, dynos.length), starting: 0, crashed: 0 },
    ...rest,
    timeouts: { ...base.timeouts, ...timeouts },
    dynos: dynos.map((dyno) => (typeof dyno === 'number' ? onPort(dyno) : dyno)),
  })
}

function onPort(port: number): Partial<DynoEntry> {
  return { id: `dyno at ${port}`, address: '127.0.0.1', port }
}
