/** From here on (up to the next point) this value holds. */
export interface RangePoint {
  readonly start: bigint
  readonly value: number
}

/** Turns the order of unsigned words into the order of signed ones, which V8 compares without boxing. */
const SIGN = 0x80000000 | 0

/** A table of 65,536 places (256 KiB) is as much as the index of one set may take. */
const MAX_INDEX_BITS = 16

/**
 * Finds the value that holds at an address: a binary search over sorted points, begun where a table over the address bits that tell the points
 * apart says. The table has about as many places as there are points, so the search is short unless the points are bunched.
 */
export class RangeSearch {
  /** Below the first point. */
  readonly #below: number
  readonly #count: number
  /** Four words per point, sign turned. */
  readonly #starts: Int32Array
  readonly #values: Int32Array
  /** For each place the last point at or before its first address; one more for the end. */
  readonly #index: Uint32Array
  readonly #indexBits: number
  /** Bits that all addresses between the first and the last point begin with: the table is over those that follow. */
  readonly #sharedBits: number

  /** Points sorted by `start`, which has `bits` bits. */
  constructor(points: readonly RangePoint[], bits: 32 | 128, below: number) {
    this.#below = below
    this.#count = points.length
    this.#starts = Int32Array.from(points.flatMap((point) => words(point.start, bits)))
    this.#values = Int32Array.from(points, (point) => point.value)
    const first = points.at(0)?.start ?? 0n
    const last = points.at(-1)?.start ?? 0n
    this.#sharedBits = bits - (first ^ last).toString(2).length
    this.#indexBits = Math.min(MAX_INDEX_BITS, Math.ceil(Math.log2(points.length + 1)), bits - this.#sharedBits)
    const places = 1 << this.#indexBits
    const placeShift = BigInt(bits - this.#sharedBits - this.#indexBits)
    const base = (first >> (placeShift + BigInt(this.#indexBits))) << BigInt(this.#indexBits)
    this.#index = new Uint32Array(places + 1)
    for (let place = 0, point = 0; place <= places; place++) {
      const start = (base + BigInt(place)) << placeShift
      while (point + 1 < points.length && points[point + 1]!.start <= start) point++
      this.#index[place] = point
    }
  }

  /** Words as `IpAddress` has them. */
  find(w0: number, w1: number, w2: number, w3: number): number {
    const lastPoint = this.#count - 1
    if (lastPoint < 0 || this.#isAfter(0, w0, w1, w2, w3)) return this.#below
    if (!this.#isAfter(lastPoint, w0, w1, w2, w3)) return this.#values[lastPoint]!
    // Between the first and the last point, so it begins with the shared bits.
    const place = this.#place(w0, w1, w2, w3)
    let low = this.#index[place]!
    let high = this.#index[place + 1]! + 1
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if (this.#isAfter(middle, w0, w1, w2, w3)) high = middle
      else low = middle
    }
    return this.#values[low]!
  }

  /** The point comes after the address. */
  #isAfter(point: number, w0: number, w1: number, w2: number, w3: number): boolean {
    const starts = this.#starts
    const at = point << 2
    let start = starts[at]!
    let word = w0 ^ SIGN
    if (start === word) {
      start = starts[at + 1]!
      word = w1 ^ SIGN
      if (start === word) {
        start = starts[at + 2]!
        word = w2 ^ SIGN
        if (start === word) {
          start = starts[at + 3]!
          word = w3 ^ SIGN
        }
      }
    }
    return start > word
  }

  /** The `#indexBits` bits after the shared ones: they lie in one word or in two. */
  #place(w0: number, w1: number, w2: number, w3: number): number {
    const sharedWords = this.#sharedBits >>> 5
    const shift = this.#sharedBits & 31
    const word = sharedWords === 0 ? w0 : sharedWords === 1 ? w1 : sharedWords === 2 ? w2 : w3
    const next = sharedWords === 0 ? w1 : sharedWords === 1 ? w2 : sharedWords === 2 ? w3 : 0
    // JavaScript shifts by bits mod 32.
    const bits = shift === 0 ? word : (word << shift) | (next >>> (32 - shift))
    return bits >>> (32 - this.#indexBits)
  }
}

function words(value: bigint, bits: 32 | 128): number[] {
  const wide = value << BigInt(128 - bits)
  return [96n, 64n, 32n, 0n].map((shift) => Number(BigInt.asIntN(32, wide >> shift)) ^ SIGN)
}
