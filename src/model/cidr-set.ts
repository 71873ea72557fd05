import type { Cidr, IpAddress } from './address.ts'

/** One range of a set. Its place in the list that the set is built from is the value that a lookup gives. */
export interface CidrRule {
  readonly cidr: Cidr
  /** Beats every rule that is not `deny`, however specific. */
  readonly deny: boolean
}

/**
 * Which rule decides about an address. Built once, never changed. CIDRs nest or are disjoint, so the rules flatten to a list of points
 * where the deciding rule changes: a lookup is one binary search over numbers, without allocation.
 */
export class CidrSet {
  /** Nothing is in it. */
  readonly empty: boolean
  readonly #v4Starts: Uint32Array
  readonly #v4Rules: Int32Array
  /** Four words per point. */
  readonly #v6Starts: Uint32Array
  readonly #v6Rules: Int32Array

  constructor(rules: readonly CidrRule[]) {
    this.empty = rules.length === 0
    const v4 = flatten(rules, 4)
    this.#v4Starts = Uint32Array.from(v4, (point) => Number(point.start))
    this.#v4Rules = Int32Array.from(v4, (point) => point.rule)
    const v6 = flatten(rules, 6)
    this.#v6Starts = Uint32Array.from(v6.flatMap((point) => words(point.start)))
    this.#v6Rules = Int32Array.from(v6, (point) => point.rule)
  }

  /** Index of the rule that decides: the most specific deny, else the most specific other, the first listed of equals; -1 when none matches. */
  find(address: IpAddress): number {
    return address.family === 4
      ? this.#findV4(address.w0)
      : this.#findV6(address.w0, address.w1, address.w2, address.w3)
  }

  has(address: IpAddress): boolean {
    return this.find(address) !== -1
  }

  #findV4(value: number): number {
    const starts = this.#v4Starts
    let low = 0
    let high = starts.length
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if (starts[middle]! <= value) low = middle
      else high = middle
    }
    return this.#v4Rules[low]!
  }

  #findV6(w0: number, w1: number, w2: number, w3: number): number {
    const starts = this.#v6Starts
    let low = 0
    let high = starts.length >>> 2
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      const at = middle << 2
      let difference = starts[at]! - w0
      if (difference === 0) difference = starts[at + 1]! - w1
      if (difference === 0) difference = starts[at + 2]! - w2
      if (difference === 0) difference = starts[at + 3]! - w3
      if (difference <= 0) low = middle
      else high = middle
    }
    return this.#v6Rules[low]!
  }
}

/** From here on (up to the next point) this rule decides. */
interface Point {
  readonly start: bigint
  readonly rule: number
}

interface OpenRange {
  readonly end: bigint
  /** The rule that decides inside this range where no inner one does. */
  readonly rule: number
}

/** Sorted points, the first at address zero, no two neighbours with the same rule. */
function flatten(rules: readonly CidrRule[], family: 4 | 6): Point[] {
  const bits = family === 4 ? 32 : 128
  const ranges = rules
    .map((rule, index) => ({ rule, index, start: numberOf(rule.cidr.network) }))
    .filter(({ rule }) => rule.cidr.network.family === family)
    // Outer before inner; of equal ranges the first listed is the innermost, so that it decides.
    .sort((a, b) => {
      if (a.start !== b.start) return a.start < b.start ? -1 : 1
      return a.rule.cidr.prefix - b.rule.cidr.prefix || b.index - a.index
    })

  const points: Point[] = []
  const add = (start: bigint, rule: number) => {
    if (points.at(-1)?.start === start) points.pop()
    if (points.at(-1)?.rule !== rule) points.push({ start, rule })
  }
  const open: OpenRange[] = []
  const closeUpTo = (start: bigint) => {
    for (let range = open.at(-1); range !== undefined && range.end <= start; range = open.at(-1)) {
      open.pop()
      add(range.end, open.at(-1)?.rule ?? -1)
    }
  }

  add(0n, -1)
  for (const { rule, index, start } of ranges) {
    closeUpTo(start)
    const outer = open.at(-1)?.rule ?? -1
    const decides = outer !== -1 && rules[outer]!.deny && !rule.deny ? outer : index
    open.push({ end: start + (1n << BigInt(bits - rule.cidr.prefix)), rule: decides })
    add(start, decides)
  }
  const beyond = 1n << BigInt(bits)
  closeUpTo(beyond)
  if (points.at(-1)?.start === beyond) points.pop()
  return points
}

function numberOf(address: IpAddress): bigint {
  if (address.family === 4) return BigInt(address.w0)
  return (BigInt(address.w0) << 96n) | (BigInt(address.w1) << 64n) | (BigInt(address.w2) << 32n) | BigInt(address.w3)
}

function words(value: bigint): number[] {
  return [96n, 64n, 32n, 0n].map((shift) => Number((value >> shift) & 0xffffffffn))
}
