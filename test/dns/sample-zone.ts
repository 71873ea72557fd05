import type { ResourceRecord } from '../../src/dns/record.ts'
import { ZoneSet, type ZoneSource } from '../../src/dns/zone.ts'

export const APEX = 'app.localspace'
const ttlSeconds = 5

/** `ns` with an address, `mx` and `web.idle` without records, and `web.shop.app.localspace` with as many A records, SRV records and targets (A, TXT, PTR) as `dynos`. */
export function sampleSources(dynos: number): ZoneSource[] {
  const records: ResourceRecord[] = apexRecords(APEX)
  const pointers: ResourceRecord[] = apexRecords('10.127.in-addr.arpa')
  for (let n = 1; n <= dynos; n++) {
    const target = `${n}.web.shop.${APEX}`
    const address = sampleAddress(n)
    const [, , zone, host] = address.split('.')
    records.push(
      { name: `web.shop.${APEX}`, ttlSeconds, type: 'A', address },
      { name: `_http._tcp.web.shop.${APEX}`, ttlSeconds, type: 'SRV', priority: 0, weight: 0, port: 5000 + n, target },
      { name: target, ttlSeconds, type: 'A', address },
      { name: target, ttlSeconds, type: 'TXT', strings: ['az=a', 'release=v7', 'state=up'] },
    )
    pointers.push({ name: `${host}.${zone}.10.127.in-addr.arpa`, ttlSeconds, type: 'PTR', target })
  }
  records.push({ name: `ns.${APEX}`, ttlSeconds, type: 'A', address: '127.0.0.1' })
  records.push({ name: `1.web.chat.${APEX}`, ttlSeconds, type: 'AAAA', address: 'fd00::1' })
  return [
    { apex: APEX, records, names: [`web.idle.${APEX}`, `mx.${APEX}`] },
    { apex: '10.127.in-addr.arpa', records: pointers, names: [] },
  ]
}

export function sampleZones(dynos: number): ZoneSet {
  return new ZoneSet(sampleSources(dynos))
}

/** `127.10.1.1` for the first, and so on. */
export function sampleAddress(n: number): string {
  return `127.10.${1 + Math.floor((n - 1) / 250)}.${1 + ((n - 1) % 250)}`
}

export function apexRecords(apex: string, serial: number = 1): ResourceRecord[] {
  return [
    {
      name: apex,
      ttlSeconds,
      type: 'SOA',
      primary: `ns.${APEX}`,
      mailbox: `hostmaster.${APEX}`,
      serial,
      refreshSeconds: 3600,
      retrySeconds: 600,
      expireSeconds: 86400,
      minimumSeconds: ttlSeconds,
    },
    { name: apex, ttlSeconds, type: 'NS', target: `ns.${APEX}` },
  ]
}
