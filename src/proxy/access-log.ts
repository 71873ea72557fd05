import { LogClock } from '../telemetry/log-clock.ts'

/**
 * What is logged of one request, or of a client that was refused before it sent one. Every field from the start, so that one
 * object can be filled again and again and keeps its shape. Strings may be anything that a client sent.
 */
export class AccessRecord {
  /** Whose connection was cut: '' or `client` or `backend`. */
  sock = ''
  at = 'info'
  code = ''
  desc = ''
  cause = ''
  method = ''
  /** The target as received. */
  path = ''
  host = ''
  requestId = ''
  forwardedFor = ''
  /** `web.1` */
  dyno = ''
  /** Whole or broken milliseconds, shown whole; -1 unknown. */
  connectMs = -1
  serviceMs = -1
  /** 0: none was sent. */
  status = 0
  /** Of the response body; -1 unknown. */
  bytes = -1
  /** `http1.1` */
  protocol = ''
  tls = false
  /** `tls1.3` */
  tlsVersion = ''
  app = ''
  az = ''
  release = ''
  retries = 0
  /** Why the last failed attempt was not followed by another one. */
  notRetried = ''
}

export type FormatLine = (x: AccessRecord, timestamp?: string) => string

/** Longer values are cut: what the router accepts is shorter, so only what it refused can be. */
const MAX_VALUE_LENGTH = 8192

const clock = new LogClock()

/** One line, ASCII, with its line feed. */
export function formatLogfmt(x: AccessRecord, timestamp: string = clock.timestamp()): string {
  let line = `${timestamp} postern[router]: `
  if (x.sock !== '') line += `sock=${x.sock} `
  line += `at=${x.at} `
  if (x.code !== '') line += `code=${x.code} desc=${quoted(x.desc)} `
  if (x.cause !== '') line += `cause=${quoted(x.cause)} `
  line += `method=${bare(x.method)} path=${quoted(x.path)} host=${bare(x.host)} request_id=${bare(x.requestId)} fwd=${quoted(x.forwardedFor)} dyno=${bare(x.dyno)}`
  line += x.connectMs < 0 ? ' connect=' : ` connect=${Math.trunc(x.connectMs)}ms`
  line += x.serviceMs < 0 ? ' service=' : ` service=${Math.trunc(x.serviceMs)}ms`
  line += x.status === 0 ? ' status=' : ` status=${x.status}`
  line += x.bytes < 0 ? ' bytes=' : ` bytes=${x.bytes}`
  line += ` protocol=${x.protocol} tls=${x.tls}`
  if (x.tls) line += ` tls_version=${x.tlsVersion}`
  line += ` app=${bare(x.app)} az=${bare(x.az)} release=${bare(x.release)} retries=${x.retries}`
  if (x.notRetried !== '') line += ` not_retried=${quoted(x.notRetried)}`
  return `${line}\n`
}

/**
 * The same fields, in the same order, as one JSON object per line, ASCII. Numbers are numbers (connect and service in
 * milliseconds), unknown ones null.
 */
export function formatJson(x: AccessRecord, timestamp: string = clock.timestamp()): string {
  let line = `{"time":"${timestamp}"`
  if (x.sock !== '') line += `,"sock":"${x.sock}"`
  line += `,"at":"${x.at}"`
  if (x.code !== '') line += `,"code":"${x.code}","desc":${quoted(x.desc)}`
  if (x.cause !== '') line += `,"cause":${quoted(x.cause)}`
  line += `,"method":${quoted(x.method)},"path":${quoted(x.path)},"host":${quoted(x.host)},"request_id":${quoted(x.requestId)},"fwd":${quoted(x.forwardedFor)},"dyno":${quoted(x.dyno)}`
  line += `,"connect":${x.connectMs < 0 ? 'null' : Math.trunc(x.connectMs)}`
  line += `,"service":${x.serviceMs < 0 ? 'null' : Math.trunc(x.serviceMs)}`
  line += `,"status":${x.status === 0 ? 'null' : x.status}`
  line += `,"bytes":${x.bytes < 0 ? 'null' : x.bytes}`
  line += `,"protocol":"${x.protocol}","tls":${x.tls}`
  if (x.tls) line += `,"tls_version":"${x.tlsVersion}"`
  line += `,"app":${quoted(x.app)},"az":${quoted(x.az)},"release":${quoted(x.release)},"retries":${x.retries}`
  if (x.notRetried !== '') line += `,"not_retried":${quoted(x.notRetried)}`
  return `${line}}\n`
}

// Whatever is not plain printable ASCII.
const UNQUOTABLE = /[^\x20\x21\x23-\x5b\x5d-\x7e]/
// What could end a bare value (space), begin another field (=) or open a quote.
const NOT_BARE = /[^\x21\x23-\x3c\x3e-\x5b\x5d-\x7e]/

/** In quotes. Escapes are those of JSON, which the usual readers of logfmt undo as well. */
function quoted(value: string): string {
  return UNQUOTABLE.test(value) || value.length > MAX_VALUE_LENGTH ? escaped(value) : `"${value}"`
}

/** Without quotes where that cannot be misread. */
function bare(value: string): string {
  return NOT_BARE.test(value) || value.length > MAX_VALUE_LENGTH ? escaped(value) : value
}

function escaped(value: string): string {
  return `"${value.slice(0, MAX_VALUE_LENGTH).replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, escapeCharacter)}"`
}

function escapeCharacter(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
