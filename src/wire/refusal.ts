/** One way in which a message can be malformed: what it means when a client sent it, and what when a dyno did. */
export interface Refusal {
  readonly key: string
  /** For a client: answered with this (H26). */
  readonly status: 400 | 405 | 414 | 417 | 431 | 505
  /** For a client: text of `cause=` in the access log. */
  readonly cause: string
  /** For a dyno. */
  readonly code: 'H17' | 'H25'
  /** For a dyno: what follows the sentence of H25; '' with H17. */
  readonly detail: ResponseDetail
}

export type ResponseDetail =
  | ''
  | 'invalid content length'
  | 'oversized cookie'
  | 'oversized header'
  | 'oversized status line'

/** Every refusal there is, in the order of this file. A parser returns the place in it as a negative number: -(index + 1). */
export const REFUSALS: readonly Refusal[] = []

/** What a negative result of a parser stands for. */
export function refusalOf(result: number): Refusal {
  const refusal = REFUSALS[-result - 1]
  if (refusal === undefined) throw new RangeError(`${result} is not a refusal`)
  return refusal
}

function refuse(key: string, status: Refusal['status'], cause: string, detail: ResponseDetail = ''): number {
  const table = REFUSALS as Refusal[]
  return -table.push(Object.freeze({ key, status, cause, code: detail === '' ? 'H17' : 'H25', detail }))
}

// Any line, and the space between messages.
export const BARE_CR = refuse('bare-cr', 400, 'bare CR')
export const BARE_LF = refuse('bare-lf', 400, 'bare LF')
export const TOO_MANY_EMPTY_LINES = refuse('too-many-empty-lines', 400, 'too many empty lines before the request')

// The request line.
export const REQUEST_LINE_TOO_LONG = refuse('request-line-too-long', 414, 'request line too long')
export const BAD_REQUEST_LINE = refuse('bad-request-line', 400, 'bad request line')
export const BAD_METHOD = refuse('bad-method', 400, 'bad method')
export const METHOD_TOO_LONG = refuse('method-too-long', 400, 'method too long')
export const CONNECT_REFUSED = refuse('connect-refused', 405, 'CONNECT not allowed')
export const BAD_TARGET = refuse('bad-target', 400, 'bad request target')
export const BAD_VERSION = refuse('bad-version', 400, 'bad HTTP version')
export const VERSION_NOT_SUPPORTED = refuse('version-not-supported', 505, 'HTTP version not supported')

// The status line.
export const BAD_STATUS_LINE = refuse('bad-status-line', 400, 'bad status line')
export const STATUS_LINE_TOO_LONG = refuse('status-line-too-long', 400, 'status line too long', 'oversized status line')

// Header lines.
export const SPACE_BEFORE_HEADERS = refuse('space-before-headers', 400, 'space before the first header')
export const FOLDED_LINE = refuse('folded-line', 400, 'folded header line')
export const EMPTY_NAME = refuse('empty-header-name', 400, 'empty header name')
export const BAD_NAME = refuse('bad-header-name', 400, 'bad header name')
export const SPACE_BEFORE_COLON = refuse('space-before-colon', 400, 'space before the colon')
export const NO_COLON = refuse('no-colon', 400, 'header line without a colon')
export const BAD_VALUE = refuse('bad-header-value', 400, 'control byte in a header value')
export const NAME_TOO_LONG = refuse('header-name-too-long', 431, 'header name too long', 'oversized header')
export const LINE_TOO_LONG = refuse('header-line-too-long', 431, 'header line too long', 'oversized header')
export const TOO_MANY_HEADERS = refuse('too-many-headers', 431, 'too many headers', 'oversized header')
export const HEAD_TOO_LARGE = refuse('head-too-large', 431, 'headers too large in all', 'oversized header')
export const COOKIE_TOO_LONG = refuse('cookie-too-long', 431, 'cookie too long', 'oversized cookie')

// Where the message is for.
export const NO_HOST = refuse('no-host', 400, 'no Host')
export const BAD_HOST = refuse('bad-host', 400, 'bad Host')
export const REPEATED_HOST = refuse('repeated-host', 400, 'more than one Host')
export const HOST_DISAGREES = refuse('host-disagrees', 400, 'Host and request target disagree')

// Where the message ends.
export const BAD_CONTENT_LENGTH = refuse('bad-content-length', 400, 'bad Content-Length', 'invalid content length')
export const DIFFERING_CONTENT_LENGTHS = refuse(
  'differing-content-lengths',
  400,
  'differing Content-Length',
  'invalid content length',
)
export const BAD_TRANSFER_ENCODING = refuse('bad-transfer-encoding', 400, 'bad Transfer-Encoding')
export const TRANSFER_ENCODING_IN_HTTP_1_0 = refuse(
  'transfer-encoding-in-http-1.0',
  400,
  'Transfer-Encoding in HTTP/1.0',
)
export const LENGTH_AND_TRANSFER_ENCODING = refuse(
  'length-and-transfer-encoding',
  400,
  'Content-Length with Transfer-Encoding',
)

// What the connection is for.
export const BAD_CONNECTION = refuse('bad-connection', 400, 'bad Connection')
export const TOO_MANY_OPTIONS = refuse('too-many-connection-options', 400, 'too many connection options')
export const PROTECTED_HEADER_NAMED = refuse(
  'protected-header-named',
  400,
  'Connection names a header that it must not',
)
export const UPGRADE_MISSING = refuse('upgrade-missing', 400, 'Connection: upgrade without Upgrade')
export const BAD_UPGRADE = refuse('bad-upgrade', 400, 'bad Upgrade')
export const EXPECTATION_FAILED = refuse('expectation-failed', 417, 'unknown expectation')

// A chunked body.
export const BAD_CHUNK = refuse('bad-chunk', 400, 'bad chunk')
export const BAD_CHUNK_SIZE = refuse('bad-chunk-size', 400, 'bad chunk size')
export const BAD_CHUNK_EXTENSION = refuse('bad-chunk-extension', 400, 'bad chunk extension')
export const CHUNK_EXTENSIONS_TOO_LONG = refuse('chunk-extensions-too-long', 400, 'chunk extensions too long')
export const BAD_TRAILER = refuse('bad-trailer', 400, 'bad trailer')
export const FORBIDDEN_TRAILER = refuse('forbidden-trailer', 400, 'framing or routing header in the trailers')
export const TRAILERS_TOO_LONG = refuse('trailers-too-long', 400, 'trailers too long')
