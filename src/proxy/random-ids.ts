import { randomFillSync } from 'node:crypto'

/** Made at once: the system is asked for random bytes as seldom as that, and ids that share one text cost little to write into others. */
const BATCH = 256
const ID_BYTES = 16
const ID_LENGTH = 36
const DASH = 0x2d

const HEX_DIGITS = Uint8Array.from(Buffer.from('0123456789abcdef'))
const random = Buffer.allocUnsafeSlow(BATCH * ID_BYTES)
const digits = Buffer.allocUnsafeSlow(BATCH * ID_LENGTH)
let texts = ''
let left = 0

/** A random UUID (RFC 9562 §5.4). */
export function randomId(): string {
  if (left === 0) refill()
  left--
  return texts.substring(left * ID_LENGTH, (left + 1) * ID_LENGTH)
}

function refill(): void {
  randomFillSync(random)
  let at = 0
  for (let i = 0; i < random.length; i++) {
    const place = i % ID_BYTES
    if (place === 4 || place === 6 || place === 8 || place === 10) digits[at++] = DASH
    let byte = random[i]!
    if (place === 6) byte = (byte & 0x0f) | 0x40
    else if (place === 8) byte = (byte & 0x3f) | 0x80
    digits[at++] = HEX_DIGITS[byte >> 4]!
    digits[at++] = HEX_DIGITS[byte & 0x0f]!
  }
  texts = digits.latin1Slice(0, at)
  left = BATCH
}
