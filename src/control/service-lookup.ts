import { DnsError } from '../dns/dns-error.ts'
import { Resolver } from '../dns/resolver.ts'
import { resolveService } from '../dns/service-lookup.ts'

/** Where and how the dynos of an app are asked for. */
export interface ServiceQuestion {
  /** `_http._tcp.web.shop.app.localspace` */
  readonly name: string
  /** The DNS server. */
  readonly host: string
  readonly port: number
  /** Port of the dynos when the name has addresses and no SRV record; null: then there are no dynos. */
  readonly servicePort: number | null
}

/** One place that serves, as DNS tells it. */
export interface FoundDyno {
  /** Target of the SRV record: `1.web.shop.app.localspace`, or whatever another server calls it. */
  readonly target: string
  readonly address: string
  readonly port: number
  /** '' when nobody says. */
  readonly az: string
  readonly release: string
}

export interface FoundService {
  /** Empty: the server says that there are none. */
  readonly dynos: readonly FoundDyno[]
  readonly ttlMs: number
}

/** @throws Error when there is no answer that can be believed: silence, a failure of the server, a broken packet. */
export type ServiceLookup = (question: ServiceQuestion, signal: AbortSignal) => Promise<FoundService>

export const lookupByDns: ServiceLookup = async (question, signal) => {
  const { name, host, port, servicePort } = question
  const resolver = new Resolver({ server: { host, port } })
  const answer = await resolveService(resolver, name, { signal })
  if (answer.endpoints.length === 0 && servicePort !== null) return addressesOf(resolver, question, servicePort, signal)
  // Only the most preferred that there are: the others are for when those fail (RFC 2782), which here means for when DNS
  // no longer names them.
  const priority = Math.min(...answer.endpoints.map((endpoint) => endpoint.priority))
  const dynos = answer.endpoints
    .filter((endpoint) => endpoint.priority === priority)
    .map(({ target, address, port, txt }) => {
      return { target, address, port, az: txt.get('az') ?? '', release: txt.get('release') ?? '' }
    })
  return { dynos, ttlMs: answer.ttlSeconds * 1000 }
}

/** A name with addresses only, as container platforms make them. */
async function addressesOf(
  resolver: Resolver,
  { name }: ServiceQuestion,
  port: number,
  signal: AbortSignal,
): Promise<FoundService> {
  const results = await Promise.all([resolver.query(name, 'A', { signal }), resolver.query(name, 'AAAA', { signal })])
  const dynos: FoundDyno[] = []
  for (const { rcode, answers } of results) {
    if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') throw new DnsError('failed', `the server answered ${rcode}`)
    for (const record of answers) {
      if (record.type !== 'A' && record.type !== 'AAAA') continue
      dynos.push({ target: name, address: record.address, port, az: '', release: '' })
    }
  }
  const [ipv4, ipv6] = results
  const ttls = [ipv4, ipv6].filter(({ answers }) => dynos.length === 0 || answers.length > 0)
  return { dynos, ttlMs: Math.min(...ttls.map(({ ttlSeconds }) => ttlSeconds)) * 1000 }
}
