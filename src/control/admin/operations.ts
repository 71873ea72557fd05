/** What operators may do with the router as a whole. */
export interface Operations {
  /** Reads the file again and takes it into use, or says why not. */
  reload(): Promise<ReloadOutcome>
  /** What `reload` would do now. */
  plan(): Promise<PlanOutcome>
  /** Begins to replace every process by one from the program on disk; without `supervisor` all but that one. */
  upgrade(supervisor: boolean): void
  processes(): ProcessTable
  /** What operators should know although traffic may come. */
  warnings(): string[]
}

export interface ReloadOutcome {
  readonly ok: boolean
  /** False: what is in the file is in use already. */
  readonly changed: boolean
  /** One line each; empty when it is ok. */
  readonly problems: readonly string[]
  /** What was changed, one line each. */
  readonly changes: readonly string[]
}

export interface PlanOutcome {
  readonly ok: boolean
  readonly problems: readonly string[]
  readonly changes: readonly string[]
  /** Tunnels that are open now and would be cut, by app. */
  readonly endedTunnels: readonly { readonly app: string; readonly tunnels: number }[]
}

export interface ProcessTable {
  readonly processes: readonly ProcessRow[]
  /** Where the router listens; of port 0 the one that it got. */
  readonly listeners: readonly { readonly name: string; readonly address: string }[]
  /** How the last upgrade went: '' there was none. */
  readonly upgrade: '' | 'running' | 'done' | 'failed'
}

export interface ProcessRow {
  /** `supervisor`, `control`, `worker.1` */
  readonly name: string
  readonly pid: number
  readonly state: 'starting' | 'up' | 'draining'
  /** When it was started, ISO 8601. */
  readonly since: string
  /** 0 for what is no worker. */
  readonly snapshotVersion: number
  readonly connections: number
  readonly inFlight: number
  readonly residentBytes: number
  /** Longest time for which its event loop stood still in the last second. */
  readonly eventLoopDelayMs: number
}
