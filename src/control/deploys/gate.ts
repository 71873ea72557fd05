/** How the requests to some dynos went. */
export interface Sample {
  readonly requests: number
  /** Of these: answered with a 5xx, or failed because of the dyno. */
  readonly failures: number
  /** Milliseconds to the first byte that 95 % of them kept; null: none had one. */
  readonly p95Ms: number | null
}

export interface GateLimits {
  readonly maxErrorRateIncreasePercent: number
  readonly maxP95IncreasePercent: number
  readonly minRequests: number
}

export interface Verdict {
  readonly passed: boolean
  /** Why not, or what could not be judged; '' when all is well. */
  readonly reason: string
  readonly fresh: Sample
  /** What it was compared with: the old dynos meanwhile, or how they did before the deploy. */
  readonly old: Sample | null
}

/**
 * Times are counted in cells that differ by a fifth, and of answers that take a millisecond anything may double: a difference that no
 * client feels is not held against a release.
 */
const LEAST_P95_DIFFERENCE_MS = 10

/**
 * New release against old. `whole`: the hold time is over; before that only errors are judged, which so many requests show, while times
 * need all of them: programs are slow when they have just begun.
 */
export function judge(
  fresh: Sample,
  meanwhile: Sample,
  baseline: Sample | null,
  limits: GateLimits,
  whole: boolean,
): Verdict {
  const old = [meanwhile, baseline].find((sample) => sample !== null && sample.requests >= limits.minRequests) ?? null
  const verdict = (passed: boolean, reason: string): Verdict => ({ passed, reason, fresh, old })
  if (fresh.requests < limits.minRequests) return verdict(true, `only ${fresh.requests} requests to judge by`)
  const errorPercent = percentFailed(fresh)
  // With nothing to compare with, a release must stand on its own.
  const oldErrorPercent = old === null ? 0 : percentFailed(old)
  if (errorPercent - oldErrorPercent > limits.maxErrorRateIncreasePercent) {
    const before = old === null ? '' : `, ${shown(oldErrorPercent)} % with the release before`
    return verdict(false, `${shown(errorPercent)} % of ${fresh.requests} requests failed${before}`)
  }
  if (whole && old !== null && fresh.p95Ms !== null && old.p95Ms !== null) {
    const mostMs = old.p95Ms * (1 + limits.maxP95IncreasePercent / 100)
    if (fresh.p95Ms > mostMs && fresh.p95Ms - old.p95Ms >= LEAST_P95_DIFFERENCE_MS) {
      const before = `${shown(old.p95Ms)} ms with the release before`
      return verdict(false, `the first byte takes up to ${shown(fresh.p95Ms)} ms (p95), ${before}`)
    }
  }
  return verdict(true, '')
}

function percentFailed({ requests, failures }: Sample): number {
  return requests === 0 ? 0 : (100 * failures) / requests
}

function shown(value: number): string {
  return value.toFixed(value < 10 ? 1 : 0)
}
