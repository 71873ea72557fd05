/** Messages of any content, and the same messages as the reference library (dns-packet) has them. */
import dnsPacket, { type Answer, type Packet } from 'dns-packet'
import fc from 'fast-check'
import { CLASS_IN, type KnownType, typeCode } from '../../src/dns/codes.ts'
import type { Edns, Message, Question } from '../../src/dns/message.ts'
import type { ResourceRecord } from '../../src/dns/record.ts'

const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,12}$/)
/** Few different labels, so that names share endings and compression has something to do. */
const commonLabel = fc.constantFrom('web', 'shop', 'app', 'localspace', '_tcp', '_http', 'Web', '1')
export const domainName = fc
  .array(fc.oneof({ weight: 3, arbitrary: commonLabel }, label), { minLength: 1, maxLength: 6 })
  .map((labels) => labels.join('.'))

const uint16 = fc.nat(0xffff)
const uint32 = fc.nat(0xffffffff)

const recordData = {
  A: fc.record({ type: fc.constant('A'), address: fc.ipV4() }),
  AAAA: fc.record({
    type: fc.constant('AAAA'),
    address: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(ipv6Text),
  }),
  NS: fc.record({ type: fc.constant('NS'), target: domainName }),
  CNAME: fc.record({ type: fc.constant('CNAME'), target: domainName }),
  PTR: fc.record({ type: fc.constant('PTR'), target: domainName }),
  SRV: fc.record({ type: fc.constant('SRV'), priority: uint16, weight: uint16, port: uint16, target: domainName }),
  TXT: fc.record({
    type: fc.constant('TXT'),
    strings: fc.array(fc.uint8Array({ maxLength: 255 }).map(latin1), { minLength: 1, maxLength: 4 }),
  }),
  SOA: fc.record({
    type: fc.constant('SOA'),
    primary: domainName,
    mailbox: domainName,
    serial: uint32,
    refreshSeconds: uint32,
    retrySeconds: uint32,
    expireSeconds: uint32,
    minimumSeconds: uint32,
  }),
  unknown: fc.record({
    type: fc.integer({ min: 0xff00, max: 0xfffe }).map((code) => `TYPE${code}`),
    bytes: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  }),
}

const record = fc
  .tuple(fc.record({ name: domainName, ttlSeconds: fc.nat(0x7fffffff) }), fc.oneof(...Object.values(recordData)))
  .map(([head, data]) => ({ ...head, ...data }) as ResourceRecord)

const question: fc.Arbitrary<Question> = fc
  .tuple(domainName, fc.constantFrom<KnownType | 'ANY'>('A', 'AAAA', 'SRV', 'TXT', 'PTR', 'SOA', 'NS', 'CNAME', 'ANY'))
  .map(([name, type]) => ({ name, type, class: CLASS_IN }))

const edns: fc.Arbitrary<Edns> = fc
  .record({
    udpPayloadBytes: fc.integer({ min: 512, max: 0xffff }),
    version: fc.nat(255),
    dnssecOk: fc.boolean(),
  })
  .map((value) => ({ ...value }))

const section = fc.array(record, { maxLength: 8 })

export const message: fc.Arbitrary<Message> = fc
  .record({
    id: uint16,
    response: fc.boolean(),
    opcode: fc.nat(15),
    authoritative: fc.boolean(),
    truncated: fc.boolean(),
    recursionDesired: fc.boolean(),
    recursionAvailable: fc.boolean(),
    authenticData: fc.boolean(),
    checkingDisabled: fc.boolean(),
    rcode: fc.nat(0xfff),
    questions: fc.array(question, { maxLength: 2 }),
    answers: section,
    authorities: section,
    additionals: section,
    edns: fc.option(edns),
  })
  .map((value) => ({ ...value, rcode: value.edns === null ? value.rcode & 0x0f : value.rcode }))

/** What dns-packet decodes from a message; it names unknown types in its own way, and the root `.`. */
export function asPacket(value: Message): Packet {
  const additionals = value.additionals.map(asAnswer)
  if (value.edns !== null) {
    additionals.push({
      name: '.',
      type: 'OPT',
      udpPayloadSize: value.edns.udpPayloadBytes,
      extendedRcode: value.rcode >> 4,
      ednsVersion: value.edns.version,
      flags: value.edns.dnssecOk ? dnsPacket.DNSSEC_OK : 0,
      flag_do: value.edns.dnssecOk,
      options: [],
    } as Answer)
  }
  return {
    id: value.id,
    type: value.response ? 'response' : 'query',
    flags: flagsOf(value),
    questions: value.questions.map(({ name, type }) => ({ name, type, class: 'IN' }) as dnsPacket.Question),
    answers: value.answers.map(asAnswer),
    authorities: value.authorities.map(asAnswer),
    additionals,
  }
}

export function asAnswer(value: ResourceRecord): Answer {
  const type = value.type.startsWith('TYPE') ? `UNKNOWN_${typeCode(value.type)}` : value.type
  return { name: value.name, type, ttl: value.ttlSeconds, class: 'IN', flush: false, data: dataOf(value) } as Answer
}

function dataOf(value: ResourceRecord): unknown {
  switch (value.type) {
    case 'A':
    case 'AAAA':
      return value.address
    case 'NS':
    case 'CNAME':
    case 'PTR':
      return value.target
    case 'SRV': {
      const { priority, weight, port, target } = value
      return { priority, weight, port, target }
    }
    case 'TXT':
      return value.strings.map((text) => Buffer.from(text, 'latin1'))
    case 'SOA':
      return {
        mname: value.primary,
        rname: value.mailbox,
        serial: value.serial,
        refresh: value.refreshSeconds,
        retry: value.retrySeconds,
        expire: value.expireSeconds,
        minimum: value.minimumSeconds,
      }
    default:
      return value.bytes
  }
}

function flagsOf(value: Message): number {
  return (
    (value.opcode << 11) |
    (value.authoritative ? dnsPacket.AUTHORITATIVE_ANSWER : 0) |
    (value.truncated ? dnsPacket.TRUNCATED_RESPONSE : 0) |
    (value.recursionDesired ? dnsPacket.RECURSION_DESIRED : 0) |
    (value.recursionAvailable ? dnsPacket.RECURSION_AVAILABLE : 0) |
    (value.authenticData ? dnsPacket.AUTHENTIC_DATA : 0) |
    (value.checkingDisabled ? dnsPacket.CHECKING_DISABLED : 0) |
    (value.rcode & 0x0f)
  )
}

/** What a packet of dns-packet says in the fields that `asPacket` gives. */
export function comparable(packet: Packet): Packet {
  const { id, type, flags, questions, answers, authorities, additionals } = packet
  // dns-packet leaves the QR bit in the flags that it decodes.
  return { id, type, flags: flags! & 0x7fff, questions, answers, authorities, additionals }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

/** The canonical text that the URL parser gives, which RFC 5952 and the WHATWG agree on but for IPv4 in IPv6. */
function ipv6Text(bytes: Uint8Array): string {
  const groups = Buffer.from(bytes).toString('hex').match(/.{4}/g)!
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}
