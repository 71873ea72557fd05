import t from 'tap'
import { elementEnd, isWord, skipBlanks, startsWithWord, trimBlanks } from '../../src/wire/list-value.ts'
import { bytesOf } from './wire-cases.ts'

/** Elements of the part of the text from `start` to `end`. */
function elements(text: string, start = 0, end = text.length): string[] {
  const bytes = bytesOf(text)
  const found: string[] = []
  for (let at = start; at < end; ) {
    const stop = elementEnd(bytes, at, end)
    const from = skipBlanks(bytes, at, stop)
    found.push(bytes.latin1Slice(from, trimBlanks(bytes, from, stop)))
    at = stop + 1
  }
  return found
}

t.test('the elements of a list are what is between commas, without the white space around them', async (t) => {
  t.same(elements('a'), ['a'])
  t.same(elements(' a,\tb\t ,c d,, \t ,e '), ['a', 'b', 'c d', '', '', 'e'])
  t.same(elements('a,b'), ['a', 'b'])
})

t.test('what lies around a list is not part of it', async (t) => {
  t.same(elements('x,a , b,y', 2, 6), ['a', ''])
  t.same(elements('   a', 0, 2), [''])
  t.same(elements('a   ', 2, 3), [''])
  t.equal(skipBlanks(bytesOf('   a'), 0, 2), 2)
  t.equal(trimBlanks(bytesOf('a   '), 2, 3), 2)
})

t.test('a word is spelled in any case, and as long as it is', async (t) => {
  const is = (text: string, end = text.length) => isWord(bytesOf(text), 0, end, 'close-1')
  t.ok(is('close-1'))
  t.ok(is('CLOSE-1'))
  t.ok(is('cLoSe-1x', 7))
  for (const text of ['', 'close', 'close-', 'close-2', 'close-1x', 'xclose-1', 'close\r1', 'close_1'])
    t.notOk(is(text), text)
  t.notOk(is('close-1', 6), 'its end lies behind the end')
  const starts = (text: string, end = text.length) => startsWithWord(bytesOf(text), 0, end, 'h2')
  t.ok(starts('H2C'))
  t.ok(starts('h2'))
  t.notOk(starts('h'))
  t.notOk(starts('h2', 1))
  t.notOk(starts('xh2'))
})
