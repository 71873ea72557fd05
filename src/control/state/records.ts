import type { ExecCommands } from '../../config/config.ts'
import type { TrustedRange } from '../../model/snapshot.ts'
import type { Sample } from '../deploys/gate.ts'
import type { Batch } from '../deploys/plan.ts'

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

/** What the dynos of a process type run. */
export interface ProcessRecord {
  readonly command: string
  /** Absolute. */
  readonly cwd: string
  /** The command starts a dyno somewhere and ends; left out: it is the dyno. */
  readonly exec?: ExecCommands
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
  readonly processes: Readonly<Record<string, ProcessRecord>>
  readonly env: Readonly<Record<string, string>>
  readonly status: 'pending' | 'succeeded' | 'failed'
}

/** Where a deploy stands; the last four are ends. docs/deploys.md draws it. */
export type DeployPhase =
  /** The dynos of `batch` are replaced by such of the new release; an empty batch: the next one is to begin. */
  | 'replacing'
  /** They are up, and are looked at for the hold time. */
  | 'watching'
  /** Between two batches, until somebody says `resume`. */
  | 'paused'
  /** The dynos of `batch` are replaced by such of the release before. */
  | 'rolling-back'
  | 'succeeded'
  /** A gate failed; every dyno runs the release before again. */
  | 'failed'
  /** The same, but somebody asked for it. */
  | 'aborted'
  /** Another deploy went on from where this one was. */
  | 'superseded'

/** All that a control process needs to go on with a deploy. */
export interface DeployRecord {
  /** Version of the release that it brings, and of the one that ran before; 0: none did. */
  readonly release: number
  readonly from: number
  readonly by: string
  readonly startedAtMs: number
  readonly surge: boolean
  /** Dynos of the first batch, after which it is paused; 0: like the other batches. */
  readonly canary: number
  readonly phase: DeployPhase
  readonly phaseSinceMs: number
  /** Why it is paused, rolled back or failed; '' when it is not. */
  readonly reason: string
  /** To be paused after this batch. */
  readonly pauseAsked: boolean
  /** That it is rolled back was asked for. */
  readonly aborted: boolean
  /** Being replaced or watched. */
  readonly batch: Batch
  /** Of `batch`, from 1; 0 before the first. Counted anew for the way back. */
  readonly batchNumber: number
  /** By process type and number: the release of every dyno that is not to run `from`. */
  readonly moved: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** How the release before did until it began; null: nobody had counted. */
  readonly baseline: Sample | null
  /** What the API's settings are once it has succeeded. */
  readonly commands: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
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
