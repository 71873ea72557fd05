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
  readonly apps: ReadonlyMap<string, App>
  /** Host to app name for inside clients. */
  readonly insideHosts: HostTable
  /** The same without internal apps: outside, a host of theirs is like one that was never configured, wildcards of other apps included. */
  readonly outsideHosts: HostTable
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
  const apps = new Map<string, App>()
  let hostsChanged = previous === undefined || previous.apps.size !== data.apps.length
  // Order matters to hosts too: the first app that names a domain gets it.
  const before = previous?.data.apps
  for (const [index, entry] of data.apps.entries()) {
    const app = compileApp(entry, previous?.apps.get(entry.name))
    apps.set(app.name, app)
    hostsChanged ||= !sameHosts(entry, before?.[index])
  }
  return {
    data,
    version: data.version,
    access: compileAccess(data, previous),
    apps,
    insideHosts: hostsChanged ? hostTable(data.apps) : previous!.insideHosts,
    outsideHosts: hostsChanged ? hostTable(data.apps.filter((app) => !app.internalRouting)) : previous!.outsideHosts,
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

function hostTable(apps: readonly AppEntry[]): HostTable {
  return new HostTable(domainsOf(apps))
}

function* domainsOf(apps: readonly AppEntry[]): Iterable<readonly [string, string]> {
  for (const app of apps) {
    for (const domain of app.domains) yield [domain, app.name]
  }
}

function sameHosts(entry: AppEntry, before: AppEntry | undefined): boolean {
  return (
    before !== undefined &&
    (entry === before ||
      (entry.name === before.name &&
        entry.internalRouting === before.internalRouting &&
        samePlainData(entry.domains, before.domains)))
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
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => samePlainData(item, b[index]))
  }
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  const keys = Object.keys(left)
  return keys.length === Object.keys(right).length && keys.every((key) => samePlainData(left[key], right[key]))
}
