import { DEFAULT_LIMITS, type HeadLimits } from '../../src/wire/limits.ts'
import { type Refusal, refusalOf } from '../../src/wire/refusal.ts'
import { parseRequestHead, RequestHead } from '../../src/wire/request-head.ts'
import { parseResponseHead, ResponseHead } from '../../src/wire/response-head.ts'

/** What became of some bytes, in a form that can be compared. `text` is the part of the head that was understood. */
export interface Outcome {
  /** Bytes consumed; 0: incomplete; -1: refused, see `refusal`. */
  readonly consumed: number
  readonly refusal: Refusal | null
}

export interface RequestOutcome extends Outcome {
  readonly head: RequestHead
}

export interface ResponseOutcome extends Outcome {
  readonly head: ResponseHead
}

/** Header lines joined to a request head that is valid but for them. */
export function get(...headers: string[]): string {
  return message('GET / HTTP/1.1', 'Host: a.example', ...headers)
}

export function message(...lines: string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`
}

export function bytesOf(text: string | Buffer): Buffer {
  return typeof text === 'string' ? Buffer.from(text, 'latin1') : text
}

export function request(text: string | Buffer, limits: Partial<HeadLimits> = {}): RequestOutcome {
  const bytes = bytesOf(text)
  const head = new RequestHead()
  const result = parseRequestHead(bytes, 0, bytes.length, head, { ...DEFAULT_LIMITS, ...limits })
  return { ...outcome(wholeHead(bytes, result)), head }
}

export function response(text: string | Buffer, method = 'GET', limits: Partial<HeadLimits> = {}): ResponseOutcome {
  const bytes = bytesOf(text)
  const head = new ResponseHead()
  const result = parseResponseHead(bytes, 0, bytes.length, head, { ...DEFAULT_LIMITS, ...limits }, method)
  return { ...outcome(wholeHead(bytes, result)), head }
}

/** The head of a request that has to be accepted. */
export function accepted(text: string | Buffer, limits: Partial<HeadLimits> = {}): RequestHead {
  const { consumed, refusal, head } = request(text, limits)
  if (consumed <= 0)
    throw new Error(`not accepted: ${refusal?.key ?? 'incomplete'}: ${JSON.stringify(text.toString())}`)
  return head
}

/** `400 bare LF`, or what else became of it. */
export function verdict(text: string | Buffer, limits: Partial<HeadLimits> = {}): string {
  return describe(request(text, limits), ({ status, cause }) => `${status} ${cause}`)
}

/** `H25 oversized header`, or what else became of it. */
export function answerVerdict(text: string | Buffer, method = 'GET', limits: Partial<HeadLimits> = {}): string {
  return describe(
    response(text, method, limits),
    ({ code, detail, cause }) => `${code} ${detail === '' ? cause : detail}`,
  )
}

/** Everything that a request's head says, for comparing two of them. */
export function requestFacts({ consumed, refusal, head }: RequestOutcome): object {
  return {
    consumed,
    refusal: refusal?.key,
    text: head.text,
    method: head.method,
    target: head.target,
    path: head.path,
    minorVersion: head.minorVersion,
    authority: head.authority,
    host: head.host,
    contentLength: refusal === null ? head.contentLength : null,
    chunked: refusal === null ? head.chunked : null,
    keepAlive: head.keepAlive,
    upgrade: head.upgrade,
    expectContinue: refusal === null ? head.expectContinue : null,
    teTrailers: refusal === null ? head.teTrailers : null,
    accept: head.accept,
    cookie: head.cookie,
    forwardedFor: head.forwardedFor,
    fields: consumed > 0 ? [...head.fields.subarray(0, head.fieldCount * 6)] : null,
  }
}

export function responseFacts({ consumed, refusal, head }: ResponseOutcome): object {
  if (consumed <= 0) return { consumed, refusal: refusal?.key }
  const {
    text,
    status,
    reason,
    minorVersion,
    contentLength,
    chunked,
    bodyKind,
    keepAlive,
    keepAliveTimeoutMs,
    upgrade,
  } = head
  const fields = [...head.fields.subarray(0, head.fieldCount * 6)]
  return {
    consumed,
    text,
    status,
    reason,
    minorVersion,
    contentLength,
    chunked,
    bodyKind,
    keepAlive,
    keepAliveTimeoutMs,
    upgrade,
    fields,
  }
}

/**
 * The same bytes in pieces that end at `cuts`, each time in another place in memory, as they come to a parser whose kept bytes are moved. Stops at the
 * first result that is not "incomplete".
 */
export function requestInPieces(
  bytes: Buffer,
  cuts: Iterable<number>,
  limits: Partial<HeadLimits> = {},
): RequestOutcome {
  const head = new RequestHead()
  const all = { ...DEFAULT_LIMITS, ...limits }
  const result = inPieces(bytes, cuts, (moved, start, end) => parseRequestHead(moved, start, end, head, all))
  return { ...outcome(result), head }
}

export function responseInPieces(bytes: Buffer, cuts: Iterable<number>, method = 'GET'): ResponseOutcome {
  const head = new ResponseHead()
  const result = inPieces(bytes, cuts, (moved, start, end) =>
    parseResponseHead(moved, start, end, head, DEFAULT_LIMITS, method),
  )
  return { ...outcome(result), head }
}

export function* everyByte(bytes: Buffer): Iterable<number> {
  for (let end = 1; end < bytes.length; end++) yield end
}

function inPieces(
  bytes: Buffer,
  cuts: Iterable<number>,
  parse: (bytes: Buffer, start: number, end: number) => number,
): number {
  let shift = 0
  const lastFirst = [...cuts, bytes.length]
  for (const end of lastFirst) {
    shift = (shift + 3) % 7
    const moved = Buffer.alloc(shift + end, 0x0d)
    bytes.copy(moved, shift, 0, end)
    const result = parse(moved, shift, shift + end)
    if (result !== 0) return result
  }
  return 0
}

/** An accepted head ends after its first empty line, neither before nor later. */
function wholeHead(bytes: Buffer, result: number): number {
  let start = 0
  while (bytes[start] === 0x0d || bytes[start] === 0x0a) start++
  const end = bytes.indexOf('\r\n\r\n', start) + 4
  if (result > 0 && result !== end) throw new Error(`consumed ${result} bytes of a head of ${end}`)
  return result
}

function outcome(result: number): Outcome {
  return result >= 0 ? { consumed: result, refusal: null } : { consumed: -1, refusal: refusalOf(result) }
}

function describe({ consumed, refusal }: Outcome, words: (refusal: Refusal) => string): string {
  if (refusal !== null) return words(refusal)
  return consumed === 0 ? 'incomplete' : 'accepted'
}
