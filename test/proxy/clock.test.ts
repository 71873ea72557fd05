import t from 'tap'
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
