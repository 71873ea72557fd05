import { type QueryType, TYPE, typeCode } from './codes.ts'
import { foldCase, nameText, parentWire, ROOT_WIRE, requireWireName, wireName } from './name.ts'
import { type AuthorityData, type ResourceRecord, recordsOf } from './record.ts'

/** A part of a zone: plain data. */
export interface ZonePart {
  /** Any order; exact duplicates count once. */
  readonly records: readonly ResourceRecord[]
  /** Names that exist even while they hold no record: NODATA and not NXDOMAIN. */
  readonly names: readonly string[]
}

export const EMPTY_PART: ZonePart = { records: [], names: [] }

/** What a zone is made of. Exactly one SOA, at the apex. There are no delegations and no wildcards. */
export interface ZoneSource extends ZonePart {
  readonly apex: string
}

export type AuthorityRecord = ResourceRecord & AuthorityData

/** A name that exists: with record sets, or an empty non-terminal above or beside them. Keys are wire names in lower case. */
export class ZoneNode {
  readonly key: string
  readonly zone: Zone
  /** As they were put in, in whatever order and case. */
  #records: readonly ResourceRecord[] = []
  #sets: ReadonlyMap<number, readonly ResourceRecord[]> | null = null
  /** How many nodes right below it and names without records need it. */
  holds = 0

  constructor(key: string, zone: Zone) {
    this.key = key
    this.zone = zone
  }

  /** By type code; no set is empty. */
  get sets(): ReadonlyMap<number, readonly ResourceRecord[]> {
    this.#sets ??= setsOf(this.#records)
    return this.#sets
  }

  get isNeeded(): boolean {
    return this.holds > 0 || this.#records.length > 0
  }

  replace(before: readonly ResourceRecord[], now: readonly ResourceRecord[]): void {
    const removed = new Set(before)
    this.#records = [...this.#records.filter((record) => !removed.has(record)), ...now]
    this.#sets = null
  }
}

/** One zone. It changes part by part, each at once: an answer is of before or of after. */
export class Zone {
  readonly apex: string
  readonly apexKey: string
  readonly #nodes = new Map<string, ZoneNode>()

  /** @throws RangeError for a bad name, a record outside of the zone, or other than one SOA */
  constructor({ apex, records, names }: ZoneSource) {
    this.apexKey = keyOf(apex)
    this.apex = nameText(this.apexKey)
    this.#nodes.set(this.apexKey, new ZoneNode(this.apexKey, this))
    this.replace(EMPTY_PART, { records, names })
  }

  get nodes(): ReadonlyMap<string, ZoneNode> {
    return this.#nodes
  }

  get authority(): AuthorityRecord {
    return this.#nodes.get(this.apexKey)!.sets.get(TYPE.SOA)![0] as AuthorityRecord
  }

  /**
   * Takes out what was put in before (the very objects) and puts in something else. Returns the keys of all names in both, and of those
   * that came or went with them. Other answers are as before, if services are in one part with their targets.
   * @throws RangeError as the constructor does; then nothing was changed
   */
  replace(before: ZonePart, now: ZonePart): Set<string> {
    const records = byKey(now.records)
    const names = now.names.map(keyOf)
    for (const key of [...records.keys(), ...names]) this.#requireWithin(key)
    this.#checkAuthority(before, now)
    const gone = byKey(before.records)
    const goneNames = before.names.map(keyOf)
    const touched = new Set<string>()
    // What stays is held before what goes is let go: a node that is made anew is another one.
    for (const key of names) this.#nodeAt(key, touched).holds++
    for (const key of new Set([...records.keys(), ...gone.keys()])) {
      this.#nodeAt(key, touched).replace(gone.get(key) ?? [], records.get(key) ?? [])
    }
    for (const key of goneNames) this.#nodeAt(key, touched).holds--
    for (const key of [...gone.keys(), ...goneNames]) this.#dropUnneeded(key, touched)
    return touched
  }

  /** The node of a name, and with it every name between it and the apex: those exist too (RFC 8020). */
  #nodeAt(key: string, touched: Set<string>): ZoneNode {
    touched.add(key)
    const existing = this.#nodes.get(key)
    if (existing !== undefined) return existing
    this.#nodeAt(parentWire(key), touched).holds++
    const node = new ZoneNode(key, this)
    this.#nodes.set(key, node)
    return node
  }

  #dropUnneeded(key: string, touched: Set<string>): void {
    const node = this.#nodes.get(key)
    if (key === this.apexKey || node === undefined || node.isNeeded) return
    touched.add(key)
    this.#nodes.delete(key)
    const parent = parentWire(key)
    this.#nodes.get(parent)!.holds--
    this.#dropUnneeded(parent, touched)
  }

  #requireWithin(key: string): void {
    for (let rest = key; !this.#nodes.has(rest); rest = parentWire(rest)) {
      if (rest === ROOT_WIRE) throw new RangeError(`zone ${this.apex}: a name outside of the zone`)
    }
  }

  #checkAuthority(before: ZonePart, now: ZonePart): void {
    const has = this.#nodes.get(this.apexKey)!.sets.has(TYPE.SOA) ? 1 : 0
    const authorities = recordsOf(now.records, 'SOA')
    const count = has - recordsOf(before.records, 'SOA').length + authorities.length
    if (count !== 1 || authorities.some(({ name }) => keyOf(name) !== this.apexKey)) {
      throw new RangeError(`zone ${this.apex}: exactly one SOA record, at the apex`)
    }
  }
}

