import { BodyKind } from './body-framing.ts'
import { ConnectionOptions } from './connection-options.ts'
import { parseContentLength } from './content-length.ts'
import { FIELD_STRIDE, HeadLines, INCOMPLETE, VALUE_END, VALUE_START } from './head-lines.ts'
import {
  CONNECTION,
  CONTENT_LENGTH,
  DATE,
  type HeaderName,
  idOf,
  KEEP_ALIVE,
  SERVER,
  SET_COOKIE,
  TRANSFER_ENCODING,
  UPGRADE,
  VIA,
} from './header-names.ts'
import type { HeadLimits } from './limits.ts'
import { elementEnd, isWord, skipBlanks, startsWithWord, trimBlanks } from './list-value.ts'
import {
  BAD_CONTENT_LENGTH,
  BAD_TRANSFER_ENCODING,
  BAD_UPGRADE,
  COOKIE_TOO_LONG,
  DIFFERING_CONTENT_LENGTHS,
  LENGTH_AND_TRANSFER_ENCODING,
  TRANSFER_ENCODING_IN_HTTP_1_0,
} from './refusal.ts'
import { StatusLine } from './status-line.ts'
import { CR } from './tables.ts'
import { offeredUpgrade, UPGRADE_OFFERED } from './upgrade.ts'

/** Never passed on as they came: hop-by-hop (RFC 9110 §7.6.1), framing and Via (written anew). */
const DROPPED: readonly HeaderName[] = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'upgrade',
  'content-length',
  'transfer-encoding',
  'via',
]

/** What `#readField` reads. */
const READ = [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, SET_COOKIE, KEEP_ALIVE]

const TIMEOUT = 'timeout='

/** One head of an answer, interim or final: a scratch object, filled by `parseResponseHead` and empty again after `reset`. */
export class ResponseHead {
  /** The head as it came, one character per byte. */
  text = ''
  /** 100 to 999. */
  status = 0
  reason = ''
  minorVersion: 0 | 1 = 1
  /** -1: none. */
  contentLength = -1
  chunked = false
  /** How the body ends: by status, method and headers (RFC 9112 §6.3). */
  bodyKind: BodyKind = BodyKind.none
  /** Whether the dyno's connection can carry another exchange; false when only its end ends the body. */
  keepAlive = false
  /** From `Keep-Alive: timeout=`; -1: the dyno did not say. */
  keepAliveTimeoutMs = -1
  /** Value of Upgrade of a 101, else ''. */
  upgrade = ''

  readonly line = new StatusLine()
  readonly lines = new HeadLines(DROPPED.map(idOf), READ)
  readonly #options = new ConnectionOptions()

  get hasServer(): boolean {
    return this.lines.has(SERVER)
  }
  get hasDate(): boolean {
    return this.lines.has(DATE)
  }
  get via(): string {
    return this.lines.value(VIA, this.text)
  }
  get fieldCount(): number {
    return this.lines.fieldCount
  }
  get fields(): Int32Array {
    return this.lines.fields
  }

  /** Forgets everything: what comes next is another head. */
  reset(): void {
    this.text = ''
    this.status = 0
    this.reason = ''
    this.minorVersion = 1
    this.contentLength = -1
    this.chunked = false
    this.bodyKind = BodyKind.none
    this.keepAlive = false
    this.keepAliveTimeoutMs = -1
    this.upgrade = ''
    this.line.reset()
    this.lines.reset()
    this.#options.reset()
  }

  parse(bytes: Buffer, start: number, end: number, limits: HeadLimits, requestMethod: string): number {
    const { line, lines } = this
    if (line.lineEnd === 0) {
      const lineEnd = line.scan(bytes, start, end, limits)
      if (lineEnd <= 0) return lineEnd
      const { responseHeaderLineBytes, headerNameBytes, headerCount, responseHeadBytes } = limits
      lines.begin(lineEnd, responseHeaderLineBytes, headerNameBytes, headerCount, responseHeadBytes)
    }
    let result = lines.next(bytes, start, end)
    while (result >= 0 && result < INCOMPLETE) {
      const refusal = this.#readField(result, bytes, start, limits)
      if (refusal !== 0) return refusal
      result = lines.next(bytes, start, end)
    }
    if (result === INCOMPLETE) return 0
    if (result < 0) return result
    const refusal = this.#complete(bytes, start, requestMethod)
    return refusal === 0 ? lines.scanned : refusal
  }

