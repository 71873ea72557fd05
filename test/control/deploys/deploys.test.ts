import t from 'tap'
import { LaunchError } from '../../../src/control/runtimes/runtime.ts'
import { FakeSpace, worker } from './fake-space.ts'

type Tap = { teardown(end: () => unknown): void }

async function start(t: Tap, app = worker(undefined), deploy = {}): Promise<FakeSpace> {
  const fake = await FakeSpace.start(app, deploy)
  t.teardown(() => fake.end())
  await fake.calm()
  return fake
}

/** Scaled through the API, which the file leaves to it. */
async function startWith(t: Tap, quantity: number, deploy = {}): Promise<FakeSpace> {
  const fake = await start(t, worker(undefined), deploy)
  await fake.deploys.scale('shop', 'worker', quantity, 'ann')
  await fake.calm()
  fake.events.length = 0
  return fake
}

const by = 'ann'

t.test('the first release runs at once, and a start with the same file makes no other', async (t) => {
  const fake = await start(t, worker(3))
  t.equal(fake.releases, 'v1 v1 v1')
  t.match(fake.deploys.releases('shop'), [{ version: 1, status: 'succeeded', description: 'Changed in the file' }])
  t.equal(fake.deploys.status('shop'), null)
  await fake.takeOver()
  await fake.reload(worker(5))
  t.equal(fake.releases, 'v1 v1 v1 v1 v1')
  t.equal(fake.deploys.releases('shop').length, 1)
})

t.test('a changed file rolls batch by batch, each watched for the hold time', async (t) => {
  const fake = await start(t, worker(8))
  let least = 8
  fake.onDynos = () => {
    least = Math.min(least, fake.up)
  }
  await fake.reload(worker(8, 'run two'))
  t.equal(fake.releases, 'v2 v2 v1 v1 v1 v1 v1 v1')
  t.match(fake.deploys.status('shop'), { phase: 'watching', batch: 1, batches: 4, moved: 2, dynos: 8, from: 'v1' })
  await fake.advance(9000)
  t.equal(fake.deploys.status('shop')!.batch, 1)
  await fake.advance(1000)
  t.equal(fake.releases, 'v2 v2 v2 v2 v1 v1 v1 v1')
  await fake.advance(10_000)
  await fake.advance(10_000)
  await fake.advance(10_000)
  t.equal(fake.releases, 'v2 v2 v2 v2 v2 v2 v2 v2')
  t.match(fake.deploys.status('shop'), { phase: 'succeeded', underWay: false, moved: 8, reason: '' })
  t.equal(fake.deploys.currentRelease('shop'), 2)
  t.equal(least, 6)
  t.same(
    fake.told().filter((line) => !line.startsWith('gate')),
    [
      'release succeeded v1',
      'release pending v2',
      'deploy begun v2',
      ...['worker.1,worker.2', 'worker.3,worker.4', 'worker.5,worker.6', 'worker.7,worker.8'].flatMap(
        (names, index) => [`batch replacing v2 ${index + 1} ${names}`, `batch up v2 ${index + 1} ${names}`],
      ),
      'deploy succeeded v2',
      'release succeeded v2',
    ],
  )
})

t.test('a release that cannot be started stops at the first batch and is rolled back', async (t) => {
  const fake = await startWith(t, 8)
  fake.host.onLaunch = ({ command }) => {
    if (command === 'run two') throw new LaunchError('no such program: run')
  }
  await fake.reload(worker(undefined, 'run two'))
  t.equal(fake.releases, 'v1 v1 v1 v1 v1 v1 v1 v1')
  t.match(fake.deploys.status('shop'), {
    phase: 'failed',
    reason: 'worker.1 did not come up: no such program: run',
    moved: 0,
  })
  t.match(fake.deploys.releases('shop'), [{ status: 'succeeded' }, { status: 'failed' }])
  t.equal(fake.deploys.currentRelease('shop'), 1)
  t.same(fake.told(), [
    'release pending v2',
    'deploy begun v2',
    'batch replacing v2 1 worker.1,worker.2',
    'deploy rolling-back v2 worker.1 did not come up: no such program: run',
    'batch rolling-back v2 1 worker.1,worker.2',
    'deploy failed v2 worker.1 did not come up: no such program: run',
    'release failed v2',
  ])
  await fake.takeOver()
  await fake.reload(worker(undefined, 'run two'))
  t.equal(fake.deploys.releases('shop').length, 2, 'the file says nothing new')
})

