import fc from 'fast-check'
import t from 'tap'
import { batchSize, planBatches } from '../../../src/control/deploys/plan.ts'

const QUARTER = { batchPercent: 25, surge: false, canary: 0 }
const upTo = (quantity: number) => Array.from({ length: quantity }, (_, index) => index + 1)
const web = (quantity: number) => ({ processType: 'web', quantity, numbers: upTo(quantity) })

t.test('for every formation of 1 to 40 dynos the batches are a quarter, rounded up', async (t) => {
  for (let n = 1; n <= 40; n++) {
    const size = Math.ceil(n / 4)
    t.equal(batchSize(n, 25), size)
    const batches = planBatches([web(n)], QUARTER).map((batch) => batch[0]!)
    t.same(
      batches.flatMap(({ numbers }) => numbers),
      upTo(n),
      `n = ${n}: each dyno once, in order`,
    )
    t.ok(
      batches.every(({ numbers }) => numbers.length <= size),
      `n = ${n}: no more than ${size} at once`,
    )
    t.ok(
      batches.slice(0, -1).every(({ numbers }) => numbers.length === size),
      `n = ${n}: only the last batch may be smaller`,
    )
    t.equal(batches.length, Math.ceil(n / size))
  }
})

t.test('n − ceil(n/4) dynos serve at every instant, and one where there is only one', async (t) => {
  const formation = fc.record({
    n: fc.integer({ min: 1, max: 40 }),
    surge: fc.boolean(),
    canary: fc.integer({ min: 0, max: 10 }),
    moved: fc.uniqueArray(fc.integer({ min: 1, max: 40 })),
  })
  fc.assert(
    fc.property(formation, ({ n, surge, canary, moved }) => {
      const numbers = upTo(n).filter((number) => !moved.includes(number))
      for (const [part] of planBatches([{ processType: 'web', quantity: n, numbers }], { ...QUARTER, surge, canary })) {
        // Start first: the old ones serve until the new ones do. In place: none of the batch may.
        const serving = part!.startFirst ? n : n - part!.numbers.length
        if (serving < Math.max(1, n - Math.ceil(n / 4))) return false
        if (surge && !part!.startFirst) return false
      }
      return true
    }),
    { numRuns: 2000 },
  )
  for (let n = 1; n <= 40; n++) t.equal(planBatches([web(n)], QUARTER)[0]![0]!.startFirst, n === 1, `n = ${n}`)
})

t.test('a canary is a first batch of its size, and no larger than a batch may be', async (t) => {
  const sizes = (n: number, canary: number) =>
    planBatches([web(n)], { ...QUARTER, canary }).map((batch) => batch[0]!.numbers.length)
  t.same(sizes(8, 1), [1, 2, 2, 2, 1])
  t.same(sizes(8, 2), [2, 2, 2, 2])
  t.same(sizes(8, 5), [2, 2, 2, 2])
})

t.test('process types roll side by side; a canary is of web alone', async (t) => {
  const worker = { processType: 'worker', quantity: 3, numbers: [1, 2, 3] }
  const shown = (canary: number) =>
    planBatches([worker, web(5)], { ...QUARTER, canary }).map((batch) =>
      batch.map(({ processType, numbers }) => `${processType} ${numbers}`).join('; '),
    )
  t.same(shown(0), ['worker 1; web 1,2', 'worker 2; web 3,4', 'worker 3; web 5'])
  t.same(shown(1), ['web 1', 'worker 1; web 2,3', 'worker 2; web 4,5', 'worker 3'])
})

t.test('where nothing is to be replaced there is no batch', async (t) => {
  t.same(planBatches([web(0)], QUARTER), [])
  t.same(planBatches([{ processType: 'web', quantity: 4, numbers: [] }], { ...QUARTER, canary: 1 }), [])
})

t.test('a batch of all dynos starts first, whatever its share', async (t) => {
  t.match(planBatches([web(3)], { ...QUARTER, batchPercent: 100 }), [[{ numbers: [1, 2, 3], startFirst: true }]])
  t.match(planBatches([web(3)], { ...QUARTER, batchPercent: 0 }), [[{ numbers: [1] }], [{ numbers: [2] }], {}])
})
