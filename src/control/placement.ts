import { IpAddress, parseCidr } from '../model/address.ts'

/** The zones of a space, in the order of placement. */
export const ZONES: readonly string[] = ['a', 'b', 'c']

/**
 * How the addresses of a space are given out. The space is cut into equal blocks: block 0 stays free for what is not a
 * dyno (routers, resolvers), then the blocks go to the zones in turn. In a /16 a block is a /24, so that the dynos of
 * 127.10.0.0/16 are 127.10.1.1 in zone a, 127.10.2.1 in b, 127.10.3.1 in c, and 127.10.4.1 when zone a has used up
 * its first block.
 */
export interface AddressPlan {
  readonly cidr: string
  readonly family: 4 | 6
  readonly network: bigint
  readonly blockBits: number
  /** How many blocks there are, block 0 included. */
  readonly blocks: bigint
}

/** Where a dyno goes. */
export interface Place {
  readonly az: string
  readonly address: string
}

/** What is there already. */
export interface Occupied {
  /** Zones of the other dynos of the same process type, one entry each. */
  readonly formation: readonly string[]
  /** Zones of all dynos of the space, one entry each. */
  readonly space: readonly string[]
  /** Addresses in use by anything, canonical text. */
  readonly taken: ReadonlySet<string>
}

/** Fewer than four addresses in a block would leave none between its first and its last. */
const MIN_BLOCK_BITS = 2
/** Block 0 and one for each of three zones. */
const MIN_BLOCK_COUNT_BITS = 2

/** @throws RangeError when the CIDR has no room for a dyno in every zone (longer than /28, or /124 for IPv6). */
export function addressPlan(text: string): AddressPlan {
  const cidr = parseCidr(text)
  if (typeof cidr === 'string') throw new RangeError(cidr)
  const { family } = cidr.network
  const bits = family === 4 ? 32 : 128
  const hostBits = bits - cidr.prefix
  if (hostBits < MIN_BLOCK_BITS + MIN_BLOCK_COUNT_BITS) {
    const longest = bits - MIN_BLOCK_BITS - MIN_BLOCK_COUNT_BITS
    throw new RangeError(
      `space.cidr ${text} has no room for dynos in ${ZONES.length} zones: a /${longest} or larger has`,
    )
  }
  // One byte (IPv4) or one group (IPv6) for the dyno, so that the zone can be read off the address.
  const blockBits = Math.min(family === 4 ? 8 : 16, hostBits - MIN_BLOCK_COUNT_BITS)
  return {
    cidr: text,
    family,
    network: addressNumber(cidr.network),
    blockBits,
    blocks: 1n << BigInt(hostBits - blockBits),
  }
}

/**
 * The zone where the formation has the fewest dynos, then where the space has, then the first: round robin for a
 * formation that grows, the zone of the one that left for a replacement, and apps of one dyno do not all meet in zone a.
 * In it the lowest free address. null when no address is left in any of the zones.
 */
export function place(plan: AddressPlan, occupied: Occupied, zones: readonly string[] = ZONES): Place | null {
  const inFormation = countByZone(occupied.formation)
  const inSpace = countByZone(occupied.space)
  const byRoom = [...zones].sort(
    (one, other) =>
      (inFormation.get(one) ?? 0) - (inFormation.get(other) ?? 0) ||
      (inSpace.get(one) ?? 0) - (inSpace.get(other) ?? 0),
  )
  for (const az of byRoom) {
    for (const address of addressesOfZone(plan, ZONES.indexOf(az))) {
      if (!occupied.taken.has(address)) return { az, address }
    }
  }
  return null
}

/** All addresses of a zone for dynos, ascending. The first and the last of each block are left out. */
export function* addressesOfZone(plan: AddressPlan, zoneIndex: number): Generator<string> {
  const lastHost = (1n << BigInt(plan.blockBits)) - 2n
  for (let block = BigInt(zoneIndex) + 1n; block < plan.blocks; block += BigInt(ZONES.length)) {
    const first = plan.network + (block << BigInt(plan.blockBits))
    for (let host = 1n; host <= lastHost; host++) yield addressText(first + host, plan.family)
  }
}

function addressNumber({ family, w0, w1, w2, w3 }: IpAddress): bigint {
  const words = family === 4 ? [w0] : [w0, w1, w2, w3]
  return words.reduce((number, word) => (number << 32n) | BigInt.asUintN(32, BigInt(word)), 0n)
}

function addressText(number: bigint, family: 4 | 6): string {
  if (family === 4) return new IpAddress(4, Number(number), 0, 0, 0).text
  const word = (shift: bigint) => Number(BigInt.asUintN(32, number >> shift))
  return new IpAddress(6, word(96n), word(64n), word(32n), word(0n)).text
}

function countByZone(zones: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const zone of zones) counts.set(zone, (counts.get(zone) ?? 0) + 1)
  return counts
}
