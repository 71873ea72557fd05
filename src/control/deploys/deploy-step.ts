import type { SlotCondition } from '../dyno-slot.ts'
import type { EventContent } from '../events.ts'
import type { AppState, DeployRecord } from '../state/records.ts'
import { fail, rollBack, succeed, versionOf } from './deploy-record.ts'
import type { Verdict } from './gate.ts'
import type { Batch, Stock } from './plan.ts'
import { planBatches } from './plan.ts'

/** A number of a formation as it really is. */
export interface DynoFact extends SlotCondition {
  readonly number: number
}

/** The dynos of a process type, from 1 to as many as there are to be. */
export interface StockFacts {
  readonly processType: string
  readonly dynos: readonly DynoFact[]
}

/** What a step is decided by. */
export interface DeployFacts {
  readonly stocks: readonly StockFacts[]
  /** Of the dynos that are watched. */
  verdict(whole: boolean): Verdict
  readonly batchPercent: number
  readonly holdMs: number
  readonly nowMs: number
}

export interface Step {
  /** To be made durable before anything is done about it. */
  readonly state: AppState
  /** To be told after that. */
  readonly events: readonly EventContent[]
}

/**
 * The next step of the deploy under way; null: it has to wait. Pure, and the same whoever asks: a step that was made durable and not
 * acted on is acted on by the next control process, and one that was not made durable is decided again.
 */
export function nextStep(state: AppState, facts: DeployFacts): Step | null {
  const record = state.deploy!
  switch (record.phase) {
    case 'replacing': {
      const crashed = dynosOf(record.batch, facts).find((dyno) => dyno.crashed)
      if (crashed) return back(state, `${crashed.name} did not come up: ${crashed.reason}`, facts)
      if (!isSettled(record.batch, facts)) return null
      return record.batch.length > 0 ? watch(state, facts) : nextBatch(state, facts)
    }
    case 'watching':
      return judgeBatch(state, facts)
    case 'rolling-back':
      // As long as it takes: there is nothing better to go to. Another deploy may take its place.
      return isSettled(record.batch, facts) ? nextBatch(state, facts) : null
    default:
      return null
  }
}

/** Batches that are still to come, the present one left out. */
export function batchesLeft(state: AppState, facts: Pick<DeployFacts, 'stocks' | 'batchPercent'>): Batch[] {
  const record = state.deploy!
  const target = record.phase === 'rolling-back' ? record.from : record.release
  const stocks = facts.stocks.map(({ processType, dynos }): Stock => {
    // What does not serve anyway comes first, then what nobody wants any more: so the fewest are missed.
    const rank = ({ number, settled }: DynoFact) => {
      if (!settled) return 0
      const version = versionOf(state, processType, number)
      return version !== record.from && version !== record.release ? 1 : 2
    }
    const left = dynos.filter(({ number }) => versionOf(state, processType, number) !== target)
    left.sort((one, other) => rank(one) - rank(other) || one.number - other.number)
    return { processType, quantity: dynos.length, numbers: left.map(({ number }) => number) }
  })
  const isFirst = record.phase === 'replacing' && record.batchNumber === 0
  return planBatches(stocks, {
    // Where nothing ran before there is nothing to keep serving.
    batchPercent: record.from === 0 ? 100 : facts.batchPercent,
    surge: record.surge,
    canary: isFirst ? record.canary : 0,
  })
}

function nextBatch(state: AppState, facts: DeployFacts): Step {
  const record = state.deploy!
  const [batch] = batchesLeft(state, facts)
  if (batch === undefined) return finish(state, facts)
  const isBack = record.phase === 'rolling-back'
  const batchNumber = record.batchNumber + 1
  const moved = moveBatch(record, batch, isBack ? null : record.release)
  return {
    state: { ...state, deploy: { ...record, phaseSinceMs: facts.nowMs, batch, batchNumber, moved } },
    events: [batchEvent(isBack ? 'rolling-back' : 'replacing', record, batch, batchNumber)],
  }
}

function watch(state: AppState, facts: DeployFacts): Step {
  const record = state.deploy!
  const { batch, batchNumber } = record
  return {
    state: { ...state, deploy: { ...record, phase: 'watching', phaseSinceMs: facts.nowMs } },
    events: [batchEvent('up', record, batch, batchNumber)],
  }
}

