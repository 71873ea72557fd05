import t from 'tap'
import type { RegistryChange } from '../../src/control/registry.ts'
import { DynoRegistry, dynoId, endpoint } from '../../src/control/registry.ts'
import type { Dyno } from '../../src/model/dyno.ts'

const dyno: Dyno = {
  app: 'shop',
  processType: 'web',
  number: 1,
  address: '127.10.1.1',
  port: 5000,
  az: 'a',
  release: 'v1',
  state: 'starting',
  sinceMs: 1,
}

function setUp() {
  const registry = new DynoRegistry()
  const changes: RegistryChange[] = []
  registry.subscribe((change) => changes.push(change))
  return { registry, changes }
}

t.test('an id names one process, by what DNS tells of it', async (t) => {
  t.equal(dynoId(dyno), 'shop/web.1/v1@127.10.1.1:5000')
  t.equal(endpoint('fd00::1', 5000), '[fd00::1]:5000')
})

t.test('a change says what came, what went and what is in another state', async (t) => {
  const { registry, changes } = setUp()
  const other = { ...dyno, app: 'chat' }
  registry.update([dyno, other])
  registry.update([{ ...dyno, state: 'up', sinceMs: 2 }])
  registry.update([], [other])
  t.same(changes[0], { added: [dyno, other], removed: [], changed: [], apps: new Set(['shop', 'chat']) })
  t.match(changes[1], { changed: [{ before: { state: 'starting' }, after: { state: 'up' } }], apps: new Set(['shop']) })
  t.match(changes[2], { removed: [other], apps: new Set(['chat']) })
  t.match(registry.all(), [{ app: 'shop', state: 'up', sinceMs: 2 }])
  t.same(registry.ofApp('chat'), [])
})

t.test('what changes nothing tells nobody', async (t) => {
  const { registry, changes } = setUp()
  registry.update([dyno])
  registry.update([{ ...dyno }])
  registry.update([], [{ ...dyno, port: 1 }])
  t.equal(changes.length, 1)
})

t.test('one that takes over is one change', async (t) => {
  const { registry, changes } = setUp()
  registry.update([dyno])
  registry.update([{ ...dyno, port: 5001 }], [dyno])
  t.match(changes[1], { added: [{ port: 5001 }], removed: [{ port: 5000 }] })
})

t.test('a listener that leaves hears no more', async (t) => {
  const registry = new DynoRegistry()
  let heard = 0
  const leave = registry.subscribe(() => heard++)
  registry.update([dyno])
  leave()
  registry.update([], [dyno])
  t.equal(heard, 1)
})
