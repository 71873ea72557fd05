import type { ZoneSource } from '../../src/dns/zone.ts'
import { SERVICE_PORT, TTL_SECONDS, ZONE, zoneApps } from './zone.ts'

/** The zone of the benchmark as the responder takes it. */
export function zoneSource(): ZoneSource {
  const ttlSeconds = TTL_SECONDS
  return {
    apex: ZONE,
    names: [],
    records: [
      {
        name: ZONE,
        ttlSeconds,
        type: 'SOA',
        primary: `ns.${ZONE}`,
        mailbox: `hostmaster.${ZONE}`,
        serial: 1,
        refreshSeconds: 60,
        retrySeconds: 60,
        expireSeconds: 60,
        minimumSeconds: ttlSeconds,
      },
      ...zoneApps().flatMap(({ set, service, dynos }) =>
        dynos.flatMap(
          ({ name, address, text }) =>
            [
              { name: set, ttlSeconds, type: 'A', address },
              { name, ttlSeconds, type: 'A', address },
              { name, ttlSeconds, type: 'TXT', strings: [text] },
              { name: service, ttlSeconds, type: 'SRV', priority: 0, weight: 0, port: SERVICE_PORT, target: name },
            ] as const,
        ),
      ),
    ],
  }
}
