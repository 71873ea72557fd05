/**
 * What the control plane hands to the data plane: numbered, whole, plain data (it can be sent between processes as it is).
 * The data plane compiles it once into tables and swaps one pointer; a request keeps the snapshot it began with.
 */
export interface SnapshotData {
  /** Grows by one with every change. */
  readonly version: number
  readonly space: { readonly name: string; readonly region: string }
  /** CIDRs whose sources are inside: the space's own and those of every active network. */
  readonly insideRanges: readonly string[]
  /** null: everyone may come; empty: no one. */
  readonly trustedIpRanges: readonly TrustedRange[] | null
  readonly onUntrusted: 'reset' | 'forbid'
  /** CIDRs of peers whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
  readonly limits: Limits
  readonly timeouts: RouterTimeouts
  readonly headers: HeaderPolicy
  /** A dyno that drains keeps what it has in flight for so long; then that is cut (30 s). */
  readonly dynoDrainMs: number
  readonly apps: readonly AppEntry[]
}

/** What a snapshot says of the space as a whole. */
export type SnapshotSettings = Omit<SnapshotData, 'version' | 'apps'>

export function settingsIn({ version: _, apps: __, ...settings }: SnapshotData): SnapshotSettings {
  return settings
}

/** A CIDR from which clients may (or, with `deny`, may not) come. Deny beats allow. */
export interface TrustedRange {
  readonly cidr: string
  readonly action: 'allow' | 'deny'
  /** '' when the config gives none. */
  readonly label: string
}

export interface AppEntry {
  readonly name: string
  /** Lower case; a leading `*.` makes a wildcard. */
  readonly domains: readonly string[]
  /** Exists for inside clients only. */
  readonly internalRouting: boolean
  readonly maintenance: boolean
  /** Narrows the space's ranges for outside clients; null: not narrowed. */
  readonly trustedIpRanges: readonly TrustedRange[] | null
  readonly balance: BalancePolicy
  /** How long the share of a dyno that comes into the balance grows; 0: it has all of it at once. */
  readonly slowStartMs: number
  readonly timeouts: AppTimeouts
  readonly maxInFlightPerDyno: number
  readonly queue: { readonly limit: number; readonly timeoutMs: number }
  /** 0: no limit. */
  readonly maxBodyBytes: number
  readonly expectContinue: 'router' | 'end-to-end'
  readonly formation: FormationCounts
  /** Web dynos that may be claimed, and those that are draining. */
  readonly dynos: readonly DynoEntry[]
}

export interface BalancePolicy {
  readonly algorithm: 'least-in-flight' | 'round-robin' | 'random' | 'hash'
  /** What `hash` hashes; ignored by the others. */
  readonly hashOn: 'client' | 'header' | 'cookie'
  /** Header or cookie name, lower case for a header; '' for client. */
  readonly hashName: string
}

/** How many web dynos there should be and how those that cannot be claimed are doing: tells H10, H14, H20 and H81 apart. */
export interface FormationCounts {
  /** False until the app has a formation at all (H81). */
  readonly released: boolean
  readonly quantity: number
  readonly starting: number
  readonly crashed: number
}

export interface DynoEntry {
  /** Stable over snapshots for as long as it is the same process: the data plane's counters hang on it. */
  readonly id: string
  /** `web.1` */
  readonly name: string
  readonly address: string
  readonly port: number
  readonly az: string
  readonly release: string
  readonly draining: boolean
  /** False: it gets no requests until its health check passes again. */
  readonly ready: boolean
}

/** Whether new requests may go to the dyno. */
export function mayBeClaimed({ draining, ready }: DynoEntry): boolean {
  return ready && !draining
}

/** Per app; behaviour.md §6 gives the defaults: connect 5 s, first byte 30 s, idle 55 s. */
export interface AppTimeouts {
  readonly connectMs: number
  readonly firstByteMs: number
  readonly idleMs: number
}

/** Of the router as a whole. */
export interface RouterTimeouts {
  /** First byte of a request on a new connection (10 s). */
  readonly requestFirstByteMs: number
  /** The whole head, from its first byte (30 s). */
  readonly requestHeadMs: number
  /** Body from the client, between two bytes (55 s). */
  readonly requestBodyMs: number
  /** Idle keep-alive connection of a client (60 s). */
  readonly clientKeepAliveMs: number
  /** Idle keep-alive connection to a dyno (90 s). */
  readonly dynoKeepAliveMs: number
  /** PROXY header on a listener that requires one (5 s). */
  readonly proxyHeaderMs: number
  /** A request waits at most this long for a booting dyno (75 s, then H20); also the budget of all connect attempts. */
  readonly bootWaitMs: number
  /** How long a dyno that refused or timed out a connect is passed over (5 s). */
  readonly quarantineMs: number
}

/** Bounds; behaviour.md §5 gives the defaults. Bytes unless said otherwise. */
export interface Limits {
  /** Client connections at once per worker (0: no limit; default 50,000); over it H22. */
  readonly connections: number
  /** Client connections at once from one address (0: no limit, the default). */
  readonly connectionsPerAddress: number
  /** Requests on one client connection before it is closed (0: no limit, the default). */
  readonly requestsPerConnection: number
  readonly requestLineBytes: number
  readonly headerLineBytes: number
  readonly headerNameBytes: number
  readonly headerCount: number
  readonly headBytes: number
  readonly chunkExtensionBytes: number
  readonly trailerBytes: number
  /** How many dynos are tried for one request when connects fail (10). */
  readonly connectAttempts: number
  /** Retries of an app, in percent of its recent requests (20). */
  readonly retryBudgetPercent: number
  /** Idle keep-alive connections kept per dyno (256). */
  readonly idleConnectionsPerDyno: number
  /** At most this many trusted ranges in one list (20): held when the config is checked. */
  readonly trustedIpRanges: number
}

/** What is said beyond the headers that always go. */
export interface HeaderPolicy {
  /** Pseudonym in Via. */
  readonly via: string
  /** `Forwarded` (RFC 7239) to the dyno. */
  readonly forwarded: boolean
  /** `traceparent` continued or begun. */
  readonly traceparent: boolean
  /** `X-Request-Id` to the client. */
  readonly requestIdToClient: boolean
}
