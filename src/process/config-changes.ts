import type { AppConfig, Config, ListenerConfig } from '../config/config.ts'
import { endpoint } from '../control/registry.ts'
import { samePlainData } from '../model/plain-data.ts'
import type { TrustedRange } from '../model/snapshot.ts'

/** What is different in effect, a line each; none: the two are the same. */
export function configChanges(before: Config, after: Config): string[] {
  return [
    ...byName(before.listeners, after.listeners, listenerLine),
    ...ranges('trustedIpRanges', before.trustedIpRanges, after.trustedIpRanges),
    ...byName(before.networks, after.networks, (network, was) => changed(`network ${network.name}`, was, network)),
    ...byName(before.apps, after.apps, appLines),
    ...SECTIONS.flatMap((key) => changed(key, before[key], after[key])),
  ]
}

/** What is not told item by item. */
const SECTIONS = [
  'space',
  'dns',
  'admin',
  'log',
  'onUntrusted',
  'trustedProxies',
  'limits',
  'timeouts',
  'headers',
  'shutdown',
  'state',
  'deploy',
  'workers',
] as const

function byName<T extends { readonly name: string }>(
  before: readonly T[],
  after: readonly T[],
  lines: (item: T, was: T | null, gone: boolean) => string[],
): string[] {
  const left = new Map(before.map((item) => [item.name, item]))
  const changes: string[] = []
  for (const item of after) {
    const was = left.get(item.name)
    left.delete(item.name)
    if (!samePlainData(item, was)) changes.push(...lines(item, was ?? null, false))
  }
  for (const item of left.values()) changes.push(...lines(item, item, true))
  return changes
}

function listenerLine(listener: ListenerConfig, was: ListenerConfig | null, gone: boolean): string[] {
  const { name, host, port } = listener
  const at = endpoint(host, port)
  if (gone) return [`- listener ${name} at ${at}`]
  if (was === null) return [`+ listener ${name} at ${at}`]
  const wasAt = endpoint(was.host, was.port)
  return wasAt === at
    ? [`~ listener ${name}: ${keysThatDiffer(was, listener)}`]
    : [`~ listener ${name}: ${wasAt} → ${at}`]
}

function appLines(app: AppConfig, was: AppConfig | null, gone: boolean): string[] {
  if (gone) return [`- app ${app.name}`]
  if (was === null) return [`+ app ${app.name} (${app.domains.join(', ') || 'no domain'})`]
  return [
    `~ app ${app.name}: ${keysThatDiffer(was, app)}`,
    ...ranges(`app ${app.name}: trustedIpRanges`, was.trustedIpRanges, app.trustedIpRanges),
  ]
}

function ranges(what: string, before: readonly TrustedRange[] | null, after: readonly TrustedRange[] | null): string[] {
  if (samePlainData(before, after)) return []
  if (before === null || after === null)
    return [`~ ${what}: ${after === null ? 'everyone may come' : rangeList(after)}`]
  const text = ({ action, cidr }: TrustedRange) => (action === 'deny' ? `deny ${cidr}` : cidr)
  const were = new Set(before.map(text))
  const are = new Set(after.map(text))
  return [
    ...[...are].filter((range) => !were.has(range)).map((range) => `+ ${what}: ${range}`),
    ...[...were].filter((range) => !are.has(range)).map((range) => `- ${what}: ${range}`),
  ]
}

function rangeList(all: readonly TrustedRange[]): string {
  return all.length === 0 ? 'no one may come' : `only ${all.map(({ cidr }) => cidr).join(', ')}`
}

function changed(what: string, before: unknown, after: unknown): string[] {
  if (samePlainData(before, after)) return []
  if (before === null) return [`+ ${what}`]
  const isSection = typeof after === 'object' && !Array.isArray(after)
  return [isSection ? `~ ${what}: ${keysThatDiffer(before as object, after as object)}` : `~ ${what}`]
}

function keysThatDiffer(before: object, after: object): string {
  const keys = Object.keys(after) as (keyof object)[]
  return keys.filter((key) => !samePlainData(before[key], after[key])).join(', ')
}
