import { Dice } from './dice.ts'

export interface RunOptions {
  readonly seed: number
  /** How long to look: so many cases, or so many minutes. */
  readonly cases?: number
  readonly minutes?: number
  /** Number of the first case: `cases: 1` replays one. */
  readonly firstCase?: number
  readonly onProgress?: (cases: number, elapsedMs: number) => void
}

/** A case in which Postern and the oracle do not agree. */
export interface Finding {
  readonly case: number
  readonly problem: string
  /** The smallest input found that still shows it, as a JavaScript expression. */
  readonly input: string
}

export interface Outcome {
  readonly seed: number
  readonly cases: number
  readonly elapsedMs: number
  readonly finding: Finding | null
  /** How often what happened: a run in which nothing happens proves nothing. */
  readonly counts: ReadonlyMap<string, number>
}

const PROGRESS_MS = 30_000

export class Counts extends Map<string, number> {
  add(name: string): void {
    this.set(name, (this.get(name) ?? 0) + 1)
  }
}

/**
 * Runs case after case in every lane at once, until the time is over or something was found. `judge` gives what is wrong, or null; it
 * depends on nothing but its dice.
 */
export async function search<L>(
  options: RunOptions,
  lanes: readonly L[],
  counts: Counts,
  judge: (lane: L, dice: Dice, index: number) => Promise<Finding | null>,
): Promise<Outcome> {
  const { seed, minutes, firstCase = 0 } = options
  const cases = options.cases ?? (minutes === undefined ? 1 : Number.POSITIVE_INFINITY)
  const endsAtMs = minutes === undefined ? Number.POSITIVE_INFINITY : performance.now() + minutes * 60_000
  const beganAtMs = performance.now()
  let progressAtMs = beganAtMs + PROGRESS_MS
  let next = firstCase
  let done = 0
  let finding: Finding | null = null
  const walk = async (lane: L): Promise<void> => {
    while (finding === null && next < firstCase + cases && performance.now() < endsAtMs) {
      const index = next++
      const found = await judge(lane, new Dice(seed, index), index)
      done++
      if (found !== null && finding === null) finding = found
      if (performance.now() >= progressAtMs) {
        progressAtMs += PROGRESS_MS
        options.onProgress?.(done, performance.now() - beganAtMs)
      }
    }
  }
  await Promise.all(lanes.map(walk))
  return { seed, cases: done, elapsedMs: performance.now() - beganAtMs, finding, counts }
}

/** Tries that are worth it: each is a conversation over real sockets. */
const SHRINK_TRIES = 600

/** Takes away elements, many at a time and then fewer, as long as what is left still fails. */
export async function shrink<T>(whole: readonly T[], fails: (part: readonly T[]) => Promise<boolean>): Promise<T[]> {
  let part = [...whole]
  let tries = 0
  for (let size = Math.max(1, part.length >> 1); ; size >>= 1) {
    for (let at = 0; at < part.length && tries < SHRINK_TRIES; ) {
      const less = [...part.slice(0, at), ...part.slice(at + size)]
      tries++
      if (less.length < part.length && (await fails(less))) part = less
      else at += size
    }
    if (size <= 1 || tries >= SHRINK_TRIES) return part
  }
}

/** Bytes as text, one character each, for a report that can be pasted into a test. */
export function quoted(bytes: string): string {
  const text = JSON.stringify(bytes).replace(
    /[\x7f-\xff]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
  return text.replace(/\\u00([0-9a-f]{2})/g, '\\x$1')
}

/** What two problems have in common when they are the same one: how they begin. */
export function kindOf(problem: string): string {
  return problem.replace(/\d+/g, '#').slice(0, 40)
}
