/** A figure over the rounds of one scenario. */
export interface Figure {
  readonly rounds: number
  readonly median: number
  /** Half of the distance from the smallest to the largest round, as a share of the median: 0.03 is ±3 %. */
  readonly spread: number
}

export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export function figure(values: readonly number[]): Figure {
  const middle = median(values)
  const spread =
    values.length < 2 || middle === 0 ? 0 : (Math.max(...values) - Math.min(...values)) / 2 / Math.abs(middle)
  return { rounds: values.length, median: middle, spread }
}

/**
 * Ratio of two contenders, round by round and then the median: both halves of a pair ran within seconds of each other, so a machine
 * that slows down for a while slows both.
 */
export function pairedRatio(numerators: readonly number[], denominators: readonly number[]): Figure {
  const pairs = Math.min(numerators.length, denominators.length)
  return figure(Array.from({ length: pairs }, (_, round) => numerators[round]! / denominators[round]!))
}

/** The value below which `share` (0 to 1) of the ascending `sorted` values lie, nearest rank. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return Number.NaN
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]!
}
