import t from 'tap'
import { EventLog, KEPT_EVENTS } from '../../src/control/events.ts'
import { ManualClock } from './manual-clock.ts'

t.test('events are numbered, stamped and heard in order', async (t) => {
  const log = new EventLog(new ManualClock())
  const heard: number[] = []
  const stop = log.subscribe(({ id }) => heard.push(id))
  log.emit({ kind: 'maintenance', app: 'shop', on: true })
  log.emit({ kind: 'config' })
  stop()
  log.emit({ kind: 'config' })
  const events = log.since(0)
  t.match(events, [{ kind: 'maintenance', app: 'shop', on: true, at: /^\d{4}-.*Z$/ }, { kind: 'config' }, {}])
  t.same(heard, [events[0]!.id, events[0]!.id + 1])
  t.same(log.since(events[1]!.id), [events[2]])
  t.same(log.since(events[2]!.id), [])
})

t.test('no more are kept than that, and whoever comes too late is told', async (t) => {
  const log = new EventLog(new ManualClock())
  for (let count = 0; count < KEPT_EVENTS + 5; count++) log.emit({ kind: 'config', count })
  const kept = log.since(0)
  t.equal(kept.length, KEPT_EVENTS)
  t.equal(kept[0]!.count, 5)
  t.notOk(log.isGone(kept[0]!.id - 1))
  t.ok(log.isGone(kept[0]!.id - 2))
})

t.test('a log that begins later has higher numbers, so that a watcher can go on with it', async (t) => {
  const clock = new ManualClock()
  const first = new EventLog(clock)
  for (let count = 0; count < 50; count++) first.emit({ kind: 'config' })
  await clock.advance(1000)
  const second = new EventLog(clock)
  const last = first.since(0).at(-1)!.id
  t.ok(second.isGone(last), 'it may have missed some')
  second.emit({ kind: 'config' })
  t.equal(second.since(last).length, 1)
})
