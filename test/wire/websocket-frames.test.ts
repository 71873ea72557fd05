import fc from 'fast-check'
import t from 'tap'
import { closeFrame, WebSocketFrames } from '../../src/wire/websocket-frames.ts'

interface Frame {
  readonly opcode: number
  readonly size: number
  readonly masked: boolean
}

function bytesOf({ opcode, size, masked }: Frame): Buffer {
  const length =
    size < 126
      ? [size]
      : size < 65_536
        ? [126, size >> 8, size & 255]
        : [127, 0, 0, 0, 0, 0, size >> 16, size >> 8, size]
  length[0]! |= masked ? 0x80 : 0
  return Buffer.concat([Buffer.from([0x80 | opcode, ...length]), Buffer.alloc((masked ? 4 : 0) + size, 0x88)])
}

t.test('the ends of frames are found, whatever their size and however they are cut', async () => {
  const size = fc.oneof(fc.integer({ min: 0, max: 130 }), fc.integer({ min: 65_530, max: 65_540 }))
  const frame = fc.record({ opcode: fc.constantFrom(0, 1, 2, 9, 10), size, masked: fc.boolean() })
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 6 }), fc.array(fc.nat(200_000), { maxLength: 8 }), (frames, cuts) => {
      const texts = frames.map(bytesOf)
      const bytes = Buffer.concat(texts)
      let end = 0
      const expected = texts.map((text) => {
        end += text.length
        return end
      })
      const reader = new WebSocketFrames()
      const found: number[] = []
      const positions = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])]
      positions.sort((one, other) => one - other)
      for (const [index, start] of positions.slice(0, -1).entries()) {
        const stop = positions[index + 1]!
        for (let at = start; at < stop; ) {
          const next = reader.next(bytes, at, stop)
          if (next === -1) break
          found.push(next)
          at = next
        }
        if (reader.inside === expected.includes(stop)) return false
      }
      return JSON.stringify(found) === JSON.stringify(expected) && !reader.closed
    }),
  )
})

t.test('a Close frame is noticed once it is whole', async (t) => {
  const frame = Buffer.from(closeFrame(1012), 'latin1')
  t.same([...frame], [0x88, 2, 0x03, 0xf4])
  const reader = new WebSocketFrames()
  t.equal(reader.next(frame, 0, 3), -1)
  t.notOk(reader.closed)
  t.equal(reader.next(frame, 3, 4), 4)
  t.ok(reader.closed)
})
