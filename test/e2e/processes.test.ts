import { resolve } from 'node:path'
import t from 'tap'
import { gone, isAlive } from '../control/processes.ts'
import { RawClient } from '../support/raw-client.ts'
import { RouterProcess } from '../support/router-process.ts'

// The promise: the router goes on when one of its processes does not. A worker that dies takes with it only the requests that it had, control
// nothing at all, and none of them leaves anything behind.

const DYNO = `node ${resolve(import.meta.dirname, '../support/dyno.js')}`
const APPS = `  shop: { domains: [shop.example.com], balance: round-robin, formation: { web: { quantity: 2, command: ${DYNO} } } }\n`

const LANES = 4

/** Requests on connections of their own, one after the other on each lane, until it is stopped. */
class Load {
  answered = 0
  readonly failures: string[] = []
  #over = false
  readonly #lanes: Promise<void>[]

  constructor(port: number, lanes: number) {
    this.#lanes = Array.from({ length: lanes }, (_, lane) => this.#lane(port, lane % 2 === 0))
  }

  async stop(): Promise<void> {
    this.#over = true
    await Promise.all(this.#lanes)
  }

  /** Every other lane keeps its connection as long as the router does. */
  async #lane(port: number, keepAlive: boolean): Promise<void> {
    let client: RawClient | null = null
    while (!this.#over) {
      try {
        client ??= await RawClient.connect(port)
        const answer = await client.get('/', 'shop.example.com', keepAlive ? '' : 'Connection: close\r\n')
        if (answer.status === 200) this.answered++
        else this.failures.push(answer.head)
        if (answer.headers.get('connection')?.[0] === 'close') {
          client.close()
          client = null
        }
      } catch (error) {
        this.failures.push((error as Error).message)
        client?.close()
        client = null
      }
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    client?.close()
  }
}

t.test('processes that fail', async (t) => {
  const router = await RouterProcess.start(APPS, { more: 'workers: 2', cidr: '127.41.0.0/16' })
  t.teardown(() => router.stop())
  const load = new Load(router.port, LANES)
  t.teardown(() => load.stop())
  const count = () => load.answered
  const more = (requests: number) => {
    const enough = count() + requests
    return router.until(() => count() >= enough)
  }
  await more(200)

  t.test('every worker takes connections', async (t) => {
    const rows = (await router.processes()).filter(({ name }) => name.startsWith('worker'))
    t.equal(rows.length, 2)
    await router.until(async () =>
      (await router.processes())
        .filter(({ name }) => name.startsWith('worker'))
        .every(({ connections }) => connections > 0),
    )
    t.equal(await router.metric('postern_workers{state="up"}'), 2)
  })

  t.test('a worker that is killed fails only what it had in flight, and another one takes its place', async (t) => {
    const pid = await router.pid('worker.1')
    await router.until(async () => (await router.metric('postern_requests_total')) > 100)
    const counted = await router.metric('postern_requests_total')
    const before = load.failures.length
    process.kill(pid, 'SIGKILL')
    await router.until(async () => ![-1, pid].includes(await router.pid('worker.1')))
    await more(200)
    // A client may have sent its next request before it saw that its connection had gone: one for each at most.
    t.ok(load.failures.length - before <= LANES, `${load.failures.length - before} failed`)
    t.equal(await router.metric('postern_process_restarts_total{process="worker"}'), 1)
    t.ok((await router.metric('postern_requests_total')) >= counted, 'what it had counted stays counted')
  })

  t.test('when control is killed no request fails, and its dynos are its successor’s', async (t) => {
    const pid = await router.pid('control')
    const client = await RawClient.connect(router.port)
    const dynos = async () => {
      const pids = new Set<string>()
      for (let i = 0; i < 100 && pids.size < 2; i++) pids.add((await client.get('/pid')).body)
      return [...pids].sort()
    }
    const before = await dynos()
    const rows = (await router.dynos()).map(({ dyno, address, release }) => ({ dyno, address, release }))
    const version = await router.metric('postern_snapshot_version')
    const failures = load.failures.length
    process.kill(pid, 'SIGKILL')
    await more(50)
    await router.until(async () => ![-1, pid].includes(await router.pid('control')))
    await router.until(async () => (await router.dynos()).every(({ state }) => state === 'up'))
    await more(50)
    t.strictSame(load.failures.slice(failures), [])
    t.match(await router.dynos(), rows)
    t.strictSame(await dynos(), before, 'the same processes')
    t.equal(await router.metric('postern_snapshot_version'), version, 'nothing is different for the workers')
    client.close()
  })

  t.test('after that a dyno that dies is started again, and a reload works', async (t) => {
    const client = await RawClient.connect(router.port)
    const [dyno, pid] = (await client.get('/pid')).body.split(' ')
    process.kill(Number(pid), 'SIGKILL')
    await router.until(() => router.log.includes('killed by SIGKILL; next start in 1 s'))
    await router.until(async () => (await router.dynos()).every(({ state }) => state === 'up'))
    t.ok(dyno)
    router.write(APPS.replace('quantity: 2', 'quantity: 3'), 'workers: 2')
    await router.until(async () => (await router.dynos()).filter(({ state }) => state === 'up').length === 3)
    client.close()
  })

  t.test('an upgrade replaces every process but the supervisor, and no request fails', async (t) => {
    const before = await router.processes()
    const failures = load.failures.length
    t.equal((await router.admin('/upgrade', 'POST')).status, 202)
    await router.until(async () => (await router.table()).upgrade === 'done')
    const after = await router.processes()
    const serving = after.filter(({ state }) => state === 'up')
    t.strictSame(
      serving.map(({ name }) => name),
      ['supervisor', 'control', 'worker.1', 'worker.2'],
    )
    for (const { name, pid } of serving) {
      const same = before.some((row) => row.pid === pid)
      t.equal(same, name === 'supervisor', name)
    }
    await more(100)
    t.strictSame(load.failures.slice(failures), [])
  })

  t.test('a stop waits for the request that is under way, ends with 0, and leaves no process', async (t) => {
    await load.stop()
    const pids = (await router.processes()).map(({ pid }) => pid)
    const client = await RawClient.connect(router.port)
    const dynos = new Set<number>()
    for (let i = 0; i < 100 && dynos.size < 3; i++) dynos.add(Number((await client.get('/pid')).body.split(' ')[1]))
    // Workers say once a second what they have in flight.
    client.send('GET /slow/3000 HTTP/1.1\r\nHost: shop.example.com\r\n\r\n')
    await router.until(async () => (await router.metric('postern_requests_in_flight')) === 1)
    router.child.kill('SIGTERM')
    const answer = await client.answer()
    t.match([answer.status, answer.headers.get('connection')?.[0]], [200, 'close'])
    client.close()
    t.equal(await router.stop(), 0)
    await Promise.all([...pids, ...dynos].map(gone))
    t.notOk([...pids, ...dynos].some(isAlive))
  })
})
