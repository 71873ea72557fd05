import fc from 'fast-check'
import t from 'tap'
import { KeptBytes } from '../../src/proxy/kept-bytes.ts'

const textOf = (kept: KeptBytes) => kept.bytes.latin1Slice(kept.start, kept.end)
const keep = (kept: KeptBytes, text: string) => kept.append(Buffer.from(`..${text}.`, 'latin1'), 2, 2 + text.length)

t.test('what was appended stays, and what was consumed goes, however that is cut', async () => {
  const step = fc.oneof(
    fc.string({ maxLength: 3000, unit: fc.constantFrom('a', 'b', '\xe9') }).map((text) => ({ text })),
    fc.nat(2000).map((count) => ({ count })),
    fc.constant({ recycle: true }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const kept = new KeptBytes()
      let expected = ''
      for (const one of steps) {
        if ('text' in one) {
          keep(kept, one.text)
          expected += one.text
        } else if ('count' in one) {
          const count = Math.min(one.count, kept.length)
          kept.consume(count)
          expected = expected.slice(count)
        } else {
          kept.recycle()
          expected = ''
        }
        if (textOf(kept) !== expected || kept.length !== expected.length) throw new Error('not what was kept')
      }
    }),
  )
})

t.test('storage that is given back serves the next one of its size, and one at a time', async (t) => {
  const [one, two] = [new KeptBytes(), new KeptBytes()]
  keep(one, 'x'.repeat(10_000))
  const storage = one.bytes
  t.equal(storage.length, 16_384)
  one.recycle()
  t.equal(one.length, 0)
  keep(one, 'a'.repeat(9_000))
  t.equal(one.bytes, storage, 'the same again')
  keep(two, 'b'.repeat(9_000))
  t.not(two.bytes, storage, 'never two at once')
  t.equal(textOf(one), 'a'.repeat(9_000))
  one.clear()
  keep(one, 'c'.repeat(9_000))
  t.not(one.bytes, storage, 'what was only forgotten may still be referred to')
})

t.test(
  'what was given back and is larger than any head or held body, or more than are likely to be wanted, is not held',
  async (t) => {
    const kept = new KeptBytes()
    keep(kept, 'x'.repeat(100_000))
    const large = kept.bytes
    kept.recycle()
    keep(kept, 'x'.repeat(100_000))
    t.not(kept.bytes, large)
    const many = Array.from({ length: 40 }, () => new KeptBytes())
    for (const one of many) keep(one, 'y'.repeat(30_000))
    const storages = new Set(many.map(({ bytes }) => bytes))
    for (const one of many) one.recycle()
    for (const one of many) keep(one, 'z'.repeat(30_000))
    t.equal(many.filter(({ bytes }) => storages.has(bytes)).length, 32, '1 MiB of this size')
  },
)
