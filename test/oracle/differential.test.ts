import t from 'tap'
import { run } from './differential.ts'
import { holds } from './holds.ts'

t.test(
  'what Postern forwards of mutated requests is what Node reads in them, and nothing that Node refuses',
  async (t) => {
    await holds(t, 'differential', run, { seed: 20261123, cases: 250 })
  },
)
