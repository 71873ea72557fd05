/**
 * Bytes that a peer sent before they could be used: a head that is not complete yet, requests sent ahead, payload that waits
 * for a dyno. The shared read buffer is overwritten by the next read of any connection, so what must outlive the callback is
 * copied here.
 */
export class KeptBytes {
  #bytes: Buffer = EMPTY
  #start = 0
  #end = 0

  get length(): number {
    return this.#end - this.#start
  }

  /** The storage; valid between `start` and `end` until the next append. */
  get bytes(): Buffer {
    return this.#bytes
  }

  get start(): number {
    return this.#start
  }

  get end(): number {
    return this.#end
  }

  /** Storage doubles, so a head that comes byte by byte costs linear work. Callers bound the length. */
  append(source: Buffer, start: number, end: number): void {
    const more = end - start
    const length = this.length
    if (this.#end + more > this.#bytes.length) {
      const wanted = length + more
      let target = this.#bytes
      if (wanted > target.length) target = storageFor(wanted)
      this.#bytes.copy(target, 0, this.#start, this.#end)
      this.#bytes = target
      this.#start = 0
      this.#end = length
    }
    source.copy(this.#bytes, this.#end, start, end)
    this.#end += more
  }

  /** Forget the first `count` bytes. Storage is given back when nothing is left: idle connections hold none. */
  consume(count: number): void {
    this.#start += count
    if (this.#start >= this.#end) this.clear()
  }

  clear(): void {
    this.#bytes = EMPTY
    this.#start = 0
    this.#end = 0
  }

  /** Forget everything, and let others use the storage: nobody refers to it any more. */
  recycle(): void {
    const size = this.#bytes.length
    if (size >= SMALLEST && size <= LARGEST_SPARE) {
      const spare = spares[Math.log2(size / SMALLEST)]!
      if (spare.length * size < SPARE_BYTES) spare.push(this.#bytes)
    }
    this.clear()
  }
}

const SMALLEST = 512
/** A larger one is seldom, and dear to hold for the next. */
const LARGEST_SPARE = 65_536
/** Of each size, 8 MiB in all: as many as the uploads that are read in one turn of the event loop. */
const SPARE_BYTES = 1_048_576
const EMPTY = Buffer.alloc(0)

/** By size, each twice the one before: memory that is asked for and dropped with every request makes the garbage collector look through everything again and again. */
const spares: Buffer[][] = Array.from({ length: Math.log2(LARGEST_SPARE / SMALLEST) + 1 }, () => [])

function storageFor(bytes: number): Buffer {
  const power = Math.max(0, Math.ceil(Math.log2(bytes / SMALLEST)))
  return spares[power]?.pop() ?? Buffer.allocUnsafeSlow(SMALLEST * 2 ** power)
}
