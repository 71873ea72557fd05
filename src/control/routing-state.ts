import type { AppConfig, Config } from '../config/config.ts'
import { samePlainData } from '../model/plain-data.ts'
import {
  type AppEntry,
  type DynoEntry,
  type FormationCounts,
  mayBeClaimed,
  type SnapshotData,
  type SnapshotSettings,
  settingsIn,
} from '../model/snapshot.ts'
import { type Health, readyIds } from './health/readiness.ts'

/** A web dyno as discovery learned of it. */
export interface DiscoveredDyno {
  /** As `dynoId` makes it. */
  readonly id: string
  /** `web.1` */
  readonly name: string
  readonly address: string
  readonly port: number
  readonly az: string
  readonly release: string
}

/** How the web dynos of an app are doing by the registry; null when the registry knows nothing of them (another DNS server does). */
export interface AnnouncedCounts {
  readonly starting: number
  readonly crashed: number
  /** Ids of those that are up: until discovery knows them too they count as starting. */
  readonly up: readonly string[]
}

export interface DrainingDyno {
  readonly id: string
  /** Since when no new requests go to it, Unix milliseconds. */
  readonly sinceMs: number
}

interface App {
  config: AppConfig
  discovered: readonly DiscoveredDyno[]
  /** Discovery has answered for it: what it found is all there is. */
  answered: boolean
  announced: AnnouncedCounts | null
  /** By dyno id; null: the app is not checked. */
  health: ReadonlyMap<string, Health> | null
  /** Vanished from the answers, but perhaps with requests in flight. */
  readonly draining: Map<string, { entry: DynoEntry; sinceMs: number }>
  /** What the last snapshot says of the app. */
  entry: AppEntry | null
}

/**
 * Brings together what the configuration says, what discovery learned and how the formations are doing, and makes the
 * numbered snapshots of it. What is equal in effect gets no new number; an app that did not change keeps its object.
 * Pure: no clock, no I/O.
 */
export class RoutingState {
  #config: Config
  readonly #apps = new Map<string, App>()
  readonly #dirty = new Set<string>()
  /** The configuration is another one than that of the last snapshot. */
  #reconfigured = true
  #snapshot: SnapshotData | null = null

  constructor(config: Config) {
    this.#config = config
    this.configure(config)
  }

