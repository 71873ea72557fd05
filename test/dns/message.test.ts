import assert from 'node:assert/strict'
import dnsPacket from 'dns-packet'
import t from 'tap'
import { decodeMessage, encodeMessage, queryMessage } from '../../src/dns/message.ts'
import { holds } from './holds.ts'
import { asPacket, comparable, message } from './oracle.ts'

t.test('what is encoded is decoded to the same message', async (t) => {
  holds(t, message, 300, (value) => {
    assert.deepStrictEqual(decodeMessage(encodeMessage(value)), value)
  })
})

t.test('dns-packet reads what is encoded here', async (t) => {
  holds(t, message, 300, (value) => {
    assert.deepStrictEqual(comparable(dnsPacket.decode(encodeMessage(value))), asPacket(value))
  })
})

t.test('what dns-packet encodes is read here', async (t) => {
  holds(t, message, 300, (value) => {
    assert.deepStrictEqual(decodeMessage(dnsPacket.encode(asPacket(value))), value)
  })
})

t.test('a message with names compressed is never longer than without', async (t) => {
  holds(t, message, 100, (value) => {
    assert.ok(encodeMessage(value).length <= dnsPacket.encode(asPacket(value)).length)
  })
})

t.test('a name that was written before is a pointer to it', async (t) => {
  const bytes = encodeMessage({
    ...queryMessage(1, 'web.shop.app.localspace', 'NS', null),
    answers: [{ name: 'web.shop.app.localspace', ttlSeconds: 5, type: 'NS', target: 'ns.app.localspace' }],
  })
  const question = 12 + 25 + 4
  t.equal(bytes.readUInt16BE(question), 0xc000 | 12, 'the owner is the question')
  t.equal(bytes.toString('latin1', question + 12, question + 15), '\x02ns')
  t.equal(bytes.readUInt16BE(question + 15), 0xc000 | (12 + 9), 'the target ends as the question does')
})

t.test('the target of an SRV record is not compressed (RFC 2782), but a compressed one is read', async (t) => {
  const service = {
    name: 'web',
    ttlSeconds: 5,
    type: 'SRV',
    priority: 1,
    weight: 2,
    port: 5000,
    target: '1.web',
  } as const
  const bytes = encodeMessage({ ...queryMessage(0x1234, 'web', 'SRV', null), answers: [service] })
  const head = '1234 0100 0001 0001 0000 0000 0377656200 0021 0001 c00c 0021 0001 00000005'
  t.equal(bytes.toString('hex'), `${head} 000d 0001 0002 1388 0131 0377656200`.replaceAll(' ', ''))
  const compressed = Buffer.from(`${head} 000a 0001 0002 1388 0131 c00c`.replaceAll(' ', ''), 'hex')
  t.strictSame(decodeMessage(compressed)?.answers, [service])
})

const HEADER = '1234 8400 0000 0001 0000 0000'
const malformed: Record<string, string> = {
  'a header cut short': '1234 8400 0000',
  'a count without its record': HEADER,
  'bytes after the last record': `${HEADER} 00 0001 0001 00000005 0004 01020304 00`,
  'a pointer to itself': `${HEADER} c00c 0001 0001 00000005 0004 01020304`,
  'a pointer forwards': `${HEADER} c00e 0001 0001 00000005 0004 01020304`,
  'a pointer into the header': `${HEADER} c000 0001 0001 00000005 0004 01020304`,
  'a pointer cut short': `${HEADER} c0`,
  'labels that a pointer of their own leads back to': `${HEADER} 0161 c00c 0001 0001 00000005 0004 01020304`,
  'a label type that is not used (RFC 6891 §5)': `${HEADER} 4161 0001 0001 00000005 0004 01020304`,
  'a label beyond the end': `${HEADER} 3f61`,
  'an A record of five bytes': `${HEADER} 00 0001 0001 00000005 0005 0102030405`,
  'a record hidden in the data of another':
    '1234 8400 0000 0002 0000 0000 00 0001 0001 00000005 0013 01020304 00 0001 0001 00000005 0004 01020304',
  'an AAAA record of four bytes': `${HEADER} 00 001c 0001 00000005 0004 01020304`,
  'data beyond the end': `${HEADER} 00 0001 0001 00000005 0008 01020304`,
  'a name that ends after its data': `${HEADER} 00 0002 0001 00000005 0002 0161 00`,
  'data after the name': `${HEADER} 00 0002 0001 00000005 0004 0161 00 00`,
  'a TXT record without a string': `${HEADER} 00 0010 0001 00000005 0000`,
  'a string beyond its data': `${HEADER} 00 0010 0001 00000005 0002 0261`,
  'an SOA record without its last number': `${HEADER} 00 0006 0001 00000005 0012 0000 00000001 00000001 00000001 00000001`,
  'OPT among the answers': `${HEADER} 00 0029 04d0 00000000 0000`,
  'OPT twice': '1234 8400 0000 0000 0000 0002 00 0029 04d0 00000000 0000 00 0029 04d0 00000000 0000',
  'OPT at a name': '1234 8400 0000 0000 0000 0001 0161 00 0029 04d0 00000000 0000',
  'an option beyond its OPT': '1234 8400 0000 0000 0000 0001 00 0029 04d0 00000000 0004 000a 0001',
}

