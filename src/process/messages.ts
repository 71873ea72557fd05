import type { ListenerConfig, LogConfig } from '../config/config.ts'
import type { ConfigParts } from '../config/config-parts.ts'
import type { Launch } from '../control/runtimes/runtime.ts'
import type { TallyCounts } from '../model/dyno-observation.ts'
import type { CounterDump } from '../telemetry/counter-dump.ts'
import type { AppTexts } from './app-texts.ts'
import type { SnapshotParts } from './snapshot-parts.ts'

/**
 * What the processes say to each other. Control and workers know the supervisor only, which passes on what is for the other
 * side. Messages of one sender arrive in order; those of a process that ended may be lost.
 */

/** Goes up with every change of what is said: a supervisor goes on while control and workers are upgraded, to a version that may say other things. */
export const PROTOCOL = 1

// --- Supervisor and control ------------------------------------------------------------------------------------------

export type ControlToSupervisor =
  /** The program is loaded: it could take over. */
  | { readonly kind: 'loaded' }
  | { readonly kind: 'serving' }
  /** It cannot begin: a line for the operator. */
  | { readonly kind: 'unable'; readonly message: string }
  | { readonly kind: 'alive' }
  | { readonly kind: 'snapshot'; readonly parts: SnapshotParts }
  /** Answered by `listened`. */
  | { readonly kind: 'listen'; readonly id: number; readonly listeners: readonly ListenerConfig[] }
  /** What is different in the configuration in use. */
  | { readonly kind: 'config'; readonly parts: ConfigParts }
  | DynoOrder
  /** What `snapshot` may bring next: which tunnels that would end. Answered by one `judged` of each worker. */
  | { readonly kind: 'judge'; readonly id: number; readonly parts: SnapshotParts }
  | { readonly kind: 'upgrade'; readonly supervisor: boolean }
  /** No web dyno boots any more: asked for by `awaitBoots`. */
  | { readonly kind: 'booted' }

/** For the host of the dynos. `id` names one run of a program. */
export type DynoOrder =
  | { readonly kind: 'launch'; readonly id: string; readonly launch: Launch }
  | { readonly kind: 'stopInstance'; readonly id: string; readonly graceMs: number }
  | { readonly kind: 'killInstance'; readonly id: string }

export type SupervisorToControl =
  /** The first: begin, or go on where another one ended. */
  | { readonly kind: 'takeOver'; readonly heritage: Heritage }
  | { readonly kind: 'processes'; readonly status: ProcessStatus }
  | { readonly kind: 'report'; readonly worker: number; readonly report: WorkerReport }
  | { readonly kind: 'listened'; readonly id: number; readonly problem: string }
  | { readonly kind: 'judged'; readonly id: number; readonly tunnels: ReadonlyMap<string, number> }
  | DynoNews
  | { readonly kind: 'reload' }
  | { readonly kind: 'awaitBoots' }
  /** Let go of sockets and end, without ending anything that runs. */
  | { readonly kind: 'relinquish' }
  | { readonly kind: 'announceStop' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'hurry' }

export type DynoNews =
  | { readonly kind: 'launched'; readonly id: string }
  | { readonly kind: 'launchFailed'; readonly id: string; readonly message: string; readonly portTaken: boolean }
  | { readonly kind: 'ended'; readonly id: string; readonly how: string }

/** What a control process needs to go on where another one ended. */
export interface Heritage {
  readonly config: ConfigParts
  /** null: it is the first. */
  readonly snapshot: SnapshotParts | null
  readonly instances: readonly { readonly id: string; readonly launch: Launch; readonly stopping: boolean }[]
  readonly status: ProcessStatus
  readonly reports: readonly { readonly worker: number; readonly report: WorkerReport }[]
}

export interface ProcessStatus {
  readonly supervisor: ProcessFacts
  readonly control: ProcessFacts
  readonly workers: readonly WorkerFacts[]
  /** Processes started in place of one that failed. */
  readonly restarts: { readonly worker: number; readonly control: number }
  /** What processes that ended had counted; null: nothing. */
  readonly retired: CounterDump | null
  readonly listeners: readonly { readonly name: string; readonly address: string }[]
  readonly upgrade: '' | 'running' | 'done' | 'failed'
}

export interface ProcessFacts {
  readonly pid: number
  /** Unix milliseconds. */
  readonly sinceMs: number
}

export interface WorkerFacts extends ProcessFacts {
  /** Never used twice. */
  readonly id: number
  /** From 1 to the number of workers; its successor gets the same. */
  readonly slot: number
  readonly state: 'starting' | 'up' | 'draining'
}

// --- Supervisor and workers ------------------------------------------------------------------------------------------

export type SupervisorToWorker =
  | { readonly kind: 'begin'; readonly slot: number; readonly log: LogConfig }
  /** Apps of the `snapshot` or `judge` that comes next, which has no others: a large message is read at one go, several small ones are not. */
  | { readonly kind: 'apps'; readonly apps: AppTexts }
  | { readonly kind: 'snapshot'; readonly parts: SnapshotParts }
  /** With the handle of the bound socket, for the next `listen`. */
  | { readonly kind: 'socket'; readonly listener: string }
  /** Answered by `listened`. */
  | { readonly kind: 'listen'; readonly id: number; readonly listeners: readonly ListenerConfig[] }
  | { readonly kind: 'judge'; readonly id: number; readonly parts: SnapshotParts }
  /** Take no more connections, let those that are open end, and end. */
  | { readonly kind: 'drain'; readonly requestsMs: number; readonly tunnelsMs: number }
  | { readonly kind: 'hurry' }
  | { readonly kind: 'reopenLogs' }

export type WorkerToSupervisor =
  | { readonly kind: 'report'; readonly report: WorkerReport }
  | { readonly kind: 'listened'; readonly id: number; readonly problem: string }
  | { readonly kind: 'judged'; readonly id: number; readonly tunnels: ReadonlyMap<string, number> }

export interface WorkerReport {
  /** The snapshot in force when this was written: the report confirms it. */
  readonly version: number
  /** Dyno ids, and how many requests and tunnels are in flight on each; those with none are left out. */
  readonly inFlight: readonly (readonly [dynoId: string, count: number])[]
  readonly connections: number
  readonly residentBytes: number
  /** Longest time for which its event loop stood still in the last second. */
  readonly eventLoopDelayMs: number
  /** What the requests of each dyno came to since the last report; dynos without any are left out. */
  readonly tallies: readonly (readonly [dynoId: string, counts: TallyCounts])[]
  /** null: not counted this time. */
  readonly counters: CounterDump | null
}
