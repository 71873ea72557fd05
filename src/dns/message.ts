import { CLASS_IN, type QueryType, RCODE, TYPE, typeCode, typeName } from './codes.ts'
import { MessageReader } from './message-reader.ts'
import { MessageWriter } from './message-writer.ts'
import { requireWireName } from './name.ts'
import { type RecordHead, type ResourceRecord, readRecordData, readRecordHead, writeRecord } from './record.ts'

/** A DNS message (RFC 1035 §4), whole. The responder's hot path has its own reading of queries: query.ts. */
export interface Message {
  /** 16 bits. */
  readonly id: number
  readonly response: boolean
  readonly opcode: number
  readonly authoritative: boolean
  readonly truncated: boolean
  readonly recursionDesired: boolean
  readonly recursionAvailable: boolean
  readonly authenticData: boolean
  readonly checkingDisabled: boolean
  /** 12 bits: the upper eight travel in the OPT record, so without `edns` it is at most 15. */
  readonly rcode: number
  readonly questions: readonly Question[]
  readonly answers: readonly ResourceRecord[]
  readonly authorities: readonly ResourceRecord[]
  /** Without OPT: that is `edns`. */
  readonly additionals: readonly ResourceRecord[]
  readonly edns: Edns | null
}

export interface Question {
  readonly name: string
  readonly type: QueryType
  readonly class: number
}

/** RFC 6891. Options are checked for their bounds and not kept: none is used here. */
export interface Edns {
  readonly udpPayloadBytes: number
  readonly version: number
  readonly dnssecOk: boolean
}

const FLAG = { QR: 0x8000, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080, AD: 0x0020, CD: 0x0010 } as const
const DNSSEC_OK = 0x8000

/** A query for one name, recursion desired. */
export function queryMessage(id: number, name: string, type: QueryType, edns: Edns | null): Message {
  return {
    id,
    response: false,
    opcode: 0,
    authoritative: false,
    truncated: false,
    recursionDesired: true,
    recursionAvailable: false,
    authenticData: false,
    checkingDisabled: false,
    rcode: RCODE.NOERROR,
    questions: [{ name, type, class: CLASS_IN }],
    answers: [],
    authorities: [],
    additionals: [],
    edns,
  }
}

/** @throws RangeError when a name or number has no place on the wire, or the whole is over 65,535 bytes */
export function encodeMessage(message: Message): Buffer {
  const writer = new MessageWriter()
  writer.uint16(message.id)
  writer.uint16(headerFlags(message))
  writer.uint16(message.questions.length)
  writer.uint16(message.answers.length)
  writer.uint16(message.authorities.length)
  writer.uint16(message.additionals.length + (message.edns === null ? 0 : 1))
  for (const question of message.questions) {
    writer.name(requireWireName(question.name))
    writer.uint16(typeCode(question.type))
    writer.uint16(question.class)
  }
  for (const record of message.answers) writeRecord(writer, record)
  for (const record of message.authorities) writeRecord(writer, record)
  for (const record of message.additionals) writeRecord(writer, record)
  if (message.edns !== null) writeEdns(writer, message.edns, message.rcode)
  return writer.bytes()
}

function headerFlags(message: Message): number {
  return (
    (message.response ? FLAG.QR : 0) |
    (message.opcode << 11) |
    (message.authoritative ? FLAG.AA : 0) |
    (message.truncated ? FLAG.TC : 0) |
    (message.recursionDesired ? FLAG.RD : 0) |
    (message.recursionAvailable ? FLAG.RA : 0) |
    (message.authenticData ? FLAG.AD : 0) |
    (message.checkingDisabled ? FLAG.CD : 0) |
    (message.rcode & 0x0f)
  )
}

function writeEdns(writer: MessageWriter, edns: Edns, rcode: number): void {
  writer.uint8(0)
  writer.uint16(TYPE.OPT)
  writer.uint16(edns.udpPayloadBytes)
  writer.uint8(rcode >> 4)
  writer.uint8(edns.version)
  writer.uint16(edns.dnssecOk ? DNSSEC_OK : 0)
  writer.uint16(0)
}

/**
 * The message, or null when it is malformed: anything that does not fit its bounds, bytes after the last record, two OPT
 * records. Records of a class other than IN are left out.
 */
export function decodeMessage(bytes: Buffer): Message | null {
  const reader = new MessageReader(bytes)
  const id = reader.uint16()
  const flags = reader.uint16()
  const questionCount = reader.uint16()
  const answerCount = reader.uint16()
  const authorityCount = reader.uint16()
  const additionalCount = reader.uint16()
  const questions = readQuestions(reader, questionCount)
  const answers = readSection(reader, answerCount)
  const authorities = readSection(reader, authorityCount)
  const additionals = readSection(reader, additionalCount)
  // RFC 6891 §6.1.1: one OPT at most, and its place is the additional section.
  if (answers.opt !== null || authorities.opt !== null || additionals.optCount > 1) reader.fail()
  if (reader.failed || reader.at !== bytes.length) return null
  const opt = additionals.opt
  return {
    id,
    response: (flags & FLAG.QR) !== 0,
    opcode: (flags >> 11) & 0x0f,
    authoritative: (flags & FLAG.AA) !== 0,
    truncated: (flags & FLAG.TC) !== 0,
    recursionDesired: (flags & FLAG.RD) !== 0,
    recursionAvailable: (flags & FLAG.RA) !== 0,
    authenticData: (flags & FLAG.AD) !== 0,
    checkingDisabled: (flags & FLAG.CD) !== 0,
    rcode: (flags & 0x0f) | (opt === null ? 0 : (opt.ttl >>> 24) << 4),
    questions,
    answers: answers.records,
    authorities: authorities.records,
    additionals: additionals.records,
    edns:
      opt === null
        ? null
        : { udpPayloadBytes: opt.class, version: (opt.ttl >>> 16) & 0xff, dnssecOk: (opt.ttl & DNSSEC_OK) !== 0 },
  }
}

/** The counts of the header are claims: every loop ends at the first read beyond the bytes. */
function readQuestions(reader: MessageReader, count: number): Question[] {
  const questions: Question[] = []
  for (let n = 0; n < count && !reader.failed; n++) {
    questions.push({ name: reader.name(), type: typeName(reader.uint16()), class: reader.uint16() })
  }
  return questions
}

interface Section {
  readonly records: ResourceRecord[]
  opt: RecordHead | null
  optCount: number
}

function readSection(reader: MessageReader, count: number): Section {
  const section: Section = { records: [], opt: null, optCount: 0 }
  for (let n = 0; n < count && !reader.failed; n++) {
    const head = readRecordHead(reader)
    if (head.type === TYPE.OPT) {
      section.opt = head
      section.optCount++
      readOptions(reader, head)
    } else if (head.class === CLASS_IN) {
      section.records.push(readRecordData(reader, head))
    } else {
      reader.take(head.dataEnd - reader.at)
    }
  }
  return section
}

function readOptions(reader: MessageReader, head: RecordHead): void {
  if (head.name !== '') reader.fail()
  while (reader.at < head.dataEnd && !reader.failed) {
    reader.uint16()
    reader.take(reader.uint16())
  }
  if (reader.at !== head.dataEnd) reader.fail()
}
