import type { Dyno, DynoState } from '../../model/dyno.ts'
import { dynoName } from '../../model/dyno.ts'
import type { DynoEntry } from '../../model/snapshot.ts'
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
  /** When the state was entered, ISO 8601; '' when nobody here can know. */
  readonly since: string
}

/** Of a dyno that was announced here. */
export function announcedRow(dyno: Dyno, inFlight: (id: string) => number): DynoRow {
  return {
    app: dyno.app,
    dyno: dynoName(dyno.processType, dyno.number),
    state: dyno.state,
    az: dyno.az,
    address: endpoint(dyno.address, dyno.port),
    release: dyno.release,
    inFlight: inFlight(dynoId(dyno)),
    since: new Date(dyno.sinceMs).toISOString(),
  }
}

/** Of a dyno that only another DNS server knows. */
export function discoveredRow(app: string, dyno: DynoEntry, inFlight: (id: string) => number): DynoRow {
  return {
    app,
    dyno: dyno.name,
    state: dyno.draining ? 'draining' : 'up',
    az: dyno.az,
    address: endpoint(dyno.address, dyno.port),
    release: dyno.release,
    inFlight: inFlight(dyno.id),
    since: '',
  }
}

/** By app, process type and number; `web.10` after `web.9`. */
export function byName(one: DynoRow, other: DynoRow): number {
  return (
    collator.compare(one.app, other.app) || collator.compare(one.dyno, other.dyno) || (one.since < other.since ? -1 : 1)
  )
}

const collator = new Intl.Collator('en', { numeric: true })
