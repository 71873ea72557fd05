import { resolve } from 'node:path'
import t from 'tap'
import { EventWatch } from '../support/event-watch.ts'
import { RouterProcess } from '../support/router-process.ts'

// The promise: of n dynos at most ceil(n / 4) are replaced at once, and at every instant of a deploy the rest serve: one where there is only one. By the
// events that the router tells of real deploys of real processes.

const DYNO = `node ${resolve(import.meta.dirname, '../support/dyno.js')}`
const SIZES = [1, 2, 3, 4, 8, 13]
const nameOf = (n: number) => `app${n}`
const apps = (version: string) =>
  SIZES.map(
    (n) =>
      `  ${nameOf(n)}: { domains: [${nameOf(n)}.example.com], env: { V: "${version}" }, formation: { web: { quantity: ${n}, command: ${DYNO} } } }\n`,
  ).join('')
const MORE = 'workers: 1\ndeploy: { hold: 200ms, shutdownGrace: 10s }'

t.test('formations of 1 to 13 dynos roll as they are to', { timeout: 300_000 }, async (t) => {
  const router = await RouterProcess.start(apps('one'), { more: MORE, cidr: '127.61.0.0/16' })
  t.teardown(() => router.stop())
  const watch = await EventWatch.open(router)
  t.teardown(() => watch.close())
  router.write(apps('two'), MORE)
  const ended = () => watch.events.filter(({ kind, phase }) => kind === 'deploy' && phase === 'succeeded')
  await router.until(() => ended().length === SIZES.length)
  t.equal(watch.events.filter(({ kind, phase }) => kind === 'deploy' && phase === 'rolling-back').length, 0)

  for (const n of SIZES) {
    const size = Math.ceil(n / 4)
    const events = watch.events.filter(({ app }) => app === nameOf(n))
    const batches = events.filter(({ kind, step }) => kind === 'batch' && step === 'replacing')
    t.same(
      batches.map(({ dynos }) => (dynos as string[]).length),
      Array.from({ length: Math.ceil(n / size) }, (_, index) => Math.min(size, n - index * size)),
      `n = ${n}: batches`,
    )
    const up = new Set(Array.from({ length: n }, (_, index) => `web.${index + 1} v1`))
    let least = n
    for (const { kind, dyno, release, state } of events) {
      if (kind !== 'dyno') continue
      if (state === 'up') up.add(`${dyno} ${release}`)
      else up.delete(`${dyno} ${release}`)
      least = Math.min(least, up.size)
    }
    t.equal(least, n === 1 ? 1 : n - size, `n = ${n}: dynos that served at the least`)
    t.same(
      [...up].sort(),
      Array.from({ length: n }, (_, index) => `web.${index + 1} v2`).sort(),
      `n = ${n}: at the end`,
    )
  }
})
