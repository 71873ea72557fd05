import { ConnectionOptions } from './connection-options.ts'
import { parseContentLength } from './content-length.ts'
import {
  FIELD_REPLACE,
  FIELD_STRIDE,
  HeadLines,
  INCOMPLETE,
  LINE_START,
  NAME_END,
  VALUE_END,
  VALUE_START,
} from './head-lines.ts'
import {
  ACCEPT,
  CONNECTION,
  CONTENT_LENGTH,
  COOKIE,
  EXPECT,
  FORWARDED,
  type HeaderName,
  HOST,
  IDEMPOTENCY_KEY,
  idOf,
  TE,
  TRACEPARENT,
  TRANSFER_ENCODING,
  TWIN,
  UPGRADE,
  VIA,
  X_FORWARDED_FOR,
  X_REQUEST_ID,
} from './header-names.ts'
import { HostParts, parseHost } from './host.ts'
import type { HeadLimits } from './limits.ts'
import { elementEnd, isWord, skipBlanks, trimBlanks } from './list-value.ts'
import {
  BAD_CONTENT_LENGTH,
  BAD_HOST,
  BAD_TARGET,
  BAD_TRANSFER_ENCODING,
  DIFFERING_CONTENT_LENGTHS,
  EXPECTATION_FAILED,
  HOST_DISAGREES,
  LENGTH_AND_TRANSFER_ENCODING,
  NO_HOST,
  REPEATED_HOST,
  TRANSFER_ENCODING_IN_HTTP_1_0,
  UPGRADE_MISSING,
} from './refusal.ts'
import { ASTERISK_FORM, ORIGIN_FORM, RequestLine } from './request-line.ts'
import { AbsoluteTarget } from './request-target.ts'
import { CR } from './tables.ts'
import { NOTHING_OFFERED, offeredUpgrade, UPGRADE_OFFERED } from './upgrade.ts'

/**
 * Never forwarded as they came: hop-by-hop (RFC 9110 §7.6.1), framing (written anew), and what only the router may say. Their
 * spellings with underscores go too.
 */
const DROPPED: readonly HeaderName[] = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'upgrade',
  'http2-settings',
  'expect',
  'content-length',
  'transfer-encoding',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-host',
  'via',
  'x-request-id',
  'x-request-start',
]
/** What `#readField` reads. */
const READ = [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, EXPECT, TE]
const DROPPED_IDS = DROPPED.flatMap((name) => [idOf(name), idOf(name) + TWIN])

/**
 * One request head: a scratch object, filled by `parseRequestHead` and empty again after `reset`. What it says is valid from the result that is
 * not 0 until then; its strings may be kept. A refused head has method, target, version, host and the headers so far, as far as they were read:
 * for the log and for the form of the answer.
 */
export class RequestHead {
  /** The head as it came, one character per byte; offsets in `fields` are into it. */
  text = ''
  method = ''
  /** As it came. */
  target = ''
  /** To forward: origin-form, or `*`. */
  path = ''
  minorVersion: 0 | 1 = 1
  /** Value of Host to forward; '' when HTTP/1.0 came without. An absolute-form target's authority wins. */
  authority = ''
  /** Lower case, without port and without one trailing dot; an IPv6 literal keeps its brackets. */
  host = ''
  /** -1: none. */
  contentLength = -1
  chunked = false
  /** What the client wants, the default of its version applied. */
  keepAlive = false
  /** Value of Upgrade when this is an upgrade, else ''. */
  upgrade = ''
  expectContinue = false
  teTrailers = false

  readonly line = new RequestLine()
  readonly lines = new HeadLines(DROPPED_IDS, READ)
  readonly #options = new ConnectionOptions()
  readonly #host = new HostParts()
  readonly #absolute = new AbsoluteTarget()
  #hostEnd = 0

  get fieldCount(): number {
    return this.lines.fieldCount
  }

  get fields(): Int32Array {
    return this.lines.fields
  }

  // What the router itself looks at; '' when it did not come, joined when it came more than once.
  get forwardedFor(): string {
    return this.lines.value(X_FORWARDED_FOR, this.text)
  }
  get via(): string {
    return this.lines.value(VIA, this.text)
  }
  get requestId(): string {
    return this.lines.value(X_REQUEST_ID, this.text)
  }
  get accept(): string {
    return this.lines.value(ACCEPT, this.text)
  }
  get cookie(): string {
    // A list of cookies has its own separator (RFC 6265 §4.2.1).
    return this.lines.value(COOKIE, this.text, '; ')
  }
  get forwarded(): string {
    return this.lines.value(FORWARDED, this.text)
  }
  get traceparent(): string {
    return this.lines.value(TRACEPARENT, this.text)
  }
  get idempotencyKey(): boolean {
    return this.lines.has(IDEMPOTENCY_KEY)
  }

