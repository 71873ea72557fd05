import t from 'tap'
import { ListedDynos } from '../../src/control/listed-dynos.ts'
import { DynoRegistry } from '../../src/control/registry.ts'
import { ManualClock } from './manual-clock.ts'
import { space } from './space.ts'

function setUp() {
  const registry = new DynoRegistry()
  const listed = new ListedDynos(registry, new ManualClock())
  let changes = 0
  registry.subscribe(() => changes++)
  const apply = (addresses: string[], more = {}) =>
    listed.apply(
      space({
        apps: {
          billing: { formation: { web: { dynos: addresses.map((address) => ({ address, az: 'b' })) } }, ...more },
        },
      }),
    )
  const numbers = () =>
    Object.fromEntries(registry.all().map(({ number, address, port }) => [`${address}:${port}`, number]))
  return { registry, listed, apply, numbers, changes: () => changes }
}

t.test('listed dynos are announced as up, with what the list says of them', async (t) => {
  const { registry, apply } = setUp()
  apply(['10.0.1.4:5000', '[fd00::4]:5000'])
  t.match(registry.all(), [
    {
      app: 'billing',
      processType: 'web',
      number: 1,
      address: '10.0.1.4',
      port: 5000,
      az: 'b',
      release: '',
      state: 'up',
    },
    { number: 2, address: 'fd00::4', port: 5000 },
  ])
})

t.test('a dyno that stays in the list keeps its number, and a list that stays the same changes nothing', async (t) => {
  const { apply, numbers, changes } = setUp()
  apply(['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80'])
  apply(['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80'])
  t.equal(changes(), 1)
  apply(['10.0.0.3:80', '10.0.0.9:80', '10.0.0.2:80'])
  t.same(numbers(), { '10.0.0.3:80': 3, '10.0.0.9:80': 1, '10.0.0.2:80': 2 })
  t.equal(changes(), 2)
})

t.test('an app that is no longer in the configuration takes its dynos along', async (t) => {
  const { registry, listed, apply } = setUp()
  apply(['10.0.0.1:80'])
  listed.apply(space({ apps: {} }))
  t.same(registry.all(), [])
})
