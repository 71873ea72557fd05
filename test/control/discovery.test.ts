import { pino } from 'pino'
import t from 'tap'
import { Discovery } from '../../src/control/discovery.ts'
import type { DiscoveredDyno } from '../../src/control/routing-state.ts'
import type { FoundService } from '../../src/control/service-lookup.ts'
import { ManualClock, settled } from './manual-clock.ts'

const question = { name: '_http._tcp.web.shop.app.localspace', host: '127.0.0.1', port: 53, servicePort: null }

const answer = (numbers: number[], ttlMs = 5000): FoundService => ({
  ttlMs,
  dynos: numbers.map((number) => ({
    target: `${number}.web.shop.app.localspace`,
    address: `127.35.1.${number}`,
    port: 5000,
    az: 'a',
    release: 'v1',
  })),
})

/** Discovery of one app, whose server says what the test says. */
function setUp({ emptyAfter = 2, wakes = false } = {}) {
  const clock = new ManualClock()
  const asked: number[] = []
  const learned: string[] = []
  let answerer: () => FoundService | Promise<FoundService> = () => answer([1])
  const startMs = clock.now()
  const discovery = new Discovery({
    clock,
    log: pino({ level: 'silent' }),
    lookup: async () => {
      asked.push(clock.now() - startMs)
      return answerer()
    },
    onDynos: (app, dynos: readonly DiscoveredDyno[]) => {
      learned.push(`${app}: ${dynos.map(({ name }) => name).join(' ')}`)
    },
  })
  t.teardown(() => discovery.stop())
  discovery.apply(new Map([['shop', { question, emptyAfter, wakes }]]))
  const say = (next: typeof answerer) => {
    answerer = next
  }
  return { clock, asked, learned, discovery, say, status: () => discovery.statuses()[0]! }
}

t.test('the TTL paces the questions, a little early so that not all apps ask at once', async (t) => {
  const { clock, asked, learned } = setUp()
  await clock.advance(60_000)
  const waits = asked.slice(1).map((at, index) => at - asked[index]!)
  t.ok(waits.every((wait) => wait > 4500 && wait <= 5000))
  t.ok(new Set(waits).size > 1)
  t.equal(learned[0], 'shop: web.1')
})

t.test('where every change wakes it, the TTL has nothing to say', async (t) => {
  const { clock, asked, discovery } = setUp({ wakes: true })
  await clock.advance(50_000)
  t.equal(asked.length, 1)
  discovery.wake('shop')
  await clock.advance(20)
  t.equal(asked.length, 2)
  await clock.advance(500_000)
  t.equal(asked.length, 2)
  await clock.advance(100_000)
  t.equal(asked.length, 3, 'and every ten minutes to be sure')
})

t.test('a TTL of nothing does not make it ask without pause, and a TTL of a day is not waited for', async (t) => {
  const { clock, asked, say } = setUp()
  say(() => answer([1], 0))
  await settled()
  asked.length = 0
  await clock.advance(10_000)
  t.ok(asked.length <= 45, `${asked.length} questions in ten seconds`)
  say(() => answer([1], 86_400_000))
  await clock.advance(1000)
  asked.length = 0
  await clock.advance(60_000)
  t.equal(asked.length, 1)
})

t.test('a wake-up asks at once, and what comes together is one question', async (t) => {
  const { clock, asked, learned, discovery, say } = setUp()
  await clock.advance(100)
  say(() => answer([1, 2]))
  for (let n = 0; n < 10; n++) discovery.wake('shop')
  await clock.advance(20)
  t.equal(asked.length, 2)
  t.equal(learned.at(-1), 'shop: web.1 web.2')
})

t.test(
  'a wake-up while a question is under way leads to another: the answer may be older than the change',
  async (t) => {
    const { clock, asked, learned, discovery, say } = setUp()
    await clock.advance(100)
    const slow = Promise.withResolvers<FoundService>()
    say(() => slow.promise)
    discovery.wake('shop')
    await clock.advance(20)
    t.equal(asked.length, 2)
    discovery.wake('shop')
    say(() => answer([2]))
    slow.resolve(answer([1]))
    await clock.advance(20)
    t.equal(asked.length, 3)
    t.equal(learned.at(-1), 'shop: web.2')
  },
)

