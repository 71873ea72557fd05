/**
 * What every contender is told, word for word the same: hosts, trusted ranges, dynos, whether to log. Each contender turns it
 * into its own configuration, so that parity is one file to read and not seven.
 */
export interface Facts {
  /** The contender's own directory: configuration, access log, output. */
  readonly directory: string
  readonly port: number
  /** For whoever has to listen on something else too. */
  readonly sparePort: number
  readonly apps: readonly AppFacts[]
  /** Canonical IPv4 CIDRs; exactly one of them, `127.0.0.0/24`, covers the load generator. */
  readonly trustedCidrs: readonly string[]
  /** One access log line per request to this file; null: no access log at all. */
  readonly accessLog: string | null
  /** Hard limit of open files of this process: what contenders size their connection tables by. */
  readonly openFiles: number
}

export interface AppFacts {
  readonly name: string
  readonly hosts: readonly string[]
  readonly dynos: readonly DynoAddress[]
}

export interface DynoAddress {
  readonly address: string
  readonly port: number
}

/** How many apps share how many hosts. */
export interface SpaceShape {
  readonly apps: number
  readonly hostsPerApp: number
}

/** The space of every scenario that does not say otherwise: 1,000 hosts. Four apps, because most configurations name hosts by app. */
export const PARITY: SpaceShape = { apps: 4, hostsPerApp: 250 }

/** A source that no trusted range covers; Linux lets any address of 127.0.0.0/8 be a source. */
export const UNTRUSTED_SOURCE = '127.66.0.1'

const TRUSTED_CIDR_COUNT = 100

export function apps(shape: SpaceShape, dynos: readonly DynoAddress[]): AppFacts[] {
  return Array.from({ length: shape.apps }, (_, app) => ({
    name: `app-${app}`,
    hosts: Array.from({ length: shape.hostsPerApp }, (_, host) => `www-${host}.app-${app}.bench.example`),
    dynos,
  }))
}

/** The host that is asked for: the middle one of the middle app, so that no linear search is flattered or punished. */
export function requestHost(apps: readonly AppFacts[]): string {
  const app = apps[Math.floor(apps.length / 2)]!
  return app.hosts[Math.floor(app.hosts.length / 2)]!
}

/** 99 ranges of mixed length in 20.0.0.0 to 118.255.255.255 and the one of the load generator, which is neither first nor last. */
export function trustedCidrs(): string[] {
  const cidrs = Array.from({ length: TRUSTED_CIDR_COUNT - 1 }, (_, i) => {
    const bits = 12 + (i % 13)
    const address = ((20 + i) * 2 ** 24 + ((i * 7_919_777) % 2 ** 24)) >>> 0
    return `${dottedQuad((address & (0xffffffff << (32 - bits))) >>> 0)}/${bits}`
  })
  cidrs.splice(TRUSTED_CIDR_COUNT / 2, 0, '127.0.0.0/24')
  return cidrs
}

function dottedQuad(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.')
}
