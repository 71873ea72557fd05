import t from 'tap'
import { type TurnReader, turn } from '../../src/proxy/turn.ts'

/** Notes what it is given. */
class Reader implements TurnReader {
  readonly #name: string
  readonly #notes: string[]
  readonly #then: () => void
  constructor(name: string, notes: string[], then: () => void = () => {}) {
    this.#name = name
    this.#notes = notes
    this.#then = then
  }
  deliver(bytes: Buffer, start: number, end: number): void {
    this.#notes.push(`${this.#name} ${bytes.latin1Slice(start, end)}`)
    this.#then()
  }
}

const turnOver = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
const keep = (reader: TurnReader, text: string) => turn.keep(reader, Buffer.from(`${text}…`, 'latin1'), text.length)

t.test('what was read is delivered in its order, then comes what waited for that, then the writes', async (t) => {
  const notes: string[] = []
  turn.add({ writeOut: () => notes.push('written') > 0 })
  turn.afterReads(() => {
    notes.push(turn.writing ? 'read, writing' : 'read')
  })
  const [one, two] = [new Reader('one', notes), new Reader('two', notes)]
  keep(one, 'a')
  keep(two, 'bc')
  keep(one, 'd')
  t.strictSame(notes, [], 'nothing before the reads are over')
  await turnOver()
  t.strictSame(notes, ['one a', 'two bc', 'one d', 'read, writing', 'written'])
  t.notOk(turn.writing)
})

t.test('what must go first can ask for the delivery of what was kept, also within one', async (t) => {
  const notes: string[] = []
  const last = new Reader('last', notes)
  keep(
    new Reader('first', notes, () => {
      turn.deliver()
      notes.push('first again')
    }),
    'a',
  )
  keep(last, 'b')
  turn.deliver()
  t.strictSame(notes, ['first a', 'last b', 'first again'], 'each of them once')
  keep(last, 'c')
  await turnOver()
  t.strictSame(notes.slice(3), ['last c'])
})

t.test('more than there is room for is delivered at once', async (t) => {
  const notes: string[] = []
  const reader = new Reader('', notes)
  const piece = 'x'.repeat(2000)
  for (let i = 0; i < 100; i++) keep(reader, piece)
  t.ok(notes.length > 0 && notes.length < 100, `${notes.length} of 100 × 2,000 bytes`)
  await turnOver()
  t.equal(notes.length, 100)
  t.ok(notes.every((note) => note === ` ${piece}`))
  for (let i = 0; i < 2000; i++) keep(reader, 'y')
  t.ok(notes.length > 100 && notes.length < 2100, 'also many that are short')
  await turnOver()
  t.equal(notes.length, 2100)
})

t.test('one that throws takes nothing from the others', async (t) => {
  const notes: string[] = []
  const reader = new Reader('', notes)
  keep(
    new Reader('bad', notes, () => {
      throw new Error('a bug')
    }),
    'a',
  )
  keep(reader, 'b')
  t.throws(() => turn.deliver(), 'a bug')
  turn.deliver()
  t.strictSame(notes, ['bad a', ' b'])
})
