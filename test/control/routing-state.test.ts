import t from 'tap'
import { RoutingState } from '../../src/control/routing-state.ts'
import { space } from './space.ts'

const web = { formation: { web: { command: 'node a.js', quantity: 2 } } }
const file = { apps: { shop: { domains: ['shop.example.com'], ...web }, chat: web } }

const found = (number: number, more = {}) => ({
  id: `shop/web.${number}`,
  name: `web.${number}`,
  address: `127.35.1.${number}`,
  port: 5000,
  az: 'a',
  release: 'v1',
  ...more,
})

function setUp() {
  const state = new RoutingState(space(file))
  const shop = () => state.snapshot().apps[0]!
  return { state, shop }
}

t.test('the first snapshot has every app, and says how its formation is doing', async (t) => {
  const { state } = setUp()
  state.announced('shop', { starting: 1, crashed: 1, up: [] })
  const snapshot = state.snapshot()
  t.match(snapshot, {
    version: 1,
    space: { name: 'test', region: 'local' },
    insideRanges: ['127.35.0.0/16'],
    trustedIpRanges: null,
    apps: [
      {
        name: 'shop',
        domains: ['shop.example.com'],
        formation: { released: true, quantity: 2, starting: 1, crashed: 1 },
      },
      { name: 'chat', dynos: [] },
    ],
  })
  t.same(JSON.parse(JSON.stringify(snapshot)), snapshot, 'plain data')
})

t.test('what is equal in effect makes no new snapshot', async (t) => {
  const { state } = setUp()
  state.discovered('shop', [found(1), found(2)], 0)
  const before = state.snapshot()
  state.discovered('shop', [found(2), found(1)], 1)
  t.equal(state.snapshot(), before, 'the same dynos in another order')
  state.announced('shop', { starting: 0, crashed: 0, up: ['shop/web.1'] })
  t.equal(state.snapshot(), before, 'a dyno that is known to both')
  state.configure(space({ ...file, log: { level: 'debug' }, shutdown: { drain: '1s' } }))
  t.equal(state.snapshot(), before, 'a configuration that differs in nothing that is routed by')
})

t.test('an app that did not change keeps its object when another one does', async (t) => {
  const { state } = setUp()
  const before = state.snapshot()
  state.discovered('chat', [found(1)], 0)
  const after = state.snapshot()
  t.equal(after.version, before.version + 1)
  t.equal(after.apps[0], before.apps[0])
  t.not(after.apps[1], before.apps[1])
})

t.test('settings of the space make a new snapshot of the same apps', async (t) => {
  const { state } = setUp()
  const before = state.snapshot()
  const networks = [
    { name: 'office', kind: 'vpn', cidrs: ['172.20.0.0/16'] },
    { name: 'soon', kind: 'peering', cidrs: ['172.21.0.0/16'], state: 'pending' },
  ]
  state.configure(space({ ...file, networks }))
  const after = state.snapshot()
  t.same(after.insideRanges, ['127.35.0.0/16', '172.20.0.0/16'], 'only active networks are inside')
  t.equal(after.apps[0], before.apps[0])
})

t.test('apps come and go with the configuration', async (t) => {
  const { state } = setUp()
  state.discovered('shop', [found(1)], 0)
  state.snapshot()
  state.configure(space({ apps: { chat: web, blog: web } }))
  t.same(
    state.snapshot().apps.map(({ name }) => name),
    ['chat', 'blog'],
  )
  state.discovered('shop', [found(1)], 0)
  t.same(state.snapshot().version, 2, 'nobody asks any more what becomes of an app that is gone')
})

t.test('a dyno that vanishes drains until it is forgotten', async (t) => {
  const { state, shop } = setUp()
  state.discovered('shop', [found(1), found(2)], 1000)
  state.snapshot()
  t.ok(state.isClaimable('shop', 'shop/web.1'))
  state.discovered('shop', [found(2)], 2000)
  t.match(shop().dynos, [
    { id: 'shop/web.1', draining: true },
    { id: 'shop/web.2', draining: false },
  ])
  t.notOk(state.isClaimable('shop', 'shop/web.1'))
  t.same(state.draining(), [{ id: 'shop/web.1', sinceMs: 2000 }])
  state.forget('shop/web.1')
  t.match(shop().dynos, [{ id: 'shop/web.2' }])
  t.equal(shop().dynos.length, 1)
})

t.test('a dyno that is back before it has drained takes requests again', async (t) => {
  const { state, shop } = setUp()
  state.discovered('shop', [found(1)], 0)
  state.snapshot()
  state.discovered('shop', [], 0)
  state.snapshot()
  state.discovered('shop', [found(1)], 0)
  t.match(shop().dynos, [{ id: 'shop/web.1', draining: false }])
  t.same(state.draining(), [])
})

t.test('a dyno that is up but that discovery does not know yet counts as starting: requests wait for it', async (t) => {
  const { state, shop } = setUp()
  state.announced('shop', { starting: 0, crashed: 0, up: ['shop/web.1', 'shop/web.2'] })
  t.equal(shop().formation.starting, 2)
  state.discovered('shop', [found(1), found(2)], 0)
  t.equal(shop().formation.starting, 0)
})

t.test('how many dynos there should be depends on who runs them', async (t) => {
  const dns = { name: '_http._tcp.legacy.example.com', server: '127.0.0.1:53' }
  const state = new RoutingState(
    space({
      apps: {
        none: {},
        worker: { formation: { worker: { command: 'node a.js' } } },
        listed: { formation: { web: { dynos: [{ address: '127.0.0.1:1' }, { address: '127.0.0.1:2' }] } } },
        elsewhere: { formation: { web: { dns } } },
      },
    }),
  )
  state.discovered('elsewhere', [found(1), found(2), found(3)], 0)
  t.match(
    state.snapshot().apps.map(({ formation: { released, quantity } }) => [released, quantity]),
    [
      [false, 0],
      [true, 0],
      [true, 2],
      [true, 3],
    ],
  )
})
