import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { isAlive } from '../control/processes.ts'
import { RouterProcess } from '../support/router-process.ts'

/**
 * A stop while much is open: requests that take their time, and tunnels that would never end by themselves.
 *
 *   node test/soak/stop.ts [--requests 200] [--tunnels 200] [--drain 10]
 *
 * `drain` in seconds; requests take up to half of it. Exit code 0: every request got its whole answer, the tunnels ended spread over the drain
 * time, the router ended with 0 and nothing of it is left.
 */
const option = (name: string, fallback: number) => {
  const at = process.argv.indexOf(`--${name}`)
  return at === -1 ? fallback : Number(process.argv[at + 1])
}
const REQUESTS = option('requests', 200)
const TUNNELS = option('tunnels', 200)
const DRAIN_MS = option('drain', 10) * 1000
const support = resolve(import.meta.dirname, '../support')
const apps = `  shop: { domains: [shop.example.com], formation: { web: { quantity: 4, command: node ${support}/dyno.js } } }
  chat: { domains: [chat.example.com], formation: { web: { quantity: 2, command: node ${support}/tunnel-dyno.js } } }
`

let failed = false
function verdict(what: string, good: boolean, figures: string): void {
  failed ||= !good
  console.log(`${good ? 'ok    ' : 'NOT OK'} ${what}: ${figures}`)
}

const router = await RouterProcess.start(apps, {
  more: `workers: 2\nshutdown: { drain: ${DRAIN_MS}ms, dynoGrace: 5s }`,
  cidr: '127.48.0.0/16',
})
try {
  const tunnels = await Promise.all(
    Array.from({ length: TUNNELS }, async () => {
      const client = await router.client()
      client.send('GET / HTTP/1.1\r\nHost: chat.example.com\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
      await client.until('\r\n\r\n')
      return client
    }),
  )
  const requests = await Promise.all(
    Array.from({ length: REQUESTS }, async (_, number) => {
      const client = await router.client()
      const tookMs = 1000 + (number / REQUESTS) * (DRAIN_MS / 2 - 1000)
      client.send(`GET /slow/${Math.round(tookMs)} HTTP/1.1\r\nHost: shop.example.com\r\n\r\n`)
      return client
    }),
  )
  await router.until(async () => {
    const dynos = await router.dynos()
    return dynos.reduce((sum, { inFlight }) => sum + inFlight, 0) === REQUESTS + TUNNELS
  })
  const pids = (await router.processes()).map(({ pid }) => pid)

  const beganAtMs = performance.now()
  const stopped = router.stop()
  const answers = Promise.all(
    requests.map(async (client) => {
      const answer = await client.answer().catch(() => null)
      return answer?.status === 200 && answer.body.startsWith('web.')
    }),
  )
  const ends = Promise.all(
    tunnels.map(async (client) => {
      await client.ended()
      return performance.now() - beganAtMs
    }),
  )
  const status = await stopped
  const tookMs = performance.now() - beganAtMs
  const whole = (await answers).filter(Boolean).length
  verdict('requests', whole === REQUESTS, `${whole} of ${REQUESTS} got their whole answer`)
  const perTenth = new Array<number>(10).fill(0)
  for (const endMs of await ends) perTenth[Math.min(9, Math.floor((endMs / DRAIN_MS) * 10))]! += 1
  const most = Math.max(...perTenth)
  verdict('tunnels', most <= TUNNELS / 4, `ended in each tenth of the drain time: ${perTenth.join(' ')}`)
  const left =
    pids.filter(isAlive).length + (spawnSync('pgrep', ['-f', `${support}/(tunnel-)?dyno.js`]).status === 0 ? 1 : 0)
  verdict(
    'stop',
    status === 0 && left === 0,
    `exit code ${status} after ${(tookMs / 1000).toFixed(1)} s, ${left} processes left`,
  )
} finally {
  await router.stop()
}
process.exit(failed ? 1 : 0)
