import { once } from 'node:events'
import { resolve } from 'node:path'
import t from 'tap'
import { gone, isAlive } from '../control/processes.ts'
import { RawClient } from '../support/raw-client.ts'
import { RouterProcess } from '../support/router-process.ts'

// The promise: the whole router, its supervisor included, can be replaced by a second one without a refused connection or a failed request.

const DYNO = `node ${resolve(import.meta.dirname, '../support/dyno.js')}`
const TUNNELS = `node ${resolve(import.meta.dirname, '../support/tunnel-dyno.js')}`
const APPS = `  shop: { domains: [shop.example.com], formation: { web: { quantity: 2, command: ${DYNO} } } }
  chat: { domains: [chat.example.com], formation: { web: { quantity: 1, command: ${TUNNELS} } } }
`
const MORE = 'workers: 1\nshutdown: { drain: 5s, tunnels: 60s, dynoGrace: 2s }'

t.test('a second router takes over; the first one serves what it has to the end', async (t) => {
  const router = await RouterProcess.start(APPS, { more: MORE, cidr: '127.49.0.0/16' })
  t.teardown(() => router.stop())
  let over = false
  let served = 0
  const failures: string[] = []
  const load = (async () => {
    while (!over) {
      try {
        const client = await router.client()
        const { status, head } = await client.get('/', 'shop.example.com', 'Connection: close\r\n')
        if (status === 200) served++
        else failures.push(head)
        client.close()
      } catch (error) {
        failures.push((error as Error).message)
      }
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })()
  const tunnel = await router.client()
  tunnel.send('GET / HTTP/1.1\r\nHost: chat.example.com\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
  await tunnel.until('101 Switching Protocols')

  t.test('one that cannot take over leaves all as it was', async (t) => {
    const good = router.text(APPS, MORE)
    const before = await router.pid('supervisor')
    router.write(APPS, `${MORE}\nnonsense: 1`)
    await router.change('POST', '/upgrade', { supervisor: true })
    await router.until(async () => (await router.table()).upgrade === 'failed')
    t.equal(await router.pid('supervisor'), before)
    await router.until(() => router.log.includes('not upgraded: the new supervisor exited with status 1'))
    t.equal(router.text(APPS, MORE), good)
    router.write(APPS, MORE)
  })

  t.test('one that can does', async (t) => {
    const before = (await router.processes()).map(({ pid }) => pid)
    const exited = once(router.child, 'exit')
    await router.change('POST', '/upgrade', { supervisor: true })
    await router.until(async () => ![-1, ...before].includes(await router.pid('worker.1')))
    const after = (await router.processes()).map(({ pid }) => pid)
    t.strictSame(
      after.filter((pid) => before.includes(pid)),
      [],
    )
    const enough = served + 50
    await router.until(() => served > enough)
    tunnel.send('still there')
    await tunnel.until('still there')
    tunnel.close()
    t.strictSame(await exited, [0, null])
    await Promise.all(before.map(gone))
    const more = served + 50
    await router.until(() => served > more)
    t.match(
      (await router.dynos()).map(({ state }) => state),
      ['up', 'up', 'up'],
    )
    over = true
    await load
    t.strictSame(failures, [])

    const dyno = Number((await (await RawClient.connect(router.port)).get('/pid')).body.split(' ')[1])
    process.kill(await router.pid('supervisor'), 'SIGTERM')
    await Promise.all([...after, dyno].map(gone))
    t.notOk([...after, dyno].some(isAlive))
  })
})
