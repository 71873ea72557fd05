import { DASH, UNDERSCORE } from './tables.ts'

/**
 * Headers that mean something to the router. Everything else is 0: its line is copied and never looked at. Fewer than 32, so that a
 * head can keep a set of them in one integer.
 */
export const HEADER_NAMES = [
  '',
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'upgrade',
  'http2-settings',
  'expect',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-host',
  'via',
  'x-request-id',
  'x-request-start',
  'accept',
  'cookie',
  'traceparent',
  'idempotency-key',
  'server',
  'date',
  'set-cookie',
] as const

export type HeaderName = Exclude<(typeof HEADER_NAMES)[number], ''>

export const OTHER = 0
export const HOST = idOf('host')
export const CONTENT_LENGTH = idOf('content-length')
export const TRANSFER_ENCODING = idOf('transfer-encoding')
export const CONNECTION = idOf('connection')
export const KEEP_ALIVE = idOf('keep-alive')
export const TE = idOf('te')
export const UPGRADE = idOf('upgrade')
export const EXPECT = idOf('expect')
export const FORWARDED = idOf('forwarded')
export const X_FORWARDED_FOR = idOf('x-forwarded-for')
export const VIA = idOf('via')
export const X_REQUEST_ID = idOf('x-request-id')
export const ACCEPT = idOf('accept')
export const COOKIE = idOf('cookie')
export const TRACEPARENT = idOf('traceparent')
export const IDEMPOTENCY_KEY = idOf('idempotency-key')
export const SERVER = idOf('server')
export const DATE = idOf('date')
export const SET_COOKIE = idOf('set-cookie')

/**
 * Added to the id of a name that is spelled with an underscore for a hyphen: applications that see headers as CGI variables
 * (RFC 3875 §4.1.18) cannot tell the two apart.
 */
export const TWIN = 32

/** Ids and twins together fit in a table of this size. */
export const ID_SPACE = 64

export function idOf(name: HeaderName): number {
  return HEADER_NAMES.indexOf(name)
}

const LONGEST = Math.max(...HEADER_NAMES.map((name) => name.length))

/** First id by length and first letter; 0 for none, which is what most names find. */
const FIRST = new Uint8Array((LONGEST + 1) * 32)
/** The next id of the same length and first letter; 0 for none. */
const NEXT = new Uint8Array(HEADER_NAMES.length)
/** Bytes of all names, each from its place in `STARTS`. */
const BYTES = Uint8Array.from(Buffer.from(HEADER_NAMES.join(''), 'latin1'))
const STARTS = new Uint16Array(HEADER_NAMES.length)

for (let id = 1, start = 0; id < HEADER_NAMES.length; id++) {
  const name = HEADER_NAMES[id]!
  STARTS[id] = start
  start += name.length
  const bucket = name.length * 32 + (name.charCodeAt(0) & 31)
  NEXT[id] = FIRST[bucket]!
  FIRST[bucket] = id
}

/** Which header the bytes name, whatever their case: its id, its id + TWIN, or 0. */
export function headerId(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start
  if (length > LONGEST) return OTHER
  let id = FIRST[length * 32 + (bytes[start]! & 31)]!
  while (id !== 0) {
    const spelling = compare(bytes, start, length, STARTS[id]!)
    if (spelling >= 0) return id + spelling
    id = NEXT[id]!
  }
  return OTHER
}

/**
 * 0: the same name; TWIN: with underscores for hyphens; -1: another. Setting the bit that tells upper case from
 * lower makes no byte of a token into a letter, digit or hyphen but the same letter, digit or hyphen.
 */
function compare(bytes: Uint8Array, start: number, length: number, nameStart: number): number {
  let spelling = 0
  for (let i = 0; i < length; i++) {
    const byte = bytes[start + i]!
    const wanted = BYTES[nameStart + i]!
    if ((byte | 0x20) === wanted) continue
    if (byte !== UNDERSCORE || wanted !== DASH) return -1
    spelling = TWIN
  }
  return spelling
}
