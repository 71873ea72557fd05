import type { AppState, DeployPhase } from '../state/records.ts'
import { underWay, versionOf } from './deploy-record.ts'
import type { StockFacts } from './deploy-step.ts'
import { batchesLeft, dynoNames } from './deploy-step.ts'

/** How a deploy stands, for people and programs. */
export interface DeployStatus {
  readonly app: string
  /** `v8` */
  readonly release: string
  /** The release before: `v7`; '' there was none. */
  readonly from: string
  readonly by: string
  readonly label: string
  readonly phase: DeployPhase
  /** It has not ended. */
  readonly underWay: boolean
  /** Why it is paused, is rolled back or failed; '' otherwise. */
  readonly reason: string
  /** It is paused after this batch. */
  readonly pauseAsked: boolean
  /** The batch that is replaced or watched, from 1; while it is rolled back, of the way back. 0: before the first. */
  readonly batch: number
  /** How many batches there are by what is known now. */
  readonly batches: number
  /** Of the present batch: `web.1`. */
  readonly batchDynos: readonly string[]
  /** Dynos that run, or are to run, the new release. */
  readonly moved: number
  readonly dynos: number
  /** ISO 8601; `since`: of the phase, or of the batch. */
  readonly startedAt: string
  readonly since: string
}

/** null: there was no deploy. */
export function deployStatus(
  app: string,
  state: AppState,
  stocks: readonly StockFacts[],
  batchPercent: number,
): DeployStatus | null {
  const { deploy, releases } = state
  if (deploy === null) return null
  const active = underWay(deploy)
  const all = stocks.flatMap(({ processType, dynos }) => dynos.map(({ number }) => ({ processType, number })))
  const moved = all.filter(({ processType, number }) => versionOf(state, processType, number) === deploy.release)
  const left = active ? batchesLeft(state, { stocks, batchPercent }).length : 0
  return {
    app,
    release: `v${deploy.release}`,
    from: deploy.from === 0 ? '' : `v${deploy.from}`,
    by: deploy.by,
    label: releases.find(({ version }) => version === deploy.release)?.label ?? '',
    phase: deploy.phase,
    underWay: active,
    reason: deploy.reason,
    pauseAsked: deploy.pauseAsked,
    batch: deploy.batchNumber,
    batches: deploy.batchNumber + left,
    batchDynos: dynoNames(deploy.batch),
    moved: moved.length,
    dynos: all.length,
    startedAt: new Date(deploy.startedAtMs).toISOString(),
    since: new Date(deploy.phaseSinceMs).toISOString(),
  }
}
