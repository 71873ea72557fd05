import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { Logger } from '../../telemetry/logger.ts'
import { systemClock } from '../clock.ts'
import { endpoint } from '../registry.ts'
import type { CommandLine } from './command-line.ts'
import { parseCommand } from './command-line.ts'
import { Guardian } from './guardian.ts'
import { OutputLines } from './output-lines.ts'
import type { Instance, Launch, Runtime } from './runtime.ts'
import { LaunchError } from './runtime.ts'

/** What programs need to run at all; the rest of the router's own environment is not for dynos. */
const INHERITED = /^(?:PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_[A-Z]+|TZ|TMPDIR)$/
/** How often a group whose first process is gone is asked whether it is empty. */
const GROUP_POLL_MS = 50
/** After SIGKILL only the kernel can delay the end; then it is not waited for. */
const KILL_WAIT_MS = 5000
/** How long the output is read after the last process of a dyno has ended. */
const LAST_OUTPUT_MS = 2000

/** Dynos as child processes of the router, each in a process group of its own, so that it can be ended whole. */
export class ProcessRuntime implements Runtime {
  readonly #guardian: Guardian

  /** `graceMs`: between SIGTERM and SIGKILL of what a router leaves behind that did not get to stop. */
  constructor(options: { graceMs: number; log: Logger }) {
    this.#guardian = new Guardian(options.graceMs, (error) =>
      options.log.error(
        `the guardian of the dyno processes: ${error.message}; should the router be killed now, they stay`,
      ),
    )
  }

  async launch(launch: Launch, line: (text: string) => void): Promise<Instance> {
    let command: CommandLine
    try {
      command = parseCommand(launch.command)
    } catch (error) {
      throw new LaunchError((error as Error).message)
    }
    await bindable(launch.address, launch.port)
    const inherited = Object.entries(process.env).filter(([name]) => INHERITED.test(name))
    const [file, ...args] = 'argv' in command ? command.argv : ['/bin/sh', '-c', command.script]
    const child = spawn(file!, args, {
      cwd: launch.cwd,
      env: { ...Object.fromEntries(inherited), ...launch.env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    // Before anything is awaited: a router that is killed now must not leave it behind.
    if (child.pid) this.#guardian.add(child.pid)
    await spawned(child, file!, launch.cwd)
    return new ProcessInstance(child, line, () => this.#guardian.remove(child.pid!))
  }

  async close(): Promise<void> {
    this.#guardian.close()
  }
}

class ProcessInstance implements Instance {
  readonly ended: Promise<string>
  readonly #group: number
  #stopping = false

  constructor(child: ChildProcess, line: (text: string) => void, gone: () => void) {
    this.#group = child.pid!
    const streams = [child.stdout!, child.stderr!]
    const outputs = streams.map((stream) => tap(stream, line))
    this.ended = new Promise((resolve) => {
      // Not `close`: that waits for everyone who has inherited the output, and it is for us to end those.
      child.once('exit', async (code, signal) => {
        // A crashed dyno starts again at once, and what is left of it would hold the port.
        if (!this.#stopping) this.kill()
        await this.#groupEmpty()
        await allRead(streams)
        for (const output of outputs) output.end()
        gone()
        resolve(signal ? `killed by ${signal}` : `exited with status ${code}`)
      })
    })
  }

  async stop(graceMs: number): Promise<string> {
    this.#stopping = true
    // To all of them, as dynos are used to: the program may be a child of a shell or of npm.
    this.#signal('SIGTERM')
    const timer = setTimeout(() => this.kill(), graceMs)
    const how = await this.ended
    clearTimeout(timer)
    return how
  }

  kill(): void {
    this.#stopping = false
    this.#signal('SIGKILL')
  }

  async #groupEmpty(): Promise<void> {
    let killWaitMs = KILL_WAIT_MS
    while (this.#signal(0) && killWaitMs > 0) {
      if (!this.#stopping) killWaitMs -= GROUP_POLL_MS
      await new Promise((resolve) => setTimeout(resolve, GROUP_POLL_MS))
    }
  }

  /** False when nothing is left in the group. */
  #signal(signal: NodeJS.Signals | 0): boolean {
    try {
      process.kill(-this.#group, signal)
      return true
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== 'ESRCH'
    }
  }
}

/** What was printed last is still in the pipes; a daemon that left the group but kept them is not waited for. */
async function allRead(streams: readonly Readable[]): Promise<void> {
  const signal = AbortSignal.timeout(LAST_OUTPUT_MS)
  await Promise.allSettled(streams.map((stream) => finished(stream, { signal })))
  for (const stream of streams) stream.destroy()
}

function tap(stream: Readable, line: (text: string) => void): OutputLines {
  const output = new OutputLines(stream, line, systemClock)
  stream.on('data', (chunk: Buffer) => output.push(chunk))
  // A read error ends the stream; how the program ended is told by its exit.
  stream.on('error', () => {})
  return output
}

function spawned(child: ChildProcess, file: string, cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', async (error: NodeJS.ErrnoException) => {
      // Node names the command even when it is the directory that is missing.
      const directory = await stat(cwd).catch(() => null)
      if (!directory?.isDirectory()) reject(new LaunchError(`its directory ${cwd} does not exist`))
      else if (error.code === 'ENOENT') reject(new LaunchError(`no such program: ${file}`))
      else if (error.code === 'EACCES') reject(new LaunchError(`not a program that may be run: ${file}`))
      else reject(new LaunchError(`cannot be started: ${error.message}`))
    })
  })
}

/**
 * Tries the dyno's address before the dyno does. An address that this machine does not have is told in one clear line,
 * and no foreign program that happens to listen there can pass for the dyno when its port is probed.
 */
function bindable(address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') reject(new LaunchError(`${endpoint(address, port)} is in use`, true))
      else if (error.code === 'EADDRNOTAVAIL') {
        reject(new LaunchError(`this machine does not have its address ${address} (see space.cidr)`))
      } else reject(new LaunchError(`its address ${endpoint(address, port)} cannot be used: ${error.code}`))
    })
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve()))
  })
}
