import type { TrustedRange } from '../../model/snapshot.ts'

/**
 * What the control plane keeps over a restart, as it is on disk: plain data. A field that is added later gets its value in
 * EMPTY_APP_STATE or EMPTY_SPACE_STATE when an older file is read; a field that comes to mean something else takes another
 * STATE_VERSION.
 */
export const STATE_VERSION = 1

export interface AppState {
  /** Oldest first. */
  readonly releases: readonly ReleaseRecord[]
  /** Version of the release that the formation is to run; 0: none. */
  readonly current: number
  /** What the file said last of what dynos run: only a change of it makes a release. */
  readonly fileContents: string
  /** By process type: set through the API, where the file leaves it out. */
  readonly quantities: Readonly<Record<string, number>>
  readonly commands: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
  /** null: not set through the API. */
  readonly maintenance: boolean | null
  /** Under way, or the last one that ended; null: there was none. */
  readonly deploy: DeployRecord | null
  /** Dynos that somebody else runs and has announced here. */
  readonly registered: readonly RegisteredRecord[]
}

export interface ReleaseRecord {
  /** From 1. */
  readonly version: number
  readonly createdAtMs: number
  readonly by: string
  /** The operator's own words; '' when there are none. */
  readonly label: string
  /** `Deploy`, `Rollback to v5`, `Changed in the file` */
  readonly description: string
  /** By process type. */
  readonly processes: Readonly<Record<string, { readonly command: string; readonly cwd: string }>>
  readonly env: Readonly<Record<string, string>>
  readonly status: 'pending' | 'succeeded' | 'failed'
}

export interface DeployRecord {
  /** Version of the release that it brings, and of the one that ran before. */
  readonly release: number
  readonly from: number
  readonly by: string
  readonly startedAtMs: number
}

export interface RegisteredRecord {
  readonly processType: string
  readonly number: number
  readonly address: string
  readonly port: number
  readonly az: string
  readonly release: string
}

export interface SpaceState {
  /** Trusted ranges that were set through the API; null: none were, and everyone may come. */
  readonly inboundRuleset: InboundRuleset | null
  readonly zonesDown: readonly ZoneDown[]
}

export interface InboundRuleset {
  readonly rules: readonly TrustedRange[]
  /** Grows by one with every replacement. */
  readonly revision: number
  readonly changedAtMs: number
  readonly by: string
}

/** A zone that an operator marked down. */
export interface ZoneDown {
  readonly zone: string
  readonly by: string
  readonly sinceMs: number
}

export const EMPTY_APP_STATE: AppState = {
  releases: [],
  current: 0,
  fileContents: '',
  quantities: {},
  commands: {},
  env: {},
  maintenance: null,
  deploy: null,
  registered: [],
}

export const EMPTY_SPACE_STATE: SpaceState = { inboundRuleset: null, zonesDown: [] }

/** Who did what, when. */
export interface AuditEntry {
  /** ISO 8601 */
  readonly at: string
  /** Name of the token, or `socket` for whoever may use the Unix socket. */
  readonly by: string
  /** `maintenance`, `inbound-ruleset`, `deploy` */
  readonly action: string
  /** '' when it concerns the space. */
  readonly app: string
  /** What it came to, in plain data and without secrets. */
  readonly change: Readonly<Record<string, unknown>>
}
