import { stableUuid } from './identity.ts'

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
