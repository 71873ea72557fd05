import { HEADER_BYTES } from './codes.ts'
import { labelText, MAX_LABEL_BYTES, MAX_NAME_BYTES } from './name.ts'

/** More labels than these do not fit 255 bytes, and a pointer that leads to a pointer is of no use. */
const MAX_POINTERS = 127

/**
 * Reads the fields of one message in order and never beyond `end`. After the first read that does not fit, `failed` stays
 * true and every read gives a zero value: the caller asks once, at the end.
 */
export class MessageReader {
  readonly bytes: Buffer
  at = 0
  end: number
  failed = false

  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.end = bytes.length
  }

  uint8(): number {
    return this.#has(1) ? this.bytes[this.at++]! : 0
  }

  uint16(): number {
    if (!this.#has(2)) return 0
    this.at += 2
    return this.bytes.readUInt16BE(this.at - 2)
  }

  uint32(): number {
    if (!this.#has(4)) return 0
    this.at += 4
    return this.bytes.readUInt32BE(this.at - 4)
  }

  /** A view, not a copy. */
  take(length: number): Buffer {
    if (!this.#has(length)) return this.bytes.subarray(0, 0)
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  /** A length byte and that many bytes, one character per byte. */
  characterString(): string {
    return this.take(this.uint8()).toString('latin1')
  }

  /**
   * A name as text, its case kept. A pointer must lead to before the labels it continues (RFC 1035 §4.1.4: a *prior* occurrence)
   * and not into the header: so each jump goes further back and there is no loop.
   */
  name(): string {
    let at = this.at
    let labelsFrom = at
    let resumeAt = -1
    let pointers = 0
    let wireBytes = 1
    let text = ''
    while (at < this.end) {
      const length = this.bytes[at]!
      if (length === 0) {
        this.at = resumeAt < 0 ? at + 1 : resumeAt
        return text
      }
      if (length >= 0xc0) {
        if (at + 2 > this.end || ++pointers > MAX_POINTERS) break
        const target = ((length & 0x3f) << 8) | this.bytes[at + 1]!
        if (target >= labelsFrom || target < HEADER_BYTES) break
        if (resumeAt < 0) resumeAt = at + 2
        at = target
        labelsFrom = target
        continue
      }
      wireBytes += 1 + length
      if (length > MAX_LABEL_BYTES || wireBytes > MAX_NAME_BYTES || at + 1 + length > this.end) break
      const label = labelText(this.bytes.toString('latin1', at + 1, at + 1 + length))
      text = text === '' ? label : `${text}.${label}`
      at += 1 + length
    }
    this.fail()
    return ''
  }

  fail(): void {
    this.failed = true
    this.at = this.end
  }

  #has(length: number): boolean {
    if (this.at + length <= this.end) return true
    this.fail()
    return false
  }
}
