import type { BalancePolicy } from '../model/snapshot.ts'
import type { DynoState } from './dyno-state.ts'
import { hashText, mixHash } from './hash.ts'

/** The dynos of an app that may be claimed, and what a choice among them needs. */
export interface ReadyDynos {
  /** In the order of their names, those of the router's own zone first. */
  dynos: readonly DynoState[]
  /** Of the names of the dynos, in their order: hashing by name lets the successor of web.1 inherit the keys of web.1. */
  nameHashes: Int32Array
  /** How many at the front are in the router's own zone. */
  localCount: number
  /** Requests in flight that one dyno may have. */
  cap: number
  /** Where round-robin goes on; any whole number. */
  turn: number
}

/** A dyno that has room, is not in quarantine and was not tried, or null. `random` gives [0, 1); `hashKey` is read by `hash` only. */
export type Algorithm = (
  ready: ReadyDynos,
  hashKey: string,
  tried: readonly DynoState[],
  nowMs: number,
  random: () => number,
) => DynoState | null

export const ALGORITHMS: Readonly<Record<BalancePolicy['algorithm'], Algorithm>> = {
  'least-in-flight': leastInFlight,
  'round-robin': roundRobin,
  random: anyDyno,
  hash: highestScore,
}

/**
 * The less busy of two random dynos: nearly as even as the least busy of all (Mitzenmacher 2001), without the herd that follows the
 * one least busy dyno. Dynos of the own zone come first as long as one of them has room.
 */
function leastInFlight(
  ready: ReadyDynos,
  _hashKey: string,
  tried: readonly DynoState[],
  nowMs: number,
  random: () => number,
): DynoState | null {
  const { localCount } = ready
  if (localCount > 0) {
    const local = lessBusyOfTwo(ready, 0, localCount, tried, nowMs, random)
    if (local !== null || localCount === ready.dynos.length) return local
  }
  return lessBusyOfTwo(ready, localCount, ready.dynos.length, tried, nowMs, random)
}

function lessBusyOfTwo(
  ready: ReadyDynos,
  from: number,
  to: number,
  tried: readonly DynoState[],
  nowMs: number,
  random: () => number,
): DynoState | null {
  const { dynos, cap } = ready
  const count = to - from
  if (count === 0) return null
  const offset = Math.floor(random() * count)
  const one = dynos[from + offset]!
  if (count === 1) return usable(one, cap, tried, nowMs) ? one : null
  const other = dynos[from + ((offset + 1 + Math.floor(random() * (count - 1))) % count)]!
  const oneUsable = usable(one, cap, tried, nowMs)
  if (usable(other, cap, tried, nowMs)) return oneUsable && one.inFlight <= other.inFlight ? one : other
  if (oneUsable) return one
  // Neither: look at all. Rare, since it takes an app that is nearly full or mostly in quarantine.
  let best: DynoState | null = null
  for (let i = 0; i < count; i++) {
    const dyno = dynos[from + ((offset + i) % count)]!
    if ((best === null || dyno.inFlight < best.inFlight) && usable(dyno, cap, tried, nowMs)) best = dyno
  }
  return best
}

function roundRobin(ready: ReadyDynos, _hashKey: string, tried: readonly DynoState[], nowMs: number): DynoState | null {
  const { dynos, cap } = ready
  for (let i = 0; i < dynos.length; i++) {
    const index = (ready.turn + i) % dynos.length
    const dyno = dynos[index]!
    if (usable(dyno, cap, tried, nowMs)) {
      ready.turn = index + 1
      return dyno
    }
  }
  return null
}

function anyDyno(
  ready: ReadyDynos,
  _hashKey: string,
  tried: readonly DynoState[],
  nowMs: number,
  random: () => number,
): DynoState | null {
  const { dynos, cap } = ready
  if (dynos.length === 0) return null
  const dyno = dynos[Math.floor(random() * dynos.length)]!
  if (usable(dyno, cap, tried, nowMs)) return dyno
  // Any of the usable ones, each as likely: taking the next one would give the neighbour of a full dyno a double share.
  let chosen: DynoState | null = null
  let seen = 0
  for (const candidate of dynos) {
    if (usable(candidate, cap, tried, nowMs) && random() * ++seen < 1) chosen = candidate
  }
  return chosen
}

/**
 * Rendezvous hashing (Thaler and Ravishankar 1998): each dyno scores the key, the highest score wins. A dyno that goes moves only its own keys, one that
 * comes takes its share from each; a full one passes its keys on to the next score. No ring to build, and even without virtual nodes.
 */
function highestScore(
  ready: ReadyDynos,
  hashKey: string,
  tried: readonly DynoState[],
  nowMs: number,
  random: () => number,
): DynoState | null {
  // Without the header or cookie that is hashed all such requests would go to one dyno.
  if (hashKey === '') return leastInFlight(ready, hashKey, tried, nowMs, random)
  const { dynos, nameHashes, cap } = ready
  const keyHash = hashText(hashKey)
  let best: DynoState | null = null
  let bestScore = Number.NEGATIVE_INFINITY
  for (let i = 0; i < nameHashes.length; i++) {
    const score = mixHash(keyHash, nameHashes[i]!)
    if (score > bestScore && usable(dynos[i]!, cap, tried, nowMs)) {
      best = dynos[i]!
      bestScore = score
    }
  }
  return best
}

function usable(dyno: DynoState, cap: number, tried: readonly DynoState[], nowMs: number): boolean {
  return (
    dyno.inFlight < cap &&
    dyno.quarantinedUntilMs <= nowMs &&
    !dyno.heldBack &&
    (tried.length === 0 || !tried.includes(dyno))
  )
}
