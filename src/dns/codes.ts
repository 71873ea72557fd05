/** Numbers of the DNS protocol and their names (IANA "Domain Name System (DNS) Parameters"). */

/** What a message travels over. */
export type Transport = 'udp' | 'tcp'

export const CLASS_IN = 1

export const OPCODE_QUERY = 0

/** Types whose data this code reads and writes; every other type is carried as bytes and named as RFC 3597 §5 has it. */
export type KnownType = 'A' | 'NS' | 'CNAME' | 'SOA' | 'PTR' | 'TXT' | 'AAAA' | 'SRV'
export type UnknownType = `TYPE${number}`
export type RecordType = KnownType | UnknownType
/** What may be asked for. */
export type QueryType = RecordType | 'ANY'

export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const

/** Types from 128 to 255 ask for something to be done, not for records (RFC 6895 §3.1). */
export const FIRST_META_TYPE = 128

const KNOWN_TYPES: ReadonlyMap<number, KnownType | 'ANY'> = new Map(
  (['A', 'NS', 'CNAME', 'SOA', 'PTR', 'TXT', 'AAAA', 'SRV', 'ANY'] as const).map((name) => [TYPE[name], name]),
)

export function typeName(code: number): QueryType {
  return KNOWN_TYPES.get(code) ?? `TYPE${code}`
}

/** @throws RangeError for `TYPE…` that is no 16-bit number */
export function typeCode(name: QueryType): number {
  const known = (TYPE as Record<string, number>)[name]
  if (known !== undefined) return known
  const code = /^TYPE(0|[1-9]\d{0,4})$/.test(name) ? Number(name.slice(4)) : -1
  if (code < 0 || code > 0xffff) throw new RangeError(`not a DNS record type: ${name}`)
  return code
}

/** For metrics: a client chooses the type, so the names are a closed set. */
export function typeLabel(code: number): string {
  return KNOWN_TYPES.get(code) ?? 'other'
}

export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const

const RCODE_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(RCODE).map(([name, code]) => [code, name]))

/** `NXDOMAIN`; `RCODE9` for those that this code never sends. */
export function rcodeName(code: number): string {
  return RCODE_NAMES.get(code) ?? `RCODE${code}`
}

/** Sizes of messages, in bytes. */
export const HEADER_BYTES = 12
/** UDP without EDNS (RFC 1035 §4.2.1). */
export const PLAIN_UDP_BYTES = 512
/** UDP with EDNS: fits one IPv6 packet of the smallest MTU, so it is never fragmented (DNS flag day 2020). */
export const EDNS_UDP_BYTES = 1232
export const MAX_MESSAGE_BYTES = 0xffff
/** An OPT record without options. */
export const OPT_BYTES = 11
