import { FIELD_STRIDE, HeadLines, INCOMPLETE, LINE_START, NAME_END, VALUE_END, VALUE_START } from './head-lines.ts'
import type { HeadLimits } from './limits.ts'
import {
  BAD_TRAILER,
  FORBIDDEN_TRAILER,
  HEAD_TOO_LARGE,
  NAME_TOO_LONG,
  TOO_MANY_HEADERS,
  TRAILERS_TOO_LONG,
} from './refusal.ts'

/** Nobody sends these as trailers but to be read as the head of something: refused. Names as in `DROPPED`. */
const REFUSED = new Set(['content-length', 'transfer-encoding', 'host'])

/**
 * What must not be a trailer (RFC 9110 §6.5.1) because it says how to frame, route, authenticate, change or understand the message, or
 * because only the router says it: dropped. Some recipients add trailers to the headers. Lower case, hyphens for underscores.
 */
const DROPPED = new Set([
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'upgrade',
  'http2-settings',
  'expect',
  'max-forwards',
  'via',
  'forwarded',
  'x-request-id',
  'x-request-start',
  'traceparent',
  'tracestate',
  'idempotency-key',
  'authorization',
  'www-authenticate',
  'cookie',
  'set-cookie',
  'content-encoding',
  'content-type',
  'content-range',
  'range',
  'cache-control',
  'pragma',
  'age',
  'date',
  'expires',
  'location',
  'retry-after',
  'vary',
  'warning',
  'allow',
])
const DROPPED_PREFIXES = ['x-forwarded-', 'proxy-', 'if-', 'access-control-']

const TOO_LONG = new Set([HEAD_TOO_LARGE, NAME_TOO_LONG, TOO_MANY_HEADERS])

/** The trailers of one chunked body, by the rules of header lines. Rare, so it keeps the bytes and parses them where they lie. */
export class TrailerSection {
  done = false
  /** What may go on, as `Name: value\r\n` lines; '' for none. Once done. */
  lines = ''
  /** As many bytes as fit are copied into it, and no more. */
  readonly #kept: Buffer
  readonly #scanner = new HeadLines([], [])
  #keptBytes = 0

  constructor(limits: HeadLimits) {
    // One more than fits, so that the scanner sees that it does not.
    this.#kept = Buffer.allocUnsafe(limits.trailerBytes + 1)
    this.#scanner.begin(0, limits.trailerBytes, limits.headerNameBytes, limits.headerCount, limits.trailerBytes)
  }

  /** Position after what was read, or a refusal. */
  read(bytes: Buffer, start: number, end: number): number {
    const before = this.#keptBytes
    const taken = bytes.copy(this.#kept, before, start, end)
    this.#keptBytes += taken
    const result = this.#scanner.next(this.#kept, 0, this.#keptBytes)
    if (result === INCOMPLETE) return start + taken
    if (result < 0) return TOO_LONG.has(result) ? TRAILERS_TOO_LONG : BAD_TRAILER
    this.done = true
    const refusal = this.#sanitise()
    return refusal === 0 ? start + this.#scanner.scanned - before : refusal
  }

  #sanitise(): number {
    const { fields, fieldCount, scanned } = this.#scanner
    const text = this.#kept.latin1Slice(0, scanned)
    for (let at = 0; at < fieldCount * FIELD_STRIDE; at += FIELD_STRIDE) {
      const name = text.substring(fields[at + LINE_START]!, fields[at + NAME_END]!)
      const plain = name.toLowerCase().replaceAll('_', '-')
      if (REFUSED.has(plain)) return FORBIDDEN_TRAILER
      if (DROPPED.has(plain) || DROPPED_PREFIXES.some((prefix) => plain.startsWith(prefix))) continue
      this.lines += `${name}: ${text.substring(fields[at + VALUE_START]!, fields[at + VALUE_END]!)}\r\n`
    }
    return 0
  }
}
