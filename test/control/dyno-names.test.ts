import t from 'tap'
import { DynoNames } from '../../src/control/dyno-names.ts'

const dyno = (target: string, address: string, port = 80) => ({ target, address, port, az: 'a', release: 'v1' })

t.test('the number is in the name, where the name is that of a dyno', async (t) => {
  const named = new DynoNames('shop').name([
    dyno('3.web.shop.app.localspace', '10.0.1.1', 5000),
    dyno('12.WEB.shop.app.localspace', '10.0.1.2', 5001),
  ])
  t.match(named, [
    { id: 'shop/web.3/v1@10.0.1.1:5000', name: 'web.3', address: '10.0.1.1', port: 5000, az: 'a', release: 'v1' },
    { id: 'shop/web.12/v1@10.0.1.2:5001', name: 'web.12' },
  ])
})

t.test('what has other names is numbered, and keeps its number while it is there', async (t) => {
  const names = new DynoNames('legacy')
  const byAddress = (addresses: string[]) =>
    Object.fromEntries(
      names
        .name(addresses.map((address) => dyno(`node-${address}.consul`, address)))
        .map(({ address, name }) => [address, name]),
    )
  t.same(byAddress(['10.0.0.1', '10.0.0.2', '10.0.0.3']), {
    '10.0.0.1': 'web.1',
    '10.0.0.2': 'web.2',
    '10.0.0.3': 'web.3',
  })
  t.same(
    byAddress(['10.0.0.3', '10.0.0.2']),
    { '10.0.0.3': 'web.3', '10.0.0.2': 'web.2' },
    'whatever the order of the answer',
  )
  t.same(byAddress(['10.0.0.9', '10.0.0.3', '10.0.0.2']), {
    '10.0.0.3': 'web.3',
    '10.0.0.2': 'web.2',
    '10.0.0.9': 'web.1',
  })
})

t.test('a name is not taken for a number that it only looks like', async (t) => {
  const named = new DynoNames('shop').name([
    dyno('0.web.shop', '10.0.0.1'),
    dyno('1.worker.shop', '10.0.0.2'),
    dyno('12345678901.web.shop', '10.0.0.3'),
  ])
  t.same(
    named.map(({ name }) => name),
    ['web.1', 'web.2', 'web.3'],
  )
})

t.test('what is found twice is one dyno', async (t) => {
  t.equal(new DynoNames('shop').name([dyno('a', '10.0.0.1'), dyno('b', '10.0.0.1')]).length, 1)
})
