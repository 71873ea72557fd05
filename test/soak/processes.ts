import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { isAlive } from '../control/processes.ts'
import type { RawClient } from '../support/raw-client.ts'
import { RouterProcess } from '../support/router-process.ts'

/**
 * What a router that is left running goes through, under load all the while: requests on kept and on new connections, uploads and
 * downloads of 1 MB, and tunnels that echo.
 *
 *   node test/soak/processes.ts [--reloads 50] [--replacements 20] [--upgrades 3] [--kills 3]
 *
 * Reloads change another app. A replacement is a worker's: one more and one less, by turns. Exit code 0: no request failed and no
 * tunnel was cut but those on the connections of a worker that was killed; killed processes were back in time; nothing was left behind.
 */
const option = (name: string, fallback: number) => {
  const at = process.argv.indexOf(`--${name}`)
  return at === -1 ? fallback : Number(process.argv[at + 1])
}
const TUNNELS = 50
const KINDS = ['kept', 'kept', 'new', 'new', 'upload', 'download'] as const
const BODY = 'x'.repeat(1_000_000)
const support = resolve(import.meta.dirname, '../support')

const apps = (
  quantity: number,
) => `  shop: { domains: [shop.example.com], formation: { web: { quantity: 2, command: node ${support}/body-dyno.js } } }
  chat: { domains: [chat.example.com], formation: { web: { quantity: 1, command: node ${support}/tunnel-dyno.js } } }
  other: { domains: [other.example.com], maintenance: ${quantity % 2 === 0}, formation: {} }
`
const more = (workers: number) => `workers: ${workers}\nshutdown: { drain: 10s, tunnels: 1h, dynoGrace: 2s }`

const router = await RouterProcess.start(apps(0), { more: more(2), cidr: '127.47.0.0/16' })
let failed = false

function verdict(what: string, good: boolean, figures: string): void {
  failed ||= !good
  console.log(`${good ? 'ok    ' : 'NOT OK'} ${what}: ${figures}`)
}

class Load {
  served = 0
  readonly failures: string[] = []
  cutTunnels = 0
  #over = false
  readonly #lanes: Promise<void>[]

  constructor() {
    this.#lanes = KINDS.map((kind) => this.#lane(kind))
    for (let i = 0; i < TUNNELS; i++) this.#lanes.push(this.#tunnel())
  }

  async stop(): Promise<void> {
    this.#over = true
    await Promise.all(this.#lanes)
  }

  async #lane(kind: (typeof KINDS)[number]): Promise<void> {
    let client: RawClient | null = null
    while (!this.#over) {
      try {
        client ??= await router.client()
        const head = `Host: shop.example.com\r\n${kind === 'new' ? 'Connection: close\r\n' : ''}`
        if (kind === 'upload') client.send(`POST / HTTP/1.1\r\n${head}Content-Length: ${BODY.length}\r\n\r\n${BODY}`)
        else client.send(`GET ${kind === 'download' ? `/${BODY.length}` : '/10'} HTTP/1.1\r\n${head}\r\n`)
        const answer = await client.answer()
        const good = answer.status === 200 && (kind !== 'upload' || answer.body === String(BODY.length))
        if (good) this.served++
        else this.failures.push(`${kind}: ${answer.head.split('\r\n')[0]}`)
        if (answer.headers.get('connection')?.[0] === 'close') {
          client.close()
          client = null
        }
      } catch (error) {
        this.failures.push(`${kind}: ${(error as Error).message.slice(0, 100)}`)
        client?.close()
        client = null
      }
      await setTimeout(kind === 'kept' || kind === 'new' ? 5 : 50)
    }
    client?.close()
  }

  async #tunnel(): Promise<void> {
    while (!this.#over) {
      const client = await router.client().catch(() => null)
      if (client === null) continue
      try {
        client.send('GET / HTTP/1.1\r\nHost: chat.example.com\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
        await client.until('\r\n\r\n')
        for (let i = 0; !this.#over; i++) {
          client.received = Buffer.alloc(0)
          client.send(`message ${i};`)
          await client.until(`message ${i};`)
          await setTimeout(500)
        }
      } catch {
        this.cutTunnels++
        await setTimeout(100)
      }
      client.close()
    }
  }
}