t.test('one empty answer may be an accident, two in a row are believed', async (t) => {
  const { clock, learned, say } = setUp()
  await settled()
  say(() => answer([]))
  await clock.advance(5000)
  say(() => answer([1]))
  await clock.advance(5000)
  t.same(new Set(learned), new Set(['shop: web.1']))
  say(() => answer([]))
  await clock.advance(10_000)
  t.equal(learned.at(-1), 'shop: ')
})

t.test('of our own zone one empty answer is believed', async (t) => {
  const { clock, learned, say, discovery } = setUp({ emptyAfter: 1 })
  await settled()
  say(() => answer([]))
  discovery.wake('shop')
  await clock.advance(20)
  t.same(learned, ['shop: web.1', 'shop: '])
})

t.test(
  'while the server fails the last good answer stays, it is asked ever less often, and everyone can see it',
  async (t) => {
    const { clock, asked, learned, say, status } = setUp()
    await settled()
    const answeredAtMs = clock.now()
    say(() => {
      throw new Error('nothing came back')
    })
    await clock.advance(5000)
    asked.length = 0
    await clock.advance(3_600_000)
    t.ok(asked.length < 850, `${asked.length} questions in an hour`)
    t.equal(learned.length, 1)
    t.same(status(), { app: 'shop', tried: true, answeredAtMs, failure: 'nothing came back' })
    say(() => answer([2]))
    await clock.advance(5000)
    t.equal(learned.at(-1), 'shop: web.2')
    t.equal(status().failure, '')
  },
)

t.test('a failure does not count as an empty answer', async (t) => {
  const { clock, learned, say } = setUp()
  await settled()
  say(() => answer([]))
  await clock.advance(5000)
  say(() => {
    throw new Error('nothing came back')
  })
  await clock.advance(5000)
  t.same(new Set(learned), new Set(['shop: web.1']))
})

t.test('a server that never answered has been tried once it failed', async (t) => {
  const { clock, say, status } = setUp()
  t.notOk(status().tried)
  say(() => Promise.reject(new Error('refused')))
  await clock.advance(0)
  await settled()
  t.ok(status().tried)
})

t.test(
  'an app whose source stays the same is left alone; one that changes or goes is asked about no more',
  async (t) => {
    const { clock, asked, discovery } = setUp()
    await settled()
    discovery.apply(new Map([['shop', { question: { ...question }, emptyAfter: 2, wakes: false }]]))
    await settled()
    t.equal(asked.length, 1)
    discovery.apply(new Map([['shop', { question: { ...question, port: 5353 }, emptyAfter: 2, wakes: false }]]))
    await settled()
    t.equal(asked.length, 2)
    discovery.apply(new Map())
    await clock.advance(60_000)
    t.equal(asked.length, 2)
    t.same(discovery.statuses(), [])
  },
)

t.test('a thousand apps do not ask one server all at once, and a silent server keeps no other waiting', async (t) => {
  const silent = Promise.withResolvers<FoundService>()
  let open = 0
  let most = 0
  const learned = new Set<string>()
  const discovery = new Discovery({
    clock: new ManualClock(),
    log: pino({ level: 'silent' }),
    lookup: async ({ port }) => {
      if (port === 1) return silent.promise
      most = Math.max(most, ++open)
      await settled()
      open--
      return answer([1])
    },
    onDynos: (app) => learned.add(app),
  })
  t.teardown(() => discovery.stop())
  const source = (port: number) => ({ question: { ...question, port }, emptyAfter: 1, wakes: false })
  const apps = Array.from({ length: 1000 }, (_, n) => [`app${n}`, source(n < 100 ? 1 : 2)] as const)
  discovery.apply(new Map(apps))
  while (learned.size < 900) await settled()
  t.equal(most, 32)
})
