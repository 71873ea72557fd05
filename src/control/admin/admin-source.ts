import type { Config } from '../../config/config.ts'
import type { EventLog } from '../events.ts'
import type { Settings } from '../settings.ts'
import type { StateStore } from '../state/state-store.ts'
import type { DeployDoor, RegisteredDoor, ZoneDoor } from './doors.ts'
import type { DynoRow } from './dyno-rows.ts'
import type { Operations } from './operations.ts'
import type { Topology } from './topology.ts'

/** What the routes show and what they may do. */
export interface AdminSource {
  /** In use: with what was set through the API. */
  config(): Config
  /** Why traffic should not be sent here; none: it may. */
  notReady(): string[]
  dynos(): DynoRow[]
  topology(): Topology
  /** Metrics as Prometheus text. */
  exposition(): Promise<string>
  readonly settings: Settings
  readonly state: StateStore
  readonly events: EventLog
  readonly deploys: DeployDoor
  readonly zones: ZoneDoor
  readonly registered: RegisteredDoor
  /** null: a router in one process, which has none of these. */
  readonly operations: Operations | null
}
