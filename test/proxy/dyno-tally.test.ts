import t from 'tap'
import { firstByteQuantileMs } from '../../src/model/dyno-observation.ts'
import { settled } from '../support/data-plane.ts'
import { app, space } from '../support/loopback-space.ts'
import { answering, OK, ScriptedDyno } from '../support/scripted-dyno.ts'
import { GET, openStage, request } from '../support/stage.ts'

// The promise: what is counted of a dyno is what it did to its requests, no more and no less: a deploy is stopped by these numbers.

const of = (port: number) => `dyno at ${port}`
const ERROR = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n'

t.test('answers count, and a 5xx of the dyno is a failure', async (t) => {
  const { router, dyno } = await openStage(t, {
    script: answering((text) => (text.startsWith('GET /bad') ? ERROR : OK)),
  })
  const client = await router.client()
  for (const path of ['/', '/bad', '/']) {
    client.send(`GET ${path} HTTP/1.1\r\nHost: shop.example.com\r\n\r\n`)
    await client.answer()
  }
  const { requests, failures, firstByteCells } = router.plane.pools.observed(of(dyno.port))!
  t.strictSame({ requests, failures }, { requests: 3, failures: 1 })
  t.equal(
    firstByteCells.reduce((sum, count) => sum + count),
    3,
  )
})

t.test('the first byte counts from when the dyno has the whole request', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped' })
  const client = await router.client()
  client.send(request('POST', 'Content-Length: 2\r\n', 'a'))
  await router.pass(5000)
  client.send('b')
  const connection = await dyno.connection()
  await connection.until('ab')
  await router.pass(300)
  connection.send(OK)
  await client.answer()
  const { firstByteCells } = router.plane.pools.observed(of(dyno.port))!
  const p95Ms = firstByteQuantileMs(firstByteCells, 0.95)
  t.ok(p95Ms >= 300 && p95Ms < 300 * 1.2, `${p95Ms}`)
})

t.test('a dyno that lets nobody in failed, and the one that served instead did not', async (t) => {
  const closed = await ScriptedDyno.start()
  const { port } = closed
  await closed.stop()
  const { router, dyno } = await openStage(t, { script: answering(OK) })
  const entry = app({ dynos: [port, dyno.port] })
  const { data } = router.plane.snapshot
  router.plane.apply({ ...data, version: data.version + 1, apps: [entry] })
  const client = await router.client()
  for (let i = 0; i < 2; i++) {
    client.send(GET)
    t.equal((await client.answer()).status, 200)
  }
  t.match(router.plane.pools.observed(of(port)), { requests: 1, failures: 1 })
  t.match(router.plane.pools.observed(of(dyno.port)), { requests: 2, failures: 0 })
})

t.test('silence and a broken connection are failures of the dyno; a client that leaves is not', async (t) => {
  const { router, dyno } = await openStage(t, { time: 'stopped', app: { timeouts: { firstByteMs: 1000 } } })
  const silent = await router.client()
  silent.send(GET)
  await (await dyno.connection(0)).until('\r\n\r\n')
  await router.pass(1100)
  t.equal((await silent.answer()).status, 503)
  const broken = await router.client()
  broken.send(GET)
  await (await dyno.connection(1)).until('\r\n\r\n')
  dyno.connections[1]!.socket.resetAndDestroy()
  t.equal((await broken.answer()).status, 503)
  const impatient = await router.client()
  impatient.send(GET)
  await (await dyno.connection(2)).until('\r\n\r\n')
  impatient.socket.resetAndDestroy()
  await router.line(2)
  t.match(router.plane.pools.observed(of(dyno.port)), { requests: 3, failures: 2 })
})

t.test('a kept connection that the dyno had closed is no request of it', async (t) => {
  const { router, dyno } = await openStage(t)
  const client = await router.client()
  client.send(GET)
  const first = await dyno.connection(0)
  await first.until('\r\n\r\n')
  first.send(OK)
  await client.answer()
  // It is closed as soon as it was used again.
  first.socket.once('data', () => first.socket.resetAndDestroy())
  client.send(GET)
  const second = await dyno.connection(1)
  await second.until('\r\n\r\n')
  second.send(OK)
  t.equal((await client.answer()).status, 200)
  t.match(router.plane.pools.observed(of(dyno.port)), { requests: 2, failures: 0 })
})

t.test('what was taken away is counted no more, and a dyno that is gone is not known', async (t) => {
  const { router, dyno } = await openStage(t, { script: answering(OK) })
  t.match(router.plane.pools.observed(of(dyno.port)), { requests: 0 }, 'nobody has asked for its app yet')
  const client = await router.client()
  client.send(GET)
  await client.answer()
  const [[id, counts]] = router.plane.pools.takeTallies() as [[string, number[]]]
  t.equal(id, of(dyno.port))
  t.strictSame(counts.slice(0, 2), [0, 1])
  t.strictSame(router.plane.pools.takeTallies(), [])
  t.match(router.plane.pools.observed(id), { requests: 0 })
  router.plane.apply(space({ apps: [app()] }))
  await settled()
  t.equal(router.plane.pools.observed(id), null)
})
