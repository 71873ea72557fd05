import { type QueryType, TYPE, typeCode } from './codes.ts'
import { foldCase, nameText, parentWire, ROOT_WIRE, requireWireName, wireName } from './name.ts'
import { type AuthorityData, type ResourceRecord, recordsOf } from './record.ts'

/** What a zone is made of: plain data. */
export interface ZoneSource {
  readonly apex: string
  /** Any order; exact duplicates count once. Exactly one SOA, at the apex. There are no delegations and no wildcards. */
  readonly records: readonly ResourceRecord[]
  /** Names that exist even while they hold no record: NODATA and not NXDOMAIN. */
  readonly names: readonly string[]
}

export type AuthorityRecord = ResourceRecord & AuthorityData

/** A name that exists: with record sets, or an empty non-terminal above or beside them. Keys are wire names in lower case. */
export interface ZoneNode {
  readonly key: string
  readonly zone: Zone
  /** By type code; no set is empty. */
  readonly sets: Map<number, ResourceRecord[]>
}

/** One zone, never changed once it is made: a change is a new zone. */
export class Zone {
  readonly apex: string
  readonly apexKey: string
  readonly authority: AuthorityRecord
  readonly nodes: ReadonlyMap<string, ZoneNode>

  /** @throws RangeError for a bad name, a record outside of the zone, or other than one SOA */
  constructor(source: ZoneSource) {
    this.apexKey = keyOf(source.apex)
    this.apex = nameText(this.apexKey)
    const nodes = new Map<string, ZoneNode>()
    this.#addNode(nodes, this.apexKey)
    for (const name of source.names) this.#addNode(nodes, keyOf(name))
    for (const [key, record] of distinctRecords(source.records)) {
      const { sets } = this.#addNode(nodes, key)
      const type = typeCode(record.type)
      const set = sets.get(type)
      if (set === undefined) sets.set(type, [record])
      else set.push(record)
    }
    for (const node of nodes.values()) for (const set of node.sets.values()) levelTtl(set)
    this.nodes = nodes
    const [authority, ...others] = recordsOf(source.records, 'SOA')
    if (authority === undefined || others.length > 0 || keyOf(authority.name) !== this.apexKey) {
      throw new RangeError(`zone ${this.apex}: exactly one SOA record, at the apex`)
    }
    this.authority = authority
  }

  /** The node of a name, and with it every name between it and the apex: those exist too (RFC 8020). */
  #addNode(nodes: Map<string, ZoneNode>, key: string): ZoneNode {
    const existing = nodes.get(key)
    if (existing !== undefined) return existing
    if (key !== this.apexKey) {
      if (key === ROOT_WIRE) throw new RangeError(`zone ${this.apex}: a name outside of the zone`)
      this.#addNode(nodes, parentWire(key))
    }
    const node: ZoneNode = { key, zone: this, sets: new Map() }
    nodes.set(key, node)
    return node
  }
}

/** Each with its name's key, the name in lower case: an answer has the case of its question. The same record twice in a set would be an error on the wire (RFC 2181 §5). */
function distinctRecords(records: readonly ResourceRecord[]): Iterable<readonly [string, ResourceRecord]> {
  const distinct = new Map<string, readonly [string, ResourceRecord]>()
  for (const record of records) {
    const key = keyOf(record.name)
    const name = foldCase(record.name)
    const identity = key + JSON.stringify({ ...record, name: '', ttlSeconds: 0 })
    if (!distinct.has(identity)) distinct.set(identity, [key, name === record.name ? record : { ...record, name }])
  }
  return distinct.values()
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
