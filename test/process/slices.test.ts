import t from 'tap'
import { inSlices } from '../../src/process/slices.ts'

function* counting(to: number): Generator<void, string> {
  for (let i = 0; i < to; i++) yield
  return `${to} steps`
}

t.test(
  'with no time at all each step is a slice, and between two the event loop does what else there is',
  async (t) => {
    let turns = 0
    let ended = false
    const turn = () => {
      turns++
      if (!ended) setImmediate(turn)
    }
    setImmediate(turn)
    const { value } = await inSlices(counting(50), 0)
    ended = true
    t.equal(value, '50 steps')
    t.ok(turns >= 50, `${turns} turns`)
  },
)

t.test('what fits into one slice is done at once', async (t) => {
  let turns = 0
  setImmediate(() => turns++)
  const { value, busyMs } = await inSlices(counting(3), 60_000)
  t.equal(value, '3 steps')
  t.equal(turns, 0)
  t.ok(busyMs >= 0)
})

t.test('an error of a step is the error of the whole', async (t) => {
  function* failing(): Generator<void, string> {
    yield
    throw new Error('no more')
  }
  await t.rejects(inSlices(failing(), 1), /no more/)
})
