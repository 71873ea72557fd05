import type {
  AppTimeouts,
  BalancePolicy,
  HeaderPolicy,
  Limits,
  RouterTimeouts,
  TrustedRange,
} from '../model/snapshot.ts'

/**
 * A checked configuration: every default filled in, durations in whole milliseconds, sizes in bytes, addresses and
 * CIDRs as canonical text, domains in lower case, relative paths made absolute. Plain data.
 */
export interface Config {
  /** Absolute path of the file; '' when the configuration was given as an object. */
  readonly file: string
  readonly space: SpaceConfig
  readonly listeners: readonly ListenerConfig[]
  /** Empty: no one may come. null: the file leaves them out, so they may be set while the router runs; until then everyone may. */
  readonly trustedIpRanges: readonly TrustedRange[] | null
  readonly onUntrusted: 'reset' | 'forbid'
  /** CIDRs of peers whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
  readonly networks: readonly NetworkConfig[]
  /** In the order of the file, where it is a map by name. */
  readonly apps: readonly AppConfig[]
  readonly dns: DnsConfig
  readonly admin: AdminConfig
  readonly log: LogConfig
  readonly limits: Limits
  readonly timeouts: RouterTimeouts
  readonly headers: HeaderPolicy
  readonly shutdown: ShutdownConfig
  /** Absolute path of the folder for what has to last; null: in memory. */
  readonly state: string | null
  readonly deploy: DeployConfig
  /** Worker processes; as many as there are processors unless the file says. A router in one process ignores it. */
  readonly workers: number
}

export interface SpaceConfig {
  readonly name: string
  readonly region: string
  /** Sources in it are inside; dynos that run here get their addresses from it. */
  readonly cidr: string
}

export interface ListenerConfig {
  readonly name: string
  readonly host: string
  /** 0: the system chooses. */
  readonly port: number
  readonly exposure: 'public' | 'internal'
  /** What becomes of the X-Forwarded-For of an untrusted peer. */
  readonly forwardedFor: 'replace' | 'append'
  /** Peers that must send a PROXY header; null: no one may. */
  readonly proxyProtocol: { readonly from: readonly string[] } | null
}

export interface NetworkConfig {
  readonly name: string
  readonly kind: 'vpn' | 'peering' | 'other'
  readonly cidrs: readonly string[]
  /** Only `active` makes its sources inside. */
  readonly state: 'pending' | 'provisioning' | 'active' | 'deprovisioning' | 'failed'
}

export interface AppConfig {
  readonly name: string
  /** Lower case; a leading `*.` makes a wildcard. */
  readonly domains: readonly string[]
  readonly internalRouting: boolean
  /** null: the file leaves it out, so it may be set while the router runs. */
  readonly maintenance: boolean | null
  /** Narrows the space's ranges; null: not narrowed. */
  readonly trustedIpRanges: readonly TrustedRange[] | null
  readonly balance: BalancePolicy
  /** null: a dyno that accepts connections is well. */
  readonly healthCheck: HealthCheckConfig | null
  /** 0: a new dyno has its whole share at once. */
  readonly slowStartMs: number
  readonly timeouts: AppTimeouts
  readonly maxInFlightPerDyno: number
  readonly queue: { readonly limit: number; readonly timeoutMs: number }
  /** 0: no limit. */
  readonly maxBodyBytes: number
  readonly expectContinue: 'router' | 'end-to-end'
  /** For the dynos that run here. */
  readonly env: Readonly<Record<string, string>>
  /** One per process type; only `web` gets traffic. Empty: the app has no release yet. */
  readonly formation: readonly FormationConfig[]
}

export interface HealthCheckConfig {
  /** `/up` */
  readonly path: string
  /** The statuses of a dyno that is well, both included. */
  readonly statusFrom: number
  readonly statusTo: number
  readonly intervalMs: number
  readonly timeoutMs: number
  /** In a row. */
  readonly unhealthyAfter: number
  readonly healthyAfter: number
  /** When no dyno passes, none gets requests. */
  readonly failClosed: boolean
}

