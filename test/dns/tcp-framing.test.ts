import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { FrameReader, framed } from '../../src/dns/tcp-framing.ts'
import { holds } from './holds.ts'

t.test('messages come out whole, however the stream is cut', async (t) => {
  const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 })
  holds(t, fc.tuple(messages, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 })), 300, ([sent, cuts]) => {
    const stream = Buffer.concat(sent.map((message) => framed(Buffer.from(message))))
    const frames = new FrameReader(300)
    const received: Buffer[] = []
    for (let at = 0, n = 0; at < stream.length; n++) {
      const end = at + cuts[n % cuts.length]!
      frames.push(stream.subarray(at, end))
      at = end
      for (let message = frames.next(); message !== null; message = frames.next()) received.push(message)
    }
    assert.deepEqual(
      received.map((message) => [...message]),
      sent.map((message) => [...message]),
    )
    assert.equal(frames.pending, false)
  })
})

t.test('what was not taken yet is kept when more comes', async (t) => {
  const frames = new FrameReader(10)
  frames.push(Buffer.concat([framed(Buffer.from('one')), framed(Buffer.from('two')), Buffer.from([0])]))
  t.equal(String(frames.next()), 'one')
  t.ok(frames.pending)
  frames.push(Buffer.from('\x05three'))
  t.equal(String(frames.next()), 'two')
  t.equal(String(frames.next()), 'three')
  t.equal(frames.next(), null)
})

t.test('a message that is announced too long ends the stream', async (t) => {
  const frames = new FrameReader(4)
  frames.push(Buffer.concat([framed(Buffer.from('four')), framed(Buffer.from('five!'))]))
  t.equal(String(frames.next()), 'four')
  t.equal(frames.next(), null)
  t.ok(frames.tooLong)
  frames.push(framed(Buffer.from('four')))
  t.equal(frames.next(), null)
})
