import { DnsError } from './dns-error.ts'
import { foldCase } from './name.ts'
import { type ResourceRecord, recordsOf, type ServiceData } from './record.ts'
import type { QueryResult, Resolver } from './resolver.ts'

export interface ServiceOptions {
  readonly signal?: AbortSignal
  /** Whether to learn each target's TXT too; true when left out. */
  readonly txt?: boolean
}

export interface ServiceAnswer {
  /** With NOERROR there may be no endpoint as well: the name is there and has no service now. */
  readonly rcode: 'NOERROR' | 'NXDOMAIN'
  readonly endpoints: readonly ServiceEndpoint[]
  /** How long all of this may be kept. */
  readonly ttlSeconds: number
}

/** A target with several IPv4 addresses gives as many endpoints; its IPv6 addresses count when it has no IPv4 one. */
export interface ServiceEndpoint {
  readonly target: string
  readonly address: string
  readonly port: number
  readonly priority: number
  readonly weight: number
  /** The least of its SRV, address and TXT records. */
  readonly ttlSeconds: number
  /** Attributes of the target's TXT records (`az=a`; RFC 6763 §6.4), keys in lower case; empty when there are none. */
  readonly txt: ReadonlyMap<string, string>
}

/** Questions about single targets that are under way at once. */
const MAX_IN_FLIGHT = 16

/**
 * All endpoints of a service (`_http._tcp.web.shop.app.localspace`): its SRV records with the addresses and TXT of their targets, from the
 * additional section, else by asking for each. A target without an address is left out.
 *
 * Rejects as Resolver.query does, and with DnsError `failed` for an RCODE other than NOERROR and NXDOMAIN: then nothing is known.
 */
export async function resolveService(
  resolver: Resolver,
  name: string,
  options: ServiceOptions = {},
): Promise<ServiceAnswer> {
  const { signal, txt = true } = options
  let result = await askForServices(resolver, name, signal)
  let targets = targetsOf(result, txt)
  // What did not fit a datagram is in the same answer over TCP: one question, and all of it from one version of the zone.
  if (result.transport === 'udp' && targets.some((target) => target.missing.length > 0)) {
    result = await askForServices(resolver, name, signal, 'tcp').catch((error) => {
      if (error instanceof DnsError) return result
      throw error
    })
    targets = targetsOf(result, txt)
  }
  await askForMissing(resolver, targets, signal)
  const endpoints = targets.flatMap((target) => endpointsOf(target))
  return {
    rcode: result.rcode === 'NXDOMAIN' ? 'NXDOMAIN' : 'NOERROR',
    endpoints,
    ttlSeconds: Math.min(result.ttlSeconds, ...targets.map((target) => target.ttlSeconds)),
  }
}

async function askForServices(
  resolver: Resolver,
  name: string,
  signal?: AbortSignal,
  transport?: 'tcp',
): Promise<QueryResult> {
  const result = await resolver.query(name, 'SRV', { signal, transport })
  if (result.rcode !== 'NOERROR' && result.rcode !== 'NXDOMAIN') {
    throw new DnsError('failed', `SRV ${name}: the server answered ${result.rcode}`)
  }
  return result
}

type Wanted = 'address' | 'TXT'

/** One SRV record and what is known of its target so far. */
interface Target {
  readonly service: ServiceData
  readonly missing: readonly Wanted[]
  readonly records: ResourceRecord[]
  ttlSeconds: number
}

function targetsOf(result: QueryResult, txt: boolean): Target[] {
  const byName = Map.groupBy(result.additionals, (record) => foldCase(record.name))
  const services = recordsOf(result.answers, 'SRV').filter((service) => service.target !== '')
  return services.map((service) => {
    const target: Target = { service, missing: [], records: [], ttlSeconds: service.ttlSeconds }
    learn(target, byName.get(foldCase(service.target)) ?? [])
    const missing: Wanted[] = []
    if (!target.records.some(isAddress)) missing.push('address')
    if (txt && !target.records.some((record) => record.type === 'TXT')) missing.push('TXT')
    return { ...target, missing }
  })
}

async function askForMissing(resolver: Resolver, targets: readonly Target[], signal?: AbortSignal): Promise<void> {
  // The questions are taken from one iterator by a bounded number of askers. The first failure ends them all.
  const questions = targets.flatMap((target) => target.missing.map((wanted) => ({ target, wanted }))).values()
  const stop = new AbortController()
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
  const asker = async (): Promise<void> => {
    for (const { target, wanted } of questions) {
      for (const type of wanted === 'TXT' ? (['TXT'] as const) : (['A', 'AAAA'] as const)) {
        if (type === 'AAAA' && target.records.some(isAddress)) continue
        const result = await resolver.query(target.service.target, type, { signal: either })
        if (result.rcode !== 'NOERROR' && result.rcode !== 'NXDOMAIN') {
          throw new DnsError('failed', `${type} ${target.service.target}: the server answered ${result.rcode}`)
        }
        learn(target, result.answers)
      }
    }
  }
  try {
    await Promise.all(Array.from({ length: MAX_IN_FLIGHT }, asker))
  } finally {
    stop.abort()
  }
}

function learn(target: Target, records: readonly ResourceRecord[]): void {
  for (const record of records) {
    target.records.push(record)
    target.ttlSeconds = Math.min(target.ttlSeconds, record.ttlSeconds)
  }
}

function isAddress(record: ResourceRecord): boolean {
  return record.type === 'A' || record.type === 'AAAA'
}

function endpointsOf({ service, records, ttlSeconds }: Target): ServiceEndpoint[] {
  const quads = recordsOf(records, 'A')
  const addresses = quads.length > 0 ? quads : recordsOf(records, 'AAAA')
  const txt = attributes(recordsOf(records, 'TXT').flatMap((record) => record.strings))
  const { target, port, priority, weight } = service
  return addresses.map(({ address }) => ({ target, address, port, priority, weight, ttlSeconds, txt }))
}

/** Without `=` an attribute is there and has no value; of two with one key the first counts (RFC 6763 §6.4). */
function attributes(strings: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  for (const text of strings) {
    const end = text.indexOf('=')
    const key = foldCase(end < 0 ? text : text.slice(0, end))
    if (key !== '' && end !== 0 && !found.has(key)) found.set(key, end < 0 ? '' : text.slice(end + 1))
  }
  return found
}
