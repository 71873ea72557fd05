import type { AccessRules, TrustedSet } from '../model/access-rules.ts'
import { type IpAddress, parseAddress } from '../model/address.ts'
import type { App } from '../model/compiled-snapshot.ts'
import type { TrustedRange } from '../model/snapshot.ts'

/** `admitted`, or why not: the reasons that `clientBlocked` counts. */
export type Verdict = 'admitted' | BlockReason
export type BlockReason = 'untrusted-source' | 'denied-range' | 'internal-listener' | 'app-range'

/**
 * Who the client of one connection is and what was decided about it: the one result that access, limits, log and headers share. Kept for the
 * life of the connection and judged again only when the rules or the believed X-Forwarded-For change.
 */
export class ClientFacts {
  /** The other end of the connection: the socket's, or what the PROXY protocol header says. null when it is no address. */
  readonly peer: IpAddress | null
  /** Canonical; '' when the peer is no address. */
  readonly peerText: string
  readonly exposure: 'public' | 'internal'
  /** The client: the peer, or what a trusted proxy says. null when that is no address: fail closed. */
  address: IpAddress | null
  /** Canonical; '' when unknown. */
  text: string
  /** The peer is a trusted proxy: its X-Forwarded-For is believed. */
  proxied = false
  /** In the space or in an active network. */
  inside = false
  verdict: Verdict = 'untrusted-source'
  /** Label or CIDR of the range that decided, for the log; '' when none did. */
  label = ''
  /** The same for the app's own ranges, after `judgeApp`. */
  appLabel = ''

  /** What the fields above were decided by. */
  #rules: AccessRules | null = null
  #forwardedFor = ''
  #appVerdict: Verdict = 'admitted'
  #appRanges: TrustedSet | null = null
  #appAddress: IpAddress | null = null

  /** `peerText` as the socket (`remoteAddress`) or the PROXY protocol header gives it. */
  constructor(peerText: string | undefined, exposure: 'public' | 'internal') {
    this.peer = parseAddress(peerText ?? '', 'strip-link-local')
    this.peerText = this.peer === null ? '' : this.peer.text
    this.exposure = exposure
    this.address = this.peer
    this.text = this.peerText
  }

  /**
   * When the connection is accepted, before TLS and before any byte: what the peer address alone tells. A trusted proxy is admitted: whom it
   * speaks for is in the request.
   */
  judgePeer(rules: AccessRules): Verdict {
    this.proxied = this.peer !== null && rules.proxies.has(this.peer)
    return this.proxied ? 'admitted' : this.judgeRequest(rules, '')
  }

  /** For each request; `forwardedFor` is all of its X-Forwarded-For, joined by commas. */
  judgeRequest(rules: AccessRules, forwardedFor: string): Verdict {
    if (rules !== this.#rules) {
      this.#rules = rules
      this.proxied = this.peer !== null && rules.proxies.has(this.peer)
      this.#judge(rules, forwardedFor)
    } else if (this.proxied && forwardedFor !== this.#forwardedFor) {
      this.#judge(rules, forwardedFor)
    }
    return this.verdict
  }

  /** By other rules, with the last X-Forwarded-For that was believed: for tunnels, which make no further requests. */
  judgeAgain(rules: AccessRules): Verdict {
    return this.judgeRequest(rules, this.#forwardedFor)
  }

  /** Once the app is known: its own ranges narrow the space's, for outside clients. After `judgeRequest` admitted. */
  judgeApp(app: App): Verdict {
    if (app.trusted === null || this.inside) return 'admitted'
    if (app.trusted !== this.#appRanges || this.address !== this.#appAddress) {
      this.#appRanges = app.trusted
      this.#appAddress = this.address
      const range = decidingRange(app.trusted, this.address)
      this.#appVerdict = range?.action === 'allow' ? 'admitted' : 'app-range'
      this.appLabel = labelOf(range)
    }
    return this.#appVerdict
  }

  /** Whether it gets a 403 when it is blocked. An internal listener does not even show outside that it is there. */
  mayBeTold(onUntrusted: 'reset' | 'forbid'): boolean {
    return onUntrusted === 'forbid' && this.exposure === 'public'
  }

  #judge(rules: AccessRules, forwardedFor: string): void {
    this.#forwardedFor = this.proxied ? forwardedFor : ''
    this.address = this.proxied ? forwardedClient(this.peer!, rules, forwardedFor) : this.peer
    this.text = this.address === null ? '' : this.address.text
    this.inside = this.address !== null && rules.inside.has(this.address)
    this.label = ''
    this.verdict = this.#verdict(rules)
  }

  #verdict(rules: AccessRules): Verdict {
    if (this.address === null) return 'untrusted-source'
    if (this.inside) return 'admitted'
    if (this.exposure === 'internal') return 'internal-listener'
    if (rules.trusted === null) return 'admitted'
    const range = decidingRange(rules.trusted, this.address)
    this.label = labelOf(range)
    if (range === null) return 'untrusted-source'
    return range.action === 'allow' ? 'admitted' : 'denied-range'
  }
}

/** Why a client was blocked, for the log: the reason, with the label of the range that decided when one did. */
export function blockCause(reason: BlockReason, label: string): string {
  return label === '' ? reason : `${reason} (${label})`
}

function labelOf(range: TrustedRange | null): string {
  return range === null ? '' : range.label || range.cidr
}

function decidingRange(trusted: TrustedSet, address: IpAddress | null): TrustedRange | null {
  return address === null ? null : (trusted.ranges[trusted.set.find(address)] ?? null)
}

/**
 * The walk: from the right, the first address that is not a trusted proxy; when all are, the leftmost; without the header, the proxy itself.
 * What stands left of the first untrusted address is the client's own invention and is not even parsed. null: an entry is no address.
 */
function forwardedClient(proxy: IpAddress, rules: AccessRules, forwardedFor: string): IpAddress | null {
  let client: IpAddress | null = proxy
  let end = forwardedFor.length
  while (end > 0) {
    const comma = forwardedFor.lastIndexOf(',', end - 1)
    client = parseAddress(trimSpace(forwardedFor.slice(comma + 1, end)))
    if (client === null || !rules.proxies.has(client)) return client
    // A comma at the very start has an empty entry before it.
    if (comma === 0) return null
    end = comma
  }
  return client
}

/** Without the optional white space of RFC 9110 §5.6.3: `trim` would take more for space than that. */
function trimSpace(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09
}
