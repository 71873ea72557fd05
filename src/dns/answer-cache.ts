import { HEADER_BYTES, RCODE } from './codes.ts'
import { MessageWriter } from './message-writer.ts'
import { type ResourceRecord, writeRecord } from './record.ts'
import { recordsAt, type Zone, type ZoneNode, type ZoneSet } from './zone.ts'

/** Encoded records in groups that stand or fall together (a record of the answer; the addresses of one target). */
export interface RecordRun {
  readonly bytes: Buffer
  /** Where each group ends in `bytes`. */
  readonly ends: readonly number[]
  /** How many records each group has. */
  readonly counts: readonly number[]
}

/** All that follows the question, in parts: a message takes the parts that fit, beginning with group `turn`. */
export interface EncodedAnswer {
  readonly rcode: number
  readonly answers: RecordRun
  readonly authorities: RecordRun
  /** The most useful first. */
  readonly additionals: readonly RecordRun[]
  /** Group to begin with; whoever uses the answer moves it on, so that the order rotates. */
  turn: number
  /** How many groups it goes round. */
  readonly turns: number
}

/**
 * The answers of a set of zones, each encoded at its first use. It is as large as the zones at most: what is asked for and is
 * not there shares one answer per zone and place of its apex in the name.
 */
export class AnswerCache {
  readonly #zones: ZoneSet
  readonly #names = new Map<string, CachedName>()
  /** By zone and the offset of its apex in the name: up to 254 for each zone. */
  readonly #negatives = { nodata: new Map<string, EncodedAnswer>(), nxdomain: new Map<string, EncodedAnswer>() }

  constructor(zones: ZoneSet) {
    this.#zones = zones
  }

  /** @param key the name, wire form in lower case. null: the name is outside of the zones. */
  find(key: string, type: number): EncodedAnswer | null {
    const known = this.#names.get(key)
    if (known !== undefined) return known.answers.get(type) ?? this.#addAnswer(known, type)
    const zone = this.#zones.zoneOf(key)
    if (zone === undefined) return null
    const node = zone.nodes.get(key)
    if (node === undefined) return this.#negative(zone, key, RCODE.NXDOMAIN)
    const name = { node, answers: new Map<number, EncodedAnswer>() }
    this.#names.set(key, name)
    return this.#addAnswer(name, type)
  }

  /** Names whose answers are others now, as `Zone.replace` gives them. */
  forget(keys: Iterable<string>): void {
    for (const key of keys) this.#names.delete(key)
    // They have the SOA with them, and so the serial.
    this.#negatives.nodata.clear()
    this.#negatives.nxdomain.clear()
  }

  #addAnswer({ node, answers }: CachedName, type: number): EncodedAnswer {
    const records = recordsAt(node, type)
    if (records.length === 0) return this.#negative(node.zone, node.key, RCODE.NOERROR)
    const single = node.sets.has(type)
    const answer: EncodedAnswer = {
      rcode: RCODE.NOERROR,
      answers: encodeRun(
        node.key,
        HEADER_BYTES,
        records.map((record) => [record]),
      ),
      authorities: EMPTY_RUN,
      additionals: this.#zones.additionalTiers(records).map((groups) => encodeRun(node.key, HEADER_BYTES, groups)),
      // A new zone must not send everyone to the same first record again.
      turn: single ? Math.floor(Math.random() * records.length) : 0,
      // The sets of an ANY answer stay in one piece each.
      turns: single ? records.length : 1,
    }
    answers.set(type, answer)
    return answer
  }

  /** Depends on where the apex begins in the name and on nothing else of it. */
  #negative(zone: Zone, key: string, rcode: number): EncodedAnswer {
    const apexAt = key.length - zone.apexKey.length
    const byPlace = this.#negatives[rcode === RCODE.NXDOMAIN ? 'nxdomain' : 'nodata']
    const place = `${apexAt} ${zone.apexKey}`
    let answer = byPlace.get(place)
    if (answer === undefined) {
      // Only the apex is in every question that gets this answer.
      const authorities = encodeRun(zone.apexKey, HEADER_BYTES + apexAt, [[zone.authority]])
      answer = { rcode, answers: EMPTY_RUN, authorities, additionals: [], turn: 0, turns: 1 }
      byPlace.set(place, answer)
    }
    return answer
  }
}

interface CachedName {
  readonly node: ZoneNode
  readonly answers: Map<number, EncodedAnswer>
}

const EMPTY_RUN: RecordRun = { bytes: Buffer.alloc(0), ends: [], counts: [] }

/** Pointers lead to the name `key`, which begins at `offset` of the message. */
function encodeRun(key: string, offset: number, groups: readonly (readonly ResourceRecord[])[]): RecordRun {
  const writer = MessageWriter.movable(key, offset)
  const ends = groups.map((group) => {
    for (const record of group) writeRecord(writer, record)
    return writer.length
  })
  return { bytes: Buffer.from(writer.bytes()), ends, counts: groups.map((group) => group.length) }
}