export interface FormationConfig {
  readonly processType: string
  readonly source: FormationSource
}

export type FormationSource = CommandSource | DynoListSource | RegisteredSource | DnsSource

/** Dynos that run here, as child processes. */
export interface CommandSource {
  readonly kind: 'command'
  /** null: the file leaves it out, so it may be set while the router runs. */
  readonly quantity: number | null
  readonly command: string
  /** Absolute. */
  readonly cwd: string
  /** `command` starts a dyno somewhere and ends; these go with it. null: the command is the dyno. */
  readonly exec: ExecCommands | null
}

export interface ExecCommands {
  readonly stop: string
  /** Ends with 0 while the dyno runs; '' nobody knows. */
  readonly status: string
}

/** Dynos that somebody else runs, and announces here while the router runs. */
export interface RegisteredSource {
  readonly kind: 'registered'
  /** Without a renewal within this a dyno is gone. */
  readonly ttlMs: number
}

/** Dynos that run elsewhere, by address. */
export interface DynoListSource {
  readonly kind: 'dynos'
  readonly dynos: readonly ListedDyno[]
}

export interface ListedDyno {
  readonly address: string
  readonly port: number
  /** '' when the file does not say. */
  readonly az: string
}

/** Dynos that another DNS server knows. */
export interface DnsSource {
  readonly kind: 'dns'
  readonly name: string
  /** Address and port of the DNS server. */
  readonly host: string
  readonly port: number
  /** Port of the dynos when the name has no SRV record; null: it must have one. */
  readonly servicePort: number | null
}

export interface DnsConfig {
  readonly host: string
  /** 0: the system chooses. */
  readonly port: number
  /** Lower case, without the final dot. */
  readonly zone: string
  readonly ttlMs: number
  /** `10.0.0.2:53`, `[2001:db8::1]:53` */
  readonly forwarders: readonly string[]
  /** So many empty answers in a row are believed. */
  readonly emptyAfter: number
}

export type AdminConfig = AdminAddress & {
  /** Who may ask over TCP. Over a socket its file says who may, and a token only names who asks. */
  readonly tokens: readonly AdminToken[]
}

/** The socket's path is absolute. */
export type AdminAddress = { readonly socket: string } | { readonly host: string; readonly port: number }

export interface AdminToken {
  /** Whom the audit trail is to name. */
  readonly name: string
  /** SHA-256 of the token, in lower-case hex: whoever reads the file does not have the token. */
  readonly sha256: string
}

export interface LogConfig {
  /** An absolute path, or one of the two words. */
  readonly access: 'stdout' | 'off' | string
  readonly format: 'logfmt' | 'json'
  readonly level: 'debug' | 'info' | 'warn' | 'error'
}

export interface ShutdownConfig {
  /** Between the first word that the router will stop (readyz) and the end of accepting. */
  readonly noticeMs: number
  /** How long requests in flight may take once the router stops accepting. */
  readonly drainMs: number
  /** How long the tunnels of a worker may go on after another worker has taken its place. */
  readonly tunnelsMs: number
  /** Between SIGTERM and SIGKILL of a dyno. */
  readonly dynoGraceMs: number
}

export interface DeployConfig {
  /** Of a process type's dynos, at once. */
  readonly batchPercent: number
  readonly drainTimeoutMs: number
  readonly bootTimeoutMs: number
  /** Between SIGTERM and SIGKILL of a dyno while the router goes on. */
  readonly shutdownGraceMs: number
  /** How long the dynos of a batch are watched. */
  readonly holdMs: number
  readonly maxErrorRateIncreasePercent: number
  readonly maxP95IncreasePercent: number
  readonly minRequests: number
  readonly keepReleases: number
}

/** One thing wrong with a configuration, and what would be right. */
export interface Problem {
  /** '' when the configuration was given as an object. */
  readonly file: string
  /** Both 1-based; 0 when there is no text to point into. */
  readonly line: number
  readonly column: number
  /** `apps.shop.domains[1]`; '' for the file as a whole. */
  readonly path: string
  readonly message: string
}

export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly Problem[] }
