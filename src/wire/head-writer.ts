import {
  ACTION_MASK,
  FIELD_PASS,
  FIELD_REPLACE,
  FIELD_STRIDE,
  KIND,
  KIND_SHIFT,
  LINE_END,
  LINE_START,
} from './head-lines.ts'
import { HOST, TRACEPARENT, X_REQUEST_ID } from './header-names.ts'
import type { RequestHead } from './request-head.ts'
import { ORIGIN_FORM } from './request-line.ts'
import type { ResponseHead } from './response-head.ts'

/** What the router says of a request to the dyno. The values are written as they are: they must be valid header values. */
export interface ForwardFields {
  /** The whole new X-Forwarded-For. */
  readonly forwardedFor: string
  readonly proto: 'http' | 'https'
  readonly port: string
  /** X-Forwarded-Host. */
  readonly host: string
  readonly requestId: string
  /** X-Request-Start, Unix milliseconds. */
  readonly requestStartMs: number
  /** The whole new Forwarded; '' for none. What came is never kept: to keep it, give it. */
  readonly forwarded: string
  /** The new traceparent; '' keeps what came. */
  readonly traceparent: string
  /** Pseudonym of this router in Via. */
  readonly via: string
  /** The dyno is to answer 100-continue itself. */
  readonly expectContinue: boolean
  readonly connection: 'keep-alive' | 'close' | 'upgrade'
  readonly chunkedBody: boolean
  /** -1: none. Not with `chunkedBody`. */
  readonly contentLength: number
}

/** What the router says of an answer to the client. */
export interface AnswerFields {
  readonly clientMinorVersion: 0 | 1
  /** How the client sees the end of the answer. `none`: it has no body (1xx, 204, 304, answer to HEAD). */
  readonly framing: 'length' | 'chunked' | 'close' | 'none'
  readonly keepAlive: boolean
  /** X-Request-Id; '' leaves what the dyno sent. */
  readonly requestId: string
  /** Date for an answer that has none. */
  readonly date: string
  /** Pseudonym of this router in Via. */
  readonly via: string
  /** The answer is the 101 that makes the connections a tunnel. */
  readonly upgrade: boolean
}

/**
 * The head for the dyno, always HTTP/1.1. Lines that go on are copied in runs as they came, in their order and case; then the
 * router's own follow, Connection last.
 */
export function writeRequestHead(head: RequestHead, f: ForwardFields): string {
  const { text, line, lines } = head
  const { fields, fieldCount } = lines
  let out = ''
  let run = line.lineStart
  if (line.form !== ORIGIN_FORM || line.minorVersion !== 1) {
    out = `${head.method} ${head.path} HTTP/1.1\r\n`
    run = line.lineEnd
  }
  const ownTrace = f.traceparent !== ''
  let at = 0
  for (const stop = fieldCount * FIELD_STRIDE; at < stop; at += FIELD_STRIDE) {
    const kind = fields[at + KIND]!
    const action = kind & ACTION_MASK
    if (action === FIELD_PASS && !(ownTrace && kind >> KIND_SHIFT === TRACEPARENT)) continue
    const lineStart = fields[at + LINE_START]!
    if (lineStart > run) out += text.substring(run, lineStart)
    if (action === FIELD_REPLACE) out += `Host: ${head.authority}\r\n`
    run = fields[at + LINE_END]!
  }
  // Without the empty line, which is the last two bytes.
  if (lines.scanned - 2 > run) out += text.substring(run, lines.scanned - 2)
  if (!lines.has(HOST)) out += `Host: ${head.authority}\r\n`
  if (f.chunkedBody) out += 'Transfer-Encoding: chunked\r\n'
  else if (f.contentLength >= 0) out += lengthLine(f.contentLength)
  if (f.expectContinue) out += 'Expect: 100-continue\r\n'
  out += `${beforeHost(f)}${f.host}${beforeId(f.requestStartMs)}${f.requestId}\r\n`
  if (f.forwarded !== '') out += `Forwarded: ${f.forwarded}\r\n`
  if (ownTrace) out += `traceparent: ${f.traceparent}\r\n`
  out += viaLine(head.via, line.minorVersion, f.via)
  if (f.connection === 'upgrade') return `${out}Upgrade: ${head.upgrade}\r\nConnection: upgrade\r\n\r\n`
  // RFC 9110 §10.1.4: who sends TE names it in Connection.
  if (head.teTrailers) return `${out}TE: trailers\r\nConnection: ${f.connection}, TE\r\n\r\n`
  return f.connection === 'keep-alive'
    ? `${out}Connection: keep-alive\r\n\r\n`
    : `${out}Connection: ${f.connection}\r\n\r\n`
}

