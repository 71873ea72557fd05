import t from 'tap'
import { holds } from './holds.ts'
import { run } from './round-trip.ts'

t.test('what a dyno answered and what the client was told are the same, whatever the client sends', async (t) => {
  await holds(t, 'round-trip', run, { seed: 20261123, cases: 120 })
})
