import { parseCidr } from './address.ts'
import { CidrSet, type CidrTables, compileCidrs, ownCidrTables } from './cidr-set.ts'
import { samePlainData } from './plain-data.ts'
import type { SnapshotData, TrustedRange } from './snapshot.ts'

/** What a snapshot says of who may come. */
export type RangeLists = Pick<SnapshotData, 'insideRanges' | 'trustedIpRanges' | 'trustedProxies'>

/**
 * The lists of a snapshot as tables. Plain data: with thousands of ranges they take tens of milliseconds to make, so control makes them and workers, whose
 * requests would wait for that, get them by message.
 */
export interface AccessTables {
  readonly inside: CidrTables
  /** null: everyone may come. */
  readonly trusted: CidrTables | null
  readonly proxies: CidrTables
}

/** Who a client is and whether it may come, before any app is known. */
export interface AccessRules {
  /** What the sets are over. */
  readonly tables: AccessTables
  readonly inside: CidrSet
  /** null: everyone may come. */
  readonly trusted: TrustedSet | null
  /** Peers whose X-Forwarded-For is believed. */
  readonly proxies: CidrSet
}

/** Trusted ranges and the set that finds the one that decides. */
export interface TrustedSet {
  readonly ranges: readonly TrustedRange[]
  /** Gives indexes of `ranges`. */
  readonly set: CidrSet
}

export function sameRangeLists(one: RangeLists, other: RangeLists): boolean {
  return (
    samePlainData(one.insideRanges, other.insideRanges) &&
    samePlainData(one.trustedIpRanges, other.trustedIpRanges) &&
    samePlainData(one.trustedProxies, other.trustedProxies)
  )
}

/** @throws Error on a CIDR that does not parse: the config was checked, so it is a bug. */
export function accessTables({ insideRanges, trustedIpRanges, trustedProxies }: RangeLists): AccessTables {
  return {
    inside: tablesOf(insideRanges),
    trusted: trustedIpRanges === null ? null : trustedTables(trustedIpRanges),
    proxies: tablesOf(trustedProxies),
  }
}

/** With memory of their own: tables that came by message are views of the whole message. */
export function ownTables({ inside, trusted, proxies }: AccessTables): AccessTables {
  return {
    inside: ownCidrTables(inside),
    trusted: trusted === null ? null : ownCidrTables(trusted),
    proxies: ownCidrTables(proxies),
  }
}

/** `tables`: of the same lists. */
export function accessRules({ trustedIpRanges }: RangeLists, tables: AccessTables): AccessRules {
  return {
    tables,
    inside: new CidrSet(tables.inside),
    trusted: tables.trusted === null ? null : { ranges: trustedIpRanges!, set: new CidrSet(tables.trusted) },
    proxies: new CidrSet(tables.proxies),
  }
}

/** @throws Error as `accessTables` does */
export function trustedSet(ranges: readonly TrustedRange[] | null): TrustedSet | null {
  return ranges === null ? null : { ranges, set: new CidrSet(trustedTables(ranges)) }
}

function trustedTables(ranges: readonly TrustedRange[]): CidrTables {
  return compileCidrs(ranges.map(({ cidr, action }) => ({ cidr: checkedCidr(cidr), deny: action === 'deny' })))
}

function tablesOf(cidrs: readonly string[]): CidrTables {
  return compileCidrs(cidrs.map((text) => ({ cidr: checkedCidr(text), deny: false })))
}

function checkedCidr(text: string) {
  const cidr = parseCidr(text)
  if (typeof cidr === 'string') throw new Error(cidr)
  return cidr
}
