import { createHash } from 'node:crypto'

/** Heroku's `GET /spaces/{space}/topology`, whose readers build their own discovery on it. */
export interface Topology {
  readonly version: 1
  readonly apps: readonly TopologyApp[]
}

export interface TopologyApp {
  readonly id: string
  readonly name: string
  readonly domains: readonly string[]
  readonly formations: readonly TopologyFormation[]
}

export interface TopologyFormation {
  readonly id: string
  readonly process_type: string
  readonly dynos: readonly TopologyDyno[]
}

export interface TopologyDyno {
  readonly id: string
  readonly number: number
  readonly private_ip: string
  readonly hostname: string
}

/** A dyno that runs, whoever told of it. */
export interface RunningDyno {
  readonly processType: string
  readonly number: number
  readonly address: string
  /** As `dynoId` makes it. */
  readonly id: string
}

export interface TopologySource {
  readonly name: string
  readonly domains: readonly string[]
  readonly processTypes: readonly string[]
  readonly dynos: readonly RunningDyno[]
}

/** `zone` is that of the host names. */
export function topology(space: string, zone: string, apps: readonly TopologySource[]): Topology {
  return {
    version: 1,
    apps: apps.map(({ name, domains, processTypes, dynos }) => ({
      id: stableUuid(`${space}/${name}`),
      name,
      domains,
      formations: processTypes.map((processType) => ({
        id: stableUuid(`${space}/${name}/${processType}`),
        process_type: processType,
        dynos: dynos
          .filter((dyno) => dyno.processType === processType)
          .sort((one, other) => one.number - other.number)
          .map((dyno) => ({
            id: stableUuid(`${space}/${dyno.id}`),
            number: dyno.number,
            private_ip: dyno.address,
            hostname: `${dyno.number}.${processType}.${name}.${zone}`,
          })),
      })),
    })),
  }
}

/** The same for the same name for ever, and from no other name: version 8 of RFC 9562 §5.8, made from SHA-256. */
function stableUuid(name: string): string {
  const bytes = createHash('sha256').update(name).digest().subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
