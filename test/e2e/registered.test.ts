import { createServer } from 'node:http'
import t from 'tap'
import { RouterProcess } from '../support/router-process.ts'

// The promise: an orchestrator that announces its dynos need not know when the router restarts.

t.test('dynos that are announced get requests, over a restart of control too, until they are withdrawn', async (t) => {
  const servers = ['one', 'two'].map((name) => createServer((_request, response) => response.end(name)))
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
    t.teardown(() => server.closeAllConnections())
  }
  const [one, two] = servers.map((server) => (server.address() as { port: number }).port)
  const router = await RouterProcess.start(
    '  shop:\n    domains: [shop.example.com]\n    balance: round-robin\n    formation: { web: { registered: { ttl: 2m } } }\n',
  )
  t.teardown(() => router.stop())
  const client = await router.client()
  const seen = async () => {
    const answers = new Set<string>()
    for (let i = 0; i < 8; i++) {
      client.send('GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n')
      const { status, body } = await client.answer()
      answers.add(status === 200 ? body : String(status))
    }
    return [...answers].sort().join(' ')
  }
  t.equal(await seen(), '503', 'nobody is there')
  const path = '/apps/shop/registered-dynos'
  const { body } = await router.change('POST', path, { address: '127.0.0.1', port: one, az: 'a', release: 'v7' })
  t.match(body, { name: 'web.1' })
  await router.change('POST', path, { address: '127.0.0.1', port: two })
  await router.until(async () => (await seen()) === 'one two')
  t.match(await router.dynos(), [{ dyno: 'web.1', az: 'a', release: 'v7', state: 'up' }, { dyno: 'web.2' }])

  const before = await router.pid('control')
  process.kill(before, 'SIGKILL')
  await router.until(async () => ![-1, before].includes(await router.pid('control')))
  t.equal(await seen(), 'one two')
  t.equal((await router.change('PUT', `${path}/web.2`)).status, 200)
  t.match(await router.change('PUT', `${path}/web.3`), { status: 404 })
  await router.change('DELETE', `${path}/web.1`)
  await router.until(async () => (await seen()) === 'two')
  t.match(await router.change('POST', '/apps/nobody/registered-dynos', { address: '127.0.0.1', port: 1 }), {
    status: 404,
  })
  t.match(await router.change('POST', path, { address: 'localhost', port: 1 }), { status: 422 })
})
