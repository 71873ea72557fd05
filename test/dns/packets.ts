/** Packets as no one should send them: the same for one seed, so that a failure can be seen again. */
import type { QueryType } from '../../src/dns/codes.ts'
import { decodeMessage, encodeMessage, queryMessage } from '../../src/dns/message.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { APEX } from './sample-zone.ts'

/** Whole numbers from 0 to `below` - 1. */
export type Random = (below: number) => number

export function seededChoice(seed: number): Random {
  const next = seededRandom(seed)
  return (below) => Math.floor(next() * below)
}

const NAMES = [
  `web.shop.${APEX}`,
  `_http._tcp.web.shop.${APEX}`,
  `1.web.shop.${APEX}`,
  `nope.${APEX}`,
  `SHOP.${APEX}`,
  APEX,
  '1.1.10.127.in-addr.arpa',
  'example.com',
  '',
]
const TYPES: readonly QueryType[] = [
  'A',
  'AAAA',
  'SRV',
  'TXT',
  'PTR',
  'SOA',
  'NS',
  'ANY',
  'TYPE252',
  'TYPE41',
  'TYPE999',
]

/** A query that can be answered, with and without EDNS. */
export function goodQuery(random: Random): Buffer {
  const edns = random(2) === 0 ? null : { udpPayloadBytes: random(8192), version: 0, dnssecOk: random(2) === 0 }
  const name = NAMES[random(NAMES.length)]!
  return encodeMessage(queryMessage(random(0x10000), name, TYPES[random(TYPES.length)]!, edns))
}

/** Bytes of any kind, or a good query with something wrong in it. */
export function wildPacket(random: Random): Buffer {
  if (random(4) === 0) return randomBytes(random(random(8) === 0 ? 1500 : 64), random)
  let packet = goodQuery(random)
  for (let n = 1 + random(4); n > 0; n--) packet = mutate(packet, random)
  return packet
}

/** One change: a bit, a byte, a 16-bit number that means something, a cut, an insertion, a repetition. */
export function mutate(packet: Buffer, random: Random): Buffer {
  const at = random(packet.length + 1)
  const copy = Buffer.from(packet)
  switch (random(7)) {
    case 0:
      if (at < copy.length) copy[at]! ^= 1 << random(8)
      return copy
    case 1:
      if (at < copy.length) copy[at] = random(256)
      return copy
    case 2:
      if (at + 2 <= copy.length)
        copy.writeUInt16BE([0, 1, 2, 41, 0xffff, 0xc000 | random(0x100), 0xc00c][random(7)]!, at)
      return copy
    case 3:
      return copy.subarray(0, at)
    case 4:
      return Buffer.concat([copy.subarray(0, at), randomBytes(random(20), random), copy.subarray(at)])
    case 5:
      return Buffer.concat([copy, copy.subarray(at)])
    default:
      // The header stays and says something else.
      if (copy.length >= 12) copy.writeUInt16BE(random(4), 2 + 2 * random(5))
      return copy
  }
}

function randomBytes(length: number, random: Random): Buffer {
  return Buffer.from(Array.from({ length }, () => random(256)))
}

/**
 * What is wrong with this answer to this packet over UDP, or null. A packet that the strict decoder calls malformed, and one that
 * is refused, must not get more bytes than it had; a good query no more than its client takes.
 */
export function faultOf(packet: Buffer, answer: Buffer | null): string | null {
  const query = decodeMessage(packet)
  if (answer === null) return isQuery(packet) ? 'a query without an answer' : null
  if (!isQuery(packet)) return 'an answer to what is no query'
  const message = decodeMessage(answer)
  if (message === null) return 'an answer that is malformed itself'
  if (!message.response || message.id !== packet.readUInt16BE(0)) return 'an answer to someone else'
  const empty = message.answers.length + message.authorities.length === 0
  if (query === null && !empty) return 'an answer to a malformed query'
  if (empty && !message.truncated && answer.length > packet.length) return 'a refusal that is longer than the query'
  const payload = Math.min(1232, Math.max(512, query?.edns?.udpPayloadBytes ?? 512))
  return answer.length > payload ? `an answer of ${answer.length} bytes where ${payload} are allowed` : null
}

function isQuery(packet: Buffer): boolean {
  return packet.length >= 12 && packet[2]! < 0x80
}
