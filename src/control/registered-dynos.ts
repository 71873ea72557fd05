import type { AppConfig, Config, RegisteredSource } from '../config/config.ts'
import { readName } from '../config/names.ts'
import { parseAddress } from '../model/address.ts'
import type { Dyno } from '../model/dyno.ts'
import { dynoName } from '../model/dyno.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Clock } from './clock.ts'
import { Refusal } from './refusal.ts'
import type { DynoRegistry } from './registry.ts'
import { dynoId, endpoint } from './registry.ts'
import type { RegisteredRecord } from './state/records.ts'
import type { StateStore } from './state/state-store.ts'

/** A dyno that somebody else runs, as they announce it. */
export interface Announcement {
  /** `web` when left out. */
  readonly processType?: string
  /** IPv4 or IPv6 text. */
  readonly address: string
  readonly port: number
  /** '' or left out: not known. */
  readonly az?: string
  readonly release?: string
}

export interface Registration {
  /** `web.3`: to renew and to withdraw it by. */
  readonly name: string
  /** ISO 8601: without a renewal it is gone then. */
  readonly expiresAt: string
}

/** So many of one process type; one more is refused. */
const MOST_DYNOS = 1000
const RELEASE = /^[A-Za-z0-9._-]{0,64}$/

interface Registered {
  readonly dyno: Dyno
  expiresAtMs: number
}

interface RegisteredContext {
  readonly store: StateStore
  readonly registry: DynoRegistry
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Dynos that an orchestrator runs and announces here, for as long as it renews them. Which there are is durable; how long each one has left is not, so that
 * a renewal costs no write: after a restart every one has the whole time again.
 */
export class RegisteredDynos {
  readonly #context: RegisteredContext
  /** By app, then by name. */
  readonly #apps = new Map<string, Map<string, Registered>>()
  /** By name, as the configuration has them. */
  #configs: ReadonlyMap<string, AppConfig> = new Map()
  #cancelSweep: (() => void) | null = null

  constructor(context: RegisteredContext) {
    this.#context = context
  }

  /** Announces what is in the state, and withdraws what the configuration has no place for any more. */
  apply(config: Config): void {
    const before = this.#configs
    this.#configs = new Map(config.apps.map((app) => [app.name, app]))
    const known = new Set([...this.#context.store.apps(), ...this.#apps.keys()])
    const names = [...known].filter((name) => {
      const formation = this.#configs.get(name)?.formation
      return formation === undefined || formation !== before.get(name)?.formation
    })
    for (const name of names) {
      const { registered } = this.#context.store.app(name)
      const kept = registered.filter(({ processType }) => this.#sourceOf(name, processType) !== null)
      if (kept.length < registered.length) this.#keep(name, () => kept)
    }
    this.#follow(names)
  }

  stop(): void {
    this.#cancelSweep?.()
    this.#cancelSweep = null
  }

  /**
   * Registers a dyno, or renews the one of this address and port: announcing again and again is as good as renewing. Resolves when it
   * is durable.
   * @throws Refusal not_found, conflict (the process type is not `registered`), invalid_params, unavailable
   */
  async announce(app: string, announcement: Announcement): Promise<Registration> {
    const { processType = 'web', address, port, az = '', release = '' } = announcement
    this.#requireSource(app, processType)
    const canonical = parseAddress(address)?.text
    if (canonical === undefined)
      throw new Refusal('invalid_params', `address: ${JSON.stringify(address)} is no IP address`)
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      throw new Refusal('invalid_params', `port: ${port} is not from 1 to 65535`)
    }
    if (az !== '' && 'wrong' in readName(az))
      throw new Refusal('invalid_params', `az: ${JSON.stringify(az)} is no zone`)
    if (!RELEASE.test(release)) {
      throw new Refusal('invalid_params', `release: give up to 64 of A-Z, a-z, 0-9, '.', '_' and '-'`)
    }
    const place = endpoint(canonical, port)
    const registered = this.#context.store.app(app).registered
    const ofType = registered.filter((record) => record.processType === processType)
    const known = ofType.find((record) => endpoint(record.address, record.port) === place)
    if (known === undefined && ofType.length >= MOST_DYNOS) {
      throw new Refusal('conflict', `${app} has ${MOST_DYNOS} registered ${processType} dynos, and may have no more`)
    }
    const number = known?.number ?? lowestFree(ofType.map((record) => record.number))
    const record = { processType, number, address: canonical, port, az, release }
    if (known?.az !== az || known.release !== release) {
      await this.#keep(app, (records) => [...records.filter((each) => each !== known), record])
    }
    this.#follow([app])
    return this.renew(app, dynoName(processType, number))
  }

  /** @throws Refusal not_found: it has expired, or was withdrawn; announce it again. */
  async renew(app: string, name: string): Promise<Registration> {
    const registered = this.#require(app, name)
    registered.expiresAtMs = this.#context.clock.now() + this.#ttlMs(app, registered.dyno.processType)
    return { name, expiresAt: new Date(registered.expiresAtMs).toISOString() }
  }

  /** It drains and is forgotten; resolves when that is durable. @throws Refusal not_found, unavailable */
  async withdraw(app: string, name: string): Promise<void> {
    const { dyno } = this.#require(app, name)
    await this.#keep(app, (records) => records.filter((record) => !isRecordOf(record, dyno)))
    this.#follow([app])
  }

  #require(app: string, name: string): Registered {
    const registered = this.#apps.get(app)?.get(name)
    if (registered === undefined) throw new Refusal('not_found', `${app} has no registered dyno ${name}`)
    return registered
  }

  #requireSource(app: string, processType: string): void {
    if (!this.#configs.has(app)) throw new Refusal('not_found', `there is no app ${app}`)
    if (this.#sourceOf(app, processType) !== null) return
    throw new Refusal('conflict', `${processType} of ${app} is not 'registered' in the configuration`)
  }

  #sourceOf(app: string, processType: string): RegisteredSource | null {
    const source = this.#configs.get(app)?.formation.find((each) => each.processType === processType)?.source
    return source?.kind === 'registered' ? source : null
  }

  #ttlMs(app: string, processType: string): number {
    return this.#sourceOf(app, processType)?.ttlMs ?? 0
  }