  configure(config: Config): void {
    this.#config = config
    this.#reconfigured = true
    const names = new Set<string>()
    for (const appConfig of config.apps) {
      names.add(appConfig.name)
      const app = this.#apps.get(appConfig.name)
      if (app?.config === appConfig) continue
      this.#dirty.add(appConfig.name)
      if (app) app.config = appConfig
      else {
        const fresh = {
          config: appConfig,
          discovered: [],
          answered: false,
          announced: null,
          health: null,
          draining: new Map(),
          entry: null,
        }
        this.#apps.set(appConfig.name, fresh)
      }
    }
    for (const name of this.#apps.keys()) if (!names.has(name)) this.#apps.delete(name)
  }

  /**
   * Goes on from the last snapshot of another one, for the configuration of that one: dynos that take requests keep them until
   * discovery says otherwise.
   */
  resume(snapshot: SnapshotData, nowMs: number): void {
    this.#snapshot = snapshot
    for (const entry of snapshot.apps) {
      const app = this.#apps.get(entry.name)
      if (!app) continue
      app.entry = entry
      app.answered = true
      app.discovered = entry.dynos.filter(({ draining }) => !draining)
      for (const dyno of entry.dynos) {
        if (dyno.draining) app.draining.set(dyno.id, { entry: dyno, sinceMs: nowMs })
      }
    }
  }

  /** The web dynos of an app by its newest answer. Those that are no longer in it drain. */
  discovered(name: string, dynos: readonly DiscoveredDyno[], nowMs: number): void {
    const app = this.#apps.get(name)
    if (!app) return
    const ids = new Set(dynos.map((dyno) => dyno.id))
    for (const dyno of app.discovered) {
      if (ids.has(dyno.id)) continue
      app.draining.set(dyno.id, { entry: { ...dyno, ready: true, draining: true }, sinceMs: nowMs })
    }
    for (const id of ids) app.draining.delete(id)
    app.discovered = dynos
    app.answered = true
    this.#dirty.add(name)
  }

  announced(name: string, counts: AnnouncedCounts | null): void {
    const app = this.#apps.get(name)
    if (!app) return
    app.announced = counts
    this.#dirty.add(name)
  }

  /** How the dynos of an app are; null: nobody checks. */
  judged(name: string, health: ReadonlyMap<string, Health> | null): void {
    const app = this.#apps.get(name)
    if (!app) return
    app.health = health
    this.#dirty.add(name)
  }

  draining(): DrainingDyno[] {
    const draining: DrainingDyno[] = []
    for (const app of this.#apps.values()) {
      for (const [id, { sinceMs }] of app.draining) draining.push({ id, sinceMs })
    }
    return draining
  }

  /** What the last snapshot says of an app. */
  lastEntryOf(app: string): AppEntry | null {
    return this.#apps.get(app)?.entry ?? null
  }

  /** Whether new requests may go to the dyno, by the last snapshot. */
  isClaimable(app: string, id: string): boolean {
    return this.lastEntryOf(app)?.dynos.some((dyno) => dyno.id === id && mayBeClaimed(dyno)) ?? false
  }

  /** A draining dyno is done with. */
  forget(id: string): void {
    for (const [name, app] of this.#apps) if (app.draining.delete(id)) this.#dirty.add(name)
  }

  /** The dynos of the newest answer. */
  discoveredOf(app: string): readonly DiscoveredDyno[] {
    return this.#apps.get(app)?.discovered ?? []
  }

  /** By app, what discovery knows; also the draining ones. */
  dynosOf(name: string): DynoEntry[] {
    const app = this.#apps.get(name)
    return app ? entriesOf(app) : []
  }

  /** The newest snapshot: the same object as before when nothing has changed in effect. */
  snapshot(): SnapshotData {
    const last = this.#snapshot
    let changed = last === null || (this.#reconfigured && !sameSpace(this.#config, last))
    this.#reconfigured = false
    for (const name of this.#dirty) {
      const app = this.#apps.get(name)
      if (!app) continue
      const entry = appEntry(app)
      if (app.entry !== null && samePlainData(entry, app.entry)) continue
      app.entry = entry
      changed = true
    }
    this.#dirty.clear()
    if (!changed) return last!
    this.#snapshot = {
      version: (last?.version ?? 0) + 1,
      ...settingsOf(this.#config),
      apps: this.#config.apps.map(({ name }) => this.#apps.get(name)!.entry!),
    }
    return this.#snapshot
  }
}

/** Another snapshot would say the same of all but the apps, and have the same apps in the same order. */
function sameSpace(config: Config, last: SnapshotData): boolean {
  const { apps } = config
  const isSameApps = apps.length === last.apps.length && apps.every(({ name }, at) => name === last.apps[at]!.name)
  return isSameApps && samePlainData(settingsOf(config), settingsIn(last))
}

function settingsOf(config: Config): SnapshotSettings {
  return {
    space: { name: config.space.name, region: config.space.region },
    insideRanges: insideRanges(config),
    trustedIpRanges: config.trustedIpRanges,
    onUntrusted: config.onUntrusted,
    trustedProxies: config.trustedProxies,
    limits: config.limits,
    timeouts: config.timeouts,
    headers: config.headers,
    dynoDrainMs: config.deploy.drainTimeoutMs,
  }
}

/** CIDRs of the sources that are inside: the space's own and those of its active networks. */
export function insideRanges(config: Pick<Config, 'space' | 'networks'>): string[] {
  const active = config.networks.filter((network) => network.state === 'active')
  return [config.space.cidr, ...active.flatMap((network) => network.cidrs)]
}

function appEntry(app: App): AppEntry {
  const { config } = app
  return {
    name: config.name,
    domains: config.domains,
    internalRouting: config.internalRouting,
    maintenance: config.maintenance ?? false,
    trustedIpRanges: config.trustedIpRanges,
    balance: config.balance,
    slowStartMs: config.slowStartMs,
    timeouts: config.timeouts,
    maxInFlightPerDyno: config.maxInFlightPerDyno,
    queue: config.queue,
    maxBodyBytes: config.maxBodyBytes,
    expectContinue: config.expectContinue,
    formation: formationCounts(app),
    dynos: entriesOf(app),
  }
}

function entriesOf(app: App): DynoEntry[] {
  const ready = readyOf(app)
  const entries = app.discovered.map((dyno): DynoEntry => ({ ...dyno, ready: ready.has(dyno.id), draining: false }))
  for (const { entry } of app.draining.values()) entries.push(entry)
  return entries.sort((one, other) => (one.id < other.id ? -1 : 1))
}

function readyOf({ discovered, health, config }: App): ReadonlySet<string> {
  return readyIds(
    discovered.map(({ id }) => id),
    health,
    config.healthCheck?.failClosed ?? false,
  )
}

function formationCounts(app: App): FormationCounts {
  const web = app.config.formation.find((formation) => formation.processType === 'web')
  const discovered = new Set(app.discovered.map((dyno) => dyno.id))
  const known = app.announced ?? { starting: 0, crashed: 0, up: [] }
  if (web?.source.kind === 'dns' && !app.answered) {
    // Nobody knows yet: requests wait for the first answer as they would for a boot.
    return { released: true, quantity: 1, starting: 1, crashed: 0 }
  }
  // Before its first check a dyno is about to come; one that fails is as good as gone.
  const ready = readyOf(app)
  const withheld = [...discovered].filter((id) => !ready.has(id))
  const failing = withheld.filter((id) => app.health?.get(id) === 'failing').length
  const arriving = known.up.filter((id) => !discovered.has(id)).length
  return {
    released: app.config.formation.length > 0,
    quantity: web ? wantedQuantity(web.source, Math.max(discovered.size, known.up.length)) : 0,
    starting: known.starting + arriving + withheld.length - failing,
    crashed: known.crashed + failing,
  }
}

/** What nobody tells of dynos that others run is how many there should be: as many as there are. */
function wantedQuantity(source: AppConfig['formation'][number]['source'], known: number): number {
  if (source.kind === 'command') return source.quantity ?? 1
  return source.kind === 'dynos' ? source.dynos.length : known
}
