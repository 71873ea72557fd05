import t from 'tap'
import { run } from './answers.ts'
import { holds } from './holds.ts'

t.test('no client gets the answer of another, or takes a cut one for whole, whatever a dyno sends', async (t) => {
  await holds(t, 'answers', run, { seed: 20261123, cases: 15 })
})
