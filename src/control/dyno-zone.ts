import { reverseApexes, reverseName } from '../dns/address.ts'
import type { RecordData, ResourceRecord } from '../dns/record.ts'
import type { ZonePart, ZoneSource } from '../dns/zone.ts'
import type { Dyno } from '../model/dyno.ts'

export interface DynoZoneOptions {
  /** Apex of the embedded zone: `app.localspace`. */
  readonly zone: string
  /** The space's CIDR: its addresses have PTR records, in reverse zones of their own. */
  readonly cidr: string
  /** Of every record, and of negative answers. */
  readonly ttlSeconds: number
  /** See `nextSerial`. */
  readonly serial: number
  /** Where the zone's responder listens, if that is an address that others can use: what the NS record's name resolves to. */
  readonly nameServerAddresses: readonly string[]
}

/**
 * What the embedded DNS says of the dynos: the zone of names, then the reverse zones of the space.
 *
 * - `web.shop.app.localspace` A or AAAA, and `_http._tcp.web.shop.app.localspace` SRV: every dyno that is up.
 * - `1.web.shop.app.localspace` A or AAAA while it is up, and PTR of its address. TXT in every state but `down`, so that one
 *   who looks for a dyno that takes no traffic is told why: `az=a`, `release=v7`, `state=draining` as separate strings.
 * - A process type that has dynos and none that is up: its names exist without records (NODATA). A dyno that is down, and a
 *   process type without any dyno: no such name (NXDOMAIN).
 * - Two dynos of one name, while a release takes over: the one that is up speaks for both, or else the one that changed last.
 *
 * @throws RangeError when a name of a dyno is no DNS name or the CIDR is none: the configuration allows neither
 */
export function dynoZones(dynos: readonly Dyno[], options: DynoZoneOptions): ZoneSource[] {
  const ofDynos = dynoParts(dynos, options)
  return apexParts(options).map(({ apex, records, names }, index) => {
    return { apex, records: [...records, ...ofDynos[index]!.records], names: [...names, ...ofDynos[index]!.names] }
  })
}

/** The zones without any dyno: one reverse zone for each part of the CIDR, since what is not there is ours to deny. */
export function apexParts(options: DynoZoneOptions): ZoneSource[] {
  const { zone, ttlSeconds, nameServerAddresses } = options
  const nameServer = nameServerOf(zone)
  const addresses = nameServerAddresses.map((address) => addressRecord(nameServer, address, ttlSeconds))
  const reverse = reverseApexes(options.cidr).map((apex) => ({ apex, records: apexRecords(apex, options), names: [] }))
  return [{ apex: zone, records: [...apexRecords(zone, options), ...addresses], names: [] }, ...reverse]
}

/** What all dynos of an app, or of several, are in each of the zones. */
export function dynoParts(dynos: readonly Dyno[], { zone, cidr, ttlSeconds }: DynoZoneOptions): ZonePart[] {
  const records: ResourceRecord[] = []
  const names = new Set<string>()
  const pointers: ResourceRecord[] = []

  for (const [name, dyno] of namedDynos(dynos, zone)) {
    const set = `${dyno.processType}.${dyno.app}.${zone}`
    const service = `_http._tcp.${set}`
    const add = (owner: string, data: RecordData): void => void records.push({ name: owner, ttlSeconds, ...data })
    names.add(set).add(service)
    add(name, { type: 'TXT', strings: attributes(dyno) })
    if (dyno.state !== 'up') continue
    records.push(addressRecord(name, dyno.address, ttlSeconds), addressRecord(set, dyno.address, ttlSeconds))
    if (dyno.port > 0) add(service, { type: 'SRV', priority: 0, weight: 0, port: dyno.port, target: name })
    pointers.push({ name: reverseName(dyno.address), ttlSeconds, type: 'PTR', target: name })
  }
  const apexes = reverseApexes(cidr)
  const byApex = Map.groupBy(pointers, (pointer) => apexOf(pointer.name, apexes))
  return [{ records, names: [...names] }, ...apexes.map((apex) => ({ records: byApex.get(apex) ?? [], names: [] }))]
}

/** The serial of the next version of the zone: the time in seconds, or one more where changes come faster (RFC 1912 §2.2). */
export function nextSerial(previous: number, nowMs: number): number {
  return Math.max(previous + 1, Math.floor(nowMs / 1000)) >>> 0
}

/** One dyno for each name: an up one comes before the others, then who entered its state last. */
function namedDynos(dynos: readonly Dyno[], zone: string): Map<string, Dyno> {
  const named = new Map<string, Dyno>()
  for (const dyno of dynos) {
    if (dyno.state === 'down') continue
    const name = `${dyno.number}.${dyno.processType}.${dyno.app}.${zone}`
    const other = named.get(name)
    if (other === undefined || precedes(dyno, other)) named.set(name, dyno)
  }
  return named
}

function precedes(a: Dyno, b: Dyno): boolean {
  if ((a.state === 'up') !== (b.state === 'up')) return a.state === 'up'
  return a.sinceMs > b.sinceMs
}

/** What is not known is left out. */
function attributes({ az, release, state }: Dyno): string[] {
  return [az === '' ? '' : `az=${az}`, release === '' ? '' : `release=${release}`, `state=${state}`].filter(Boolean)
}

function addressRecord(name: string, address: string, ttlSeconds: number): ResourceRecord {
  return { name, ttlSeconds, type: address.includes(':') ? 'AAAA' : 'A', address }
}

/** '' for an address that is not of the space. */
function apexOf(name: string, apexes: readonly string[]): string {
  return apexes.find((apex) => name === apex || name.endsWith(`.${apex}`)) ?? ''
}

function apexRecords(apex: string, { zone, ttlSeconds, serial }: DynoZoneOptions): ResourceRecord[] {
  const nameServer = nameServerOf(zone)
  return [
    {
      name: apex,
      ttlSeconds,
      type: 'SOA',
      primary: nameServer,
      mailbox: `hostmaster.${zone}`,
      serial,
      // For secondaries, of which there are none: the values that RFC 1912 §2.2 recommends.
      refreshSeconds: 3600,
      retrySeconds: 600,
      expireSeconds: 1_209_600,
      minimumSeconds: ttlSeconds,
    },
    { name: apex, ttlSeconds, type: 'NS', target: nameServer },
  ]
}

function nameServerOf(zone: string): string {
  return `ns.${zone}`
}