t.test('a dyno that crashes while it is watched ends the deploy', async (t) => {
  const fake = await startWith(t, 4)
  await fake.deploys.deploy('shop', { env: { A: '1' }, by })
  await fake.calm()
  await fake.advance(10_000)
  t.equal(fake.releases, 'v2 v2 v1 v1')
  const [first] = fake.host.instances.filter(({ launch }) => launch.release === 'v2')
  first!.end('exited with status 3')
  await fake.calm()
  await fake.advance(1000)
  t.equal(fake.releases, 'v1 v1 v1 v1')
  t.match(fake.deploys.status('shop'), { phase: 'failed', reason: 'worker.1 crashed: exited with status 3' })
})

t.test('one dyno: the new one first', async (t) => {
  const fake = await start(t)
  let least = 1
  fake.onDynos = () => {
    least = Math.min(least, fake.up)
  }
  await fake.deploys.deploy('shop', { by })
  await fake.calm()
  t.equal(fake.releases, 'v2')
  t.equal(least, 1)
})

t.test('a deploy with nothing new is the next release of the same thing', async (t) => {
  const fake = await startWith(t, 2)
  await fake.deploys.deploy('shop', { by, label: 'again' })
  await fake.advance(30_000)
  t.equal(fake.releases, 'v2 v2')
  const [v1, v2] = fake.deploys.releases('shop')
  t.match(v2, { label: 'again', by, description: 'Deploy', processes: v1!.processes, env: v1!.env })
})

t.test('pause holds after the batch, resume goes on', async (t) => {
  const fake = await startWith(t, 4)
  await fake.deploys.deploy('shop', { by })
  await fake.calm()
  t.match(await fake.deploys.pause('shop', by), { phase: 'watching', pauseAsked: true })
  await fake.advance(60_000)
  t.match(fake.deploys.status('shop'), { phase: 'paused', reason: 'asked to pause', batch: 1 })
  t.equal(fake.releases, 'v2 v1 v1 v1')
  await t.rejects(fake.deploys.pause('shop', by), { name: 'Refusal', id: 'conflict' })
  await fake.deploys.resume('shop', by)
  await fake.calm()
  t.equal(fake.releases, 'v2 v2 v1 v1')
  await t.rejects(fake.deploys.resume('shop', by), {
    name: 'Refusal',
    id: 'conflict',
    message: 'the deploy of shop is not paused',
  })
  await fake.advance(60_000)
  t.equal(fake.releases, 'v2 v2 v2 v2')
})

t.test('a canary is paused until somebody says so', async (t) => {
  const fake = await startWith(t, 8)
  await t.rejects(fake.deploys.deploy('shop', { by, canary: 3 }), { name: 'Refusal', id: 'invalid_params' })
  await fake.deploys.deploy('shop', { by, canary: 1 })
  await fake.advance(60_000)
  t.equal(fake.releases, 'v2 v1 v1 v1 v1 v1 v1 v1')
  t.match(fake.deploys.status('shop'), { phase: 'paused', reason: 'canary', batch: 1, batches: 5 })
  await fake.deploys.resume('shop', by)
  await fake.advance(60_000)
  t.match(fake.deploys.status('shop'), { phase: 'succeeded' })
})

t.test('abort goes back, at whatever step', async (t) => {
  const fake = await startWith(t, 8)
  await t.rejects(fake.deploys.abort('shop', by), {
    name: 'Refusal',
    id: 'conflict',
    message: 'no deploy of shop is under way',
  })
  await fake.deploys.deploy('shop', { by })
  await fake.advance(25_000)
  t.equal(fake.releases, 'v2 v2 v2 v2 v2 v2 v1 v1')
  let least = 8
  fake.onDynos = () => {
    least = Math.min(least, fake.up)
  }
  await fake.deploys.abort('shop', by)
  await fake.calm()
  t.equal(fake.releases, 'v1 v1 v1 v1 v1 v1 v1 v1')
  t.equal(least, 6, 'with the same care')
  t.match(fake.deploys.status('shop'), { phase: 'aborted', reason: 'aborted by ann' })
})