/** By the key of their name; the key of a name is made once for all of its records. */
function byKey(records: readonly ResourceRecord[]): Map<string, ResourceRecord[]> {
  const keys = new Map<string, string>()
  return Map.groupBy(records, ({ name }) => {
    const key = keys.get(name) ?? keyOf(name)
    keys.set(name, key)
    return key
  })
}

/**
 * Names in lower case: an answer has the case of its question. The same record twice in a set would be an error on the wire
 * (RFC 2181 §5).
 */
function setsOf(records: readonly ResourceRecord[]): Map<number, ResourceRecord[]> {
  const distinct = new Map<string, ResourceRecord>()
  for (const record of records) {
    const name = foldCase(record.name)
    const identity = JSON.stringify({ ...record, name, ttlSeconds: 0 })
    if (!distinct.has(identity)) distinct.set(identity, name === record.name ? record : { ...record, name })
  }
  const sets = Map.groupBy(distinct.values(), ({ type }) => typeCode(type))
  for (const set of sets.values()) levelTtl(set)
  return sets
}

/** All records of a set have one TTL; where they differ it is the smallest (RFC 2181 §5.2). */
function levelTtl(set: ResourceRecord[]): void {
  const ttlSeconds = Math.min(...set.map((record) => record.ttlSeconds))
  for (const [index, record] of set.entries()) {
    if (record.ttlSeconds !== ttlSeconds) set[index] = { ...record, ttlSeconds }
  }
}

/** `nodata`: the name exists, the type there does not. Both negative answers carry the zone's SOA. */
export type Lookup =
  | {
      readonly kind: 'answer'
      readonly records: readonly ResourceRecord[]
      readonly additionals: readonly ResourceRecord[]
    }
  | { readonly kind: 'nodata' | 'nxdomain'; readonly authority: AuthorityRecord }
  | { readonly kind: 'outside' }

/** All zones that a responder answers for: the longest apex that holds a name has the say. */
export class ZoneSet {
  readonly zones: readonly Zone[]
  readonly #byApex: ReadonlyMap<string, Zone>

  /** @throws RangeError as Zone does */
  constructor(sources: readonly ZoneSource[]) {
    this.zones = sources.map((source) => new Zone(source))
    this.#byApex = new Map(this.zones.map((zone) => [zone.apexKey, zone]))
  }

  /** @param key wire name in lower case */
  zoneOf(key: string): Zone | undefined {
    for (let rest = key; ; rest = parentWire(rest)) {
      const zone = this.#byApex.get(rest)
      if (zone !== undefined || rest === ROOT_WIRE) return zone
    }
  }

  /** @param key wire name in lower case */
  node(key: string): ZoneNode | undefined {
    return this.zoneOf(key)?.nodes.get(key)
  }

  /** The answer to a question, as records; a name that is none is outside of every zone. */
  lookup(name: string, type: QueryType): Lookup {
    const wire = wireName(name)
    const key = wire === null ? null : foldCase(wire)
    const zone = key === null ? undefined : this.zoneOf(key)
    if (key === null || zone === undefined) return { kind: 'outside' }
    const node = zone.nodes.get(key)
    if (node === undefined) return { kind: 'nxdomain', authority: zone.authority }
    const records = recordsAt(node, typeCode(type))
    if (records.length === 0) return { kind: 'nodata', authority: zone.authority }
    return { kind: 'answer', records, additionals: this.additionalTiers(records).flat(2) }
  }

  /**
   * What the SRV records among `records` make useful to know, the most useful first: the addresses of each target (RFC 2782),
   * then its TXT. Each tier has one entry per record, so that both can be turned and cut together; a target is given once.
   */
  additionalTiers(records: readonly ResourceRecord[]): ResourceRecord[][][] {
    const services = recordsOf(records, 'SRV')
    if (services.length === 0) return []
    const seen = new Set<string>()
    const nodes = services.map((service) => {
      const key = keyOf(service.target)
      if (seen.has(key)) return undefined
      seen.add(key)
      return this.node(key)
    })
    return [[TYPE.A, TYPE.AAAA], [TYPE.TXT]].map((types) =>
      nodes.map((node) => (node === undefined ? [] : types.flatMap((type) => node.sets.get(type) ?? []))),
    )
  }
}

/** The set of a type; for ANY all sets (RFC 8482 §4 lets a server choose: only clients of the space ask, and they get all). */
export function recordsAt(node: ZoneNode, type: number): readonly ResourceRecord[] {
  return type === TYPE.ANY ? [...node.sets.values()].flat() : (node.sets.get(type) ?? [])
}

function keyOf(name: string): string {
  return foldCase(requireWireName(name))
}
