import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { RouterProcess } from '../support/router-process.ts'
import { type Pauses, PauseWatch } from './pauses.ts'

/**
 * What a large space costs: many apps, domains, listed dynos and trusted ranges.
 *
 *   node test/soak/large-space.ts [--apps 10000] [--domains 5] [--dynos 10] [--ranges 10000] [--reloads 5] [--workers 2]
 *
 * `domains` and `dynos` are per app. Prints how long start and reloads take, how long the event loop of a worker stood still meanwhile (the time over which
 * a tick of 5 ms came late), how much of that was not the machine's doing, how much of it was its own work (the rest is what other processes took of the cores)
 * and the memory, also for each app beyond what a space of one app takes. Exit code 0: a reload that touches one app held no worker
 * up for more than 20 ms on the clock, whichever process had the core; only time in which the kernel or the host let nobody run, not even with real-time priority, is left out.
 */
const option = (name: string, fallback: number) => {
  const at = process.argv.indexOf(`--${name}`)
  return at === -1 ? fallback : Number(process.argv[at + 1])
}
const APPS = option('apps', 10_000)
const DOMAINS = option('domains', 5)
const DYNOS = option('dynos', 10)
const RANGES = option('ranges', 10_000)
const RELOADS = option('reloads', 5)
const WORKERS = option('workers', 2)
const LONGEST_PAUSE_MS = 20
/** What a reload leaves to do shows in this time. */
const AFTERMATH_MS = 2500

const address = (first: number, n: number) => `${first}.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`

/** `changed`: the number of the app that is different, or all of them are, and how often. */
function apps(changed: { app: number | 'all'; times: number } = { app: -1, times: 0 }): string {
  const lines: string[] = []
  for (let app = 0; app < APPS; app++) {
    const domains = Array.from({ length: DOMAINS }, (_, i) => `h${i}.a${app}.example.com`)
    const dynos = Array.from({ length: DYNOS }, (_, i) => `{ address: "${address(10, app * DYNOS + i)}:5000", az: a }`)
    const more = app === changed.app || changed.app === 'all' ? `maxInFlightPerDyno: ${100 + changed.times}, ` : ''
    lines.push(
      `  a${app}: { domains: [${domains.join(', ')}], ${more}formation: { web: { dynos: [${dynos.join(', ')}] } } }`,
    )
  }
  return `${lines.join('\n')}\n`
}

const ranges = Array.from({ length: RANGES }, (_, i) => `${address(20, i * 4)}/31`)
const more = (extra = '') =>
  `workers: ${WORKERS}\nlimits: { trustedIpRanges: 10000 }\ntrustedIpRanges: [127.0.0.0/8, ${ranges.slice(2).join(', ')}${extra}]`

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
const milliseconds = (ms: number) => `${ms.toFixed(1)} ms`
const mebibytes = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MiB`

/** Resident memory of a process, as Linux counts it. */
function resident(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024
}

const watch = new PauseWatch()

/** By process, resident bytes. */
async function memoryOf(router: RouterProcess): Promise<Map<string, number>> {
  const rows = (await router.processes()).filter(({ state }) => state === 'up')
  return new Map(rows.map(({ name, pid }) => [name, resident(pid)]))
}

const small = await RouterProcess.start('  a0: { domains: [h0.a0.example.com] }\n', {
  more: more(),
  cidr: '10.0.0.0/8',
})
const ofSmall = await memoryOf(small)
await small.stop()

const startedAtMs = performance.now()
const router = await RouterProcess.start(apps(), { more: more(), cidr: '10.0.0.0/8', startMs: 600_000 })
console.log(`start until everything is known and every worker serves: ${seconds(performance.now() - startedAtMs)}`)

let failed = false
try {
  const control = await router.pid('control')
  const memory = async (what: string) => {
    const each = [...(await memoryOf(router))].map(([name, bytes]) => {
      const perAppKib = (bytes - ofSmall.get(name)!) / APPS / 1024
      return `${name} ${mebibytes(bytes)} (${perAppKib.toFixed(1)} KiB an app)`
    })
    console.log(`memory ${what}: ${each.join(', ')}`)
  }
  await memory('after the start')

  /** Longest times for which the event loop of a worker stood still while this ran. */
  const pauses = async (run: () => Promise<void>) => {
    const fromMs = Date.now()
    const beganAtMs = performance.now()
    await run()
    const tookMs = performance.now() - beganAtMs
    await setTimeout(AFTERMATH_MS)
    const workers = (await router.processes()).filter(({ name }) => name.startsWith('worker'))
    return {
      tookMs,
      ...watch.since(
        fromMs,
        workers.map(({ pid }) => pid),
      ),
    }
  }
  const said = (what: string, { tookMs, ...paused }: { tookMs: number } & Pauses) =>
    console.log(
      `${what}: ${seconds(tookMs)}, pauses of a worker: p99 ${milliseconds(paused.p99Ms)}, longest ${milliseconds(paused.longestMs)}, ` +
        `${milliseconds(paused.longestOfOursMs)} without what held up even the guards, of its own work at most ${milliseconds(paused.workedMs)}`,
    )
  if (!watch.guarded)
    console.log('no right to a real-time priority: what the kernel or the host takes of a core counts as ours')

  said('nothing at all', await pauses(() => setTimeout(5000)))
  const confirmed = async () => {
    const versions = async () => {
      const workers = (await router.processes()).filter(({ name }) => name.startsWith('worker'))
      return new Set(workers.map(({ snapshotVersion }) => snapshotVersion))
    }
    await router.until(async () => (await versions()).size === 1)
  }
  const reload = async () => {
    const { status, text } = await router.admin('/reload', 'POST')
    if (status !== 200) throw new Error(`refused: ${text.slice(0, 500)}`)
    await confirmed()
  }
  for (let times = 1; times <= RELOADS; times++) {
    router.write(apps({ app: APPS >> 1, times }), more())
    const result = await pauses(reload)
    said('reload that changes one app', result)
    failed ||= result.longestOfOursMs > LONGEST_PAUSE_MS
  }
  router.write(apps({ app: APPS >> 1, times: RELOADS }), more(', 30.0.0.0/8'))
  said('reload that changes the trusted ranges', await pauses(reload))
  router.write(apps({ app: 'all', times: 0 }), more(', 30.0.0.0/8'))
  said('reload that changes all apps', await pauses(reload))
  await memory('after the reloads')
  console.log(`control is ${(await router.pid('control')) === control ? 'the same' : 'another one'}`)
} catch (error) {
  console.error(router.log)
  throw error
} finally {
  await router.stop()
  watch.end()
}
process.exit(failed ? 1 : 0)
