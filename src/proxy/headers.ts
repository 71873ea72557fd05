import type { ClientFacts } from './access.ts'
import { randomId } from './random-ids.ts'

/**
 * The X-Forwarded-For value that goes to the dyno: the peer on the right of what a trusted proxy (or, with `append`, anyone)
 * sent; from others what came is dropped, since anybody can write anything into it.
 */
export function forwardedFor(facts: ClientFacts, received: string, policy: 'replace' | 'append'): string {
  return received !== '' && (facts.proxied || policy === 'append') ? `${received}, ${facts.peerText}` : facts.peerText
}

/** RFC 7239 element for this hop. IPv6 goes quoted and in brackets (§6). */
export function forwardedElement(received: string, facts: ClientFacts, host: string, proto: string): string {
  const node = facts.peerText.includes(':') ? `"[${facts.peerText}]"` : facts.peerText
  const element = `for=${node};host="${host}";proto=${proto}`
  return received !== '' && facts.proxied ? `${received}, ${element}` : element
}

/** The client's request id when it is one (20 to 200 of `[A-Za-z0-9+/=-]`), else a new one. */
export function requestId(received: string): string {
  return isRequestId(received) ? received : randomId()
}

function isRequestId(text: string): boolean {
  if (text.length < 20 || text.length > 200) return false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const digitOrSlash = code >= 0x2f && code <= 0x39
    const letter = (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a
    if (!digitOrSlash && !letter && code !== 0x2b && code !== 0x3d && code !== 0x2d) return false
  }
  return true
}

/** W3C Trace Context §3.2.2: what came when it is one, else the beginning of a new trace. */
export function traceparent(received: string): string {
  if (TRACEPARENT.test(received)) return received
  const hex = randomId().replaceAll('-', '') + randomId().replaceAll('-', '')
  return `00-${hex.slice(0, 32)}-${hex.slice(32, 48)}-00`
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/