for (const [what, hex] of Object.entries(malformed)) {
  t.test(`a message with ${what} is malformed`, async (t) => {
    t.equal(decodeMessage(Buffer.from(hex.replaceAll(' ', ''), 'hex')), null)
  })
}

t.test('a chain of pointers to pointers ends', async (t) => {
  const pointers = Buffer.alloc(12 + 2 * 8000)
  pointers.write('123484000000000100000000', 'hex')
  // A root, then each pointer leads to the one before it; the record begins at the last one.
  for (let at = 14; at < pointers.length; at += 2) pointers.writeUInt16BE(0xc000 | (at - 2), at)
  t.equal(decodeMessage(pointers), null)
})

t.test('a name of 255 bytes is read, one of 256 is not', async (t) => {
  const labels = (lastLabel: number): string => {
    const long = `3f${'61'.repeat(63)}`.repeat(3)
    return `${long}${lastLabel.toString(16).padStart(2, '0')}${'62'.repeat(lastLabel)}00`
  }
  const answer = (name: string): Buffer =>
    Buffer.from(`${HEADER} ${name} 0001 0001 00000005 0004 01020304`.replaceAll(' ', ''), 'hex')
  t.equal(decodeMessage(answer(labels(61)))?.answers[0]?.name.length, 253)
  t.equal(decodeMessage(answer(labels(62))), null)
})

t.test('a TTL with the top bit set is zero (RFC 2181 §8)', async (t) => {
  const bytes = Buffer.from(`${HEADER} 00 0001 0001 80000005 0004 01020304`.replaceAll(' ', ''), 'hex')
  t.equal(decodeMessage(bytes)?.answers[0]?.ttlSeconds, 0)
})

t.test('records of another class are left out', async (t) => {
  const bytes = Buffer.from(`${HEADER} 00 0001 0003 00000005 0004 01020304`.replaceAll(' ', ''), 'hex')
  t.strictSame(decodeMessage(bytes)?.answers, [])
})

t.test('what has no place on the wire is not encoded', async (t) => {
  const query = queryMessage(1, 'a', 'A', null)
  const encode = (record: object) => () =>
    encodeMessage({ ...query, answers: [{ name: 'a', ttlSeconds: 5, ...record } as never] })
  t.throws(() => encodeMessage({ ...query, questions: [{ name: 'a..b', type: 'A', class: 1 }] }), RangeError)
  t.throws(encode({ type: 'A', address: '::1' }), RangeError)
  t.throws(encode({ type: 'AAAA', address: '1.2.3.4' }), RangeError)
  t.throws(encode({ type: 'TXT', strings: [] }), RangeError)
  t.throws(encode({ type: 'TXT', strings: ['x'.repeat(256)] }), RangeError)
  t.throws(encode({ type: 'TXT', strings: ['é€'] }), RangeError)
  t.throws(encode({ type: 'SRV', priority: 0, weight: 0, port: 65536, target: 'b' }), RangeError)
  const strings = Array.from({ length: 300 }, () => 'x'.repeat(255))
  t.throws(encode({ type: 'TXT', strings }), RangeError, 'over 65,535 bytes')
})
