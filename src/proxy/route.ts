import type { App, CompiledSnapshot } from '../model/compiled-snapshot.ts'
import { type AppEntry, mayBeClaimed } from '../model/snapshot.ts'

/** Codes of an app that cannot serve now; '' when it can, perhaps after a wait. */
export type OutOfService = '' | 'H80' | UnservableCode
/** Codes that no wait can mend. */
export type UnservableCode = 'H10' | 'H14' | 'H81'

/**
 * The app that a host names, for this client; null: no such app (P02). An internal app does not exist for an outside client, by the same
 * null and by the same number of lookups as a host that was never configured.
 */
export function findApp(snapshot: CompiledSnapshot, host: string, inside: boolean): App | null {
  const index = (inside ? snapshot.hosts.inside : snapshot.hosts.outside).find(host)
  return index === -1 ? null : snapshot.apps[index]!
}

/** Why a request for this app is answered at once by the router: maintenance before anything about its dynos. */
export function outOfService(app: App): OutOfService {
  return app.entry.maintenance ? 'H80' : unservable(app.entry)
}

/**
 * Why no dyno can take a request and waiting for one is vain; '' when one is ready or may become so. Dynos that drain or are not ready do not count: they take no
 * new request. When none is ready, none starting and none known to have crashed, one is on its way between two states: worth the wait.
 */
export function unservable(entry: AppEntry): '' | UnservableCode {
  const formation = entry.formation
  if (!formation.released) return 'H81'
  if (formation.quantity === 0) return 'H14'
  if (formation.crashed > 0 && formation.starting === 0 && !entry.dynos.some(mayBeClaimed)) return 'H10'
  return ''
}
