/** What the requests of one dyno came to, since somebody began to count. Grows only. */
export interface DynoObservation {
  /** Answered, or not, by this dyno. Those that never reached a dyno are nobody's; a tunnel counts when it ends. */
  readonly requests: number
  /** Those that it answered with a 5xx, or that failed because of it: refused, timed out, broken off. */
  readonly failures: number
  /** How many had their first byte how soon after the dyno had the whole request: see `firstByteCell`. */
  readonly firstByteCells: readonly number[]
}

/** Four to each doubling: two neighbouring cells differ by 19 %. */
const CELLS_PER_DOUBLING = 4
/** Up to 1 ms, sixteen doublings up to 65.5 s, and what took longer. */
export const FIRST_BYTE_CELLS = 2 + 16 * CELLS_PER_DOUBLING

/** The cell of a time: 0 holds up to 1 ms, the others up to 1.19 ms, 1.41 ms, 1.68 ms, 2 ms … 65.5 s, the last one the rest. */
export function firstByteCell(ms: number): number {
  if (!(ms > 1)) return 0
  return Math.min(FIRST_BYTE_CELLS - 1, Math.ceil(Math.log2(ms) * CELLS_PER_DOUBLING))
}

/** The longest time that belongs to a cell; Infinity for the last. */
export function firstByteCellMs(cell: number): number {
  return cell >= FIRST_BYTE_CELLS - 1 ? Number.POSITIVE_INFINITY : 2 ** (cell / CELLS_PER_DOUBLING)
}

/** So long, to a cell, took the first byte of all but the slowest: `share` 0.95 gives p95 in ms; NaN when there was none. */
export function firstByteQuantileMs(cells: readonly number[], share: number): number {
  const total = cells.reduce((sum, count) => sum + count, 0)
  let left = Math.ceil(total * share)
  for (const [cell, count] of cells.entries()) {
    left -= count
    if (total > 0 && left <= 0) return firstByteCellMs(cell)
  }
  return Number.NaN
}

const REQUESTS = 0
const FAILURES = 1
const FIRST_BYTE = 2
const TALLY_CELLS = FIRST_BYTE + FIRST_BYTE_CELLS

const NOTHING = new Float64Array(TALLY_CELLS)

/** The same as it is counted: one typed array, so that a request costs a few increments. */
export class DynoTally {
  /** Made for the first count: of a hundred thousand dynos few have requests. */
  #cells = NOTHING

  /** `firstByteMs` -1: there was none. */
  count(failed: boolean, firstByteMs: number): void {
    if (this.#cells === NOTHING) this.#cells = new Float64Array(TALLY_CELLS)
    this.#cells[REQUESTS]! += 1
    if (failed) this.#cells[FAILURES]! += 1
    if (firstByteMs !== -1) this.#cells[FIRST_BYTE + firstByteCell(firstByteMs)]! += 1
  }

  /** Adds what another one gave away by `take`. */
  add(counts: TallyCounts): void {
    if (this.#cells === NOTHING) this.#cells = new Float64Array(TALLY_CELLS)
    for (let index = 0; index < counts.length; index += 2) this.#cells[counts[index]!]! += counts[index + 1]!
  }

  /** All that was counted since the last time, which is zero again; null: nothing. */
  take(): TallyCounts | null {
    if (this.#cells[REQUESTS] === 0) return null
    const counts: number[] = []
    for (const [index, count] of this.#cells.entries()) if (count > 0) counts.push(index, count)
    this.#cells.fill(0)
    return counts
  }

  get observation(): DynoObservation {
    return {
      requests: this.#cells[REQUESTS]!,
      failures: this.#cells[FAILURES]!,
      firstByteCells: Array.from(this.#cells.subarray(FIRST_BYTE)),
    }
  }
}

/** Cell and count in turn, without those that are zero: plain data. Valid between processes of the same version. */
export type TallyCounts = readonly number[]