try {
  const load = new Load()
  await router.until(() => load.served > 200)

  const mark = () => ({
    served: load.served,
    failures: load.failures.length,
    cut: load.cutTunnels,
    atMs: performance.now(),
  })
  const since = (before: ReturnType<typeof mark>) => {
    const seconds = ((performance.now() - before.atMs) / 1000).toFixed(0)
    const lost = load.failures.slice(before.failures)
    const said = lost.length === 0 ? '' : ` (${[...new Set(lost)].slice(0, 3).join(' | ')})`
    const cut = load.cutTunnels - before.cut
    return {
      none: lost.length === 0 && cut === 0,
      failures: lost.length,
      text: `${load.served - before.served} requests served, ${lost.length} failed${said}, ${cut} tunnels cut, in ${seconds} s`,
    }
  }

  const reloads = option('reloads', 50)
  let before = mark()
  for (let i = 1; i <= reloads; i++) {
    router.write(apps(i), more(2))
    const { status } = await router.admin('/reload', 'POST')
    if (status !== 200) throw new Error(`reload ${i} was refused`)
    await setTimeout(100)
  }
  verdict(`${reloads} reloads that change another app`, since(before).none, since(before).text)

  const replacements = option('replacements', 20)
  before = mark()
  const workersUp = async () =>
    (await router.processes()).filter(({ name, state }) => name.startsWith('worker') && state === 'up').length
  for (let i = 1; i <= replacements; i++) {
    const workers = i % 2 === 1 ? 3 : 2
    router.write(apps(reloads), more(workers))
    await router.admin('/reload', 'POST')
    await router.until(async () => (await workersUp()) === workers)
  }
  verdict(`${replacements} workers that come and go`, since(before).none, since(before).text)

  const upgrades = option('upgrades', 3)
  before = mark()
  for (let i = 1; i <= upgrades; i++) {
    await router.admin('/upgrade', 'POST')
    await router.until(async () => !['', 'running'].includes((await router.table()).upgrade))
    if ((await router.table()).upgrade !== 'done') throw new Error(`upgrade ${i} failed: ${router.log}`)
  }
  verdict(`${upgrades} upgrades`, since(before).none, since(before).text)

  const kills = option('kills', 3)
  for (let i = 1; i <= kills; i++) {
    before = mark()
    const pid = await router.pid('worker.1')
    process.kill(pid, 'SIGKILL')
    const killedAtMs = performance.now()
    await router.until(async () => ![-1, pid].includes(await router.pid('worker.1')))
    const backMs = performance.now() - killedAtMs
    await setTimeout(500)
    const { failures } = since(before)
    verdict(
      `worker killed`,
      failures <= KINDS.length && backMs < 2000,
      `${failures} failed of ${KINDS.length} clients, another one served after ${backMs.toFixed(0)} ms`,
    )
  }
  for (let i = 1; i <= kills; i++) {
    before = mark()
    const rows = async () =>
      JSON.stringify((await router.dynos()).map(({ dyno, address, release, state }) => [dyno, address, release, state]))
    const dynos = await rows()
    const pid = await router.pid('control')
    process.kill(pid, 'SIGKILL')
    const killedAtMs = performance.now()
    await router.until(async () => ![-1, pid].includes(await router.pid('control')) && (await rows()) === dynos)
    const backMs = performance.now() - killedAtMs
    const { status } = await router.admin('/reload', 'POST')
    verdict(
      `control killed`,
      since(before).none && backMs < 5000 && status === 200,
      `${since(before).text}; back with its dynos after ${backMs.toFixed(0)} ms`,
    )
  }

  before = mark()
  const stuck = await router.pid('worker.1')
  process.kill(stuck, 'SIGSTOP')
  const stoppedAtMs = performance.now()
  await router.until(async () => ![-1, stuck].includes(await router.pid('worker.1')))
  const seconds = (performance.now() - stoppedAtMs) / 1000
  verdict('worker that does not answer any more', seconds > 9 && seconds < 20, `replaced after ${seconds.toFixed(1)} s`)

  await load.stop()
  const pids = (await router.processes()).map(({ pid }) => pid)
  const status = await router.stop()
  const left =
    pids.filter(isAlive).length + (spawnSync('pgrep', ['-f', `${support}/(body|tunnel)-dyno.js`]).status === 0 ? 1 : 0)
  verdict('stop', status === 0 && left === 0, `exit code ${status}, ${left} processes left`)
} finally {
  await router.stop()
}
process.exit(failed ? 1 : 0)
