/** `node bench/dns/responder.ts PORT`: the embedded responder with the zone of the benchmark, answering inside clients only. */
import { Responder } from '../../src/dns/responder.ts'
import { ZoneSet } from '../../src/dns/zone.ts'
import { type Cidr, parseAddress, parseCidr } from '../../src/model/address.ts'
import { CidrSet } from '../../src/model/cidr-set.ts'
import { zoneSource } from './zone-source.ts'

const inside = CidrSet.of([{ cidr: parseCidr('127.0.0.0/8') as Cidr, deny: false }])
const responder = new Responder({
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  zones: new ZoneSet([zoneSource()]),
  allow: (text) => {
    const address = parseAddress(text)
    return address !== null && inside.has(address)
  },
})
await responder.start()
