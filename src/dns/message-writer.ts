import { MAX_MESSAGE_BYTES } from './codes.ts'
import { parentWire, ROOT_WIRE } from './name.ts'

/** A pointer has 14 bits for its target. */
const LAST_POINTER_TARGET = 0x3fff

/** Writes fields in order, into a buffer that grows to at most `maxBytes`. */
export class MessageWriter {
  /** Bytes written so far. */
  length = 0
  readonly #maxBytes: number
  #bytes: Buffer
  /** Where each name (wire form) begins in the message, for pointers to it. */
  readonly #names = new Map<string, number>()
  readonly #movable: boolean

  constructor(maxBytes: number = MAX_MESSAGE_BYTES, movable: boolean = false) {
    this.#maxBytes = maxBytes
    this.#bytes = Buffer.allocUnsafe(Math.min(512, maxBytes))
    this.#movable = movable
  }

  /**
   * For records that have no place in a message yet: names point only to `wire`, which stands at `offset` in every message that
   * they are meant for (it is the name of the question, or the end of it). So they can be left out and put in any order.
   */
  static movable(wire: string, offset: number): MessageWriter {
    const writer = new MessageWriter(Number.MAX_SAFE_INTEGER, true)
    for (let at = 0; at < wire.length - 1; at += 1 + wire.charCodeAt(at)) writer.#noteName(wire.slice(at), offset + at)
    return writer
  }

  uint8(value: number): void {
    this.length = this.#room(1).writeUInt8(value, this.length)
  }

  uint16(value: number): void {
    this.length = this.#room(2).writeUInt16BE(value, this.length)
  }

  uint32(value: number): void {
    this.length = this.#room(4).writeUInt32BE(value, this.length)
  }

  append(bytes: Uint8Array): void {
    this.#room(bytes.length).set(bytes, this.length)
    this.length += bytes.length
  }

  /** @throws RangeError when it is over 255 bytes or not one byte per character */
  characterString(text: string): void {
    if (text.length > 255 || /[^\x00-\xff]/.test(text)) {
      throw new RangeError(`not a character string of up to 255 bytes: ${JSON.stringify(text)}`)
    }
    this.uint8(text.length)
    this.append(Buffer.from(text, 'latin1'))
  }

  /** As short as what is already in the message allows; later names may point to it. */
  name(wire: string): void {
    for (let rest = wire; rest !== ROOT_WIRE; rest = parentWire(rest)) {
      const target = this.#names.get(rest)
      if (target !== undefined) {
        this.uint16(0xc000 | target)
        return
      }
      if (!this.#movable) this.#noteName(rest, this.length)
      this.append(Buffer.from(rest.slice(0, 1 + rest.charCodeAt(0)), 'latin1'))
    }
    this.uint8(0)
  }

  /** In full, and nothing points to it: for data in which pointers are not allowed (RFC 3597 §4). */
  plainName(wire: string): void {
    this.append(Buffer.from(wire, 'latin1'))
  }

  #noteName(wire: string, offset: number): void {
    if (offset <= LAST_POINTER_TARGET) this.#names.set(wire, offset)
  }

  /** Writes what `write` does behind a 16-bit count of its bytes. */
  counted(write: () => void): void {
    const at = this.length
    this.uint16(0)
    write()
    this.#bytes.writeUInt16BE(this.length - at - 2, at)
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.length)
  }

  /** @throws RangeError over `maxBytes` */
  #room(length: number): Buffer {
    const needed = this.length + length
    if (needed > this.#maxBytes) throw new RangeError(`a DNS message of over ${this.#maxBytes} bytes`)
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.min(this.#maxBytes, Math.max(needed, this.#bytes.length * 2)))
      this.#bytes.copy(grown, 0, 0, this.length)
      this.#bytes = grown
    }
    return this.#bytes
  }
}
