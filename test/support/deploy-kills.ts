import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { DeployStatus } from '../../src/control/deploys/deploy-status.ts'
import { MixedLoad } from './mixed-load.ts'
import { RouterProcess } from './router-process.ts'

/** By app: how many dynos it has, and what is wrong with each release that comes. */
const APPS = { several: { dynos: 4, mood: '' }, single: { dynos: 1, mood: '' }, bad: { dynos: 4, mood: 'no-boot' } }
type AppName = keyof typeof APPS
const program = resolve(import.meta.dirname, 'release-dyno.js')

export interface KillOutcome {
  /** Where the deploys were when control was killed: `several replacing 2`. */
  readonly points: readonly string[]
  /** What is not as it should be, in words. */
  readonly problems: readonly string[]
}

/** A router whose control process is killed in the middle of deploys, under load, again and again. */
export class DeployKills {
  readonly #names: readonly AppName[]
  readonly #router: RouterProcess
  readonly #loads: readonly MixedLoad[]
  #count = 0

  private constructor(names: readonly AppName[], router: RouterProcess, loads: readonly MixedLoad[]) {
    this.#names = names
    this.#router = router
    this.#loads = loads
  }

  static async start(cidr: string, names: readonly AppName[]): Promise<DeployKills> {
    const apps = names.map(
      (name) =>
        `  ${name}: { domains: [${name}.example.com], formation: { web: { quantity: ${APPS[name].dynos}, command: node ${program} } } }\n`,
    )
    const more = 'workers: 1\ndeploy: { hold: 400ms, drainTimeout: 5s, shutdownGrace: 5s, minRequests: 1000 }'
    const router = await RouterProcess.start(apps.join(''), { more, cidr })
    const loads = names.map((name) => {
      const host = `${name}.example.com`
      return new MixedLoad({
        port: router.port,
        host,
        requestsPerSecond: 30,
        slow: 1,
        uploads: 0,
        webSockets: 0,
      })
    })
    return new DeployKills(names, router, loads)
  }

  get requests(): number {
    return this.#loads.reduce((sum, { requests }) => sum + requests, 0)
  }

  /** Deploys to every app, and kills control so long after; resolves when all deploys have ended. */
  async kill(afterMs: number): Promise<KillOutcome> {
    const router = this.#router
    const names = this.#names
    const problems: string[] = []
    const failures = this.#loads.map((load) => load.failures.length)
    const before = await this.#processes()
    const version = String(++this.#count)
    for (const name of names) {
      const env = { V: version, ...(APPS[name].mood !== '' && { MOOD: APPS[name].mood }) }
      const { status, text } = await router.change('POST', `/apps/${name}/deploy`, { env })
      if (status !== 202) problems.push(`${name}: ${text}`)
    }
    await setTimeout(afterMs)
    const pid = await router.pid('control')
    const points = await Promise.all(names.map(async (name) => this.#point(name)))
    process.kill(pid, 'SIGKILL')
    await router.until(async () => ![-1, pid].includes(await router.pid('control')))
    await router.until(async () =>
      (await Promise.all(names.map((name) => this.#status(name)))).every((s) => !s.underWay),
    )
    for (const name of names) {
      const { phase, release, from, reason } = await this.#status(name)
      const wanted = APPS[name].mood === '' ? 'succeeded' : 'failed'
      if (phase !== wanted) problems.push(`${name}: ${phase} (${reason})`)
      const rows = (await router.dynos()).filter(({ app }) => app === name)
      const shown = rows.map(({ dyno, state, release: its }) => `${dyno} ${its} ${state}`).join(', ')
      const runs = phase === 'succeeded' ? release : from
      const numbers = Array.from({ length: APPS[name].dynos }, (_, index) => `web.${index + 1} ${runs} up`)
      if (shown !== numbers.join(', ')) problems.push(`${name}: ${shown}`)
    }
    const after = await this.#processes()
    if (after !== before) problems.push(`${after} dyno processes, ${before} before`)
    for (const [index, load] of this.#loads.entries()) {
      const lost = load.failures.slice(failures[index])
      if (lost.length > 0) problems.push(`${names[index]}: ${lost.length} failed: ${[...new Set(lost)].join(' | ')}`)
    }
    return { points, problems }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#loads.map((load) => load.stop()))
    await this.#router.stop()
  }

  async #point(name: AppName): Promise<string> {
    const { phase, batch } = await this.#status(name)
    return `${name} ${phase} ${batch}`
  }

  async #status(name: AppName): Promise<DeployStatus> {
    return JSON.parse((await this.#router.admin(`/apps/${name}/deploy`)).text)
  }

  /** How many programs the supervisor runs as dynos, by the kernel. */
  async #processes(): Promise<number> {
    const supervisor = await this.#router.pid('supervisor')
    return readdirSync('/proc').filter((entry) => {
      if (!/^\d+$/.test(entry)) return false
      try {
        const isDyno = readFileSync(`/proc/${entry}/cmdline`, 'latin1').includes('release-dyno.js')
        const stat = readFileSync(`/proc/${entry}/stat`, 'latin1')
        return isDyno && Number(stat.slice(stat.lastIndexOf(') ') + 2).split(' ')[1]) === supervisor
      } catch {
        return false
      }
    }).length
  }
}
