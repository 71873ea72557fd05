import { isIPv6 } from 'node:net'
import type { Dyno } from '../model/dyno.ts'
import { dynoName } from '../model/dyno.ts'

/** What an update of the registry came to; an update that changes nothing tells nobody. */
export interface RegistryChange {
  readonly added: readonly Dyno[]
  readonly removed: readonly Dyno[]
  /** Same process, other state. */
  readonly changed: readonly { readonly before: Dyno; readonly after: Dyno }[]
  /** Names of the apps that the change concerns. */
  readonly apps: ReadonlySet<string>
}

/**
 * `shop/web.1/v3@127.10.1.1:5000`: one process as everyone in the router names it, whether it was announced here or
 * learned from DNS. Made of nothing but what DNS tells, so that it stays the same when the control plane starts again.
 */
export function dynoId(dyno: Pick<Dyno, 'app' | 'processType' | 'number' | 'release' | 'address' | 'port'>): string {
  const name = dynoName(dyno.processType, dyno.number)
  return `${dyno.app}/${name}/${dyno.release}@${endpoint(dyno.address, dyno.port)}`
}

/** `127.10.1.1:5000`, `[fd00::1]:5000`. */
export function endpoint(address: string, port: number): string {
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`
}

/**
 * The dynos that somebody announces: the runtimes of this router and the lists of the configuration. What is in here
 * goes into the embedded zone; the data plane learns of it from there, by DNS.
 */
export class DynoRegistry {
  readonly #apps = new Map<string, Map<string, Dyno>>()
  readonly #listeners = new Set<(change: RegistryChange) => void>()

  /** Announces and withdraws in one change, so that one that takes over from another leaves no gap between them. */
  update(announced: readonly Dyno[], withdrawn: readonly Dyno[] = []): void {
    const added: Dyno[] = []
    const removed: Dyno[] = []
    const changed: { before: Dyno; after: Dyno }[] = []
    for (const dyno of withdrawn) {
      const dynos = this.#apps.get(dyno.app)
      const before = dynos?.get(dynoId(dyno))
      if (!dynos || !before) continue
      dynos.delete(dynoId(dyno))
      if (dynos.size === 0) this.#apps.delete(dyno.app)
      removed.push(before)
    }
    for (const dyno of announced) {
      const dynos = this.#apps.get(dyno.app) ?? new Map<string, Dyno>()
      this.#apps.set(dyno.app, dynos)
      const before = dynos.get(dynoId(dyno))
      dynos.set(dynoId(dyno), dyno)
      if (!before) added.push(dyno)
      else if (before.state !== dyno.state || before.az !== dyno.az) changed.push({ before, after: dyno })
    }
    if (added.length + removed.length + changed.length === 0) return
    const apps = new Set<string>()
    for (const dyno of [...added, ...removed]) apps.add(dyno.app)
    for (const { after } of changed) apps.add(after.app)
    const change: RegistryChange = { added, removed, changed, apps }
    for (const listener of this.#listeners) listener(change)
  }

  /** Listeners are called in the order of subscription, before `update` returns. */
  subscribe(listener: (change: RegistryChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  ofApp(app: string): Dyno[] {
    return [...(this.#apps.get(app)?.values() ?? [])]
  }

  all(): Dyno[] {
    const dynos: Dyno[] = []
    for (const ofApp of this.#apps.values()) dynos.push(...ofApp.values())
    return dynos
  }
}
