import type { Dyno, DynoState } from '../../model/dyno.ts'
import { dynoName } from '../../model/dyno.ts'
import type { DynoEntry } from '../../model/snapshot.ts'
import type { Health } from '../health/readiness.ts'
import { dynoId, endpoint } from '../registry.ts'

/** One line of `postern ps`. */
export interface DynoRow {
  readonly app: string
  /** `web.1` */
  readonly dyno: string
  readonly state: DynoState
  readonly az: string
  /** `127.10.1.1:5000` */
  readonly address: string
  readonly release: string
  readonly inFlight: number
  /** What its health checks say; '' when it has none. */
  readonly health: Health | ''
  /** Why the last check failed; '' when it passed. */
  readonly healthReason: string
  /** When the state was entered, ISO 8601; '' when nobody here can know. */
  readonly since: string
}

/** What only others know of a dyno, by its id. */
export interface DynoKnowledge {
  inFlight(id: string): number
  /** null: it is not checked. */
  healthOf(app: string, id: string): { readonly health: Health; readonly reason: string } | null
}

/** Of a dyno that was announced here. */
export function announcedRow(dyno: Dyno, known: DynoKnowledge): DynoRow {
  return {
    app: dyno.app,
    dyno: dynoName(dyno.processType, dyno.number),
    state: dyno.state,
    az: dyno.az,
    address: endpoint(dyno.address, dyno.port),
    release: dyno.release,
    ...knowledge(dyno.app, dynoId(dyno), known),
    since: new Date(dyno.sinceMs).toISOString(),
  }
}

/** Of a dyno that only another DNS server knows. */
export function discoveredRow(app: string, dyno: DynoEntry, known: DynoKnowledge): DynoRow {
  return {
    app,
    dyno: dyno.name,
    state: dyno.draining ? 'draining' : 'up',
    az: dyno.az,
    address: endpoint(dyno.address, dyno.port),
    release: dyno.release,
    ...knowledge(app, dyno.id, known),
    since: '',
  }
}

function knowledge(app: string, id: string, { inFlight, healthOf }: DynoKnowledge) {
  const checked = healthOf(app, id)
  return { inFlight: inFlight(id), health: checked?.health ?? ('' as const), healthReason: checked?.reason ?? '' }
}

/** By app, process type and number; `web.10` after `web.9`. */
export function byName(one: DynoRow, other: DynoRow): number {
  return (
    collator.compare(one.app, other.app) || collator.compare(one.dyno, other.dyno) || (one.since < other.since ? -1 : 1)
  )
}

const collator = new Intl.Collator('en', { numeric: true })
