import { spawn } from 'node:child_process'
import type { ExecCommands } from '../../config/config.ts'
import { parseCommand } from './command-line.ts'
import { inheritedEnvironment } from './environment.ts'
import type { Instance, Launch, Runtime } from './runtime.ts'
import { LaunchError } from './runtime.ts'

/** An image may have to be fetched first; beyond this nobody believes in it any more. */
const START_LIMIT_MS = 300_000
const STATUS_LIMIT_MS = 30_000
/** What a stop may take beyond the grace time that it was told. */
const STOP_MARGIN_MS = 30_000
const STATUS_INTERVAL_MS = 5000
/** So often in a row the status has to say no: a command can fail for reasons of its own. */
const STATUS_TRIES = 2
/** Of what `start` prints, the last line is kept as the handle. */
const LONGEST_HANDLE = 1024
const LONGEST_OUTPUT = 64 * 1024

type Line = (text: string) => void

/** Dynos that the operator's own commands start, ask after and stop: containers, units of systemd, other machines. */
export class ExecRuntime implements Runtime {
  readonly #statusIntervalMs: number

  constructor({ statusIntervalMs = STATUS_INTERVAL_MS } = {}) {
    this.#statusIntervalMs = statusIntervalMs
  }

  async launch(launch: Launch, line: Line): Promise<Instance> {
    const { exec } = launch
    if (exec === null) throw new Error('a dyno without exec commands')
    const env = { ...inheritedEnvironment(), ...launch.env, POSTERN_INSTANCE: instanceName(launch), POSTERN_HANDLE: '' }
    const started = await run(launch.command, launch.cwd, env, START_LIMIT_MS, line)
    if (started.problem !== '') throw new LaunchError(`its start command ${started.problem}`)
    const handle = started.output.trim().split('\n').at(-1)!.slice(0, LONGEST_HANDLE)
    const facts = { cwd: launch.cwd, env: { ...env, POSTERN_HANDLE: handle } }
    return new ExecInstance(exec, facts, line, this.#statusIntervalMs)
  }

  async close(): Promise<void> {}
}

/** `postern-shop-web-1-v3-5003`: fit for containers and units, and of this dyno alone while another one takes over from it. */
function instanceName({ app, processType, number, release, port }: Launch): string {
  return `postern-${app}-${processType}-${number}-${release}-${port}`
}

class ExecInstance implements Instance {
  readonly ended: Promise<string>
  readonly #exec: ExecCommands
  readonly #facts: { readonly cwd: string; readonly env: Readonly<Record<string, string>> }
  readonly #line: Line
  readonly #statusIntervalMs: number
  #end: (how: string) => void = () => {}
  #stopping = false
  #timer: NodeJS.Timeout | undefined

  constructor(exec: ExecCommands, facts: { cwd: string; env: Record<string, string> }, line: Line, intervalMs: number) {
    this.#exec = exec
    this.#facts = facts
    this.#line = line
    this.#statusIntervalMs = intervalMs
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    if (exec.status !== '') this.#askLater(0)
  }

  stop(graceMs: number): Promise<string> {
    if (!this.#stopping) {
      this.#stopping = true
      clearTimeout(this.#timer)
      void this.#stop(graceMs, 'stopped')
    }
    return this.ended
  }

  /** A second stop, without grace: the first may be waiting. */
  kill(): void {
    this.#stopping = true
    clearTimeout(this.#timer)
    void this.#stop(0, 'stopped at once')
  }

  async #stop(graceMs: number, how: string): Promise<void> {
    const env = { ...this.#facts.env, POSTERN_GRACE_SECONDS: String(Math.ceil(graceMs / 1000)) }
    const { problem } = await run(this.#exec.stop, this.#facts.cwd, env, graceMs + STOP_MARGIN_MS, this.#line)
    // Nobody can say then what is left; to wait for ever would help nobody either.
    this.#end(problem === '' ? how : `its stop command ${problem}`)
  }

  #askLater(failures: number): void {
    this.#timer = setTimeout(() => void this.#ask(failures), this.#statusIntervalMs)
  }

  async #ask(failures: number): Promise<void> {
    const { problem } = await run(this.#exec.status, this.#facts.cwd, this.#facts.env, STATUS_LIMIT_MS, () => {})
    if (this.#stopping) return
    if (problem === '') return this.#askLater(0)
    if (failures + 1 < STATUS_TRIES) return this.#askLater(failures + 1)
    this.#stopping = true
    // What is left of it must not be in the way of the next one.
    await this.#stop(0, `its status command ${problem}`)
  }
}

/** Runs a command to its end. `problem` is '' for status 0, else how it ended. Never rejects. */
function run(
  command: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
  limitMs: number,
  line: Line,
): Promise<{ problem: string; output: string }> {
  return new Promise((resolve) => {
    let output = ''
    const end = (problem: string) => {
      clearTimeout(timer)
      resolve({ problem, output })
    }
    let timer: NodeJS.Timeout | undefined
    let parsed: ReturnType<typeof parseCommand>
    try {
      parsed = parseCommand(command)
    } catch (error) {
      return end(`cannot be read: ${(error as Error).message}`)
    }
    const [file, ...args] = 'argv' in parsed ? parsed.argv : ['/bin/sh', '-c', parsed.script]
    const child = spawn(file!, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    timer = setTimeout(() => {
      if (child.pid) kill(child.pid)
      end(`did not end within ${limitMs / 1000} s`)
    }, limitMs)
    child.stdout.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-LONGEST_OUTPUT)
    })
    child.stderr.on('data', (chunk: Buffer) => line(chunk.toString().trimEnd().slice(0, LONGEST_HANDLE)))
    for (const stream of [child.stdout, child.stderr]) stream.on('error', () => {})
    child.on('error', (error: NodeJS.ErrnoException) => end(`cannot be started: ${error.code ?? error.message}`))
    // Not `close`: what it starts may have inherited its output, and that stays.
    child.on('exit', (code, signal) => {
      setImmediate(() => {
        child.stdout.destroy()
        child.stderr.destroy()
        end(code === 0 ? '' : signal ? `was killed by ${signal}` : `ended with status ${code}`)
      })
    })
  })
}

function kill(group: number): void {
  try {
    process.kill(-group, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}
