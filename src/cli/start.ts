import { spawn } from 'node:child_process'
import { type ConfigParts, KnownConfig } from '../config/config-parts.ts'
import { loadConfigAside } from '../config/load-aside.ts'
import { formatProblem } from '../config/problems.ts'
import type { DynoRow } from '../control/admin/dyno-rows.ts'
import type { Predecessor } from '../process/succession.ts'
import { askRouter } from './admin-client.ts'
import { banner } from './banner.ts'
import type { Command } from './command.ts'
import { DEFAULT_FILE, readArguments } from './command.ts'

/** What npm and a terminal both pass on arrives twice; a person who presses Ctrl-C again takes longer than that. */
const SAME_SIGNAL_MS = 500
/** The commands of the banner are to work as soon as they are printed, so it waits a little for dynos that boot. */
const BANNER_WAIT_MS = 10_000
const BANNER_POLL_MS = 50

export const start: Command = {
  help: `usage: postern start [--config FILE]

Starts a router and runs until it gets SIGINT or SIGTERM: then it stops with care; a second signal hurries it. SIGHUP reads the
file again and lets go of the access log; SIGUSR2 replaces its processes by the program that is on disk.

  --config FILE    what to run (default ${DEFAULT_FILE})

example: postern start --config /etc/postern/space.yml`,

  run: (args) => runRouter(args, null),
}

/** `postern start` in the place of a router that gives way to this one. */
export async function succeed(args: readonly string[]): Promise<number> {
  const { Predecessor } = await import('../process/succession.ts')
  const status = await runRouter(args.slice(1), new Predecessor())
  // What comes from the other one would keep this process alive.
  process.disconnect?.()
  return status
}

async function runRouter(args: readonly string[], predecessor: Predecessor | null): Promise<number> {
  const { values } = readArguments(args, { config: { type: 'string', default: DEFAULT_FILE } })
  const result = await loadConfigAside(values.config)
  if (!result.ok) {
    for (const problem of result.problems) console.error(formatProblem(problem))
    return 1
  }
  const { Supervisor } = await import('../process/supervisor.ts')
  const router = new Supervisor(result.parts, await predecessor?.sockets())
  const signals = stopSignals()
  process.on('SIGHUP', () => router.reload())
  process.on('SIGUSR2', () => router.upgrade())
  try {
    await predecessor?.handOver()
    await Promise.race([router.start(), signals.first])
    predecessor?.serving()
    tellServiceManager('--ready', `--pid=${process.pid}`)
    if (predecessor === null) await Promise.race([printBanner(result.parts), signals.first])
    const replaced = await Promise.race([signals.first.then(() => false), router.replaced.then(() => true)])
    if (replaced) process.exit(0)
  } catch (error) {
    console.error(`postern start: ${(error as Error).message}`)
    router.hurry()
    await router.stop()
    process.exit(1)
  }
  tellServiceManager('--stopping')
  void signals.second.then(() => router.hurry())
  await router.stop()
  // Nothing is left to do; should anything still hold the event loop, it must not hold the operator.
  process.exit(0)
}

/** Listens from now on, so that a signal during the start is not lost and the process never ends without a stop. */
function stopSignals(): { first: Promise<void>; second: Promise<void> } {
  const first = Promise.withResolvers<void>()
  const second = Promise.withResolvers<void>()
  let firstAt = 0
  const onSignal = () => {
    if (firstAt === 0) firstAt = performance.now()
    else if (performance.now() - firstAt > SAME_SIGNAL_MS) second.resolve()
    first.resolve()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return { first: first.promise, second: second.promise }
}

/** systemd waits for this with Type=notify. Its own program says it: the protocol needs a kind of socket that Node does not have. */
function tellServiceManager(...what: string[]): void {
  if (process.env.NOTIFY_SOCKET === undefined) return
  spawn('systemd-notify', what, { stdio: 'ignore' }).on('error', (error) => {
    console.error(`postern start: the service manager was not told (${what.join(' ')}): ${error.message}`)
  })
}

async function printBanner(parts: ConfigParts): Promise<void> {
  const { config } = KnownConfig.of(parts)
  // npm tells the programs that it starts: then `postern` is not on the PATH, most likely.
  const command = process.env.npm_lifecycle_event ? 'npm run -s postern --' : 'postern'
  const text = banner(config, { cwd: process.cwd(), command })
  if (text === null) return
  const { admin } = config
  const options = {
    config: config.file,
    admin: 'socket' in admin ? `unix:${admin.socket}` : `${admin.host}:${admin.port}`,
  }
  // Over TCP the router wants a token, which who starts it may not have.
  const mayAsk = 'socket' in admin || process.env.POSTERN_TOKEN !== undefined
  for (let waitedMs = 0; mayAsk && waitedMs < BANNER_WAIT_MS; waitedMs += BANNER_POLL_MS) {
    const dynos = (await askRouter('/dynos', options)) as DynoRow[]
    if (dynos.every(({ state }) => state !== 'starting')) break
    await new Promise((resolve) => setTimeout(resolve, BANNER_POLL_MS))
  }
  console.log(text)
}
