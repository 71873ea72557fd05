import t from 'tap'
import { RetryBudget } from '../../src/proxy/retry-budget.ts'

function takeAll(budget: RetryBudget, nowMs: number, percent = 20): number {
  let taken = 0
  while (budget.tryRetry(nowMs, percent)) taken++
  return taken
}

function requests(budget: RetryBudget, count: number, nowMs: number): void {
  for (let i = 0; i < count; i++) budget.request(nowMs)
}

t.test('a quiet app may retry, a busy one a share of its requests', async (t) => {
  t.equal(takeAll(new RetryBudget(), 1), 10)
  const busy = new RetryBudget()
  requests(busy, 500, 1)
  t.equal(takeAll(busy, 1), 100)
})

t.test('0 percent allows no retry at all', async (t) => {
  t.equal(takeAll(new RetryBudget(), 1, 0), 0)
})

t.test('only the last ten seconds count, of requests and of retries', async (t) => {
  const budget = new RetryBudget()
  requests(budget, 500, 500)
  t.equal(takeAll(budget, 9999), 100, 'requests of nine seconds ago still count')
  t.equal(takeAll(budget, 10_000), 0, 'retries of a moment ago do, the requests no more')
  requests(budget, 1000, 10_000)
  t.equal(takeAll(budget, 10_000), 100, '200 less the 100 of before')
  t.equal(takeAll(budget, 60_000), 10, 'after a long pause nothing is left but the floor')
})

t.test('a clock that stands still or starts late does no harm', async (t) => {
  const budget = new RetryBudget()
  requests(budget, 100, 5_000_000)
  requests(budget, 100, 4_999_000)
  t.equal(takeAll(budget, 5_000_000), 40)
})
