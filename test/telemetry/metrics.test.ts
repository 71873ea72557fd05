import t from 'tap'
import { BlockLayout, type MetricDefinition, observe, observedBounds, positions } from '../../src/telemetry/metrics.ts'

function metric(name: string, over: Partial<MetricDefinition> = {}): MetricDefinition {
  const common = { owner: 'app', help: '', labels: {}, buckets: [], scale: 1, merge: 'sum', sparse: false } as const
  return { name, type: 'counter', ...common, ...over }
}

const requests = metric('requests', { labels: { status: ['2xx', '5xx'], code: ['', 'H12', 'other'] } })
const held = metric('held', { type: 'gauge' })
const oldest = metric('oldest', { type: 'gauge', merge: 'min' })
const longest = metric('longest', { type: 'gauge', merge: 'max' })
const duration = metric('duration', { type: 'histogram', buckets: [0.1, 0.5, 1], scale: 0.001 })
const layout = new BlockLayout([requests, held, oldest, longest, duration])

t.test('every metric has its own cells, one after the other', async (t) => {
  t.equal(layout.offset(requests), 0)
  t.equal(layout.offset(held), 6, 'a cell for every combination of labels')
  t.equal(layout.offset(duration), 9)
  t.equal(layout.size, 9 + 3 + 2, 'a histogram has a cell per bucket, one over the last, and the sum')
  t.throws(() => layout.offset(metric('elsewhere')), { message: /elsewhere has no cells here/ })
})

t.test('a bound belongs to the bucket below it, and what is over the last bound is counted too', async (t) => {
  const block = layout.newBlock()
  const offset = layout.offset(duration)
  const bounds = observedBounds(duration)
  for (const ms of [0, 99.9, 100, 100.1, 500, 1000, 1000.5, 60_000]) observe(block, offset, bounds, ms)
  t.strictSame([...block.subarray(offset, offset + 4)], [3, 2, 1, 2])
  t.equal(block[offset + 4], 0 + 99.9 + 100 + 100.1 + 500 + 1000 + 1000.5 + 60_000)
})

t.test('a new block has zero counters and gauges that nobody has told', async (t) => {
  const block = layout.newBlock()
  t.strictSame(layout.usedCells(block), [])
  t.ok(Number.isNaN(block[layout.offset(held)]))
  t.equal(block[0], 0)
})

t.test('a gauge that is zero is something else than no gauge', async (t) => {
  const block = layout.newBlock()
  block[layout.offset(held)] = 0
  t.strictSame(layout.usedCells(block), [layout.offset(held), 0])
  layout.clearGauges(block)
  t.strictSame(layout.usedCells(block), [])
})

t.test('clearing gauges leaves what was counted', async (t) => {
  const block = layout.newBlock()
  block[2] = 7
  observe(block, layout.offset(duration), observedBounds(duration), 3)
  const before = layout.usedCells(block)
  layout.clearGauges(block)
  t.strictSame(layout.usedCells(block), before)
})

t.test('merging sums, or keeps the least or the most, as the metric says', async (t) => {
  const block = layout.newBlock()
  const cells = (values: number[]) => values.flatMap((value, index) => [[0, 6, 7, 8][index]!, value])
  layout.merge(block, cells([1, 10, 100, 1000]))
  layout.merge(block, cells([2, 20, 90, 2000]))
  layout.merge(block, cells([3, 30, 110, 1500]))
  t.strictSame(layout.usedCells(block), cells([6, 60, 90, 2000]))
})

t.test('positions are those of the list', async (t) => {
  t.strictSame(
    [...positions(['a', 'b'])],
    [
      ['a', 0],
      ['b', 1],
    ],
  )
})
