/** Bounds of everything that is read off the wire. Bytes unless said otherwise; a line is counted without its CRLF. */
export interface HeadLimits {
  readonly requestLineBytes: number
  /** One header line of a request. */
  readonly headerLineBytes: number
  /** Of requests and of answers. */
  readonly headerNameBytes: number
  /** Lines, of requests and of answers. */
  readonly headerCount: number
  /** The head of a request from its first line to its empty line; empty lines before it do not count. */
  readonly headBytes: number
  readonly methodBytes: number
  readonly responseLineBytes: number
  readonly responseHeaderLineBytes: number
  /** The value of one Set-Cookie. */
  readonly setCookieBytes: number
  readonly responseHeadBytes: number
  /** All chunk extensions of one body together. */
  readonly chunkExtensionBytes: number
  /** The trailer section of one body, line ends counted. */
  readonly trailerBytes: number
}

export const DEFAULT_LIMITS: HeadLimits = Object.freeze({
  requestLineBytes: 8_192,
  headerLineBytes: 8_192,
  headerNameBytes: 1_000,
  headerCount: 1_000,
  headBytes: 65_536,
  methodBytes: 127,
  responseLineBytes: 8_192,
  responseHeaderLineBytes: 524_288,
  setCookieBytes: 8_192,
  responseHeadBytes: 1_048_576,
  chunkExtensionBytes: 4_096,
  trailerBytes: 8_192,
})
