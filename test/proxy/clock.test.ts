import t from 'tap'
import { turn } from '../../src/proxy/turn.ts'
import { ManualTime } from '../support/manual-time.ts'

t.test('the date is that of RFC 9110, of the second of the last tick', async (t) => {
  const time = new ManualTime(Date.UTC(1994, 10, 6, 8, 49, 37, 950))
  t.equal(time.clock.date, 'Sun, 06 Nov 1994 08:49:37 GMT')
  time.elapsedMs += 50
  t.equal(time.clock.date, 'Sun, 06 Nov 1994 08:49:37 GMT')
  time.clock.tick()
  t.equal(time.clock.date, 'Sun, 06 Nov 1994 08:49:38 GMT')
})

t.test('the time is whole milliseconds and never 0, which means "not armed" and "never"', async (t) => {
  const time = new ManualTime()
  t.equal(time.clock.nowMs, 1)
  time.elapsedMs = 99.9
  time.clock.tick()
  t.equal(time.clock.nowMs, 100)
})

t.test('time is asked for once in a moment of a turn, and anew in the next', async (t) => {
  const time = new ManualTime(5_000)
  const { clock } = time
  const seen: number[] = []
  const look = (): void => {
    time.elapsedMs += 1
    seen.push(clock.exactMs(), clock.unixMs() - 5_000)
  }
  const bytes = Buffer.from('x')
  look()
  t.strictSame(seen.splice(0), [1, 1], 'between turns it is that of now')
  for (let i = 0; i < 32; i++) turn.keep({ deliver: look }, bytes, 1)
  turn.deliver()
  t.strictSame(new Set(seen.splice(0)), new Set([2, 18]), 'one for each sixteen reads')
  look()
  t.strictSame(seen.splice(0), [34, 34])
  turn.afterReads(() => {
    for (let i = 0; i < 32; i++) {
      turn.pass()
      look()
    }
  })
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  t.strictSame(new Set(seen.splice(0)), new Set([35, 51]), 'and for each sixteen things after the reads')
})
