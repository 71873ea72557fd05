import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { RegisteredDynos } from '../../src/control/registered-dynos.ts'
import { DynoRegistry } from '../../src/control/registry.ts'
import { StateStore } from '../../src/control/state/state-store.ts'
import { ManualClock } from './manual-clock.ts'
import { space } from './space.ts'

const config = space({
  apps: {
    shop: { formation: { web: { registered: { ttl: '30s' } }, worker: { command: 'node worker.js' } } },
    blog: { formation: { web: { registered: {} } } },
  },
})
const ONE = { address: '10.0.1.4', port: 5000, az: 'a', release: 'v7' }
const TWO = { address: 'FD00::1', port: 5001 }

/** Why it is not done; '' when it is. */
function refusal(asked: Promise<unknown>): Promise<string> {
  return asked.then(
    () => '',
    ({ id, message }) => `${id}: ${message}`,
  )
}

async function setUp(directory: string | null = null) {
  const clock = new ManualClock()
  const registry = new DynoRegistry()
  const store = await StateStore.open(directory)
  const log = pino({ level: 'silent' })
  const registered = new RegisteredDynos({ store, registry, clock, log })
  registered.apply(config)
  t.teardown(() => registered.stop())
  const dynos = () =>
    registry.all().map(({ app, processType, number, address, port, state }) => {
      return `${app} ${processType}.${number} ${address} ${port} ${state}`
    })
  return { clock, registry, store, registered, dynos }
}

t.test('what is announced is there until it was not renewed', async (t) => {
  const { clock, registered, dynos } = await setUp()
  const { name, expiresAt } = await registered.announce('shop', ONE)
  t.equal(name, 'web.1')
  t.equal(Date.parse(expiresAt) - clock.now(), 30_000)
  t.equal((await registered.announce('shop', TWO)).name, 'web.2')
  t.strictSame(dynos(), ['shop web.1 10.0.1.4 5000 up', 'shop web.2 fd00::1 5001 up'])
  await clock.advance(20_000)
  await registered.renew('shop', 'web.1')
  await clock.advance(20_000)
  t.strictSame(dynos(), ['shop web.1 10.0.1.4 5000 up'])
  t.equal(await refusal(registered.renew('shop', 'web.2')), 'not_found: shop has no registered dyno web.2')
  await registered.announce('shop', ONE)
  await clock.advance(29_000)
  t.equal(dynos().length, 1, 'announcing again renews')
  await clock.advance(2000)
  t.strictSame(dynos(), [])
  t.strictSame((await registered.announce('shop', TWO)).name, 'web.1', 'the lowest number that is free')
})

t.test('a dyno that comes again at its place with another release is another one of the same name', async (t) => {
  const { registry, registered } = await setUp()
  await registered.announce('shop', ONE)
  const changes: string[] = []
  registry.subscribe(({ added, removed }) => changes.push(`${removed[0]?.release} ${added[0]?.release}`))
  t.equal((await registered.announce('shop', { ...ONE, release: 'v8' })).name, 'web.1')
  t.strictSame(changes, ['v7 v8'])
  await registered.withdraw('shop', 'web.1')
  t.strictSame(registry.all(), [])
})

t.test(
  'a restart loses none, and gives each its whole time again; what the file does not want any more goes',
  async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'postern-'))
    t.teardown(() => rm(directory, { recursive: true }))
    const before = await setUp(directory)
    await before.registered.announce('shop', ONE)
    await before.registered.announce('blog', TWO)
    await before.clock.advance(29_000)
    // No close: killed.
    const after = await setUp(directory)
    t.strictSame(after.dynos(), ['blog web.1 fd00::1 5001 up', 'shop web.1 10.0.1.4 5000 up'])
    await after.clock.advance(29_000)
    await after.registered.renew('shop', 'web.1')
    await after.clock.advance(2000)
    t.strictSame(after.dynos(), ['shop web.1 10.0.1.4 5000 up'])
    after.registered.apply(space({ apps: { shop: { formation: { web: { dynos: [] } } } } }))
    t.strictSame(after.dynos(), [])
    await after.store.close()
    t.strictSame((await StateStore.open(directory)).app('shop').registered, [])
  },
)

t.test('what cannot be registered is refused, and says why', async (t) => {
  const { registered, dynos } = await setUp()
  const refused = async (app: string, more: Record<string, unknown>, expected: string | RegExp) =>
    t.match(await refusal(registered.announce(app, { ...ONE, ...more })), expected)
  await refused('nobody', {}, 'not_found: there is no app nobody')
  await refused('shop', { processType: 'worker' }, "conflict: worker of shop is not 'registered' in the configuration")
  await refused('shop', { address: '10.0.1' }, 'invalid_params: address: "10.0.1" is no IP address')
  await refused('shop', { port: 0 }, /^invalid_params: port/)
  await refused('shop', { port: 1.5 }, /^invalid_params: port/)
  await refused('shop', { az: 'A zone' }, /^invalid_params: az/)
  await refused('shop', { release: 'v1/../x' }, /^invalid_params: release/)
  t.equal(await refusal(registered.withdraw('shop', 'web.1')), 'not_found: shop has no registered dyno web.1')
  t.strictSame(dynos(), [])
})

t.test('announcements that come together get numbers of their own', async (t) => {
  const { registered } = await setUp()
  const ports = [1, 2, 3, 4, 5]
  const names = await Promise.all(ports.map(async (port) => (await registered.announce('shop', { ...ONE, port })).name))
  t.strictSame(names, ['web.1', 'web.2', 'web.3', 'web.4', 'web.5'])
})