/** The head for the client, always HTTP/1.1 (RFC 9110 §2.5); an interim answer's (1xx) too. */
export function writeResponseHead(head: ResponseHead, f: AnswerFields): string {
  const { text, line, lines } = head
  const { fields, fieldCount } = lines
  let out = ''
  let run = 0
  if (line.minorVersion !== 1 || line.reasonStart === 0) {
    out = `HTTP/1.1 ${head.status} ${head.reason}\r\n`
    run = line.lineEnd
  }
  const ownRequestId = f.requestId !== ''
  let at = 0
  for (const stop = fieldCount * FIELD_STRIDE; at < stop; at += FIELD_STRIDE) {
    const kind = fields[at + KIND]!
    if ((kind & ACTION_MASK) === FIELD_PASS && !(ownRequestId && kind >> KIND_SHIFT === X_REQUEST_ID)) continue
    const lineStart = fields[at + LINE_START]!
    if (lineStart > run) out += text.substring(run, lineStart)
    run = fields[at + LINE_END]!
  }
  if (lines.scanned - 2 > run) out += text.substring(run, lines.scanned - 2)
  const { status } = head
  if (status >= 200) {
    if (f.framing === 'length') out += lengthLine(head.contentLength)
    else if (f.framing === 'chunked') out += 'Transfer-Encoding: chunked\r\n'
    // What a GET would have had (RFC 9110 §8.6); never in a 204.
    else if (f.framing === 'none' && head.contentLength >= 0 && status !== 204) out += lengthLine(head.contentLength)
    if (!head.hasServer) out += 'Server: postern\r\n'
    if (!head.hasDate) out += dateLine(f.date)
  }
  if (ownRequestId) out += `X-Request-Id: ${f.requestId}\r\n`
  out += viaLine(head.via, line.minorVersion, f.via)
  if (f.upgrade) return `${out}Upgrade: ${head.upgrade}\r\nConnection: upgrade\r\n\r\n`
  if (status < 200) return `${out}\r\n`
  if (!f.keepAlive) return `${out}Connection: close\r\n\r\n`
  return f.clientMinorVersion === 0 ? `${out}Connection: keep-alive\r\n\r\n` : `${out}\r\n`
}

// Every piece of a text costs to join and to copy. Lines whose parts are the same for many heads in a row are made when one of them changes.

let lastLength = -1
let lastLengthLine = ''

function lengthLine(length: number): string {
  if (length !== lastLength) {
    lastLength = length
    lastLengthLine = `Content-Length: ${length}\r\n`
  }
  return lastLengthLine
}

let lastDate = ''
let lastDateLine = ''

function dateLine(date: string): string {
  if (date !== lastDate) {
    lastDate = date
    lastDateLine = `Date: ${date}\r\n`
  }
  return lastDateLine
}

const lastOrigin = { forwardedFor: '', proto: '', port: '', text: '' }

/** From X-Forwarded-For up to the value of X-Forwarded-Host. */
function beforeHost({ forwardedFor, proto, port }: ForwardFields): string {
  const last = lastOrigin
  if (forwardedFor !== last.forwardedFor || port !== last.port || proto !== last.proto) {
    last.forwardedFor = forwardedFor
    last.proto = proto
    last.port = port
    last.text = `X-Forwarded-For: ${forwardedFor}\r\nX-Forwarded-Proto: ${proto}\r\nX-Forwarded-Port: ${port}\r\nX-Forwarded-Host: `
  }
  return last.text
}

let lastStartMs = -1
let lastStart = ''

/** From the end of X-Forwarded-Host up to the value of X-Request-Id: many requests begin in the same millisecond. */
function beforeId(startMs: number): string {
  if (startMs !== lastStartMs) {
    lastStartMs = startMs
    lastStart = `\r\nX-Request-Start: ${startMs}\r\nX-Request-Id: `
  }
  return lastStart
}

let lastPseudonym = ''
/** By minor version. */
const lastVia: string[] = []

function viaLine(received: string, minorVersion: 0 | 1, pseudonym: string): string {
  if (pseudonym !== lastPseudonym) {
    lastPseudonym = pseudonym
    for (const minor of [0, 1]) lastVia[minor] = `Via: 1.${minor} ${pseudonym}\r\n`
  }
  return received === '' ? lastVia[minorVersion]! : `Via: ${received}, 1.${minorVersion} ${pseudonym}\r\n`
}
