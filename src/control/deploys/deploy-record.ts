import type { AppState, DeployPhase, DeployRecord, ReleaseRecord } from '../state/records.ts'

const ENDS: ReadonlySet<DeployPhase> = new Set(['succeeded', 'failed', 'aborted', 'superseded'])

/** Under way: neither never begun nor ended. */
export function underWay(record: DeployRecord | null): record is DeployRecord {
  return record !== null && !ENDS.has(record.phase)
}

/**
 * Version of the release that this dyno is to run; 0: none. All that a formation does follows from this: it is a function of what
 * is durable, so a new control process comes to the same answer.
 */
export function versionOf({ current, deploy }: AppState, processType: string, number: number): number {
  if (!underWay(deploy)) return current
  return deploy.moved[processType]?.[number] ?? deploy.from
}

export function releaseOf(state: AppState, version: number): ReleaseRecord | null {
  return state.releases.find((release) => release.version === version) ?? null
}

export type NewRelease = Omit<ReleaseRecord, 'version' | 'status' | 'createdAtMs'>

export interface DeployOptions {
  readonly surge: boolean
  readonly canary: number
  readonly baseline: DeployRecord['baseline']
  /** What the API's settings are to be once it has succeeded. */
  readonly commands: DeployRecord['commands']
  readonly env: DeployRecord['env']
}

/**
 * A deploy of a new release, which goes on from where one that is under way is: its dynos count as moved, to a release that is not
 * wanted any more.
 */
export function beginDeploy(state: AppState, release: NewRelease, options: DeployOptions, nowMs: number): AppState {
  const before = underWay(state.deploy) ? state.deploy : null
  const version = nextVersion(state)
  const releases = before === null ? state.releases : withStatus(state.releases, before.release, 'failed')
  return {
    ...state,
    releases: [...releases, { ...release, version, createdAtMs: nowMs, status: 'pending' }],
    deploy: {
      release: version,
      from: state.current,
      by: release.by,
      startedAtMs: nowMs,
      phase: 'replacing',
      phaseSinceMs: nowMs,
      reason: '',
      pauseAsked: false,
      aborted: false,
      batch: [],
      batchNumber: 0,
      moved: before?.moved ?? {},
      ...options,
    },
  }
}

/** A release that needs no deploy, since no dyno runs that it could replace. */
export function releaseAtOnce(state: AppState, release: NewRelease, nowMs: number): AppState {
  const version = nextVersion(state)
  const record: ReleaseRecord = { ...release, version, createdAtMs: nowMs, status: 'succeeded' }
  const releases = underWay(state.deploy) ? withStatus(state.releases, state.deploy.release, 'failed') : state.releases
  const deploy = underWay(state.deploy) ? ended(state.deploy, 'superseded', nowMs) : state.deploy
  return { ...state, releases: [...releases, record], current: version, deploy }
}

/** Back to the release before; `aborted`: because somebody asked for it. */
export function rollBack(state: AppState, reason: string, aborted: boolean, nowMs: number): AppState {
  const record = state.deploy!
  return {
    ...state,
    deploy: {
      ...record,
      phase: 'rolling-back',
      phaseSinceMs: nowMs,
      reason,
      aborted,
      pauseAsked: false,
      batch: [],
      batchNumber: 0,
    },
  }
}

/** Every dyno runs the new release. */
export function succeed(state: AppState, nowMs: number): AppState {
  const record = state.deploy!
  return {
    ...state,
    current: record.release,
    releases: withStatus(state.releases, record.release, 'succeeded'),
    commands: record.commands,
    env: record.env,
    deploy: ended(record, 'succeeded', nowMs),
  }
}

/** Every dyno runs the release before again. */
export function fail(state: AppState, nowMs: number): AppState {
  const record = state.deploy!
  return {
    ...state,
    releases: withStatus(state.releases, record.release, 'failed'),
    deploy: ended(record, record.aborted ? 'aborted' : 'failed', nowMs),
  }
}

/** Forgets the oldest releases; those that dynos run, or may have to go back to, are none of them. */
export function trimReleases(state: AppState, keep: number): AppState {
  const { deploy, current } = state
  const needed = new Set([current])
  if (underWay(deploy)) {
    for (const version of [deploy.release, deploy.from]) needed.add(version)
    for (const numbers of Object.values(deploy.moved)) for (const version of Object.values(numbers)) needed.add(version)
  }
  const surplus = state.releases.length - keep
  const releases = state.releases.filter(({ version }, index) => index >= surplus || needed.has(version))
  return releases.length === state.releases.length ? state : { ...state, releases }
}

/** Numbers that a formation does not have any more start as any other when they come back. */
export function forgetMoved(state: AppState, processType: string, quantity: number): AppState {
  const { deploy } = state
  const numbers = Object.entries(deploy?.moved[processType] ?? {})
  const left = numbers.filter(([number]) => Number(number) <= quantity)
  if (deploy === null || left.length === numbers.length) return state
  return { ...state, deploy: { ...deploy, moved: { ...deploy.moved, [processType]: Object.fromEntries(left) } } }
}

function ended(record: DeployRecord, phase: DeployPhase, nowMs: number): DeployRecord {
  return { ...record, phase, phaseSinceMs: nowMs, pauseAsked: false, batch: [], moved: {} }
}

function nextVersion(state: AppState): number {
  return Math.max(state.current, ...state.releases.map(({ version }) => version), 0) + 1
}

function withStatus(
  releases: readonly ReleaseRecord[],
  version: number,
  status: ReleaseRecord['status'],
): ReleaseRecord[] {
  return releases.map((release) => (release.version === version ? { ...release, status } : release))
}
