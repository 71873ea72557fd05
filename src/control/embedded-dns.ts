import type { Config } from '../config/config.ts'
import { Responder } from '../dns/responder.ts'
import type { ServerAddress } from '../dns/server-address.ts'
import { parseServerAddress } from '../dns/server-address.ts'
import { parseAddress, parseCidr } from '../model/address.ts'
import { CidrSet } from '../model/cidr-set.ts'
import type { Dyno } from '../model/dyno.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { RouterMetrics } from '../telemetry/router-metrics.ts'
import { nextSerial } from './dyno-zone.ts'
import { LiveZones } from './live-zones.ts'
import { endpoint } from './registry.ts'
import { insideRanges } from './routing-state.ts'

/** Where the router asks its own zone. */
const OWN_HOST = '127.0.0.1'
/** To listen on, but not to be asked at. */
const EVERY_ADDRESS = new Set(['0.0.0.0', '::'])

/**
 * The zone of the dynos and its two responders. The one at `dns.address` answers the clients of the space. The router
 * itself asks another one, on a port of its own: it is not inside the space in most set-ups (127.0.0.1 is not in
 * 10.0.0.0/16), and what it learns must depend neither on who is inside nor on how busy the clients keep the other.
 */
export class EmbeddedDns {
  readonly #responder: Responder
  readonly #ownResponder: Responder
  readonly #config: Config
  readonly #zones: LiveZones
  #inside: CidrSet
  #serial = nextSerial(0, Date.now())

  constructor(config: Config, { log, metrics }: { log: Logger; metrics: RouterMetrics }) {
    const { dns, space } = config
    this.#zones = new LiveZones({
      zone: dns.zone,
      cidr: space.cidr,
      ttlSeconds: Math.round(dns.ttlMs / 1000),
      serial: this.#serial,
      nameServerAddresses: EVERY_ADDRESS.has(dns.host) ? [] : [dns.host],
    })
    const { zones } = this.#zones
    const onError = (error: Error) => log.error({ err: error }, 'embedded DNS')
    this.#config = config
    this.#inside = insideSet(config)
    this.#responder = new Responder({
      host: dns.host,
      port: dns.port,
      zones,
      allow: (address) => this.#isInside(address),
      forwarders: dns.forwarders.map((forwarder) => parseServerAddress(forwarder)!),
      onQuery: (type, rcode) => metrics.dnsQuery(type, rcode),
      onError,
    })
    this.#ownResponder = new Responder({
      host: OWN_HOST,
      port: 0,
      zones,
      allow: (address) => address === OWN_HOST,
      onError,
    })
  }

  /** @throws Error with one line for the operator. */
  async start(): Promise<void> {
    const { host, port } = this.#config.dns
    try {
      await this.#responder.start()
    } catch (error) {
      throw new Error(`dns.address ${endpoint(host, port)} cannot be bound: ${(error as NodeJS.ErrnoException).code}`)
    }
    await this.#ownResponder.start()
  }

  async stop(): Promise<void> {
    await Promise.all([this.#responder.stop(), this.#ownResponder.stop()])
  }

  /** For clients. @throws Error while it does not listen. */
  get address(): ServerAddress {
    return this.#responder.address
  }

  /** For the router's own questions. @throws Error while it does not listen. */
  get ownServer(): ServerAddress {
    return this.#ownResponder.address
  }

  /** What is asked from now on is answered for those who are inside by this configuration. */
  admit(config: Config): void {
    this.#inside = insideSet(config)
  }

  /** What is asked from now on finds the dynos that these apps have now. */
  update(apps: Iterable<string>, dynosOf: (app: string) => readonly Dyno[]): void {
    this.#serial = nextSerial(this.#serial, Date.now())
    const names = this.#zones.update(apps, dynosOf, this.#serial)
    this.#responder.forget(names)
    this.#ownResponder.forget(names)
  }

  #isInside(text: string): boolean {
    const address = parseAddress(text)
    return address !== null && this.#inside.has(address)
  }
}

function insideSet(config: Config): CidrSet {
  const cidrs = insideRanges(config).map((text) => parseCidr(text))
  return CidrSet.of(cidrs.filter((cidr) => typeof cidr !== 'string').map((cidr) => ({ cidr, deny: false })))
}
