import type { Dyno } from '../../model/dyno.ts'
import type { DynoObservation } from '../../model/dyno-observation.ts'
import { firstByteQuantileMs } from '../../model/dyno-observation.ts'
import { dynoId } from '../registry.ts'
import type { Sample } from './gate.ts'

type Observe = (dynoId: string) => DynoObservation | null

/** What the requests to some dynos came to since it was made. */
export class GateWatch {
  readonly #observe: Observe
  readonly #before: ReadonlyMap<string, DynoObservation>

  constructor(dynos: readonly Dyno[], observe: Observe) {
    this.#observe = observe
    this.#before = observations(dynos, observe)
  }

  sample(dynos: readonly Dyno[]): Sample {
    return sampleOf(observations(dynos, this.#observe), this.#before)
  }
}

/** What the requests to the dynos came to as far back as anybody has counted; null: there were none. */
export function sampleSoFar(dynos: readonly Dyno[], observe: Observe): Sample | null {
  const sample = sampleOf(observations(dynos, observe), new Map())
  return sample.requests === 0 ? null : sample
}

function observations(dynos: readonly Dyno[], observe: Observe): Map<string, DynoObservation> {
  const seen = new Map<string, DynoObservation>()
  for (const dyno of dynos) {
    const observation = observe(dynoId(dyno))
    if (observation !== null) seen.set(dynoId(dyno), observation)
  }
  return seen
}

function sampleOf(now: Map<string, DynoObservation>, before: ReadonlyMap<string, DynoObservation>): Sample {
  let requests = 0
  let failures = 0
  const cells: number[] = []
  for (const [id, seen] of now) {
    const was = before.get(id)
    requests += seen.requests - (was?.requests ?? 0)
    failures += seen.failures - (was?.failures ?? 0)
    for (const [cell, count] of seen.firstByteCells.entries()) {
      cells[cell] = (cells[cell] ?? 0) + count - (was?.firstByteCells[cell] ?? 0)
    }
  }
  const p95Ms = firstByteQuantileMs(cells, 0.95)
  return { requests, failures, p95Ms: Number.isFinite(p95Ms) ? p95Ms : null }
}