t.test('one deploy at a time; a newer one goes on from a paused one', async (t) => {
  const fake = await startWith(t, 4)
  await fake.deploys.deploy('shop', { by, env: { A: 'two' } })
  await fake.calm()
  await t.rejects(fake.deploys.deploy('shop', { by }), {
    name: 'Refusal',
    id: 'conflict',
    message: 'v2 of shop is being deployed; wait for it, pause it or abort it',
  })
  await fake.deploys.pause('shop', by)
  await fake.advance(10_000)
  let least = 4
  fake.onDynos = () => {
    least = Math.min(least, fake.up)
  }
  t.match(await fake.deploys.deploy('shop', { by, env: { B: 'three' } }), { release: 'v3', from: 'v1' })
  await fake.calm()
  t.equal(fake.releases, 'v3 v1 v1 v1', 'what nobody wants goes first')
  await fake.advance(60_000)
  t.equal(fake.releases, 'v3 v3 v3 v3')
  t.equal(least, 3)
  const [, v2, v3] = fake.deploys.releases('shop')
  t.match([v2!.status, v3!.status, v3!.env], ['failed', 'succeeded', { B: 'three' }])
  t.notOk('A' in v3!.env, 'settings of a release that never was in force are forgotten')
})

t.test('a changed file goes on from whatever is under way; one that is changed back goes back', async (t) => {
  const fake = await startWith(t, 4)
  await fake.reload(worker(undefined, 'run two'))
  t.equal(fake.releases, 'v2 v1 v1 v1')
  await fake.reload(worker(undefined, 'run three'))
  t.equal(fake.releases, 'v3 v1 v1 v1')
  await fake.reload(worker(undefined))
  t.equal(fake.releases, 'v1 v1 v1 v1')
  t.match(fake.deploys.status('shop'), { phase: 'aborted', reason: 'the file was changed back' })
  t.equal(fake.deploys.releases('shop').length, 3)
})

t.test(
  'what follows from a file that is refused goes back with the file, although it is the one in use all along',
  async (t) => {
    const fake = await startWith(t, 4)
    await fake.refuse(worker(undefined, 'run two'))
    t.match(fake.deploys.status('shop'), { release: 'v2' })
    await fake.changeBack()
    t.match(fake.deploys.status('shop'), { phase: 'aborted', reason: 'the file was changed back' })
    t.equal(fake.releases, 'v1 v1 v1 v1')
  },
)

t.test('rollback makes a release of the contents of an old one', async (t) => {
  const fake = await startWith(t, 1, { hold: '0s' })
  await t.rejects(fake.deploys.rollback('shop', { version: null, by }), { name: 'Refusal', id: 'not_found' })
  await fake.deploys.deploy('shop', { by, env: { A: 'two' } })
  await fake.calm()
  await fake.reload(worker(undefined, 'run three'), { hold: '0s' })
  t.equal(fake.releases, 'v3')
  await t.rejects(fake.deploys.rollback('shop', { version: 9, by }), { message: 'shop has no release v9' })
  await t.rejects(fake.deploys.rollback('shop', { version: 3, by }), { message: 'shop runs v3' })
  await fake.deploys.rollback('shop', { version: 1, by })
  await fake.calm()
  t.equal(fake.releases, 'v4')
  t.match(fake.host.last.launch, { command: 'run one' })
  t.notOk('A' in fake.host.last.launch.env)
  t.match(fake.deploys.releases('shop').at(-1), { description: 'Rollback to v1', version: 4 })
  await fake.deploys.rollback('shop', { version: null, by })
  await fake.calm()
  t.match(fake.host.last.launch, { command: 'run three', env: { A: 'two' } })
  t.equal(fake.deploys.releases('shop').at(-1)!.description, 'Rollback to v3')
})

