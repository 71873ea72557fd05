/** A host name has at most 253 characters (RFC 1035 §2.3.4, less the root). */
const LONGEST_HOST = 253

/**
 * Host name to a number: an exact name before a wildcard, the longest wildcard first; `*.` matches one or more labels. A lookup costs one map access
 * for an exact name, and at most one more per label for a wildcard.
 */
export class HostTable {
  readonly #exact = new Map<string, number>()
  /** By what follows `*.`. */
  readonly #wildcards = new Map<string, number>()
  /** 1 where a wildcard's suffix has that length: a long host of many labels costs no more lookups than could match. */
  readonly #suffixLengths = new Uint8Array(LONGEST_HOST + 1)

  /** `domain` is lower case; a leading `*.` makes a wildcard. Of equal domains the first stays. */
  add(domain: string, value: number): void {
    const wildcard = domain.startsWith('*.')
    const name = wildcard ? domain.slice(2) : domain
    const names = wildcard ? this.#wildcards : this.#exact
    if (name.length > LONGEST_HOST || names.has(name)) return
    names.set(name, value)
    if (wildcard) this.#suffixLengths[name.length] = 1
  }

  /** The value for a host (lower case, no port, no trailing dot); -1 when there is none. */
  find(host: string): number {
    const exact = this.#exact.get(host)
    if (exact !== undefined) return exact
    if (this.#wildcards.size === 0 || host.length > LONGEST_HOST) return -1
    // From 1: the label in place of the star is never empty.
    for (let dot = host.indexOf('.', 1); dot !== -1; dot = host.indexOf('.', dot + 1)) {
      if (this.#suffixLengths[host.length - dot - 1] === 0) continue
      const value = this.#wildcards.get(host.slice(dot + 1))
      if (value !== undefined) return value
    }
    return -1
  }
}
