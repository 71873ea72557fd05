/** Turns the order of unsigned words into the order of signed ones, which V8 compares without boxing. */
const SIGN = 0x80000000 | 0

/** A table of 65,536 places (256 KiB) is as much as the index of one set may take. */
const MAX_INDEX_BITS = 16

/** From each point on, up to the next one, its value holds; below the first, `below` does. Points come in their order. */
export class RangePoints {
  readonly below: number
  /** Four words per point, sign turned. */
  readonly starts: Int32Array
  readonly values: Int32Array
  count = 0

  /** There will be at most so many. */
  constructor(most: number, below: number) {
    this.below = below
    this.starts = new Int32Array(most * 4)
    this.values = new Int32Array(most)
  }

  /** Words as `IpAddress` has them. A second point at one address takes the place of the first; one that changes nothing is none. */
  add(w0: number, w1: number, w2: number, w3: number, value: number): void {
    const { starts, values } = this
    const at = this.count - 1
    const replaces =
      at >= 0 &&
      starts[at * 4] === (w0 ^ SIGN) &&
      starts[at * 4 + 1] === (w1 ^ SIGN) &&
      starts[at * 4 + 2] === (w2 ^ SIGN) &&
      starts[at * 4 + 3] === (w3 ^ SIGN)
    if (replaces) this.count--
    const before = this.count === 0 ? this.below : values[this.count - 1]
    if (before === value) return
    const point = this.count++
    starts[point * 4] = w0 ^ SIGN
    starts[point * 4 + 1] = w1 ^ SIGN
    starts[point * 4 + 2] = w2 ^ SIGN
    starts[point * 4 + 3] = w3 ^ SIGN
    values[point] = value
  }
}

/** Points and the table of where to begin. Plain data. */
export interface RangeTable {
  /** The value below the first point. */
  readonly below: number
  /** Four words per point, sign turned. */
  readonly starts: Int32Array
  readonly values: Int32Array
  /** For each place the last point at or before its first address; one more for the end. */
  readonly index: Uint32Array
  readonly indexBits: number
  /** Bits that all addresses between the first and the last point begin with: the index is over those that follow. */
  readonly sharedBits: number
}

/** `bits`: of the addresses, 32 or 128. */
export function rangeTable(points: RangePoints, bits: 32 | 128): RangeTable {
  const { below, count } = points
  const starts = points.starts.slice(0, count * 4)
  const sharedBits = Math.min(bitsSharedByAll(starts), bits - 1)
  const indexBits = Math.min(MAX_INDEX_BITS, Math.ceil(Math.log2(count + 1)), bits - sharedBits)
  const places = 1 << indexBits
  const index = new Uint32Array(places + 1)
  for (let place = 0, point = 0; place <= places; place++) {
    while (point + 1 < count && placesBelow(starts, point + 1, sharedBits, indexBits) <= place) point++
    index[place] = point
  }
  return { below, starts, values: points.values.slice(0, count), index, indexBits, sharedBits }
}

/** With memory of its own: one that came by message is a view of the whole message. */
export function ownTable(table: RangeTable): RangeTable {
  const { starts, values, index } = table
  return { ...table, starts: starts.slice(), values: values.slice(), index: index.slice() }
}

/**
 * Finds the value that holds at an address: a binary search over sorted points, begun where a table over the address bits that tell the points
 * apart says. The table has about as many places as there are points, so the search is short unless the points are bunched.
 */
export class RangeSearch {
  readonly #below: number
  readonly #count: number
  readonly #starts: Int32Array
  readonly #values: Int32Array
  readonly #index: Uint32Array
  readonly #indexBits: number
  readonly #sharedBits: number

  constructor({ below, starts, values, index, indexBits, sharedBits }: RangeTable) {
    this.#below = below
    this.#count = values.length
    this.#starts = starts
    this.#values = values
    this.#index = index
    this.#indexBits = indexBits
    this.#sharedBits = sharedBits
  }

  /** Words as `IpAddress` has them. */
  find(w0: number, w1: number, w2: number, w3: number): number {
    const lastPoint = this.#count - 1
    if (lastPoint < 0 || this.#isAfter(0, w0, w1, w2, w3)) return this.#below
    if (!this.#isAfter(lastPoint, w0, w1, w2, w3)) return this.#values[lastPoint]!
    // Between the first and the last point, so it begins with the shared bits.
    const place = placeOf(w0, w1, w2, w3, this.#sharedBits, this.#indexBits)
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
}

/** The `indexBits` bits after the shared ones: they lie in one word or in two. */
function placeOf(w0: number, w1: number, w2: number, w3: number, sharedBits: number, indexBits: number): number {
  const sharedWords = sharedBits >>> 5
  const shift = sharedBits & 31
  const word = sharedWords === 0 ? w0 : sharedWords === 1 ? w1 : sharedWords === 2 ? w2 : w3
  const next = sharedWords === 0 ? w1 : sharedWords === 1 ? w2 : sharedWords === 2 ? w3 : 0
  // JavaScript shifts by bits mod 32.
  const bits = shift === 0 ? word : (word << shift) | (next >>> (32 - shift))
  return bits >>> (32 - indexBits)
}

/** How many places begin before the point: its own does unless the point is the first address there. */
function placesBelow(starts: Int32Array, point: number, sharedBits: number, indexBits: number): number {
  const at = point * 4
  const w0 = starts[at]! ^ SIGN
  const w1 = starts[at + 1]! ^ SIGN
  const w2 = starts[at + 2]! ^ SIGN
  const w3 = starts[at + 3]! ^ SIGN
  const place = placeOf(w0, w1, w2, w3, sharedBits, indexBits)
  return lastSetBit(w0, w1, w2, w3) <= sharedBits + indexBits ? place : place + 1
}

/** With how many equal bits the first and the last point begin; 128 when they are the same. */
function bitsSharedByAll(starts: Int32Array): number {
  const last = starts.length - 4
  for (let word = 0; word < 4; word++) {
    const difference = starts[word]! ^ starts[last + word]!
    if (difference !== 0) return word * 32 + Math.clz32(difference)
  }
  return 128
}

/** Number of the last bit that is set, from 1 for the first of 128; 0: none is. */
function lastSetBit(w0: number, w1: number, w2: number, w3: number): number {
  if (w3 !== 0) return 128 - trailingZeros(w3)
  if (w2 !== 0) return 96 - trailingZeros(w2)
  if (w1 !== 0) return 64 - trailingZeros(w1)
  return w0 === 0 ? 0 : 32 - trailingZeros(w0)
}

function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word)
}