  #keep(app: string, change: (records: readonly RegisteredRecord[]) => readonly RegisteredRecord[]): Promise<void> {
    const kept = this.#context.store.updateApp(app, (state) => ({ ...state, registered: change(state.registered) }))
    kept.catch((error: Error) => this.#context.log.error({ app }, `registered dynos: ${error.message}`))
    return kept
  }

  /** What is in the registry becomes what is in the state. */
  #follow(apps: Iterable<string>): void {
    for (const app of apps) this.#followApp(app)
    this.#sweepLater()
  }

  #followApp(app: string): void {
    const { store, registry, clock } = this.#context
    const before = this.#apps.get(app) ?? new Map<string, Registered>()
    const now = new Map<string, Registered>()
    for (const record of store.app(app).registered) {
      const name = dynoName(record.processType, record.number)
      const known = before.get(name)
      if (known !== undefined && isRecordOf(record, known.dyno)) {
        now.set(name, known)
        continue
      }
      const sinceMs = clock.now()
      const expiresAtMs = sinceMs + this.#ttlMs(app, record.processType)
      now.set(name, { dyno: { app, ...record, state: 'up', sinceMs }, expiresAtMs })
    }
    const ids = new Set([...now.values()].map(({ dyno }) => dynoId(dyno)))
    const gone = [...before.values()].filter(({ dyno }) => !ids.has(dynoId(dyno)))
    if (now.size === 0) this.#apps.delete(app)
    else this.#apps.set(app, now)
    registry.update(
      [...now.values()].map(({ dyno }) => dyno),
      gone.map(({ dyno }) => dyno),
    )
  }

  #sweepLater(): void {
    this.#cancelSweep?.()
    this.#cancelSweep = null
    let nextMs = Number.POSITIVE_INFINITY
    for (const app of this.#apps.values())
      for (const { expiresAtMs } of app.values()) nextMs = Math.min(nextMs, expiresAtMs)
    if (nextMs === Number.POSITIVE_INFINITY) return
    const { clock } = this.#context
    this.#cancelSweep = clock.after(Math.max(SHORTEST_SWEEP_MS, nextMs - clock.now()), () => this.#sweep())
  }

  #sweep(): void {
    const nowMs = this.#context.clock.now()
    for (const [app, registered] of [...this.#apps]) {
      const expired = [...registered].filter(([, { expiresAtMs }]) => expiresAtMs <= nowMs)
      if (expired.length === 0) continue
      for (const [name] of expired) this.#context.log.warn({ app, dyno: name }, 'was not renewed, and is gone')
      // One that cannot be written comes back, to be tried again: better than to send requests nowhere after a restart.
      void this.#keep(app, (records) =>
        records.filter((record) => !expired.some(([, { dyno }]) => isRecordOf(record, dyno))),
      ).catch(() => this.#follow([app]))
      this.#followApp(app)
    }
    this.#sweepLater()
  }
}

/** Renewals come meanwhile, and a state that cannot be written is not tried in a loop. */
const SHORTEST_SWEEP_MS = 500

function isRecordOf(record: RegisteredRecord, dyno: Dyno): boolean {
  const { processType, number, address, port, az, release } = record
  return az === dyno.az && dynoId({ app: dyno.app, processType, number, address, port, release }) === dynoId(dyno)
}

function lowestFree(numbers: readonly number[]): number {
  const used = new Set(numbers)
  let number = 1
  while (used.has(number)) number++
  return number
}
