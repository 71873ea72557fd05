import { resolve } from 'node:path'
import t from 'tap'
import { EQUIVALENTS } from './equivalents.ts'
import { removalsIn } from './removals.ts'

t.test('what is excused is there to be taken out', async (t) => {
  const found = removalsIn(Object.keys(EQUIVALENTS), resolve(import.meta.dirname, '../../..'))
  for (const [file, excuses] of Object.entries(EQUIVALENTS)) {
    const labels = new Set(found.get(file)!.map(({ label }) => label))
    t.strictSame(
      Object.keys(excuses).filter((label) => !labels.has(label)),
      [],
      file,
    )
  }
})
