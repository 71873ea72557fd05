/** No key of the schema is near this long; comparing more would only cost time. */
const LONGEST_COMPARED = 64

/** The word that was probably meant: at most a third of its letters differ. undefined when none is that near. */
export function nearest(written: string, known: readonly string[]): string | undefined {
  const best = byDistance(written, known)[0]
  if (best === undefined) return undefined
  const letters = Math.min(Math.max(best.length, written.length), LONGEST_COMPARED)
  const tolerated = Math.max(1, Math.floor(letters / 3))
  return distance(written, best) <= tolerated ? best : undefined
}

/** The known words, nearest first. */
export function byDistance(written: string, known: readonly string[]): string[] {
  return known
    .map((word) => ({ word, steps: distance(written, word) }))
    .sort((a, b) => a.steps - b.steps)
    .map(({ word }) => word)
}

/**
 * How many letters must be put in, taken out, changed or swapped with their neighbour (optimal string alignment). Case,
 * `-` and `_` do not count: `max_body_size` is as good as `maxBodySize`.
 */
function distance(one: string, other: string): number {
  const a = plain(one)
  const b = plain(other)
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let steps = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1))
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        steps = Math.min(steps, beforeLast[column - 2]! + 1)
      }
      current.push(steps)
    }
    beforeLast = last
    last = current
  }
  return last[b.length]!
}

function plain(word: string): string {
  return word.slice(0, LONGEST_COMPARED).toLowerCase().replaceAll(/[-_]/g, '')
}
