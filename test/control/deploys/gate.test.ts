import t from 'tap'
import { judge, type Sample } from '../../../src/control/deploys/gate.ts'
import { GateWatch, sampleSoFar } from '../../../src/control/deploys/gate-watch.ts'
import { dynoId } from '../../../src/control/registry.ts'
import type { Dyno } from '../../../src/model/dyno.ts'
import { DynoTally } from '../../../src/model/dyno-observation.ts'

const LIMITS = { maxErrorRateIncreasePercent: 5, maxP95IncreasePercent: 100, minRequests: 20 }
const sample = (requests: number, failures = 0, p95Ms: number | null = 20): Sample => ({ requests, failures, p95Ms })
const GOOD = sample(1000, 10)

t.test('a release that fails more requests than the old one does not pass, at once', async (t) => {
  const verdict = (failures: number, whole: boolean, old = GOOD) =>
    judge(sample(100, failures), old, null, LIMITS, whole)
  t.match(verdict(0, true), { passed: true, reason: '' })
  t.match(verdict(6, true), { passed: true }, '6 % against 1 %: five points')
  t.match(verdict(7, false), {
    passed: false,
    reason: '7.0 % of 100 requests failed, 1.0 % with the release before',
  })
  t.match(verdict(40, true, sample(1000, 400)), { passed: true }, 'the old one is no better')
})

t.test('a release whose answers take more than twice as long does not pass at the end of the hold time', async (t) => {
  const verdict = (p95Ms: number | null, oldMs: number | null, whole = true) =>
    judge(sample(100, 0, p95Ms), sample(1000, 0, oldMs), null, LIMITS, whole)
  t.match(verdict(40, 20), { passed: true })
  t.match(verdict(41, 20), {
    passed: false,
    reason: 'the first byte takes up to 41 ms (p95), 20 ms with the release before',
  })
  t.match(verdict(60, 20, false), { passed: true }, 'programs are slow when they begin')
  t.match(verdict(10, 1), { passed: true }, 'a difference that nobody feels')
  t.match(verdict(11, 1), { passed: false })
  t.match(verdict(60, null), { passed: true })
  t.match(verdict(null, 20), { passed: true })
})

t.test('few requests say nothing', async (t) => {
  t.match(judge(sample(19, 19), GOOD, null, LIMITS, true), { passed: true, reason: 'only 19 requests to judge by' })
})

t.test(
  'where the old dynos are gone, it is compared with how they did before, and without that it stands alone',
  async (t) => {
    const none = sample(0, 0, null)
    t.match(judge(sample(100, 9), none, sample(500, 25), LIMITS, true), { passed: true, old: sample(500, 25) })
    t.match(judge(sample(100, 11), none, sample(500, 25), LIMITS, true), { passed: false })
    t.match(judge(sample(100, 5, 500), none, null, LIMITS, true), { passed: true, old: null })
    t.match(judge(sample(100, 6), none, sample(3), LIMITS, true), {
      passed: false,
      reason: '6.0 % of 100 requests failed',
    })
  },
)

t.test('a sample is what happened since somebody began to watch', async (t) => {
  const dyno = (number: number): Dyno => ({
    app: 'shop',
    processType: 'web',
    number,
    address: '10.0.1.1',
    port: 5000 + number,
    az: 'a',
    release: 'v1',
    state: 'up',
    sinceMs: 0,
  })
  const [one, two, three] = [dyno(1), dyno(2), dyno(3)]
  const tallies = new Map([one, two].map((each) => [dynoId(each), new DynoTally()]))
  const count = (which: Dyno, failed: boolean, ms: number) => tallies.get(dynoId(which))!.count(failed, ms)
  const observe = (id: string) => tallies.get(id)?.observation ?? null
  t.equal(sampleSoFar([one, three], observe), null)
  for (let i = 0; i < 100; i++) count(one, true, 1000)
  t.match(sampleSoFar([one, two], observe), { requests: 100, failures: 100, p95Ms: 1024 })
  const watch = new GateWatch([one], observe)
  for (let i = 0; i < 10; i++) count(one, i === 0, 4)
  for (let i = 0; i < 10; i++) count(two, false, 4)
  t.same(watch.sample([one, two, three]), { requests: 20, failures: 1, p95Ms: 4 })
})
