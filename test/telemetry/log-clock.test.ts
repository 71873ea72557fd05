import t from 'tap'
import { LogClock } from '../../src/telemetry/log-clock.ts'

/** A clock whose wall and monotonic time are set by hand. */
function handSet(wallMs: number, monotonicMs: number) {
  const now = { wallMs, monotonicMs }
  return {
    now,
    clock: new LogClock(
      () => now.wallMs,
      () => now.monotonicMs,
    ),
  }
}

const AT = Date.parse('2026-04-26T16:58:32.000Z')

t.test('timestamps have six digits of a second and end in Z', async (t) => {
  const { now, clock } = handSet(AT, 1000)
  t.equal(clock.timestamp(), '2026-04-26T16:58:32.000000Z')
  now.monotonicMs = 1000.25
  t.equal(clock.timestamp(), '2026-04-26T16:58:32.000250Z')
  now.monotonicMs = 1943.5
  t.equal(clock.timestamp(), '2026-04-26T16:58:32.943500Z')
  now.monotonicMs = 1999.875
  t.equal(clock.timestamp(), '2026-04-26T16:58:32.999875Z')
})

t.test('a time that was read before can be given', async (t) => {
  const { now, clock } = handSet(AT, 1000)
  now.monotonicMs = 5000
  now.wallMs = AT + 250
  t.equal(clock.timestamp(1250), '2026-04-26T16:58:32.250000Z')
  t.equal(clock.timestamp(1250), '2026-04-26T16:58:32.250000Z')
  t.equal(clock.timestamp(1250.5), '2026-04-26T16:58:32.250500Z')
})

t.test('the second changes with the clock, also over midnight', async (t) => {
  const { now, clock } = handSet(Date.parse('2026-12-31T23:59:59.999Z'), 0)
  t.equal(clock.timestamp(), '2026-12-31T23:59:59.999000Z')
  now.monotonicMs += 1
  now.wallMs += 1
  t.equal(clock.timestamp(), '2027-01-01T00:00:00.000000Z')
})

t.test('small differences between the two clocks do not make time jump', async (t) => {
  const { now, clock } = handSet(AT, 0)
  const shown: string[] = []
  for (let ms = 0; ms < 5000; ms += 7.3) {
    now.monotonicMs = ms
    now.wallMs = AT + Math.floor(ms) + (ms < 2000 ? 5 : -5)
    shown.push(clock.timestamp())
  }
  t.strictSame(shown, shown.toSorted(), 'never backwards')
  t.equal(new Set(shown).size, shown.length)
  t.equal(shown.at(-1)!.slice(0, 20), '2026-04-26T16:58:36.')
})

t.test('a step of the wall clock is followed within a second, forth and back', async (t) => {
  const { now, clock } = handSet(AT, 0)
  clock.timestamp()
  now.monotonicMs = 1000
  now.wallMs = AT + 3_600_000
  t.equal(clock.timestamp(), '2026-04-26T17:58:32.000000Z', 'the machine slept for an hour')
  now.monotonicMs = 2000
  now.wallMs = AT + 2000
  t.equal(clock.timestamp(), '2026-04-26T16:58:34.000000Z', 'the clock was set back')
})

t.test('the real clocks give the time of now', async (t) => {
  const before = Date.now()
  const shown = Date.parse(new LogClock().timestamp())
  t.ok(Math.abs(shown - before) < 60_000, `${shown} is about ${before}`)
  t.match(new LogClock().timestamp(), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
})
