import { addressBytes, addressText } from './address.ts'
import { CLASS_IN, type RecordType, TYPE, typeCode, typeName, type UnknownType } from './codes.ts'
import type { MessageReader } from './message-reader.ts'
import type { MessageWriter } from './message-writer.ts'
import { requireWireName } from './name.ts'

/** A resource record of class IN. Names are text (see name.ts). */
export type ResourceRecord = { readonly name: string; readonly ttlSeconds: number } & RecordData

export type RecordData =
  | AddressData<'A'>
  | AddressData<'AAAA'>
  | NameData<'NS'>
  | NameData<'CNAME'>
  | NameData<'PTR'>
  | ServiceData
  | TextData
  | AuthorityData
  | UnknownData

export interface AddressData<T extends 'A' | 'AAAA'> {
  readonly type: T
  readonly address: string
}

export interface NameData<T extends 'NS' | 'CNAME' | 'PTR'> {
  readonly type: T
  readonly target: string
}

/** RFC 2782. */
export interface ServiceData {
  readonly type: 'SRV'
  readonly priority: number
  readonly weight: number
  readonly port: number
  /** '' (the root): the service is decidedly not available. */
  readonly target: string
}

export interface TextData {
  readonly type: 'TXT'
  /** One or more, each up to 255 bytes, one character per byte. */
  readonly strings: readonly string[]
}

export interface AuthorityData {
  readonly type: 'SOA'
  readonly primary: string
  /** The mailbox of who looks after the zone, as a name. */
  readonly mailbox: string
  readonly serial: number
  readonly refreshSeconds: number
  readonly retrySeconds: number
  readonly expireSeconds: number
  /** With the record's own TTL the bound of how long a negative answer is kept (RFC 2308 §5). */
  readonly minimumSeconds: number
}

/** Data of a type that is not read here. It may hold pointers into its message, so it means nothing outside of it. */
export interface UnknownData {
  readonly type: UnknownType
  readonly bytes: Uint8Array
}

/** Longest TTL; one with the top bit set is read as 0 (RFC 2181 §8). */
const MAX_TTL_SECONDS = 0x7fffffff

/** @throws RangeError when a field does not fit its place on the wire */
export function writeRecord(writer: MessageWriter, record: ResourceRecord): void {
  writer.name(requireWireName(record.name))
  writer.uint16(typeCode(record.type))
  writer.uint16(CLASS_IN)
  writer.uint32(Math.min(record.ttlSeconds, MAX_TTL_SECONDS))
  writer.counted(() => writeData(writer, record))
}

function writeData(writer: MessageWriter, data: RecordData): void {
  switch (data.type) {
    case 'A':
    case 'AAAA': {
      const bytes = addressBytes(data.address)
      if (bytes?.length !== ADDRESS_BYTES[data.type]) throw new RangeError(`not of type ${data.type}: ${data.address}`)
      writer.append(bytes)
      break
    }
    case 'NS':
    case 'CNAME':
    case 'PTR':
      writer.name(requireWireName(data.target))
      break
    case 'SRV':
      writer.uint16(data.priority)
      writer.uint16(data.weight)
      writer.uint16(data.port)
      // RFC 2782: name compression is not to be used for the target.
      writer.plainName(requireWireName(data.target))
      break
    case 'TXT':
      if (data.strings.length === 0) throw new RangeError('a TXT record without a string')
      for (const text of data.strings) writer.characterString(text)
      break
    case 'SOA':
      writer.name(requireWireName(data.primary))
      writer.name(requireWireName(data.mailbox))
      writer.uint32(data.serial)
      writer.uint32(data.refreshSeconds)
      writer.uint32(data.retrySeconds)
      writer.uint32(data.expireSeconds)
      writer.uint32(data.minimumSeconds)
      break
    default:
      writer.append(data.bytes)
  }
}

/** What every record begins with, and where its data lies; OPT puts other things into class and TTL (RFC 6891 §6.1.2). */
export interface RecordHead {
  readonly name: string
  readonly type: number
  readonly class: number
  readonly ttl: number
  readonly dataEnd: number
}

/** Leaves the reader at the first byte of the data. */
export function readRecordHead(reader: MessageReader): RecordHead {
  const name = reader.name()
  const type = reader.uint16()
  const recordClass = reader.uint16()
  const ttl = reader.uint32()
  const dataBytes = reader.uint16()
  const dataEnd = reader.at + dataBytes
  if (dataEnd > reader.end) reader.fail()
  return { name, type, class: recordClass, ttl, dataEnd }
}

/** Reads exactly the record's data: data that is shorter or longer than its fields fails the reader. */
export function readRecordData(reader: MessageReader, head: RecordHead): ResourceRecord {
  const messageEnd = reader.end
  if (!reader.failed) reader.end = head.dataEnd
  const data = readData(reader, head.type)
  if (reader.at !== reader.end) reader.fail()
  reader.end = messageEnd
  return { name: head.name, ttlSeconds: head.ttl > MAX_TTL_SECONDS ? 0 : head.ttl, ...data }
}

function readData(reader: MessageReader, type: number): RecordData {
  switch (type) {
    case TYPE.A:
    case TYPE.AAAA: {
      const known = type === TYPE.A ? 'A' : 'AAAA'
      const bytes = reader.take(ADDRESS_BYTES[known])
      return { type: known, address: reader.failed ? '' : addressText(bytes) }
    }
    case TYPE.NS:
    case TYPE.CNAME:
    case TYPE.PTR:
      return { type: typeName(type) as 'NS' | 'CNAME' | 'PTR', target: reader.name() }
    case TYPE.SRV:
      return {
        type: 'SRV',
        priority: reader.uint16(),
        weight: reader.uint16(),
        port: reader.uint16(),
        // Some servers compress it all the same: what is read is not as strict as what is written.
        target: reader.name(),
      }
    case TYPE.TXT: {
      const strings = [reader.characterString()]
      while (reader.at < reader.end) strings.push(reader.characterString())
      return { type: 'TXT', strings }
    }
    case TYPE.SOA:
      return {
        type: 'SOA',
        primary: reader.name(),
        mailbox: reader.name(),
        serial: reader.uint32(),
        refreshSeconds: reader.uint32(),
        retrySeconds: reader.uint32(),
        expireSeconds: reader.uint32(),
        minimumSeconds: reader.uint32(),
      }
    default:
      return { type: `TYPE${type}`, bytes: reader.take(reader.end - reader.at) }
  }
}

const ADDRESS_BYTES = { A: 4, AAAA: 16 } as const

/** The records of one type, typed as such. */
export function recordsOf<T extends RecordType>(
  records: readonly ResourceRecord[],
  type: T,
): Extract<ResourceRecord, { readonly type: T }>[] {
  return records.filter((record) => record.type === type) as Extract<ResourceRecord, { readonly type: T }>[]
}