  /** Forgets everything: what comes next is another request. */
  reset(): void {
    this.text = ''
    this.method = ''
    this.target = ''
    this.path = ''
    this.minorVersion = 1
    this.authority = ''
    this.host = ''
    this.contentLength = -1
    this.chunked = false
    this.keepAlive = false
    this.upgrade = ''
    this.expectContinue = false
    this.teTrailers = false
    this.line.reset()
    this.lines.reset()
    this.#options.reset()
    this.#hostEnd = 0
  }

  parse(bytes: Buffer, start: number, end: number, limits: HeadLimits): number {
    const { line, lines } = this
    if (line.lineEnd === 0) {
      const lineEnd = line.scan(bytes, start, end, limits)
      if (lineEnd <= 0) return lineEnd === 0 ? 0 : this.#refuse(lineEnd, bytes, start)
      const { headerLineBytes, headerNameBytes, headerCount, headBytes } = limits
      lines.begin(lineEnd, headerLineBytes, headerNameBytes, headerCount, line.lineStart + headBytes)
    }
    let result = lines.next(bytes, start, end)
    while (result >= 0 && result < INCOMPLETE) {
      const refusal = this.#readField(result, bytes, start)
      if (refusal !== 0) return this.#refuse(refusal, bytes, start)
      result = lines.next(bytes, start, end)
    }
    if (result === INCOMPLETE) return 0
    if (result < 0) return this.#refuse(result, bytes, start)
    const refusal = this.#complete(bytes, start)
    return refusal === 0 ? lines.scanned : this.#refuse(refusal, bytes, start)
  }

  /** A line whose name means something: refused as soon as it is through, not at the end of the head. */
  #readField(id: number, bytes: Buffer, start: number): number {
    const { fields } = this.lines
    const at = (this.lines.fieldCount - 1) * FIELD_STRIDE
    const valueStart = start + fields[at + VALUE_START]!
    const valueEnd = start + fields[at + VALUE_END]!
    switch (id) {
      case HOST:
        if ((this.lines.repeated & (1 << HOST)) !== 0) return REPEATED_HOST
        if (!parseHost(bytes, valueStart, valueEnd, this.#host)) return BAD_HOST
        // The head may lie elsewhere in memory when the rest of it comes.
        this.#hostEnd = this.#host.hostEnd - start
        return 0
      case CONTENT_LENGTH:
        return this.#readContentLength(bytes, valueStart, valueEnd)
      case TRANSFER_ENCODING:
        return this.#readTransferEncoding(bytes, valueStart, valueEnd)
      case CONNECTION:
        return this.#options.read(bytes, valueStart, valueEnd)
      case EXPECT:
        if (valueStart === valueEnd) return 0
        this.expectContinue = isWord(bytes, valueStart, valueEnd, '100-continue')
        return this.expectContinue ? 0 : EXPECTATION_FAILED
      case TE:
        if (hasElement(bytes, valueStart, valueEnd, 'trailers')) this.teTrailers = true
        return 0
    }
    return 0
  }

  #readContentLength(bytes: Buffer, start: number, end: number): number {
    if (this.chunked) return LENGTH_AND_TRANSFER_ENCODING
    const length = parseContentLength(bytes, start, end)
    if (length < 0) return BAD_CONTENT_LENGTH
    if (this.contentLength >= 0 && this.contentLength !== length) return DIFFERING_CONTENT_LENGTHS
    this.contentLength = length
    return 0
  }

