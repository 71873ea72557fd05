import type { Cidr, IpAddress } from './address.ts'
import { type RangePoint, RangeSearch } from './range-search.ts'

/** One range of a set. Its place in the list that the set is built from is the value that a lookup gives. */
export interface CidrRule {
  readonly cidr: Cidr
  /** Beats every rule that is not `deny`, however specific. */
  readonly deny: boolean
}

/**
 * Which rule decides about an address. Built once, never changed. CIDRs nest or are disjoint, so the rules flatten to a sorted list of points
 * where the deciding rule changes, and a lookup is one search over numbers, without allocation. IPv4 and IPv6 are worlds apart: `::/0` holds no
 * IPv4 address.
 */
export class CidrSet {
  readonly #v4: RangeSearch
  readonly #v6: RangeSearch

  constructor(rules: readonly CidrRule[]) {
    this.#v4 = new RangeSearch(flatten(rules, 4), 32, -1)
    this.#v6 = new RangeSearch(flatten(rules, 6), 128, -1)
  }

  /**
   * Index of the rule that decides: the most specific deny, else the most specific of the others; of equals the first listed. -1 when none
   * matches.
   */
  find(address: IpAddress): number {
    const search = address.family === 4 ? this.#v4 : this.#v6
    return search.find(address.w0, address.w1, address.w2, address.w3)
  }

  has(address: IpAddress): boolean {
    return this.find(address) !== -1
  }
}

interface OpenRange {
  readonly end: bigint
  /** The rule that decides inside this range where no inner one does. */
  readonly rule: number
}

/** Points where the deciding rule changes, sorted, no two neighbours with the same rule; below the first none decides. */
function flatten(rules: readonly CidrRule[], family: 4 | 6): RangePoint[] {
  const bits = family === 4 ? 32 : 128
  const ranges = rules
    .map((rule, index) => ({ rule, index, start: numberOf(rule.cidr.network) }))
    .filter(({ rule }) => rule.cidr.network.family === family)
    // Outer before inner; of equal ranges the first listed is the innermost, so that it decides.
    .sort((a, b) => {
      if (a.start !== b.start) return a.start < b.start ? -1 : 1
      return a.rule.cidr.prefix - b.rule.cidr.prefix || b.index - a.index
    })

  const points: RangePoint[] = []
  const add = (start: bigint, rule: number) => {
    if (points.at(-1)?.start === start) points.pop()
    if ((points.at(-1)?.value ?? -1) !== rule) points.push({ start, value: rule })
  }
  const open: OpenRange[] = []
  const closeUpTo = (start: bigint) => {
    for (let range = open.at(-1); range !== undefined && range.end <= start; range = open.at(-1)) {
      open.pop()
      add(range.end, open.at(-1)?.rule ?? -1)
    }
  }

  for (const { rule, index, start } of ranges) {
    closeUpTo(start)
    const outer = open.at(-1)?.rule ?? -1
    const decides = outer !== -1 && rules[outer]!.deny && !rule.deny ? outer : index
    open.push({ end: start + (1n << BigInt(bits - rule.cidr.prefix)), rule: decides })
    add(start, decides)
  }
  const beyondLast = 1n << BigInt(bits)
  closeUpTo(beyondLast)
  // What follows the last address is no address.
  if (points.at(-1)?.start === beyondLast) points.pop()
  return points
}

function numberOf(address: IpAddress): bigint {
  const words = address.family === 4 ? [address.w0] : [address.w0, address.w1, address.w2, address.w3]
  return words.reduce((number, word) => (number << 32n) | BigInt(word >>> 0), 0n)
}
