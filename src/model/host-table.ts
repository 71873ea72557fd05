/** A host name has at most 253 characters (RFC 1035 §2.3.4, less the root). */
const LONGEST_HOST = 253

/**
 * Host name to value: an exact name before a wildcard, the longest wildcard first; `*.` matches one or more labels. Built once, never
 * changed. A lookup costs one map access for an exact name and at most one more per label for a wildcard.
 */
export class HostTable {
  readonly #exact = new Map<string, string>()
  /** By what follows `*.`. */
  readonly #wildcards = new Map<string, string>()
  /** 1 where a wildcard's suffix has that length: a long host of many labels costs no more lookups than could match. */
  readonly #suffixLengths = new Uint8Array(LONGEST_HOST + 1)

  /** Pairs of domain (lower case, a leading `*.` makes a wildcard) and value; the first of equal domains stays. */
  constructor(domains: Iterable<readonly [domain: string, value: string]>) {
    for (const [domain, value] of domains) {
      if (!domain.startsWith('*.')) {
        if (!this.#exact.has(domain)) this.#exact.set(domain, value)
        continue
      }
      const suffix = domain.slice(2)
      if (suffix.length > LONGEST_HOST || this.#wildcards.has(suffix)) continue
      this.#wildcards.set(suffix, value)
      this.#suffixLengths[suffix.length] = 1
    }
  }

  /** The value for a host (lower case, no port, no trailing dot), or undefined. */
  find(host: string): string | undefined {
    const exact = this.#exact.get(host)
    if (exact !== undefined || this.#wildcards.size === 0 || host.length > LONGEST_HOST) return exact
    // From 1: the label in place of the star is never empty.
    for (let dot = host.indexOf('.', 1); dot !== -1; dot = host.indexOf('.', dot + 1)) {
      if (this.#suffixLengths[host.length - dot - 1] === 0) continue
      const value = this.#wildcards.get(host.slice(dot + 1))
      if (value !== undefined) return value
    }
    return undefined
  }
}
