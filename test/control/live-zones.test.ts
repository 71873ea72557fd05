import t from 'tap'
import { dynoZones } from '../../src/control/dyno-zone.ts'
import { LiveZones } from '../../src/control/live-zones.ts'
import type { QueryType } from '../../src/dns/codes.ts'
import { nameText } from '../../src/dns/name.ts'
import { QueryHandler } from '../../src/dns/query-handler.ts'
import { ZoneSet } from '../../src/dns/zone.ts'
import type { Dyno } from '../../src/model/dyno.ts'
import { decoded, queryBytes } from '../dns/wire-client.ts'
import { seededRandom } from '../support/seeded-random.ts'

const OPTIONS = {
  zone: 'app.localspace',
  cidr: '127.10.0.0/16',
  ttlSeconds: 5,
  serial: 1,
  nameServerAddresses: ['127.0.0.1'],
}
const TYPES: QueryType[] = ['A', 'AAAA', 'SRV', 'TXT', 'PTR', 'NS', 'SOA', 'ANY']
// One has the name of the name server.
const APPS = ['shop', 'chat', 'ns']

function dyno(app: string, number: number, change: Partial<Dyno> = {}): Dyno {
  const place = { address: `127.10.1.${number}`, port: 5000 }
  return { app, processType: 'web', number, ...place, az: 'a', release: 'v1', state: 'up', sinceMs: 0, ...change }
}

t.test('after any change every answer is that of zones made anew', async (t) => {
  const random = seededRandom(7)
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  const dynos = new Map<string, Dyno[]>()
  const live = new LiveZones(OPTIONS)
  const server = new QueryHandler(live.zones, false, () => {})
  const ask = (handler: QueryHandler, name: string, type: QueryType) => {
    const message = decoded((handler.handle(queryBytes(name, type), true, 'tcp') as Buffer).subarray(2))
    return [message.rcode, new Set(message.answers), new Set(message.authorities), new Set(message.additionals)]
  }
  const names = new Set(['nope.app.localspace', 'web.nope.app.localspace'])
  for (let serial = 2; serial < 60; serial++) {
    const app = pick(APPS)
    const some = Array.from({ length: Math.floor(random() * 4) }, () => {
      const processType = pick(['web', 'worker'])
      // Apps share addresses, and names are used twice while one dyno takes over from another.
      return dyno(app, pick([1, 2, 3]), {
        processType,
        state: pick(['up', 'up', 'draining', 'down']),
        az: pick(['a', 'b']),
      })
    })
    if (some.length === 0) dynos.delete(app)
    else dynos.set(app, some)
    server.forget(live.update([app], (name) => dynos.get(name) ?? [], serial))
    const anew = new ZoneSet(dynoZones([...dynos.values()].flat(), { ...OPTIONS, serial }))
    const fresh = new QueryHandler(anew, false, () => {})
    for (const zone of anew.zones) for (const key of zone.nodes.keys()) names.add(nameText(key))
    const answers = (handler: QueryHandler) =>
      [...names].flatMap((name) => TYPES.map((type) => [name, type, ...ask(handler, name, type)]))
    t.strictSame(answers(server), answers(fresh), `the change that made serial ${serial}`)
  }
})

t.test('a change of one app touches nothing of the others', async (t) => {
  const live = new LiveZones(OPTIONS)
  const all = new Map(['shop', 'chat'].map((app, index) => [app, [dyno(app, index + 1)]]))
  live.update(all.keys(), (app) => all.get(app)!, 2)
  const nodes = new Map(live.zones.zones.flatMap((zone) => [...zone.nodes]))
  const touched = live.update(['shop'], () => [dyno('shop', 1, { state: 'draining' })], 3)
  t.notOk([...touched].some((key) => nameText(key).includes('chat')))
  t.ok([...touched].some((key) => nameText(key) === '1.web.shop.app.localspace'))
  for (const zone of live.zones.zones)
    for (const [key, node] of zone.nodes) t.equal(node, nodes.get(key), nameText(key))
})
