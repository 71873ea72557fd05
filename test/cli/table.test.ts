import t from 'tap'
import { formatAge, formatTable } from '../../src/cli/table.ts'

t.test('columns line up, and no line ends in blanks', async (t) => {
  t.equal(
    formatTable([
      ['APP', 'DYNO', 'STATE'],
      ['shop', 'web.10', ''],
      ['a', 'b', 'up'],
    ]),
    ['APP   DYNO    STATE', 'shop  web.10', 'a     b       up'].join('\n'),
  )
})

t.test('an age is told in its two largest units', async (t) => {
  const since = (seconds: number) => formatAge(new Date(0).toISOString(), seconds * 1000)
  t.same([0, 59, 60, 61, 3600, 3661, 86_400, 90_000, 93_600].map(since), [
    '0s',
    '59s',
    '1m',
    '1m1s',
    '1h',
    '1h1m',
    '1d',
    '1d1h',
    '1d2h',
  ])
  t.equal(since(-5), '0s', 'clocks may differ')
  t.equal(formatAge('', 0), '', 'nobody knows')
})
