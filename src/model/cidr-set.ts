import { type Cidr, contains, type IpAddress } from './address.ts'
import { ownTable, RangePoints, RangeSearch, type RangeTable, rangeTable } from './range-search.ts'

const NONE = -1

/** One range of a set. Its place in the list that the set is built from is the value that a lookup gives. */
export interface CidrRule {
  readonly cidr: Cidr
  /** Beats every rule that is not `deny`, however specific. */
  readonly deny: boolean
}

/** What a set looks into. Plain data: who makes it and who uses it may be two processes. */
export interface CidrTables {
  readonly v4: RangeTable
  readonly v6: RangeTable
}

/**
 * CIDRs nest or are disjoint, so the rules flatten to a sorted list of points where the deciding rule changes. IPv4 and IPv6 are worlds apart: `::/0` holds no
 * IPv4 address.
 */
export function compileCidrs(rules: readonly CidrRule[]): CidrTables {
  return { v4: rangeTable(flatten(rules, 4), 32), v6: rangeTable(flatten(rules, 6), 128) }
}

/** See `ownTable`. */
export function ownCidrTables({ v4, v6 }: CidrTables): CidrTables {
  return { v4: ownTable(v4), v6: ownTable(v6) }
}

/** Which rule decides about an address. Built once, never changed. A lookup is one search over numbers, without allocation. */
export class CidrSet {
  readonly #v4: RangeSearch
  readonly #v6: RangeSearch

  static of(rules: readonly CidrRule[]): CidrSet {
    return new CidrSet(compileCidrs(rules))
  }

  constructor({ v4, v6 }: CidrTables) {
    this.#v4 = new RangeSearch(v4)
    this.#v6 = new RangeSearch(v6)
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
    return this.find(address) !== NONE
  }
}

/** Points where the deciding rule changes, sorted, no two neighbours with the same rule; below the first none decides. */
function flatten(rules: readonly CidrRule[], family: 4 | 6): RangePoints {
  const order: number[] = []
  for (const [index, { cidr }] of rules.entries()) if (cidr.network.family === family) order.push(index)
  // Outer before inner; of equal ranges the first listed is the innermost, so that it decides.
  order.sort((one, other) => compareCidrs(rules[one]!.cidr, rules[other]!.cidr) || other - one)

  // A range begins and ends.
  const points = new RangePoints(order.length * 2, NONE)
  /** Those that hold the place where we are, from the outermost, and which rule decides inside each where no inner one does. */
  const open: Cidr[] = []
  const deciding: number[] = []
  const close = () => {
    const range = open.pop()!
    deciding.pop()
    addAfter(points, range, deciding.at(-1) ?? NONE)
  }

  for (const index of order) {
    const { cidr, deny } = rules[index]!
    while (open.length > 0 && !contains(open.at(-1)!, cidr.network)) close()
    const outer = deciding.at(-1) ?? NONE
    const decides = outer !== NONE && rules[outer]!.deny && !deny ? outer : index
    open.push(cidr)
    deciding.push(decides)
    const { w0, w1, w2, w3 } = cidr.network
    points.add(w0, w1, w2, w3, decides)
  }
  while (open.length > 0) close()
  return points
}

/** By the first address, then the larger range first. */
function compareCidrs(one: Cidr, other: Cidr): number {
  const { network: a } = one
  const { network: b } = other
  if (a.w0 !== b.w0) return a.w0 >>> 0 < b.w0 >>> 0 ? -1 : 1
  if (a.w1 !== b.w1) return a.w1 >>> 0 < b.w1 >>> 0 ? -1 : 1
  if (a.w2 !== b.w2) return a.w2 >>> 0 < b.w2 >>> 0 ? -1 : 1
  if (a.w3 !== b.w3) return a.w3 >>> 0 < b.w3 >>> 0 ? -1 : 1
  return one.prefix - other.prefix
}

const after = new Int32Array(4)

/** From the first address after the range on, the value holds. What follows the last address of all is no address. */
function addAfter(points: RangePoints, { network, prefix }: Cidr, value: number): void {
  after[0] = network.w0
  after[1] = network.w1
  after[2] = network.w2
  after[3] = network.w3
  // One at the last bit of the prefix; JavaScript shifts by bits mod 32.
  let carry = 1 << -prefix
  for (let word = (prefix - 1) >> 5; word >= 0; word--) {
    after[word]! += carry
    // A word that overflows becomes 0, since no bit after the prefix is set: it carries on.
    if (after[word] !== 0) return points.add(after[0], after[1], after[2], after[3], value)
    carry = 1
  }
}
