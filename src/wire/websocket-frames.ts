const OPCODE = 0x0f
const CLOSE = 0x08
const MASKED = 0x80
const LENGTH = 0x7f

/** Finds where frames end in one direction of a WebSocket, whatever is in them (RFC 6455 §5.2). */
export class WebSocketFrames {
  /** Bytes of the present frame's header that were read, and that there are: at least 2, and these tell. */
  #headerRead = 0
  #headerBytes = 2
  /** Of these the extended length ends here; the mask follows. */
  #lengthEnd = 2
  #payloadLeft = 0
  #opcode = 0
  #closed = false

  /** A frame has begun and not ended. */
  get inside(): boolean {
    return this.#headerRead > 0
  }

  /** A Close frame went by: nothing may follow it (§5.5.1). */
  get closed(): boolean {
    return this.#closed
  }

  /** Reads on until a frame ends: the position after it; -1 when none does before `end`, and all of it was read. */
  next(bytes: Uint8Array, start: number, end: number): number {
    let at = start
    while (at < end) {
      if (this.#headerRead < this.#headerBytes) {
        this.#header(bytes[at++]!)
        if (this.#headerRead < this.#headerBytes || this.#payloadLeft > 0) continue
      } else {
        const taken = Math.min(this.#payloadLeft, end - at)
        this.#payloadLeft -= taken
        at += taken
        if (this.#payloadLeft > 0) continue
      }
      this.#closed ||= this.#opcode === CLOSE
      this.#headerRead = 0
      return at
    }
    return -1
  }

  #header(byte: number): void {
    const index = this.#headerRead++
    if (index === 0) {
      this.#opcode = byte & OPCODE
    } else if (index === 1) {
      const length = byte & LENGTH
      this.#lengthEnd = length === 127 ? 10 : length === 126 ? 4 : 2
      this.#headerBytes = this.#lengthEnd + (byte & MASKED ? 4 : 0)
      this.#payloadLeft = length < 126 ? length : 0
    } else if (index < this.#lengthEnd) {
      this.#payloadLeft = this.#payloadLeft * 256 + byte
    }
  }
}

/** The Close frame of a server, which masks nothing (§5.1). */
export function closeFrame(code: number): string {
  return String.fromCharCode(0x80 | CLOSE, 2, code >> 8, code & 0xff)
}
