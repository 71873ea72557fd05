import type { DynoState } from './dyno-state.ts'
import { type Exchange, Phase } from './exchange.ts'
import { ERRORS } from './router-error.ts'

/** The dyno's side of an attempt is over. A connection that is still there is not: who knows what it would say next. */
export function letGo(x: Exchange): void {
  const { backend } = x
  x.client.feeder = null
  if (backend !== null) backend.abort()
  x.backend = null
  if (x.phase === Phase.queued) x.pool!.leave(x)
  if (x.dyno !== null) release(x)
}

/** Un-counts the request: the dyno's slot goes to the next one. Once for each claim, when nothing more is wanted of the dyno. */
export function release(x: Exchange): void {
  const dyno = x.dyno!
  x.lastDyno = dyno
  x.dyno = null
  tally(x, dyno)
  x.pool!.release(dyno)
}

/** How the dyno did in the attempt that ends: `x.code` says why when it was not for an answer. */
function tally(x: Exchange, dyno: DynoState): void {
  if (x.phase === Phase.connecting || x.phase === Phase.taking) {
    // It got nothing of the request: that is its fault when it did not let us in, and nobody's business otherwise.
    if (x.phase === Phase.connecting && x.code === '') dyno.tally.count(true, -1)
    return
  }
  // What it closed while we wrote is served again.
  if (x.status === 0 && x.code === '') return
  const failed = x.status >= 500 || (x.code !== '' && ERRORS[x.code].side === 'dyno')
  const hadItAtMs = x.sentAtMs === -1 ? x.servedAtMs : x.sentAtMs
  dyno.tally.count(failed, x.firstByteAtMs === -1 ? -1 : x.firstByteAtMs - hadItAtMs)
}
