/** The zone that every server answers from: 100 apps of four dynos, with the records that Postern makes of them. */
export const ZONE = 'app.localspace'
export const TTL_SECONDS = 5
export const APPS = 100
export const DYNOS_PER_APP = 4
export const SERVICE_PORT = 5000

export interface AppNames {
  /** `web.app-7.app.localspace`: the addresses of all dynos. */
  readonly set: string
  /** `_http._tcp.web.app-7.app.localspace`: the same as SRV. */
  readonly service: string
  readonly dynos: readonly DynoRecord[]
}

export interface DynoRecord {
  readonly name: string
  readonly address: string
  readonly text: string
}

export function zoneApps(): AppNames[] {
  return Array.from({ length: APPS }, (_, app) => {
    const set = `web.app-${app}.${ZONE}`
    return {
      set,
      service: `_http._tcp.${set}`,
      dynos: Array.from({ length: DYNOS_PER_APP }, (_, dyno) => ({
        name: `${dyno + 1}.${set}`,
        address: `10.0.${app}.${dyno + 1}`,
        text: `az=${'abc'[dyno % 3]} release=v1 state=up`,
      })),
    }
  })
}

/** What is asked, in dnsperf's form, name and type: seven A, two SRV and one TXT of ten, over all apps. */
export function queries(): string[] {
  return zoneApps().flatMap((app) => [
    `${app.set} A`,
    `${app.service} SRV`,
    ...app.dynos.slice(0, 3).map((dyno) => `${dyno.name} A`),
    `${app.set} A`,
    `${app.service} SRV`,
    `${app.set} A`,
    `${app.dynos[0]!.name} TXT`,
    `${app.set} A`,
  ])
}
