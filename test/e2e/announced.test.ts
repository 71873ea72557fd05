import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import t from 'tap'
import { CIDR } from '../control/loopback.ts'
import { RunningRouter } from '../support/running-router.ts'

// The promise: what orchestrators and operators tell the admin API is what routing goes by.

const DYNO = `node ${resolve(import.meta.dirname, '../support/dyno.js')}`

t.test('a dyno that others run serves from its announcement to its withdrawal', async (t) => {
  const dyno = createServer((_request, response) => response.end('from elsewhere')).listen(0, '127.0.0.1')
  await once(dyno, 'listening')
  t.teardown(() => dyno.close())
  const router = await RunningRouter.start(`
space: { name: acme, cidr: ${CIDR} }
listeners: [{ name: public, address: "127.0.0.1:0", exposure: public }]
apps: { shop: { domains: [shop.example.com], formation: { web: { registered: { ttl: 1h } } } } }
`)
  t.teardown(() => router.stop())
  const visit = async () => {
    const client = await router.client()
    const { status, body } = await client.get('/')
    client.close()
    return { status, body }
  }
  t.match(await visit(), { status: 503, body: /H14/ })
  const { port } = dyno.address() as AddressInfo
  const path = '/apps/shop/registered-dynos'
  t.match(await router.change('POST', path, { address: '127.0.0.1', port }), { status: 201, text: /"name":"web\.1"/ })
  await router.until(async () => (await visit()).status === 200)
  t.equal((await visit()).body, 'from elsewhere')
  t.equal((await router.change('PUT', `${path}/web.1`)).status, 200)
  t.equal((await router.change('DELETE', `${path}/web.1`)).status, 202)
  await router.until(async () => (await visit()).status === 503)
})

t.test('the dynos of a zone that is marked down move', async (t) => {
  const router = await RunningRouter.start(`
space: { name: acme, cidr: ${CIDR} }
listeners: [{ name: public, address: "127.0.0.1:0", exposure: public }]
apps: { shop: { domains: [shop.example.com], formation: { web: { quantity: 2, command: ${DYNO} } } } }
`)
  t.teardown(() => router.stop())
  const zones = async () => (await router.dynos()).map(({ az, state }) => `${az} ${state}`).sort()
  t.same(await zones(), ['a up', 'b up'])
  t.match((await router.change('PATCH', '/space/zones/a', { state: 'down' })).body, {
    zone: 'a',
    state: 'down',
    by: 'socket',
  })
  await router.until(async () => (await zones()).join() === 'b up,c up')
  t.match((await router.change('GET', '/space/zones')).body, [{ state: 'down' }, { state: 'up' }, { state: 'up' }])
  t.match((await router.change('GET', '/apps/shop/dynos')).body, [{ az: 'c' }, { az: 'b' }])
})
