import { parseCidr } from './address.ts'
import { CidrSet } from './cidr-set.ts'
import { HostTable } from './host-table.ts'
import type { AppEntry, SnapshotData, TrustedRange } from './snapshot.ts'

/**
 * A snapshot as the tables that a request needs. Immutable and without counters. What a new snapshot does not change is the same object as
 * before, so that identity tells the data plane what changed: access rules, an app, the host tables.
 */
export interface CompiledSnapshot {
  readonly data: SnapshotData
  readonly version: number
  readonly access: AccessRules
  /** In the order of the data. */
  readonly apps: readonly App[]
  readonly appsByName: ReadonlyMap<string, App>
  readonly hosts: Hosts
}

/** Hosts to indexes of `apps`. */
export interface Hosts {
  readonly inside: HostTable
  /** Without internal apps: outside, a host of theirs is like one that was never configured, also where another app's wildcard covers it. */
  readonly outside: HostTable
}

/** Who a client is and whether it may come, before any app is known. */
export interface AccessRules {
  readonly inside: CidrSet
  /** null: everyone may come. */
  readonly trusted: TrustedSet | null
  /** Peers whose X-Forwarded-For is believed. */
  readonly proxies: CidrSet
}

/** Trusted ranges and the set that finds the one that decides. */
export interface TrustedSet {
  readonly ranges: readonly TrustedRange[]
  /** Gives indexes of `ranges`. */
  readonly set: CidrSet
}

/** An app with its tables. The same object as long as nothing of the app changes. */
export interface App {
  readonly name: string
  readonly entry: AppEntry
  /** Narrows the space's ranges for outside clients; null: not narrowed. */
  readonly trusted: TrustedSet | null
}

/** Throws on a CIDR that does not parse: the config was checked, so it is a bug. */
export function compileSnapshot(data: SnapshotData, previous?: CompiledSnapshot): CompiledSnapshot {
  const apps = data.apps.map((entry) => compileApp(entry, previous?.appsByName.get(entry.name)))
  const hosts =
    previous !== undefined && sameHosts(data.apps, previous.data.apps) ? previous.hosts : compileHosts(data.apps)
  return {
    data,
    version: data.version,
    access: compileAccess(data, previous),
    apps,
    appsByName: new Map(apps.map((app) => [app.name, app])),
    hosts,
  }
}

function compileApp(entry: AppEntry, previous: App | undefined): App {
  if (previous !== undefined && samePlainData(entry, previous.entry)) return previous
  const trusted =
    previous !== undefined && samePlainData(entry.trustedIpRanges, previous.entry.trustedIpRanges)
      ? previous.trusted
      : trustedSet(entry.trustedIpRanges)
  return { name: entry.name, entry, trusted }
}

function compileAccess(data: SnapshotData, previous: CompiledSnapshot | undefined): AccessRules {
  if (
    previous !== undefined &&
    samePlainData(data.insideRanges, previous.data.insideRanges) &&
    samePlainData(data.trustedIpRanges, previous.data.trustedIpRanges) &&
    samePlainData(data.trustedProxies, previous.data.trustedProxies)
  ) {
    return previous.access
  }
  return {
    inside: cidrSet(data.insideRanges),
    trusted: trustedSet(data.trustedIpRanges),
    proxies: cidrSet(data.trustedProxies),
  }
}

function compileHosts(apps: readonly AppEntry[]): Hosts {
  const inside = new HostTable()
  const outside = apps.some((app) => app.internalRouting) ? new HostTable() : inside
  for (const [index, app] of apps.entries()) {
    for (const domain of app.domains) {
      inside.add(domain, index)
      if (outside !== inside && !app.internalRouting) outside.add(domain, index)
    }
  }
  return { inside, outside }
}

/** Each host still leads to the same place in the list of apps. */
function sameHosts(apps: readonly AppEntry[], before: readonly AppEntry[]): boolean {
  return (
    apps.length === before.length &&
    apps.every((app, index) => {
      const was = before[index]!
      return app === was || (app.internalRouting === was.internalRouting && samePlainData(app.domains, was.domains))
    })
  )
}

function trustedSet(ranges: readonly TrustedRange[] | null): TrustedSet | null {
  if (ranges === null) return null
  const rules = ranges.map((range) => ({ cidr: checkedCidr(range.cidr), deny: range.action === 'deny' }))
  return { ranges, set: new CidrSet(rules) }
}

function cidrSet(cidrs: readonly string[]): CidrSet {
  return new CidrSet(cidrs.map((text) => ({ cidr: checkedCidr(text), deny: false })))
}

function checkedCidr(text: string) {
  const cidr = parseCidr(text)
  if (typeof cidr === 'string') throw new Error(cidr)
  return cidr
}

/** Equal as JSON is: snapshots may come by message, so equal content need not be the same object. */
function samePlainData(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false
    for (let i = 0; i < a.length; i++) {
      if (!samePlainData(a[i], b[i])) return false
    }
    return true
  }
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  // `for in` spares the two lists of keys: half the time when ten thousand apps came by message.
  let keys = 0
  for (const key in left) {
    if (!samePlainData(left[key], right[key])) return false
    keys++
  }
  for (const _ in right) keys--
  return keys === 0
}
