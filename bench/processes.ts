import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** Every process that the benchmark started and that has not ended: none may outlive it. */
const running = new Set<Running>()

const STOP_GRACE_MS = 5_000

export interface StartOptions {
  readonly cwd?: string
  /** Standard output goes here (appended to); standard error goes to `errors`. */
  readonly output: string
  readonly errors: string
  readonly env?: Readonly<Record<string, string>>
}

/** A process in the background, leader of its own group so that its children end with it. */
export class Running {
  readonly pid: number
  readonly #child: ChildProcess
  readonly #errors: string
  readonly #ended: Promise<unknown>

  constructor(child: ChildProcess, errors: string) {
    this.#child = child
    this.#errors = errors
    this.pid = child.pid!
    this.#ended = once(child, 'exit').then(() => running.delete(this))
    running.add(this)
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Why it does not run any more, with the last lines that it said. */
  obituary(): string {
    const how = this.#child.signalCode ?? `exit code ${this.#child.exitCode}`
    const words = readFileSync(this.#errors, 'utf8').trim().split('\n').slice(-12).join('\n')
    return `ended with ${how}: ${words}`
  }

  /** SIGTERM to the group, SIGKILL after five seconds. */
  async stop(): Promise<void> {
    if (!this.hasEnded) signalGroup(this.pid, 'SIGTERM')
    const timer = setTimeout(() => signalGroup(this.pid, 'SIGKILL'), STOP_GRACE_MS)
    await this.#ended
    clearTimeout(timer)
    signalGroup(this.pid, 'SIGKILL') // whatever it left behind in its group
  }

  kill(): void {
    signalGroup(this.pid, 'SIGKILL')
  }
}

/** Starts a command that keeps running. Throws when it cannot be started at all. */
export async function start(command: string, args: readonly string[], options: StartOptions): Promise<Running> {
  const output = openSync(options.output, 'a')
  const errors = openSync(options.errors, 'a')
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', output, errors],
    detached: true,
  })
  closeSync(output)
  closeSync(errors)
  await once(child, 'spawn')
  return new Running(child, options.errors)
}

/**
 * Starts one of the benchmark's own programs, which says a line when it is ready. It ends by itself when its standard input does, so even
 * a killed benchmark leaves none behind.
 */
export async function startUntilReady(
  command: string,
  args: readonly string[],
  errors: string,
  limitMs: number,
): Promise<{ process: Running; line: string }> {
  const errorsFd = openSync(errors, 'a')
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', errorsFd], detached: true })
  closeSync(errorsFd)
  await once(child, 'spawn')
  const process = new Running(child, errors)
  const timer = setTimeout(() => process.kill(), limitMs)
  for await (const line of createInterface(child.stdout!)) {
    clearTimeout(timer)
    return { process, line }
  }
  clearTimeout(timer)
  await process.stop()
  throw new Error(`${args[0]} ${process.obituary()}`)
}

/** Runs a command to its end and gives what it printed; throws with what it said when it fails or takes longer than `limitMs`. */
export async function run(command: string, args: readonly string[], limitMs: number): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const chunks: Buffer[] = []
  const complaints: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk))
  await once(child, 'spawn')
  const timer = setTimeout(() => signalGroup(child.pid!, 'SIGKILL'), limitMs)
  foreground.add(child.pid!)
  const [code, signal] = await once(child, 'close')
  foreground.delete(child.pid!)
  clearTimeout(timer)
  const printed = Buffer.concat(chunks).toString()
  if (code !== 0) {
    const said = `${Buffer.concat(complaints)}${printed}`.trim().split('\n').slice(-5).join('\n')
    throw new Error(`${command} ${args.slice(0, 4).join(' ')} … failed (${signal ?? code}): ${said}`)
  }
  return printed
}

const foreground = new Set<number>()

export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((process) => process.stop()))
}

/** Nothing stays behind: not on Ctrl-C, not on a failure, not on a plain exit. */
export function endProcessesWithThisOne(): void {
  process.on('exit', () => {
    for (const process of running) process.kill()
    for (const pid of foreground) signalGroup(pid, 'SIGKILL')
  })
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.once(signal, () => process.exit(code))
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {} // ESRCH: already gone
}
