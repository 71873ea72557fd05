// The threat: bytes from anyone at all, over UDP, with a forged sender. They must not stop the responder, and must not be worth
// sending in someone else's name.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { decodeMessage, encodeMessage } from '../../src/dns/message.ts'
import { QueryHandler } from '../../src/dns/query-handler.ts'
import { holds } from './holds.ts'
import { message } from './oracle.ts'
import { faultOf, mutate, seededChoice, wildPacket } from './packets.ts'
import { sampleZones } from './sample-zone.ts'

const handler = new QueryHandler(sampleZones(100), false, () => {})

function answerTo(packet: Buffer): Buffer | null {
  return handler.handle(packet, true, 'udp') as Buffer | null
}

t.test('random bytes are decoded or not, and never throw', async (t) => {
  holds(t, fc.uint8Array({ maxLength: 600 }), 2000, (bytes) => {
    decodeMessage(Buffer.from(bytes))
    assert.equal(faultOf(Buffer.from(bytes), answerTo(Buffer.from(bytes))), null)
  })
})

t.test('a message with any change is decoded or not, and never throws', async (t) => {
  holds(t, fc.tuple(message, fc.nat()), 200, ([value, seed]) => {
    const random = seededChoice(seed)
    let bytes = encodeMessage(value)
    for (let n = 0; n < 4; n++) {
      bytes = mutate(bytes, random)
      const decoded = decodeMessage(bytes)
      // What was read can be written again, whatever it is.
      if (decoded !== null) assert.deepEqual(decodeMessage(encodeMessage(decoded)), decoded)
    }
  })
})

t.test('every part of a message is malformed', async (t) => {
  holds(t, message, 25, (value) => {
    const bytes = encodeMessage(value)
    for (let length = 0; length < bytes.length; length++) assert.equal(decodeMessage(bytes.subarray(0, length)), null)
  })
})

t.test('a wild packet never gets an answer larger than allowed', async (t) => {
  holds(t, fc.nat(), 5000, (seed) => {
    const packet = wildPacket(seededChoice(seed))
    assert.equal(faultOf(packet, answerTo(packet)), null, packet.toString('hex'))
  })
})

t.test('what an outside client gets is never longer than what it sent', async (t) => {
  holds(t, fc.nat(), 5000, (seed) => {
    const packet = wildPacket(seededChoice(seed))
    const answer = handler.handle(packet, false, 'udp') as Buffer | null
    assert.ok(answer === null || answer.length <= packet.length)
  })
})
