import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { LaunchError } from '../../../src/control/runtimes/runtime.ts'
import { settled } from '../manual-clock.ts'
import { FakeSpace, worker } from './fake-space.ts'

// The promise: whenever the control process is killed, the next one goes on with the deploy or rolls it back. No dyno is lost, none runs
// twice, and at every instant as many run as the batches allow.

const STOP_MS = 700

interface Case {
  readonly n: number
  readonly bad: 'no' | 'boot' | 'crash'
  /** After how many turns of the event loop (odd), or how long (even), each kill comes. */
  readonly kills: readonly number[]
}

async function deployWithKills({ n, bad, kills }: Case) {
  const fake = await FakeSpace.start(worker(n), { hold: '2s' })
  await fake.calm()
  const size = Math.ceil(n / 4)
  const problems: string[] = []
  fake.host.onStart = (instance) => {
    // A program takes its time to end.
    instance.stop = (graceMs) => {
      instance.asked.push(`stop ${graceMs}`)
      fake.clock.after(STOP_MS, () => instance.end('exited with status 0'))
      return instance.ended
    }
    const { command, number } = instance.launch
    if (bad === 'crash' && command === 'run two' && number % 2 === 1) {
      fake.clock.after(1500, () => instance.end('exited with status 1'))
    }
  }
  for (const instance of fake.host.instances) fake.host.onStart(instance)
  fake.host.onLaunch = ({ command, number }) => {
    if (bad === 'boot' && command === 'run two' && number % 2 === 1) throw new LaunchError('no such program: run')
  }
  fake.host.onChange = () => {
    const { instances } = fake.host
    const names = instances.map(({ launch }) => launch.number)
    const most = n === 1 ? 2 : 1
    for (const name of new Set(names)) {
      if (names.filter((each) => each === name).length > most)
        problems.push(`worker.${name} runs more than ${most} times`)
    }
    const serving = instances.filter(({ asked }) => asked.length === 0).length
    // What crashes was running: those are the bad dynos' own.
    if (bad !== 'crash' && serving < Math.max(1, n - size)) problems.push(`only ${serving} of ${n} run`)
  }
  const phases: string[] = []
  await fake.take(worker(n, 'run two'), { hold: '2s' })
  for (const turns of kills) {
    // Some steps take time, others only turns of the event loop.
    if (turns % 2 === 0) await fake.advance(turns * 37)
    else for (let turn = 0; turn < turns; turn++) await settled()
    phases.push(fake.deploys.status('shop')!.phase)
    await fake.takeOver()
  }
  await fake.advance(60_000)
  const { phase } = fake.deploys.status('shop')!
  const dynos = fake.dynos()
  const running = fake.host.instances.length
  fake.host.onChange = () => {}
  await fake.end()
  return { problems, phase, dynos, running, phases }
}

t.test('wherever it is killed', async (t) => {
  const seen = new Set<string>()
  const cases = fc.record({
    n: fc.integer({ min: 1, max: 9 }),
    bad: fc.constantFrom('no' as const, 'boot' as const, 'crash' as const),
    kills: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 6 }),
  })
  await fc.assert(
    fc.asyncProperty(cases, async (one) => {
      const { problems, phase, dynos, running, phases } = await deployWithKills(one)
      for (const each of phases) seen.add(each)
      // One that crashes may do so while nobody looks and be up again whenever somebody does.
      const ends = one.bad === 'no' ? ['succeeded'] : one.bad === 'boot' ? ['failed'] : ['failed', 'succeeded']
      assert.ok(ends.includes(phase), `${phase}`)
      assert.deepEqual(problems, [])
      assert.equal(running, one.n)
      const release = phase === 'succeeded' ? 'v2' : 'v1'
      const wanted = Array.from({ length: one.n }, (_, index) => `${index + 1} ${release} up`)
      if (one.bad !== 'crash' || phase === 'failed') assert.deepEqual(dynos, wanted)
    }),
    { numRuns: 50, seed: 6 },
  )
  for (const phase of ['replacing', 'watching', 'rolling-back']) t.ok(seen.has(phase), `killed while ${phase}`)
})
