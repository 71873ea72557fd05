import { type ChildProcess, fork } from 'node:child_process'
import cluster from 'node:cluster'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'

/**
 * How workers share a port: one listening socket for all of them (`shared`), or one for each (`reuse-port`).
 *
 *   node bench/port-sharing/run.ts [--workers 2] [--seconds 5] [--clients 64]
 *
 * For each way: new connections per second, how evenly they came to the workers, and how many failed while workers were
 * replaced one after the other under that load, and while they were killed.
 */
const MODES = ['shared', 'reuse-port'] as const
type Mode = (typeof MODES)[number]
const WORKER = resolve(import.meta.dirname, 'worker.ts')

interface Worker {
  readonly process: ChildProcess
  readonly exited: Promise<unknown>
}

const workerCount = Number(option('workers', '2'))
const seconds = Number(option('seconds', '5'))
const clientCount = Number(option('clients', '64'))

function option(name: string, fallback: string): string {
  const at = process.argv.indexOf(`--${name}`)
  return at === -1 ? fallback : process.argv[at + 1]!
}

async function start(mode: Mode, port: number): Promise<Worker> {
  const args = [mode, String(port)]
  let child: ChildProcess
  if (mode === 'shared') {
    cluster.schedulingPolicy = cluster.SCHED_NONE
    cluster.setupPrimary({ exec: WORKER, args })
    child = cluster.fork().process
  } else {
    child = fork(WORKER, args)
  }
  const exited = once(child, 'exit')
  await reply(child, 'up')
  return { process: child, exited }
}

function reply(child: ChildProcess, kind: string): Promise<{ accepted: number }> {
  return new Promise((resolve) => {
    const onMessage = (message: { kind: string; accepted: number }) => {
      if (message.kind !== kind) return
      child.off('message', onMessage)
      resolve(message)
    }
    child.on('message', onMessage)
  })
}

async function stop(worker: Worker): Promise<void> {
  worker.process.send({ kind: 'stop' })
  await worker.exited
}

/** Opens connections one after the other on each of `clientCount` lanes until told to stop. */
class Load {
  served = 0
  readonly failures = new Map<string, number>()
  #over = false
  readonly #lanes: Promise<void>[]

  constructor(port: number) {
    this.#lanes = Array.from({ length: clientCount }, () => this.#lane(port))
  }

  get failed(): number {
    return [...this.failures.values()].reduce((sum, count) => sum + count, 0)
  }

  async stop(): Promise<void> {
    this.#over = true
    await Promise.all(this.#lanes)
  }

  async #lane(port: number): Promise<void> {
    while (!this.#over) {
      const outcome = await visit(port)
      if (outcome === '') this.served++
      else this.failures.set(outcome, (this.failures.get(outcome) ?? 0) + 1)
    }
  }
}

/** '' when the answer came. */
function visit(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    let answered = false
    socket.on('connect', () => socket.write('x'))
    socket.on('data', () => {
      answered = true
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'))
    socket.on('close', () => resolve(answered ? '' : 'closed'))
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function measure(mode: Mode): Promise<void> {
  const port = await freePort()
  let workers = await Promise.all(Array.from({ length: workerCount }, () => start(mode, port)))
  const load = new Load(port)
  await setTimeout(1000)
  const before = load.served
  await setTimeout(seconds * 1000)
  const perSecond = (load.served - before) / seconds
  const counts: number[] = []
  for (const { process } of workers) {
    process.send({ kind: 'count' })
    counts.push((await reply(process, 'count')).accepted)
  }
  const failedBefore = load.failed
  for (let round = 0; round < 10; round++) {
    const fresh = await start(mode, port)
    const [oldest, ...rest] = workers as [Worker, ...Worker[]]
    await stop(oldest)
    workers = [...rest, fresh]
  }
  const failedReplaced = load.failed - failedBefore
  for (let round = 0; round < 10; round++) {
    const [victim, ...rest] = workers as [Worker, ...Worker[]]
    victim.process.kill('SIGKILL')
    await victim.exited
    workers = [...rest, await start(mode, port)]
  }
  await load.stop()
  await Promise.all(workers.map(stop))
  const total = counts.reduce((sum, count) => sum + count, 0)
  const shares = counts.map((count) => `${((100 * count) / total).toFixed(0)} %`).join(' / ')
  console.log(
    `${mode}: ${perSecond.toFixed(0)} connections/s; shares ${shares}; failed in 10 replacements ${failedReplaced}; ` +
      `failed in 10 kills ${load.failed - failedBefore - failedReplaced}; all failures ${JSON.stringify(Object.fromEntries(load.failures))}`,
  )
}

for (const mode of MODES) await measure(mode)
process.exit(0)
