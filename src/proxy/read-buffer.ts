/**
 * All sockets of the data plane read into this one buffer: an idle connection holds no read memory, and the bytes are in the cache when they
 * are looked at. What is not consumed within the read callback must be copied.
 */
const shared = Buffer.allocUnsafeSlow(65_536)

/** A transfer that fills the shared buffer is a big one: it gets buffers of its own, which can be written to the other side without a copy. */
const BULK_BYTES = 524_288
/** Reads below this are no big transfer any more: a slow upload must not hold a buffer of its own while it waits. */
const SMALL_READ_BYTES = 16_384
/** Kept for the next big transfer. */
const SPARE_BUFFERS = 16

const spare: Buffer[] = []

/** Where one socket reads to: the shared buffer, or during a big transfer one of its own. */
export class ReadBuffer {
  #current: Buffer | null = null
  #bulk = false
  #lent = false

  /** The one that the last read filled. */
  get current(): Buffer {
    return this.#current!
  }

  /** It is the one that all sockets read into. */
  get shared(): boolean {
    return this.#current === shared
  }

  /** For the next read: to be asked before the first one and after each. undefined: the one in use. */
  next(): Buffer | undefined {
    const current = this.#current
    if (this.#bulk) {
      if (current !== shared && !this.#lent) return undefined
      this.#lent = false
      this.#current = takeBuffer()
      return this.#current
    }
    if (current === shared) return undefined
    if (current !== null && !this.#lent) giveBack(current)
    this.#lent = false
    this.#current = shared
    return shared
  }

  /** A read brought so many bytes, which are part of a body or tunnel (`streaming`) or not. */
  filled(bytes: number, streaming: boolean): void {
    if (!streaming || bytes < SMALL_READ_BYTES) this.#bulk = false
    else if (bytes >= shared.length) this.#bulk = true
  }

  /** Whether what was read may be written as it is, without a copy: nobody else reads into it. */
  get own(): boolean {
    return this.#current !== shared && !this.#lent
  }

  /** A write that is not through yet refers to it: the next read goes elsewhere. */
  lend(): void {
    this.#lent = true
  }
}

/** One for a write that has to outlive what was read; `giveBack` when it is through. */
export function takeBuffer(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(BULK_BYTES)
}

/** Such a buffer came back: its write is through. */
export function giveBack(buffer: Buffer): void {
  if (spare.length < SPARE_BUFFERS) spare.push(buffer)
}
