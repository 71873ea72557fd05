import t from 'tap'
import { DynoTally, firstByteCell } from '../../src/model/dyno-observation.ts'
import type { ProcessStatus } from '../../src/process/messages.ts'
import type { SnapshotParts } from '../../src/process/snapshot-parts.ts'
import { WorkerFleet } from '../../src/process/worker-fleet.ts'
import { appEntry, snapshotData } from '../support/snapshot-data.ts'

// The threat: a dyno is ended while a worker that was not told yet, or has not said so yet, has a request on it.

const facts = { pid: 1, sinceMs: 0 }

function status(...ids: number[]): ProcessStatus {
  return {
    supervisor: facts,
    control: facts,
    workers: ids.map((id) => ({ id, slot: id, state: 'up', ...facts })),
    restarts: { worker: 0, control: 0 },
    retired: null,
    listeners: [],
    upgrade: '',
  }
}

function snapshot(version: number, ...draining: boolean[]) {
  return snapshotData({
    version,
    apps: [appEntry('shop', { dynos: draining.map((draining, index) => ({ id: `dyno ${index + 1}`, draining })) })],
  })
}

function report(version: number, inFlight: Record<string, number> = {}) {
  return {
    version,
    inFlight: Object.entries(inFlight),
    connections: 0,
    residentBytes: 0,
    eventLoopDelayMs: 0,
    tallies: [],
    counters: null,
  }
}

t.test('what is in flight is what all workers have', async (t) => {
  const fleet = new WorkerFleet(() => {})
  fleet.know(status(1, 2))
  fleet.apply(snapshot(1, false))
  fleet.heard(1, report(1, { 'dyno 1': 2 }))
  fleet.heard(2, report(1, { 'dyno 1': 3 }))
  t.equal(fleet.inFlight('dyno 1'), 5)
  t.equal(fleet.inFlight('another'), 0)
})

t.test('a draining dyno has something in flight until every worker has confirmed that and has none', async (t) => {
  const fleet = new WorkerFleet(() => {})
  fleet.know(status(1, 2))
  fleet.apply(snapshot(1, false, false))
  fleet.heard(1, report(1))
  fleet.heard(2, report(1))
  t.equal(fleet.inFlight('dyno 1'), 0)
  fleet.apply(snapshot(2, true, false))
  t.equal(fleet.inFlight('dyno 1'), 1, 'nobody was told')
  t.equal(fleet.inFlight('dyno 2'), 0)
  fleet.heard(1, report(2))
  t.equal(fleet.inFlight('dyno 1'), 1, 'one was not')
  fleet.heard(2, report(1))
  t.equal(fleet.inFlight('dyno 1'), 1, 'it counted none, but by the old snapshot')
  fleet.heard(2, report(2, { 'dyno 1': 1 }))
  t.equal(fleet.inFlight('dyno 1'), 1)
  fleet.heard(2, report(2))
  t.equal(fleet.inFlight('dyno 1'), 0)
})

t.test('a dyno that left with its app drains like any other', async (t) => {
  const fleet = new WorkerFleet(() => {})
  fleet.know(status(1))
  fleet.apply(snapshot(1, false))
  fleet.heard(1, report(1))
  fleet.apply(snapshotData({ version: 2, apps: [] }))
  t.equal(fleet.inFlight('dyno 1'), 1)
  fleet.heard(1, report(2))
  t.equal(fleet.inFlight('dyno 1'), 0)
})

t.test('a worker that starts meanwhile has to confirm too, and one that is gone has not', async (t) => {
  const fleet = new WorkerFleet(() => {})
  fleet.know(status(1))
  fleet.apply(snapshot(1, false))
  fleet.heard(1, report(1))
  fleet.apply(snapshot(2, true))
  fleet.know(status(1, 2))
  fleet.heard(1, report(2))
  t.equal(fleet.inFlight('dyno 1'), 1)
  fleet.know(status(1))
  t.equal(fleet.inFlight('dyno 1'), 0)
})

t.test('after a restart of control what drained before still has to be confirmed', async (t) => {
  const fleet = new WorkerFleet(() => {})
  fleet.know(status(1))
  fleet.resume(snapshot(7, true))
  fleet.heard(1, report(6))
  t.equal(fleet.inFlight('dyno 1'), 1)
  fleet.heard(1, report(7))
  t.equal(fleet.inFlight('dyno 1'), 0)
})

t.test('what dynos did is what all workers have counted, for as long as a snapshot has them', async (t) => {
  const fleet = new WorkerFleet(() => {})
  fleet.know(status(1, 2))
  fleet.apply(snapshot(1, false, false))
  t.match(fleet.observed('dyno 1'), { requests: 0, failures: 0 })
  const one = new DynoTally()
  one.count(false, 7)
  one.count(true, -1)
  const tallies = [
    ['dyno 1', one.take()!],
    ['a dyno of the past', [0, 1]],
  ] as const
  fleet.heard(1, { ...report(1), tallies })
  one.count(false, 7)
  fleet.heard(2, { ...report(1), tallies: [['dyno 1', one.take()!]] })
  t.match(fleet.observed('dyno 1'), { requests: 3, failures: 1 })
  t.equal(fleet.observed('dyno 1')!.firstByteCells[firstByteCell(7)], 2)
  t.match(fleet.observed('dyno 2'), { requests: 0 })
  t.equal(fleet.observed('a dyno of the past'), null)
  fleet.know(status(2))
  t.match(fleet.observed('dyno 1'), { requests: 3 }, 'what a worker counted outlives it')
  fleet.apply(snapshot(2, true, false))
  t.match(fleet.observed('dyno 1'), { requests: 3 })
  fleet.apply(snapshotData({ version: 3, apps: [appEntry('shop', { dynos: [{ id: 'dyno 2' }] })] }))
  t.equal(fleet.observed('dyno 1'), null)
})

t.test('a preview is the difference to what the workers were told last, by whichever control process', async (t) => {
  const told: SnapshotParts[] = []
  const fleet = new WorkerFleet((parts) => told.push(parts))
  fleet.resume(snapshot(4, false))
  t.match(fleet.preview(snapshot(5, true)), { version: 5, base: 4, settings: null, names: null })
  fleet.apply(snapshot(5, false))
  t.match(fleet.preview(snapshot(6, true)), { version: 6, base: 5, settings: null, names: null })
  t.strictSame(
    told.map(({ version }) => version),
    [5],
    'nobody is told',
  )
})
