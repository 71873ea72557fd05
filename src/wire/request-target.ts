import { HostParts, parseHost } from './host.ts'
import { startsWithWord } from './list-value.ts'
import { BAD_TARGET } from './refusal.ts'
import { QUESTION, SLASH } from './tables.ts'

const HTTP = 'http://'
const HTTPS = 'https://'
const HTTP_PORT = 80
const HTTPS_PORT = 443

/** An absolute-form target (RFC 9112 §3.2.2). Positions are in the bytes that were read. */
export class AbsoluteTarget {
  authorityStart = 0
  authorityEnd = 0
  readonly parts = new HostParts()
  #defaultPort = HTTP_PORT

  /** 0, or a refusal: another scheme, or an authority that is no valid Host; one with user information is none. */
  read(bytes: Uint8Array, start: number, end: number): number {
    const secure = startsWithWord(bytes, start, end, HTTPS)
    if (!secure && !startsWithWord(bytes, start, end, HTTP)) return BAD_TARGET
    this.#defaultPort = secure ? HTTPS_PORT : HTTP_PORT
    this.authorityStart = start + (secure ? HTTPS.length : HTTP.length)
    let at = this.authorityStart
    while (at < end && bytes[at] !== SLASH && bytes[at] !== QUESTION) at++
    this.authorityEnd = at
    return parseHost(bytes, this.authorityStart, at, this.parts) ? 0 : BAD_TARGET
  }

  /** Whether the port, -1 for none, is the target's. */
  samePort(port: number): boolean {
    const target = this.parts.port === -1 ? this.#defaultPort : this.parts.port
    return target === (port === -1 ? this.#defaultPort : port)
  }
}