  #readField(id: number, bytes: Buffer, start: number, limits: HeadLimits): number {
    const { fields } = this.lines
    const at = (this.lines.fieldCount - 1) * FIELD_STRIDE
    const valueStart = start + fields[at + VALUE_START]!
    const valueEnd = start + fields[at + VALUE_END]!
    switch (id) {
      case CONTENT_LENGTH:
        return this.#readContentLength(bytes, valueStart, valueEnd)
      case TRANSFER_ENCODING:
        return this.#readTransferEncoding(bytes, valueStart, valueEnd)
      case CONNECTION:
        return this.#options.read(bytes, valueStart, valueEnd)
      case SET_COOKIE:
        return valueEnd - valueStart > limits.setCookieBytes ? COOKIE_TOO_LONG : 0
      case KEEP_ALIVE:
        this.#readKeepAlive(bytes, valueStart, valueEnd)
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

  #readTransferEncoding(bytes: Buffer, start: number, end: number): number {
    if (this.line.minorVersion === 0) return TRANSFER_ENCODING_IN_HTTP_1_0
    if (this.contentLength >= 0) return LENGTH_AND_TRANSFER_ENCODING
    if (this.chunked || !isWord(bytes, start, end, 'chunked')) return BAD_TRANSFER_ENCODING
    // With a tab after it, llhttp takes the answer to end with the connection.
    if (bytes[end] !== CR) return BAD_TRANSFER_ENCODING
    this.chunked = true
    return 0
  }

  /** A hint only: what cannot be read is no hint (RFC 2068 §19.7.1.1). */
  #readKeepAlive(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at < end; ) {
      const stop = elementEnd(bytes, at, end)
      const from = skipBlanks(bytes, at, stop)
      const to = trimBlanks(bytes, from, stop)
      at = stop + 1
      if (!startsWithWord(bytes, from, to, TIMEOUT)) continue
      const seconds = parseContentLength(bytes, from + TIMEOUT.length, to)
      if (seconds >= 0) this.keepAliveTimeoutMs = Math.min(seconds * 1000, Number.MAX_SAFE_INTEGER)
    }
  }

  #complete(bytes: Buffer, start: number, requestMethod: string): number {
    const { line, lines } = this
    const options = this.#options
    const { status, minorVersion } = line
    // Without all of it nobody knows what the bytes after a 101 are (RFC 9110 §15.2.2). Elsewhere Upgrade only advertises.
    const switching = status === 101
    if (switching && !(options.upgrade && offeredUpgrade(lines, bytes, start) === UPGRADE_OFFERED)) return BAD_UPGRADE
    const text = bytes.latin1Slice(start, start + lines.scanned)
    this.text = text
    this.status = status
    this.minorVersion = minorVersion
    this.reason = line.reasonStart === 0 ? '' : text.substring(line.reasonStart, line.reasonEnd)
    if (switching) this.upgrade = lines.value(UPGRADE, text)
    this.bodyKind = this.#framing(status, requestMethod)
    this.keepAlive =
      this.bodyKind !== BodyKind.untilClose && !options.close && (minorVersion === 1 || options.keepAlive)
    options.dropNamed(lines, bytes, start)
    return 0
  }

  #framing(status: number, requestMethod: string): BodyKind {
    if (status < 200 || status === 204 || status === 304 || requestMethod === 'HEAD') return BodyKind.none
    if (this.chunked) return BodyKind.chunked
    if (this.contentLength < 0) return BodyKind.untilClose
    return this.contentLength === 0 ? BodyKind.none : BodyKind.length
  }
}

/**
 * Bytes consumed when the head is whole; 0 when it is not: call again with the same head, the same `start` (or the same bytes elsewhere) and more bytes;
 * negative: a refusal, see `refusalOf`. Any way of cutting the bytes gives the same result.
 */
export function parseResponseHead(
  bytes: Buffer,
  start: number,
  end: number,
  head: ResponseHead,
  limits: HeadLimits,
  requestMethod: string,
): number {
  return head.parse(bytes, start, end, limits, requestMethod)
}
