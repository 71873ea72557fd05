import t from 'tap'
import {
  DynoTally,
  FIRST_BYTE_CELLS,
  firstByteCell,
  firstByteCellMs,
  firstByteQuantileMs,
} from '../../src/model/dyno-observation.ts'

t.test('every time has the cell that says so, to a fifth', async (t) => {
  for (const ms of [0, 0.3, 1, 1.01, 1.19, 2, 2.01, 17, 300, 29_999, 65_536]) {
    const cell = firstByteCell(ms)
    t.ok(ms <= firstByteCellMs(cell), `${ms}`)
    if (cell > 0) t.ok(ms > firstByteCellMs(cell - 1) * 0.999, `${ms}`)
  }
  t.equal(firstByteCell(65_537), FIRST_BYTE_CELLS - 1)
  t.equal(firstByteCell(1e12), FIRST_BYTE_CELLS - 1)
  t.equal(firstByteCell(Number.NaN), 0)
  t.equal(firstByteCellMs(FIRST_BYTE_CELLS - 1), Number.POSITIVE_INFINITY)
})

t.test('a quantile is the time of all but the slowest', async (t) => {
  const tally = new DynoTally()
  for (let i = 0; i < 95; i++) tally.count(false, 10)
  for (let i = 0; i < 5; i++) tally.count(false, 1000)
  const { firstByteCells } = tally.observation
  t.equal(firstByteQuantileMs(firstByteCells, 0.95), firstByteCellMs(firstByteCell(10)))
  t.equal(firstByteQuantileMs(firstByteCells, 0.96), firstByteCellMs(firstByteCell(1000)))
  t.ok(Number.isNaN(firstByteQuantileMs(new DynoTally().observation.firstByteCells, 0.95)))
})
