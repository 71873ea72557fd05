import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { DeployStatus } from '../../src/control/deploys/deploy-status.ts'
import { MixedLoad } from '../support/mixed-load.ts'
import { RouterProcess } from '../support/router-process.ts'

/**
 * A deploy of 8 real dynos under mixed traffic: short requests on kept and on new connections, answers of 2 s, uploads, and WebSockets.
 *
 *   node test/soak/deploy.ts [--rate 3000] [--deploys 1] [--websockets 200]
 *
 * Exit code 0: no request failed, every WebSocket that was ended got close 1012, and no dyno was told to end with anything in flight.
 */
const option = (name: string, fallback: number) => {
  const at = process.argv.indexOf(`--${name}`)
  return at === -1 ? fallback : Number(process.argv[at + 1])
}
const DYNOS = 8
const DRAIN_S = 4
const program = resolve(import.meta.dirname, '../support/release-dyno.js')
const apps = (version: number) =>
  `  shop: { domains: [shop.example.com], env: { V: "${version}" }, formation: { web: { quantity: ${DYNOS}, command: node ${program} } } }\n`
// On a machine that is short of processors, programs that have just begun are slower than those before: times are not what this is about.
const more = `workers: 2\ndeploy: { hold: 1s, drainTimeout: ${DRAIN_S}s, shutdownGrace: 5s, maxP95Increase: 9999% }`

const router = await RouterProcess.start(apps(0), { more, cidr: '127.62.0.0/16' })
let failed = false
function verdict(what: string, good: boolean, figures: string): void {
  failed ||= !good
  console.log(`${good ? 'ok    ' : 'NOT OK'} ${what}: ${figures}`)
}

try {
  const load = new MixedLoad({
    port: router.port,
    host: 'shop.example.com',
    requestsPerSecond: option('rate', 3000),
    slow: 20,
    uploads: 4,
    webSockets: option('websockets', 200),
  })
  await setTimeout(2000)
  for (let i = 1; i <= option('deploys', 1); i++) {
    const before = { requests: load.requests, failures: load.failures.length, log: router.log.length }
    const beganAtMs = performance.now()
    let fewest = DYNOS
    router.write(apps(i), more)
    let status: DeployStatus | null = null
    await router.until(async () => {
      const rows = await router.dynos()
      fewest = Math.min(fewest, rows.filter(({ state }) => state === 'up').length)
      const { status: code, text } = await router.admin('/apps/shop/deploy')
      status = code === 200 ? (JSON.parse(text) as DeployStatus) : null
      return status?.release === `v${i + 1}` && !status.underWay
    })
    const { phase, reason } = status as unknown as DeployStatus
    const seconds = (performance.now() - beganAtMs) / 1000
    const requests = load.requests - before.requests
    const rate = (requests / seconds).toFixed(0)
    const lost = load.failures.slice(before.failures)
    const said = [...new Set(lost)].slice(0, 5).join(' | ')
    verdict(
      `deploy ${i} of ${DYNOS} dynos`,
      phase === 'succeeded' && lost.length === 0 && fewest >= DYNOS - 2,
      `${phase} ${reason} in ${seconds.toFixed(1)} s, ${requests} requests (${rate}/s), ${lost.length} failed ${said}; at least ${fewest} dynos up`,
    )
    const ends = [...router.log.slice(before.log).matchAll(/told to end with (\d+) requests and (\d+) WebSockets/g)]
    const busy = ends.filter(([, requests, webSockets]) => requests !== '0' || webSockets !== '0').map(([text]) => text)
    verdict(
      'dynos that were told to end',
      ends.length === DYNOS && busy.length === 0,
      `${ends.length} ${busy.join(', ')}`,
    )
  }
  await load.stop()
  const { kept, fresh, slow, upload, echoes } = load.served
  verdict(
    'in all',
    load.failures.length === 0,
    `${kept} on kept connections, ${fresh} on new ones, ${slow} slow answers, ${upload} uploads, ${echoes} echoes`,
  )
  const closes = [...load.closes].map(([code, count]) => `${count} × ${code}`).join(', ')
  verdict(
    'WebSockets that were ended',
    [...load.closes.keys()].every((code) => code === 1012),
    closes,
  )
} finally {
  await router.stop()
}
process.exit(failed ? 1 : 0)
