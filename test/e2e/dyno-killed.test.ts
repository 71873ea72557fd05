import { resolve } from 'node:path'
import t from 'tap'
import type { RawClient } from '../support/raw-client.ts'
import { RunningRouter } from '../support/running-router.ts'

// The promise: nothing is lost. A dyno that dies takes with it only what it was working on.

const DYNO = `node ${resolve(import.meta.dirname, '../support/dyno.js')}`

t.test('a dyno killed under load fails no request but those in flight on it, and comes back', async (t) => {
  const router = await RunningRouter.start(`
space: { name: acme, cidr: 127.21.0.0/16 }
listeners:
  - { name: public, address: "127.0.0.1:0", exposure: public }
apps:
  shop:
    domains: [shop.example.com]
    formation: { web: { quantity: 4, command: ${DYNO} } }
`)
  t.teardown(() => router.stop())
  const clients = await Promise.all(Array.from({ length: 16 }, () => router.client()))
  t.teardown(() => {
    for (const client of clients) client.close()
  })
  const [victim, pid] = (await clients[0]!.get('/pid')).body.split(' ') as [string, string]

  let sent = 0
  let stop = false
  const failures: string[] = []
  const inFlight = { now: 0, atKill: 0 }
  const load = clients.map(async (client: RawClient) => {
    while (!stop) {
      // Paced to about 2,000 a second in all.
      const pace = new Promise((resolve) => setTimeout(resolve, 8))
      sent++
      inFlight.now++
      const answer = await client.get()
      inFlight.now--
      if (answer.status !== 200) failures.push(answer.head)
      await pace
    }
  })

  await router.until(async () => sent > 2_000)
  inFlight.atKill = inFlight.now
  process.kill(Number(pid), 'SIGKILL')
  const killedAtMs = performance.now()
  const rows = async () => (await router.dynos()).filter(({ state }) => state === 'up').map(({ dyno }) => dyno)
  await router.until(async () => !(await rows()).includes(victim))
  t.comment(`out of the balance after ${(performance.now() - killedAtMs).toFixed(0)} ms`)
  await router.until(async () => (await rows()).includes(victim))
  const whenBack = sent
  await router.until(async () => sent > whenBack + 2_000)
  stop = true
  await Promise.all(load)
  t.ok(sent > 4_000)
  t.ok(failures.length <= inFlight.atKill, `${failures.length} failed of ${inFlight.atKill} in flight: ${failures[0]}`)
  const lines = router.logLines()
  t.ok(
    lines.slice(-2_000).some((line) => line.includes(`dyno=${victim} `)),
    'the new one serves',
  )
})
