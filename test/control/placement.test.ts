import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import t from 'tap'
import { dynoCapacity } from '../../src/config/dyno-capacity.ts'
import type { AddressPlan, Place } from '../../src/control/placement.ts'
import { addressesOfZone, addressPlan, place, ZONES } from '../../src/control/placement.ts'
import { parseCidr } from '../../src/model/address.ts'

const EMPTY = { formation: [], space: [], taken: new Set<string>() }

/** A space as placement sees it: apps grow and shrink in it. */
class Space {
  readonly plan: AddressPlan
  readonly apps = new Map<string, Place[]>()

  constructor(cidr: string) {
    this.plan = addressPlan(cidr)
  }

  grow(app: string): Place | null {
    const dynos = this.apps.get(app) ?? []
    const all = [...this.apps.values()].flat()
    const placed = place(this.plan, {
      formation: dynos.map(({ az }) => az),
      space: all.map(({ az }) => az),
      taken: new Set(all.map(({ address }) => address)),
    })
    if (placed) this.apps.set(app, [...dynos, placed])
    return placed
  }

  shrink(app: string): void {
    this.apps.get(app)?.pop()
  }
}

const cidrs = fc.oneof(
  fc
    .tuple(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 8, max: 28 }))
    .map(([bits, prefix]) => `${[24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.')}/${prefix}`),
  fc
    .tuple(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 32, max: 124 }))
    .map(([group, prefix]) => `fd00:${group.toString(16)}:1:2:3:4:5:6/${prefix}`),
)

/** Without host bits: the only form that a checked configuration has. */
function network(cidr: string): string {
  const first = cidr.includes(':') ? ipaddr.IPv6.networkAddressFromCIDR(cidr) : ipaddr.IPv4.networkAddressFromCIDR(cidr)
  return `${first}/${cidr.split('/')[1]}`
}

t.test('the demo space gives the addresses that its documentation shows', async (t) => {
  const space = new Space('127.10.0.0/16')
  const shop = [1, 2, 3, 4].map(() => space.grow('shop'))
  t.same(shop, [
    { az: 'a', address: '127.10.1.1' },
    { az: 'b', address: '127.10.2.1' },
    { az: 'c', address: '127.10.3.1' },
    { az: 'a', address: '127.10.1.2' },
  ])
})

t.test('apps of one dyno are spread over the zones too', async (t) => {
  const space = new Space('10.0.0.0/16')
  t.same(
    ['one', 'two', 'three'].map((app) => space.grow(app)?.az),
    ['a', 'b', 'c'],
  )
})

t.test('a replacement goes to the zone of the dyno that it replaces', async (t) => {
  const plan = addressPlan('10.0.0.0/16')
  const replacement = place(plan, {
    formation: ['a', 'c', 'a'],
    space: ['a', 'c', 'a', 'b'],
    taken: new Set(['10.0.2.1']),
  })
  t.same(replacement, { az: 'b', address: '10.0.2.2' })
})

t.test('a zone that gets no dynos is passed over', async (t) => {
  const plan = addressPlan('10.0.0.0/16')
  t.equal(place(plan, { ...EMPTY, formation: ['b', 'c'] }, ['b', 'c'])?.az, 'b')
})

t.test('a zone that is full goes on in its next block, and then hands over to the next zone', async (t) => {
  const plan = addressPlan('10.0.0.0/16')
  const block = Array.from({ length: 254 }, (_, host) => `10.0.1.${host + 1}`)
  t.equal(place(plan, { ...EMPTY, taken: new Set(block) })?.address, '10.0.4.1')
  const small = addressPlan('10.0.0.0/28')
  const zoneA = [...addressesOfZone(small, 0)]
  t.same(zoneA, ['10.0.0.5', '10.0.0.6'])
  t.same(place(small, { ...EMPTY, taken: new Set(zoneA) }), { az: 'b', address: '10.0.0.9' })
})

t.test('an IPv6 space is placed by groups', async (t) => {
  const plan = addressPlan('fd00:1:2:3::/64')
  t.equal(place(plan, EMPTY)?.address, 'fd00:1:2:3::1:1')
  t.equal(place(plan, { ...EMPTY, formation: ['a'] })?.address, 'fd00:1:2:3::2:1')
})

t.test('a space without room for a dyno in every zone is refused with the size that would do', async (t) => {
  t.throws(() => addressPlan('10.0.0.0/29'), /\/28 or larger/)
  t.throws(() => addressPlan('fd00::/125'), /\/124 or larger/)
})

t.test('no address is left: null, and every address was in the space and given once', async (t) => {
  const space = new Space('10.0.0.16/28')
  const placed: string[] = []
  for (let next = space.grow('shop'); next; next = space.grow('shop')) placed.push(next.address)
  t.equal(placed.length, dynoCapacity(parseCidr('10.0.0.16/28') as never))
  t.equal(new Set(placed).size, placed.length)
})

t.test(
  'in any space: addresses are in its CIDR, unique over all apps, in no block of another zone; growth is even',
  async () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('shop', 'billing', 'chat'), fc.boolean()), { maxLength: 60 })
    fc.assert(
      fc.property(cidrs, steps, (text, changes) => {
        const cidr = network(text)
        const space = new Space(cidr)
        const range = ipaddr.parseCIDR(cidr)
        const capacity = dynoCapacity(parseCidr(cidr) as never)
        for (const [app, grows] of changes) {
          if (!grows) space.shrink(app)
          else if (!space.grow(app) && [...space.apps.values()].flat().length < capacity) return false
        }
        const all = [...space.apps.values()].flat()
        const addresses = all.map(({ address }) => ipaddr.parse(address))
        if (new Set(addresses.map(String)).size !== all.length) return false
        if (!addresses.every((address) => address.match(range as never))) return false
        for (const dynos of space.apps.values()) {
          const counts = ZONES.map((zone) => dynos.filter(({ az }) => az === zone).length)
          // A zone may only have been passed over because it was full.
          if (all.length < capacity / ZONES.length && Math.max(...counts) - Math.min(...counts) > 1) return false
        }
        return true
      }),
      { numRuns: 300 },
    )
  },
)

t.test(
  'the addresses of the zones are as many as the check of a configuration counts on, and in no two zones',
  async (t) => {
    for (const cidr of ['10.0.0.0/28', '10.0.0.0/26', '10.0.0.0/24', '10.0.0.0/22', '10.0.0.0/20', 'fd00::/116']) {
      const addresses = ZONES.flatMap((_, zone) => [...addressesOfZone(addressPlan(cidr), zone)])
      t.equal(addresses.length, dynoCapacity(parseCidr(cidr) as never), cidr)
      t.equal(new Set(addresses).size, addresses.length, cidr)
    }
  },
)
