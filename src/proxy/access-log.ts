/**
 * What is logged of one request, or of a client that was refused before it sent one. Every field from the start, so that one
 * object can be filled again and again and keeps its shape. Strings may be anything that a client or a dyno sent, but for sock, at,
 * code, protocol and tlsVersion, which are the router's own words.
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

/** `timestamp`: when it ended, as LogClock gives it. */
export type FormatLine = (x: AccessRecord, timestamp: string) => string

/** A target that is longer was refused for that, and its log line need not tell more of it. */
const MAX_PATH_LENGTH = 8192
/** Of any other value: a line has its bound, and nobody can write books into the log. */
const MAX_VALUE_LENGTH = 1024

/** One line, ASCII, with its line feed. */
export function formatLogfmt(x: AccessRecord, timestamp: string): string {
  return `${timestamp}${opening(x)}${quotable(x.path, MAX_PATH_LENGTH)}" host=${bare(x.host)} request_id=${bare(x.requestId)} fwd="${quotable(x.forwardedFor)}" dyno=${bare(x.dyno)}${times(x)}${x.bytes < 0 ? '' : x.bytes}${ending(x)}`
}

// Parts of lines that come again and again are kept as they were made: a line of fewer pieces costs half as much.

/** So many of each part; which one a record's may be in follows from the record. */
const KEPT_PARTS = 64

const openings = Array.from({ length: KEPT_PARTS }, () => ({ method: '', text: '' }))

/** Up to the path. */
function opening(x: AccessRecord): string {
  if (x.code !== '' || x.sock !== '' || x.cause !== '' || x.at !== 'info') {
    return ` postern[router]: ${outcome(x)} method=${bare(x.method)} path="`
  }
  const kept = openings[x.method.length % KEPT_PARTS]!
  if (kept.method !== x.method || kept.text === '') {
    kept.method = x.method
    kept.text = ` postern[router]: at=info method=${bare(x.method)} path="`
  }
  return kept.text
}

const timeParts = Array.from({ length: KEPT_PARTS }, () => ({ connectMs: -1, serviceMs: -1, status: 0, text: '' }))

/** From the dyno's name up to the count of bytes. */
function times(x: AccessRecord): string {
  const connectMs = Math.trunc(x.connectMs)
  const serviceMs = Math.trunc(x.serviceMs)
  const { status } = x
  const kept = timeParts[serviceMs & (KEPT_PARTS - 1)]!
  if (kept.serviceMs !== serviceMs || kept.connectMs !== connectMs || kept.status !== status || kept.text === '') {
    kept.connectMs = connectMs
    kept.serviceMs = serviceMs
    kept.status = status
    kept.text = ` connect=${x.connectMs < 0 ? '' : `${connectMs}ms`} service=${x.serviceMs < 0 ? '' : `${serviceMs}ms`} status=${status === 0 ? '' : status} bytes=`
  }
  return kept.text
}

const endings = Array.from({ length: KEPT_PARTS }, () => ({ app: '', az: '', release: '', protocol: '', text: '' }))

/** After the count of bytes. */
function ending(x: AccessRecord): string {
  if (x.tls || x.retries !== 0 || x.notRetried !== '') return endingOf(x)
  const { app, az, release, protocol } = x
  const kept = endings[(app.length * 7 + (az === '' ? 0 : az.charCodeAt(az.length - 1))) % KEPT_PARTS]!
  const same = kept.app === app && kept.az === az && kept.release === release && kept.protocol === protocol
  if (!same || kept.text === '') {
    kept.app = app
    kept.az = az
    kept.release = release
    kept.protocol = protocol
    kept.text = endingOf(x)
  }
  return kept.text
}

function endingOf(x: AccessRecord): string {
  const tls = x.tls ? `true tls_version=${x.tlsVersion}` : 'false'
  const notRetried = x.notRetried === '' ? '' : ` not_retried="${quotable(x.notRetried)}"`
  return ` protocol=${x.protocol} tls=${tls} app=${bare(x.app)} az=${bare(x.az)} release=${bare(x.release)} retries=${x.retries}${notRetried}\n`
}

function outcome(x: AccessRecord): string {
  if (x.code === '' && x.sock === '' && x.cause === '') return x.at === 'info' ? 'at=info' : `at=${x.at}`
  const sock = x.sock === '' ? '' : `sock=${x.sock} `
  const code = x.code === '' ? '' : ` code=${x.code} desc="${quotable(x.desc)}"`
  const cause = x.cause === '' ? '' : ` cause="${quotable(x.cause)}"`
  return `${sock}at=${x.at}${code}${cause}`
}

/**
 * The same fields in the same order as one JSON object, ASCII, with its line feed. Numbers are numbers (connect and service in
 * milliseconds), unknown ones null.
 */
export function formatJson(x: AccessRecord, timestamp: string): string {
  const connect = x.connectMs < 0 ? 'null' : Math.trunc(x.connectMs)
  const service = x.serviceMs < 0 ? 'null' : Math.trunc(x.serviceMs)
  const sock = x.sock === '' ? '' : `"sock":"${x.sock}",`
  const code = x.code === '' ? '' : `,"code":"${x.code}","desc":"${quotable(x.desc)}"`
  const cause = x.cause === '' ? '' : `,"cause":"${quotable(x.cause)}"`
  const tls = x.tls ? `true,"tls_version":"${x.tlsVersion}"` : 'false'
  const notRetried = x.notRetried === '' ? '' : `,"not_retried":"${quotable(x.notRetried)}"`
  return `{"time":"${timestamp}",${sock}"at":"${x.at}"${code}${cause},"method":"${quotable(x.method)}","path":"${quotable(x.path, MAX_PATH_LENGTH)}","host":"${quotable(x.host)}","request_id":"${quotable(x.requestId)}","fwd":"${quotable(x.forwardedFor)}","dyno":"${quotable(x.dyno)}","connect":${connect},"service":${service},"status":${x.status === 0 ? 'null' : x.status},"bytes":${x.bytes < 0 ? 'null' : x.bytes},"protocol":"${x.protocol}","tls":${tls},"app":"${quotable(x.app)}","az":"${quotable(x.az)}","release":"${quotable(x.release)}","retries":${x.retries}${notRetried}}\n`
}

const QUOTABLE = 1
const BARE = 2
/** By character code: plain printable ASCII but quotes and backslashes; of these, what neither ends a bare value nor begins another field. */
const PLAIN = Uint8Array.from({ length: 128 }, (_, code) => {
  if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return 0
  return code === 0x20 || code === 0x3d ? QUOTABLE : QUOTABLE | BARE
})

/** To stand between quotes. The escapes are those of JSON, which readers of logfmt undo as well. */
function quotable(value: string, maxLength: number = MAX_VALUE_LENGTH): string {
  return isPlain(value, QUOTABLE, maxLength) ? value : escaped(value, maxLength)
}

/** To stand without quotes, unless that could be misread. */
function bare(value: string): string {
  return isPlain(value, BARE, MAX_VALUE_LENGTH) ? value : `"${escaped(value, MAX_VALUE_LENGTH)}"`
}

/** A loop: to enter a regular expression costs more than the few characters that most values have. */
function isPlain(value: string, kind: number, maxLength: number): boolean {
  if (value.length > maxLength) return false
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (code > 0x7f || (PLAIN[code]! & kind) === 0) return false
  }
  return true
}

function escaped(value: string, maxLength: number): string {
  return value.slice(0, maxLength).replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, escapeCharacter)
}

function escapeCharacter(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