  /** Only `chunked`, once: every other spelling is one that some server reads otherwise (RFC 9112 §6.1, §11.2). */
  #readTransferEncoding(bytes: Buffer, start: number, end: number): number {
    if (this.line.minorVersion === 0) return TRANSFER_ENCODING_IN_HTTP_1_0
    if (this.contentLength >= 0) return LENGTH_AND_TRANSFER_ENCODING
    if (this.chunked || !isWord(bytes, start, end, 'chunked')) return BAD_TRANSFER_ENCODING
    // White space may follow, but llhttp takes a tab there for part of the name.
    if (bytes[end] !== CR) return BAD_TRANSFER_ENCODING
    this.chunked = true
    return 0
  }

  /** All lines are through: what they mean together. 0, or a refusal. */
  #complete(bytes: Buffer, start: number): number {
    const { line, lines } = this
    const options = this.#options
    const hasHost = lines.has(HOST)
    if (line.minorVersion === 1 && !hasHost) return NO_HOST
    const text = bytes.latin1Slice(start, start + lines.scanned)
    this.text = text
    this.method = line.method !== '' ? line.method : text.substring(line.lineStart, line.methodEnd)
    this.minorVersion = line.minorVersion
    this.target = text.substring(line.targetStart, line.targetEnd)
    if (hasHost) this.#takeHost()
    if (line.form === ORIGIN_FORM) {
      this.path = this.target
    } else {
      const refusal = line.form === ASTERISK_FORM ? this.#takeAsterisk() : this.#takeAbsolute(bytes, start, hasHost)
      if (refusal !== 0) return refusal
    }
    this.keepAlive = !options.close && (line.minorVersion === 1 || options.keepAlive)
    if (line.minorVersion === 0) this.expectContinue = false // RFC 9110 §10.1.1
    options.dropNamed(lines, bytes, start)
    return options.upgrade ? this.#takeUpgrade(bytes, start) : 0
  }

  #takeHost(): void {
    const { lines, text } = this
    const at = lines.first(HOST)
    const valueStart = lines.fields[at + VALUE_START]!
    this.authority = text.substring(valueStart, lines.fields[at + VALUE_END]!)
    const withoutRest = this.#hostEnd - valueStart < this.authority.length
    const host = withoutRest ? text.substring(valueStart, this.#hostEnd) : this.authority
    this.host = this.#host.upper ? host.toLowerCase() : host
  }

  #takeAsterisk(): number {
    if (this.target !== '*' || this.method !== 'OPTIONS') return BAD_TARGET
    this.path = '*'
    return 0
  }

  #takeAbsolute(bytes: Buffer, start: number, hasHost: boolean): number {
    const { line, lines, text } = this
    const absolute = this.#absolute
    const refusal = absolute.read(bytes, start + line.targetStart, start + line.targetEnd)
    if (refusal !== 0) return refusal
    const authorityStart = absolute.authorityStart - start
    const authorityEnd = absolute.authorityEnd - start
    const authority = text.substring(authorityStart, authorityEnd)
    const named = text.substring(authorityStart, absolute.parts.hostEnd - start).toLowerCase()
    if (hasHost) {
      if (named !== this.host || !absolute.samePort(this.#host.port)) return HOST_DISAGREES
      if (authority !== this.authority) lines.setAction(lines.first(HOST), FIELD_REPLACE)
    }
    this.authority = authority
    this.host = named
    this.path = text.substring(authorityEnd, line.targetEnd)
    if (this.path === '') {
      // RFC 9112 §3.2.4: an absolute form without path and query means `*`.
      this.path = this.method === 'OPTIONS' ? '*' : '/'
    } else if (this.path.startsWith('?')) {
      this.path = `/${this.path}`
    }
    return 0
  }

  #takeUpgrade(bytes: Buffer, start: number): number {
    const offer = offeredUpgrade(this.lines, bytes, start)
    if (offer < 0) return offer
    if (offer === NOTHING_OFFERED) return UPGRADE_MISSING
    // Ignored in HTTP/1.0 (RFC 9110 §7.8). Ignored with a body, which a server may do too: the body would have to be through before
    // the tunnel begins, and whoever sees its end elsewhere has a tunnel into the middle of it.
    const possible = this.minorVersion === 1 && !this.chunked && this.contentLength <= 0
    if (possible && offer === UPGRADE_OFFERED) this.upgrade = this.lines.value(UPGRADE, this.text)
    return 0
  }

  /** Keeps what was understood before the refusal. */
  #refuse(refusal: number, bytes: Buffer, start: number): number {
    const { line, lines } = this
    this.text = bytes.latin1Slice(start, start + Math.max(line.methodEnd, line.targetEnd, lines.linesEnd))
    this.method = this.text.substring(line.lineStart, line.methodEnd)
    if (line.targetEnd > 0) this.target = this.text.substring(line.targetStart, line.targetEnd)
    if (line.lineEnd > 0) this.minorVersion = line.minorVersion
    if (this.#hostEnd > 0 && refusal !== REPEATED_HOST) this.#takeHost()
    return refusal
  }
}

/**
 * Bytes consumed, empty lines before the head included, when the head is whole; 0 when it is not: call again with the same head, the same `start` (or the
 * same bytes elsewhere) and more bytes; negative: a refusal, see `refusalOf`. Any way of cutting the bytes gives the same result.
 */
export function parseRequestHead(
  bytes: Buffer,
  start: number,
  end: number,
  head: RequestHead,
  limits: HeadLimits,
): number {
  return head.parse(bytes, start, end, limits)
}

/** Values of a header by its lower-case name, joined as a list; '' when it did not come. For look-ups off the hot path. */
export function header(head: { readonly text: string; readonly lines: HeadLines }, name: string): string {
  const { fields, fieldCount } = head.lines
  let joined = ''
  for (let at = 0; at < fieldCount * FIELD_STRIDE; at += FIELD_STRIDE) {
    const from = fields[at + LINE_START]!
    const to = fields[at + NAME_END]!
    if (head.text.substring(from, to).toLowerCase() !== name) continue
    const value = head.text.substring(fields[at + VALUE_START]!, fields[at + VALUE_END]!)
    joined = joined === '' ? value : `${joined}, ${value}`
  }
  return joined
}

function hasElement(bytes: Uint8Array, start: number, end: number, word: string): boolean {
  for (let at = start; at < end; ) {
    const stop = elementEnd(bytes, at, end)
    const from = skipBlanks(bytes, at, stop)
    if (isWord(bytes, from, trimBlanks(bytes, from, stop), word)) return true
    at = stop + 1
  }
  return false
}
