import fc from 'fast-check'
import t from 'tap'
import { Clock } from '../../src/proxy/clock.ts'
import { TICK_MS, TimerEntry, TimerWheel } from '../../src/proxy/timer-wheel.ts'
import { ManualTime } from '../support/manual-time.ts'

/** A timer that notes when it was over. */
function timerAt(time: ManualTime) {
  const endedAtMs: number[] = []
  const timer = new TimerEntry({ timedOut: () => endedAtMs.push(time.elapsedMs) })
  return { timer, endedAtMs }
}

t.test('a timer is over after its time and at most two ticks later, also beyond one turn of the wheel', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 300_000 }), (beforeMs, afterMs) => {
      const time = new ManualTime()
      time.pass(beforeMs)
      const { timer, endedAtMs } = timerAt(time)
      time.wheel.arm(timer, afterMs)
      time.pass(afterMs + 3 * TICK_MS)
      const lateMs = endedAtMs[0]! - beforeMs - afterMs
      if (endedAtMs.length !== 1 || lateMs < 0 || lateMs > 2 * TICK_MS) throw new Error(`ended at ${endedAtMs}`)
    }),
    { numRuns: 200 },
  )
})

t.test(
  'timers that are armed again, earlier or later, disarmed and removed end as a plain list of deadlines says',
  async () => {
    const count = 5
    const step = fc.oneof(
      fc.record({
        do: fc.constant('arm' as const),
        which: fc.nat(count - 1),
        ms: fc.integer({ min: 0, max: 120_000 }),
      }),
      fc.record({
        do: fc.constantFrom('disarm' as const, 'remove' as const),
        which: fc.nat(count - 1),
        ms: fc.constant(0),
      }),
      fc.record({
        do: fc.constantFrom('pass' as const, 'jump' as const),
        which: fc.constant(0),
        ms: fc.integer({ min: 1, max: 90_000 }),
      }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const time = new ManualTime()
        const deadlines = Array.from({ length: count }, () => Number.POSITIVE_INFINITY)
        const timers = deadlines.map(
          (_, which) =>
            new TimerEntry({
              timedOut: () => {
                if (time.elapsedMs < deadlines[which]!) throw new Error(`${which} was early`)
                deadlines[which] = Number.POSITIVE_INFINITY
              },
            }),
        )
        for (const { do: action, which, ms } of steps) {
          if (action === 'pass' || action === 'jump') {
            time[action](ms)
            const late = deadlines.findIndex((deadlineMs) => deadlineMs + 2 * TICK_MS < time.elapsedMs)
            if (late !== -1) throw new Error(`${late} is late`)
            continue
          }
          deadlines[which] = action === 'arm' ? time.elapsedMs + ms : Number.POSITIVE_INFINITY
          if (action === 'arm') time.wheel.arm(timers[which]!, ms)
          else time.wheel[action](timers[which]!)
        }
      }),
      { numRuns: 1000 },
    )
  },
)

t.test('a timer that is armed late in a tick is not early for that', async (t) => {
  const time = new ManualTime()
  const { timer, endedAtMs } = timerAt(time)
  time.pass(300)
  time.elapsedMs += TICK_MS - 1
  const armedAtMs = time.elapsedMs
  time.wheel.arm(timer, 1000)
  time.jump(1)
  time.pass(2000)
  t.ok(endedAtMs[0]! >= armedAtMs + 1000, `ended at ${endedAtMs[0]}`)
})

t.test('a timer that is put off by every read never ends while reads go on', async (t) => {
  const time = new ManualTime()
  const { timer, endedAtMs } = timerAt(time)
  for (let i = 0; i < 200; i++) {
    time.wheel.arm(timer, 1000)
    time.pass(900)
  }
  t.same(endedAtMs, [])
  time.pass(400)
  t.equal(endedAtMs.length, 1)
})

t.test('a target may arm its timer again at once, and end others', async (t) => {
  const time = new ManualTime()
  let ends = 0
  const other = timerAt(time)
  const timer: TimerEntry = new TimerEntry({
    timedOut: () => {
      ends++
      time.wheel.remove(other.timer)
      time.wheel.arm(timer, 1000)
    },
  })
  time.wheel.arm(timer, 1000)
  time.wheel.arm(other.timer, 1000)
  time.pass(10_000)
  t.ok(ends >= 8 && ends <= 10, `${ends} ends`)
  t.same(other.endedAtMs, [])
})

t.test('a target that throws does not take the other timers with it', async (t) => {
  const time = new ManualTime()
  time.wheel.arm(
    new TimerEntry({
      timedOut: () => {
        throw new Error('a bug')
      },
    }),
    500,
  )
  const { timer, endedAtMs } = timerAt(time)
  time.wheel.arm(timer, 500)
  t.throws(() => time.pass(1000), /a bug/)
  time.pass(1000)
  t.equal(endedAtMs.length, 1)
})

t.test('a removed timer is not held by the wheel', async (t) => {
  const time = new ManualTime()
  const { timer } = timerAt(time)
  time.wheel.arm(timer, 1000)
  time.wheel.remove(timer)
  t.equal(timer.next, timer)
  t.equal(timer.previous, timer)
  time.wheel.remove(timer)
})

t.test('a started wheel runs by itself, after the clock has ticked, until it is stopped', async (t) => {
  const wheel = new TimerWheel(new Clock())
  wheel.start()
  wheel.start()
  const keepAlive = setInterval(() => {}, 1000)
  await new Promise<void>((resolve) => wheel.arm(new TimerEntry({ timedOut: () => resolve() }), 0))
  clearInterval(keepAlive)
  wheel.stop()
  const nowMs = wheel.clock.nowMs
  await new Promise((resolve) => setTimeout(resolve, 3 * TICK_MS))
  t.equal(wheel.clock.nowMs, nowMs)
})
