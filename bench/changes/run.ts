import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { RouterProcess } from '../../test/support/router-process.ts'
import { generatorFor } from '../load/all.ts'
import type { LoadOutcome } from '../load/load.ts'
import type { OpenLoopOutcome } from '../load/open-loop.ts'
import { endProcessesWithThisOne, run } from '../processes.ts'
import { figure, pairedRatio } from '../statistics.ts'

/**
 * What changes cost the requests that are served meanwhile: rounds with and without, in turn, and their ratio pair by pair.
 *
 *   node bench/changes/run.ts [--only reload,deploy,workers] [--rounds 5] [--seconds 6] [--rate 1000]
 *
 * - `reload`: another app's setting changes in the file every second.
 * - `deploy`: one after the other, of 8 dynos.
 * - `workers`: one and two of them, as much as they can serve.
 *
 * The load of the first two is an open loop at `--rate`; a latency counts from when its request was due. Any answer but a 2xx fails the run.
 */
endProcessesWithThisOne()
const option = (name: string, fallback: string) => {
  const at = process.argv.indexOf(`--${name}`)
  return at === -1 ? fallback : process.argv[at + 1]!
}
const WANTED = option('only', 'reload,deploy,workers').split(',')
const ROUNDS = Number(option('rounds', '5'))
const SECONDS = Number(option('seconds', '6'))
const RATE = Number(option('rate', '1000'))
const CONNECTIONS = 64
const HOST = 'shop.example.com'
const DYNO = `node ${resolve(import.meta.dirname, '../../test/support/dyno.js')}`
const OPEN_LOOP = resolve(import.meta.dirname, '../load/open-loop.ts')
const LOAD_GRACE_MS = 30_000

function apps(quantity: number, changes = 0): string {
  return `  shop: { domains: [${HOST}], formation: { web: { quantity: ${quantity}, command: ${DYNO} } } }
  other: { domains: [other.example.com], maintenance: ${changes % 2 === 1} }
`
}

/** An open loop at the wanted rate. */
async function openLoop(port: number): Promise<OpenLoopOutcome> {
  const load = { port, host: HOST, path: '/', rate: RATE, connections: CONNECTIONS, durationMs: SECONDS * 1000 }
  const printed = await run(process.execPath, [OPEN_LOOP, JSON.stringify(load)], load.durationMs + LOAD_GRACE_MS)
  return withoutErrors(JSON.parse(printed))
}

/** As much as can be served. */
async function closedLoop(port: number): Promise<LoadOutcome> {
  const load = {
    port,
    host: HOST,
    path: '/',
    connections: CONNECTIONS,
    uploadBytes: 0,
    durationMs: SECONDS * 1000,
    newConnections: false,
  }
  const generator = generatorFor(load, null)!
  const [command, args] = generator.command(load, '')
  return withoutErrors(generator.read(await run(command, args, load.durationMs + LOAD_GRACE_MS), load, ''))
}

function withoutErrors<T extends LoadOutcome>(outcome: T): T {
  if (outcome.errors.length > 0) throw new Error(`answers that were none: ${outcome.errors.join(', ')}`)
  return outcome
}

const milliseconds = (us: number) => `${(us / 1000).toFixed(2)} ms`
const percent = (share: number) => `±${(share * 100).toFixed(0)} %`

/** Rounds of the load alone and with the change, in turn. */
async function compare(
  what: string,
  router: RouterProcess,
  change: (until: () => boolean) => Promise<number>,
): Promise<void> {
  const alone: OpenLoopOutcome[] = []
  const changed: OpenLoopOutcome[] = []
  let changes = 0
  await openLoop(router.port)
  for (let round = 0; round < ROUNDS; round++) {
    alone.push(await openLoop(router.port))
    let over = false
    const changing = change(() => over)
    changed.push(await openLoop(router.port))
    over = true
    changes += await changing
  }
  const p99 = (outcomes: readonly OpenLoopOutcome[]) => outcomes.map(({ latencyUs }) => latencyUs.p99)
  const rate = (outcomes: readonly OpenLoopOutcome[]) => outcomes.map(({ requests, seconds }) => requests / seconds)
  const ratio = pairedRatio(p99(changed), p99(alone))
  console.log(
    `${what}: p99 ${milliseconds(figure(p99(changed)).median)} against ${milliseconds(figure(p99(alone)).median)} without, ` +
      `ratio ${ratio.median.toFixed(2)} ${percent(ratio.spread)}; ` +
      `${figure(rate(changed)).median.toFixed(0)} against ${figure(rate(alone)).median.toFixed(0)} requests/s; ` +
      `${changes} changes in ${ROUNDS} × ${SECONDS} s`,
  )
}

async function withRouter(apps: string, more: string, use: (router: RouterProcess) => Promise<void>): Promise<void> {
  const router = await RouterProcess.start(apps, { more, cidr: '127.54.0.0/16' })
  try {
    await use(router)
  } finally {
    await router.stop()
  }
}

async function reloads(): Promise<void> {
  const more = 'workers: 2'
  await withRouter(apps(4), more, (router) =>
    compare('a reload every second', router, async (isOver) => {
      let changes = 0
      while (!isOver()) {
        router.write(apps(4, ++changes), more)
        const { status, text } = await router.change('POST', '/reload')
        if (status !== 200) throw new Error(`refused: ${text}`)
        await setTimeout(1000)
      }
      return changes
    }),
  )
}

async function deploys(): Promise<void> {
  const more = 'workers: 2\ndeploy: { hold: 0s, shutdownGrace: 2s, drainTimeout: 5s }'
  await withRouter(apps(8), more, (router) =>
    compare('a deploy of 8 dynos', router, async (isOver) => {
      let changes = 0
      while (!isOver()) {
        const { status, text } = await router.change('POST', '/apps/shop/deploy', {})
        if (status >= 300) throw new Error(`refused: ${text}`)
        const phase = async () =>
          (JSON.parse((await router.admin('/apps/shop/deploy')).text) as { phase: string }).phase
        const ends = ['succeeded', 'failed', 'aborted', 'superseded']
        await router.until(async () => ends.includes(await phase()))
        if ((await phase()) !== 'succeeded') throw new Error(`the deploy ended as ${await phase()}`)
        changes++
      }
      return changes
    }),
  )
}

async function workers(): Promise<void> {
  const perSecond = new Map<number, number[]>([
    [1, []],
    [2, []],
  ])
  for (let round = 0; round < ROUNDS; round++) {
    for (const [count, rounds] of perSecond) {
      await withRouter(apps(4), `workers: ${count}`, async (router) => {
        await closedLoop(router.port)
        const { requests, seconds } = await closedLoop(router.port)
        rounds.push(requests / seconds)
      })
    }
  }
  const [one, two] = [perSecond.get(1)!, perSecond.get(2)!]
  const ratio = pairedRatio(two, one)
  console.log(
    `two workers against one: ${figure(two).median.toFixed(0)} against ${figure(one).median.toFixed(0)} requests/s, ` +
      `ratio ${ratio.median.toFixed(2)} ${percent(ratio.spread)}; load, dynos and workers share ${availableParallelism()} cores`,
  )
}

if (WANTED.includes('reload')) await reloads()
if (WANTED.includes('deploy')) await deploys()
if (WANTED.includes('workers')) await workers()