function judgeBatch(state: AppState, facts: DeployFacts): Step | null {
  const record = state.deploy!
  // All dynos of the release, those of earlier batches too: one that was up and is not has crashed, whoever saw it.
  for (const { processType, dynos } of facts.stocks) {
    const lost = dynos.find(
      ({ number, serving, crashed }) =>
        (crashed || !serving) && versionOf(state, processType, number) === record.release,
    )
    if (lost) {
      const how = lost.crashed ? `crashed: ${lost.reason}` : lost.reason || 'had to be started again'
      return back(state, `${processType}.${lost.number} ${how}`, facts)
    }
  }
  const whole = facts.nowMs >= record.phaseSinceMs + facts.holdMs
  const verdict = facts.verdict(whole)
  if (!verdict.passed) return withGate(back(state, verdict.reason, facts), record, verdict)
  if (!whole) return null
  const passed: DeployRecord = { ...record, phase: 'replacing', phaseSinceMs: facts.nowMs, batch: [] }
  const next = { ...state, deploy: passed }
  if (batchesLeft(next, facts).length === 0) return withGate(finish(next, facts), record, verdict)
  const isCanary = record.canary > 0 && record.batchNumber === 1
  if (!isCanary && !record.pauseAsked) return withGate(nextBatch(next, facts), record, verdict)
  const reason = record.pauseAsked ? 'asked to pause' : 'canary'
  const paused: DeployRecord = { ...passed, phase: 'paused', reason, pauseAsked: false }
  return withGate(
    { state: { ...state, deploy: paused }, events: [deployEvent('paused', record, reason)] },
    record,
    verdict,
  )
}

function back(state: AppState, reason: string, facts: DeployFacts): Step {
  return {
    state: rollBack(state, reason, false, facts.nowMs),
    events: [deployEvent('rolling-back', state.deploy!, reason)],
  }
}

function finish(state: AppState, facts: DeployFacts): Step {
  const record = state.deploy!
  const next = record.phase === 'rolling-back' ? fail(state, facts.nowMs) : succeed(state, facts.nowMs)
  const { phase, reason } = next.deploy!
  const status = phase === 'succeeded' ? 'succeeded' : 'failed'
  const release: EventContent = { kind: 'release', release: `v${record.release}`, status }
  return { state: next, events: [deployEvent(phase, record, reason), release] }
}

function moveBatch(record: DeployRecord, batch: Batch, version: number | null): DeployRecord['moved'] {
  const moved: Record<string, Record<string, number>> = {}
  for (const [processType, numbers] of Object.entries(record.moved)) moved[processType] = { ...numbers }
  for (const { processType, numbers } of batch) {
    moved[processType] ??= {}
    for (const number of numbers) {
      if (version === null) delete moved[processType][number]
      else moved[processType][number] = version
    }
  }
  return moved
}

function dynosOf(batch: Batch, facts: DeployFacts): (DynoFact & { readonly name: string })[] {
  return batch.flatMap(({ processType, numbers }) => {
    const dynos = facts.stocks.find((stock) => stock.processType === processType)?.dynos ?? []
    // What was scaled away meanwhile is not waited for.
    return dynos
      .filter(({ number }) => numbers.includes(number))
      .map((dyno) => ({ ...dyno, name: `${processType}.${dyno.number}` }))
  })
}

function isSettled(batch: Batch, facts: DeployFacts): boolean {
  return dynosOf(batch, facts).every(({ settled }) => settled)
}

export function dynoNames(batch: Batch): string[] {
  return batch.flatMap(({ processType, numbers }) => numbers.map((number) => `${processType}.${number}`))
}

export function deployEvent(phase: string, { release, from }: DeployRecord, reason = ''): EventContent {
  return { kind: 'deploy', phase, release: `v${release}`, from: from === 0 ? '' : `v${from}`, reason }
}

function batchEvent(step: string, { release }: DeployRecord, batch: Batch, number: number): EventContent {
  return { kind: 'batch', step, release: `v${release}`, number, dynos: dynoNames(batch) }
}

function withGate({ state, events }: Step, { release, batchNumber }: DeployRecord, verdict: Verdict): Step {
  const gate: EventContent = { kind: 'gate', release: `v${release}`, batch: batchNumber, ...verdict }
  return { state, events: [gate, ...events] }
}
