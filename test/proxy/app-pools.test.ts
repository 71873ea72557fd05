import t from 'tap'
import { app } from '../support/loopback-space.ts'
import { answering, OK } from '../support/scripted-dyno.ts'
import { GET, openStage } from '../support/stage.ts'

// The promise: a worker of a space with ten thousand apps pays for those that it serves.

t.test('an app that nobody has asked for costs a worker neither a pool nor counters', async (t) => {
  const { router, dyno } = await openStage(t, { script: answering(OK) })
  const counted = () =>
    router.metrics.snapshotCounters().blocks.filter(([owner, name]) => owner === 'app' && name === 'shop')
  const { data } = router.plane.snapshot
  router.plane.apply({ ...data, version: data.version + 1, apps: [app({ dynos: [dyno.port], maxInFlightPerDyno: 7 })] })
  t.same([...router.plane.pools.values()], [])
  t.same(counted(), [])
  const client = await router.client()
  client.send(GET)
  t.equal((await client.answer()).status, 200)
  t.equal([...router.plane.pools.values()].length, 1)
  t.equal(counted().length, 1)
})
