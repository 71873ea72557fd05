import { resolve } from 'node:path'
import t from 'tap'
import type { DynoRow } from '../../src/control/admin/dyno-rows.ts'
import { CIDR } from '../control/loopback.ts'
import { RouterProcess } from '../support/router-process.ts'

// The promise: when a zone goes, its dynos come up in the others, and clients see no more of it than the requests that died with its dynos.

const program = resolve(import.meta.dirname, '../support/dyno.js')
const shop = (quantity: number) =>
  `  shop:\n    domains: [shop.example.com]\n    formation: { web: { quantity: ${quantity}, command: "${process.execPath} ${program}" } }\n`
const CLIENTS = 6

/** Zones of the dynos that are up, as letters. */
function zones(rows: readonly DynoRow[]): string {
  const up = rows.filter(({ state }) => state === 'up')
  return up
    .map(({ az }) => az)
    .sort()
    .join('')
}

/** Clients that ask again and again, one request each at a time, and what came of it. */
class Load {
  readonly statuses = new Map<number, number>()
  #over = false
  readonly #clients: Promise<void>[]

  constructor(router: RouterProcess) {
    this.#clients = Array.from({ length: CLIENTS }, () => this.#ask(router))
  }

  get failed(): number {
    let failed = 0
    for (const [status, count] of this.statuses) if (status !== 200) failed += count
    return failed
  }

  async stop(): Promise<void> {
    this.#over = true
    await Promise.all(this.#clients)
  }

  async #ask(router: RouterProcess): Promise<void> {
    const client = await router.client()
    while (!this.#over) {
      client.send('GET /slow/5 HTTP/1.1\r\nHost: shop.example.com\r\n\r\n')
      const { status } = await client.answer()
      this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
    }
    client.socket.destroy()
  }
}

t.test('the dynos of a zone that goes come up in the others, under load', async (t) => {
  const router = await RouterProcess.start(shop(6), { cidr: CIDR })
  t.teardown(() => router.stop())
  t.equal(zones(await router.dynos()), 'aabbcc')

  const pids = new Map<string, number>()
  const client = await router.client()
  while (pids.size < 6) {
    client.send('GET /pid HTTP/1.1\r\nHost: shop.example.com\r\n\r\n')
    const [dyno, pid] = (await client.answer()).body.split(' ')
    pids.set(dyno!, Number(pid))
  }
  client.socket.destroy()

  const load = new Load(router)
  const inA = (await router.dynos()).filter(({ az }) => az === 'a').map(({ dyno }) => dyno)
  for (const dyno of inA) process.kill(pids.get(dyno)!, 'SIGKILL')
  await router.until(() => /zone a is down: found down/.test(router.log))
  await router.until(async () => (await router.dynos()).length === 6 && zones(await router.dynos()) === 'bbbccc')
  t.ok(load.failed <= CLIENTS, `no more than what the two had in flight: ${[...load.statuses]}`)
  const before = load.failed

  // A control process that starts again knows of it.
  const control = await router.pid('control')
  process.kill(control, 'SIGKILL')
  await router.until(async () => ![-1, control].includes(await router.pid('control')))
  t.equal(zones(await router.dynos()), 'bbbccc')
  await load.stop()
  t.equal(load.failed, before)
  t.ok((load.statuses.get(200) ?? 0) > CLIENTS)
})

t.test('a zone that is marked down under load costs no request, and neither does its return', async (t) => {
  const router = await RouterProcess.start(shop(4), { cidr: CIDR })
  t.teardown(() => router.stop())
  const spread = (expected: string, count: number) =>
    router.until(async () => {
      const rows = await router.dynos()
      return rows.length === count && zones(rows) === expected
    })
  await spread('aabc', 4)
  const load = new Load(router)
  t.match(await router.change('PATCH', '/space/zones/a', { state: 'down' }), { status: 200 })
  await spread('bbcc', 4)
  t.equal(await router.metric('postern_zone_down{zone="a"}'), 1)
  // Dynos that come now are placed around it.
  router.write(shop(5))
  await router.until(async () => /^(bbbcc|bbccc)$/.test(zones(await router.dynos())))
  t.match(await router.change('PATCH', '/space/zones/a', { state: 'up' }), { status: 200 })
  await router.until(async () => /^(abbcc|aabbc|aabcc)$/.test(zones(await router.dynos())))
  await router.until(async () => (await router.dynos()).length === 5)
  await load.stop()
  t.strictSame([...load.statuses.keys()], [200])
  t.match(await router.change('PATCH', '/space/zones/x', { state: 'up' }), { status: 404 })
})
