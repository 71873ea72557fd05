/** One running instance of a process type of an app, as whoever runs it announces it to the registry. */
export interface Dyno {
  readonly app: string
  readonly processType: string
  /** 1-based; `web.1` is process type and number. */
  readonly number: number
  /** IPv4 or IPv6 text, canonical. */
  readonly address: string
  readonly port: number
  /** Zone: one of the placement zones, or what the config says of a dyno that runs elsewhere; '' unknown. */
  readonly az: string
  /** `v3`. */
  readonly release: string
  readonly state: DynoState
  /** When the state was entered, Unix milliseconds. */
  readonly sinceMs: number
}

/** starting → up → draining → down; crashed. Only dynos that are `up` are in the answers of the zone. */
export type DynoState = 'starting' | 'up' | 'draining' | 'down' | 'crashed'

/** The name that people read and logs carry: `web.1`. */
export function dynoName(processType: string, number: number): string {
  return `${processType}.${number}`
}
