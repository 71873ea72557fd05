import t from 'tap'
import { OutputLines } from '../../src/control/runtimes/output-lines.ts'
import { ManualClock } from './manual-clock.ts'

function setUp() {
  const clock = new ManualClock()
  const lines: string[] = []
  const tap = {
    paused: false,
    pause() {
      this.paused = true
    },
    resume() {
      this.paused = false
    },
  }
  const output = new OutputLines(tap, (line) => lines.push(line), clock)
  return { clock, lines, tap, output, push: (text: string) => output.push(Buffer.from(text)) }
}

t.test('lines are cut at line feeds, wherever the chunks end', async (t) => {
  const { lines, output, push } = setUp()
  push('one\r\ntw')
  push('o\n\nthr')
  t.same(lines, ['one', 'two', ''])
  output.end()
  t.same(lines, ['one', 'two', '', 'thr'])
})

t.test('a character that is split over two chunks stays whole', async (t) => {
  const { lines, output } = setUp()
  const bytes = Buffer.from('grün\n')
  output.push(bytes.subarray(0, 3))
  output.push(bytes.subarray(3))
  t.same(lines, ['grün'])
})

t.test('a line without end comes in pieces of bounded length', async (t) => {
  const { lines, push, output } = setUp()
  for (let n = 0; n < 50; n++) push('x'.repeat(1000))
  push(`${'y'.repeat(20_000)}\n`)
  output.end()
  t.ok(lines.every((line) => line.length <= 8192))
  t.equal(lines.join(''), 'x'.repeat(50_000) + 'y'.repeat(20_000))
})

t.test('colours and control bytes do not reach the log', async (t) => {
  const { lines, push } = setUp()
  push('\x1b[31mred\x1b[0m \x07bell\x1b]0;title\x07 \x08\x08back\ttab\n')
  t.same(lines, ['red bell back\ttab'])
})

t.test('more lines than the log takes in a second are dropped and counted', async (t) => {
  const { clock, lines, push } = setUp()
  push('line\n'.repeat(1500))
  t.equal(lines.length, 1000)
  await clock.advance(1000)
  t.equal(lines.length, 1001)
  t.match(lines.at(-1), /500 lines .* dropped/)
  push('again\n')
  t.equal(lines.at(-1), 'again')
})

t.test('a program that floods its output is made to wait until the second is over', async (t) => {
  const { clock, tap, push } = setUp()
  for (let n = 0; n < 4; n++) push('x'.repeat(1024 * 1024))
  t.notOk(tap.paused)
  push('x')
  t.ok(tap.paused)
  await clock.advance(1000)
  t.notOk(tap.paused)
})

t.test('no timer is left when the program is gone', async (t) => {
  const { clock, output, push } = setUp()
  push('bye\n')
  output.end()
  t.equal(clock.nextMs, Number.POSITIVE_INFINITY)
})