t.test('what the file sets is not for the API, and what it leaves out is', async (t) => {
  const fake = await start(t, worker(2, 'run one', { env: { A: 'file' } }))
  await t.rejects(fake.deploys.scale('shop', 'worker', 3, by), {
    name: 'Refusal',
    id: 'conflict',
    message: 'the quantity of worker of shop is set in the configuration; change it there',
  })
  await t.rejects(fake.deploys.deploy('shop', { by, env: { A: 'api' } }), { name: 'Refusal', id: 'conflict' })
  await t.rejects(fake.deploys.deploy('shop', { by, commands: { worker: 'run it' } }), {
    name: 'Refusal',
    id: 'conflict',
  })
  await t.rejects(fake.deploys.scale('shop', 'nothing', 3, by), { name: 'Refusal', id: 'not_found' })
  await t.rejects(fake.deploys.deploy('other', { by }), {
    name: 'Refusal',
    id: 'not_found',
    message: "there is no app 'other'; there are: shop",
  })
  await fake.deploys.deploy('shop', { by, env: { B: 'api' }, commands: { clock: 'run clock' } })
  await fake.advance(60_000)
  t.same(fake.dynos().length, 3)
  const clock = fake.host.instances.find(({ launch }) => launch.processType === 'clock')!
  t.match(clock.launch, { command: 'run clock', env: { A: 'file', B: 'api' } })
  await fake.reload(worker(2, 'run one', { env: { A: 'new' } }))
  await fake.advance(60_000)
  t.match(fake.deploys.releases('shop').at(-1), { env: { A: 'new', B: 'api' }, processes: { clock: {} } })
  await fake.deploys.deploy('shop', { by, env: { B: null } })
  await fake.advance(60_000)
  t.same(fake.deploys.releases('shop').at(-1)!.env, { A: 'new' })
})

t.test('scaling adds and takes away the highest numbers, during a deploy too', async (t) => {
  const fake = await startWith(t, 4)
  await fake.deploys.deploy('shop', { by })
  await fake.calm()
  await fake.deploys.scale('shop', 'worker', 6, by)
  await fake.calm()
  t.equal(fake.releases, 'v2 v1 v1 v1 v1 v1')
  await fake.advance(10_000)
  t.equal(fake.releases, 'v2 v2 v2 v1 v1 v1')
  await fake.deploys.scale('shop', 'worker', 2, by)
  await fake.advance(60_000)
  t.equal(fake.releases, 'v2 v2')
  t.match(fake.deploys.status('shop'), { phase: 'succeeded' })
})

t.test('an app that is taken out of the file in the middle of a deploy goes on when it is back', async (t) => {
  const fake = await startWith(t, 4)
  await fake.deploys.deploy('shop', { by })
  await fake.calm()
  await fake.reload(null)
  await fake.advance(60_000)
  t.equal(fake.releases, '')
  await fake.reload(worker(undefined))
  t.equal(fake.releases, 'v2 v1 v1 v1')
  await fake.advance(60_000)
  t.equal(fake.releases, 'v2 v2 v2 v2')
  await fake.reload(null)
  await fake.reload(worker(undefined, 'run two'))
  t.equal(fake.releases, 'v3 v3 v3 v3', 'where none runs there is nothing to roll')
})

t.test('an app that is blank gets its first release from the API', async (t) => {
  const fake = await start(t, { formation: {} })
  t.equal(fake.releases, '')
  await t.rejects(fake.deploys.deploy('shop', { by }), { name: 'Refusal', id: 'conflict' })
  await fake.deploys.deploy('shop', { by, commands: { worker: 'run one' } })
  await fake.advance(10_000)
  t.equal(fake.releases, 'v1')
  t.match(fake.deploys.status('shop'), { phase: 'succeeded', from: '' })
  await fake.deploys.deploy('shop', { by, env: { A: '1' } })
  await fake.takeOver()
  await fake.advance(60_000)
  t.equal(fake.releases, 'v2', 'the file has said nothing new')
})

t.test('a restart is another dyno of the same release', async (t) => {
  const fake = await startWith(t, 2)
  const before = fake.host.instances.length
  await fake.deploys.restart('shop', 'worker.2', by)
  await fake.calm()
  t.equal(fake.releases, 'v1 v1')
  t.equal(fake.host.instances.length, before)
  await t.rejects(fake.deploys.restart('shop', 'worker.3', by), { name: 'Refusal', id: 'not_found' })
  await fake.deploys.deploy('shop', { by })
  await t.rejects(fake.deploys.restart('shop', 'worker.1', by), { name: 'Refusal', id: 'conflict' })
})

t.test('old releases are forgotten, but not the one that is in force', async (t) => {
  const fake = await startWith(t, 1, { hold: '0s', keepReleases: 3 })
  for (let i = 0; i < 5; i++) {
    await fake.deploys.deploy('shop', { by })
    await fake.calm()
  }
  t.same(
    fake.deploys.releases('shop').map(({ version }) => version),
    [4, 5, 6],
  )
})
