import t from 'tap'
import { randomId } from '../../src/proxy/random-ids.ts'

const IDS = 10_000

t.test('every id is a random UUID of its own, over many batches', async (t) => {
  const ids = new Set(Array.from({ length: IDS }, randomId))
  t.equal(ids.size, IDS)
  for (const id of ids) {
    if (!/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)) t.fail(id)
  }
})

t.test('every digit but those of version and variant takes every value', async (t) => {
  const seen = Array.from({ length: 36 }, () => new Set<string>())
  for (let i = 0; i < IDS; i++) {
    for (const [place, digit] of [...randomId()].entries()) seen[place]!.add(digit)
  }
  const fixed = new Map([8, 13, 14, 18, 23].map((place) => [place, 1])).set(19, 4)
  for (const [place, digits] of seen.entries()) t.equal(digits.size, fixed.get(place) ?? 16, `place ${place}`)
})
