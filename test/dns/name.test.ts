import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { MessageReader } from '../../src/dns/message-reader.ts'
import { foldCase, nameText, sameName, wireName } from '../../src/dns/name.ts'
import { holds } from './holds.ts'

const label = fc.uint8Array({ minLength: 1, maxLength: 63 })
/** At most 3 × 64 + 1 bytes. */
const wire = fc
  .array(label, { maxLength: 3 })
  .map((labels) =>
    Buffer.concat([...labels.map((bytes) => Buffer.from([bytes.length, ...bytes])), Buffer.alloc(1)]).toString(
      'latin1',
    ),
  )

t.test('every name of the wire has one text, which leads back to it', async (t) => {
  holds(t, wire, 300, (name) => {
    assert.equal(wireName(nameText(name)), name)
  })
})

t.test('the reader of messages gives the same text', async (t) => {
  holds(t, wire, 300, (name) => {
    const reader = new MessageReader(Buffer.from(`${'\0'.repeat(12)}${name}`, 'latin1'))
    reader.at = 12
    assert.equal(reader.name(), nameText(name))
    assert.equal(reader.failed, false)
  })
})

t.test('dots, backslashes and other bytes in a label are escaped', async (t) => {
  t.equal(wireName('a\\.b.c'), '\x03a.b\x01c\0')
  t.equal(wireName('\\000\\255'), '\x02\0\xff\0')
  t.equal(nameText('\x03a.b\x01\\\x01 \0'), 'a\\.b.\\\\.\\032')
})

t.test('the last dot and the root are understood', async (t) => {
  t.equal(wireName('web.'), '\x03web\0')
  t.equal(wireName('.'), '\0')
  t.equal(wireName(''), '\0')
  t.equal(nameText('\0'), '')
})

for (const bad of ['a..b', '.a', '..', 'é', 'a\\', 'a\\25', 'a\\256', 'a\n', 'x'.repeat(64), `${'a.'.repeat(127)}bc`]) {
  t.test(`${JSON.stringify(bad.slice(0, 12))} is no name`, async (t) => {
    t.equal(wireName(bad), null)
  })
}

t.test('a name of 255 bytes is one', async (t) => {
  t.equal(wireName('a.'.repeat(127))?.length, 255)
  t.equal(wireName('a.'.repeat(128)), null)
})

t.test('only ASCII letters have a case (RFC 4343)', async (t) => {
  t.equal(foldCase('\x03WeB\x01\xc9\x02AZ\0'), '\x03web\x01\xc9\x02az\0')
  t.ok(sameName('WEB.shop', 'web.SHOP'))
  t.notOk(sameName('web.shop', 'web-shop'))
})
