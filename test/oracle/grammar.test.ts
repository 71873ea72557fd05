import t from 'tap'
import { run } from './grammar.ts'
import { holds } from './holds.ts'

t.test('any valid request reaches the dyno as Node reads it, whole or in pieces', async (t) => {
  await holds(t, 'grammar', run, { seed: 20261123, cases: 150 })
})
