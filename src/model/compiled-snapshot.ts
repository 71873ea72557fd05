import {
  type AccessRules,
  type AccessTables,
  accessRules,
  accessTables,
  sameRangeLists,
  type TrustedSet,
  trustedSet,
} from './access-rules.ts'
import { HostTable } from './host-table.ts'
import { samePlainData } from './plain-data.ts'
import type { AppEntry, SnapshotData } from './snapshot.ts'

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
  /** Names to indexes of `apps`. */
  readonly positions: ReadonlyMap<string, number>
  readonly hosts: Hosts
}

/** Hosts to indexes of `apps`. */
export interface Hosts {
  readonly inside: HostTable
  /** Without internal apps: outside, a host of theirs is like one that was never configured, also where another app's wildcard covers it. */
  readonly outside: HostTable
}

/** An app with its tables. The same object as long as nothing of the app changes. */
export interface App {
  readonly name: string
  readonly entry: AppEntry
  /** Narrows the space's ranges for outside clients; null: not narrowed. */
  readonly trusted: TrustedSet | null
}

/** The app of that name, if there is one. */
export function appNamed({ apps, positions }: CompiledSnapshot, name: string): App | undefined {
  const position = positions.get(name)
  return position === undefined ? undefined : apps[position]
}

/**
 * Where the previous snapshot has the same apps, this costs little more than what is different between the two. `tables`: of the lists of ranges, for whoever
 * has them already; the same as before where the lists are.
 * @throws Error on a CIDR that does not parse: the config was checked, so it is a bug.
 */
export function compileSnapshot(
  data: SnapshotData,
  previous?: CompiledSnapshot,
  tables: AccessTables = tablesFor(data, previous),
): CompiledSnapshot {
  const access = previous?.access.tables === tables ? previous.access : accessRules(data, tables)
  const changed = previous === undefined ? null : changedEntries(data.apps, previous.data.apps)
  const { apps, positions, hosts } =
    previous === undefined || changed === null
      ? compileApps(data.apps, previous)
      : replaceApps(data.apps, changed, previous)
  return { data, version: data.version, access, apps, positions, hosts }
}

type CompiledApps = Pick<CompiledSnapshot, 'apps' | 'positions' | 'hosts'>

function compileApps(entries: readonly AppEntry[], previous: CompiledSnapshot | undefined): CompiledApps {
  return {
    apps: entries.map((entry) => compileApp(entry, previous && appNamed(previous, entry.name))),
    positions: new Map(entries.map(({ name }, index) => [name, index])),
    hosts: compileHosts(entries),
  }
}

function replaceApps(
  entries: readonly AppEntry[],
  changed: readonly number[],
  { data, apps, positions, hosts }: CompiledSnapshot,
): CompiledApps {
  const replaced = [...apps]
  for (const index of changed) replaced[index] = compileApp(entries[index]!, apps[index])
  const isSameHosts = changed.every((index) => sameHosts(entries[index]!, data.apps[index]!))
  return { apps: replaced, positions, hosts: isSameHosts ? hosts : compileHosts(entries) }
}

/** Indexes of those that are other objects; null: they are not the same apps in the same order. */
function changedEntries(entries: readonly AppEntry[], before: readonly AppEntry[]): number[] | null {
  if (entries.length !== before.length) return null
  const changed: number[] = []
  for (let index = 0; index < entries.length; index++) {
    if (entries[index] === before[index]) continue
    if (entries[index]!.name !== before[index]!.name) return null
    changed.push(index)
  }
  return changed
}

function compileApp(entry: AppEntry, previous: App | undefined): App {
  if (previous !== undefined && samePlainData(entry, previous.entry)) return previous
  const trusted =
    previous !== undefined && samePlainData(entry.trustedIpRanges, previous.entry.trustedIpRanges)
      ? previous.trusted
      : trustedSet(entry.trustedIpRanges)
  return { name: entry.name, entry, trusted }
}

function tablesFor(data: SnapshotData, previous: CompiledSnapshot | undefined): AccessTables {
  const isSame = previous !== undefined && sameRangeLists(data, previous.data)
  return isSame ? previous.access.tables : accessTables(data)
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

function sameHosts(app: AppEntry, before: AppEntry): boolean {
  return app.internalRouting === before.internalRouting && samePlainData(app.domains, before.domains)
}
