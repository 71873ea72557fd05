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
import { inheritedEnvironment } from './environment.ts'
import { Guardian } from './guardian.ts'
import { OutputLines } from './output-lines.ts'
import { ProcessGroup } from './process-group.ts'
import type { Instance, Launch, Runtime } from './runtime.ts'
import { LaunchError } from './runtime.ts'

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
    const [file, ...args] = 'argv' in command ? command.argv : ['/bin/sh', '-c', command.script]
    const child = spawn(file!, args, {
      cwd: launch.cwd,
      env: { ...inheritedEnvironment(), ...launch.env },
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
  readonly #group: ProcessGroup
  /** Aborted when SIGKILL was sent so long ago that only the kernel can still hold a process. */
  readonly #givenUp = new AbortController()
  #stopping = false

  constructor(child: ChildProcess, line: (text: string) => void, gone: () => void) {
    this.#group = new ProcessGroup(child.pid!)
    const streams = [child.stdout!, child.stderr!]
    const outputs = streams.map((stream) => tap(stream, line))
    this.ended = new Promise((resolve) => {
      // Not `close`: that waits for everyone who has inherited the output, and it is for us to end those.
      child.once('exit', async (code, signal) => {
        // A crashed dyno starts again soon, and what is left of it would hold the port.
        if (!this.#stopping) this.kill()
        await this.#group.emptied(this.#givenUp.signal)
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
    this.#group.signal('SIGTERM')
    const timer = setTimeout(() => this.kill(), graceMs)
    const how = await this.ended
    clearTimeout(timer)
    return how
  }

  kill(): void {
    this.#group.signal('SIGKILL')
    setTimeout(() => this.#givenUp.abort(), KILL_WAIT_MS).unref()
  }
}

/** What was printed last is still in the pipes; a daemon that left the group but kept them is not waited for. */
async function allRead(streams: readonly Readable[]): Promise<void> {
  const signal = AbortSignal.timeout(LAST_OUTPUT_MS)
  await Promise.allSettled(streams.map((stream) => finished(stream, { signal, writable: false })))
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
    const server = createServer((socket) => socket.destroy())
    server.once('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'EADDRINUSE') reject(new LaunchError(`${endpoint(address, port)} is in use`, true))
      else if (code !== 'EADDRNOTAVAIL') reject(new LaunchError(`${endpoint(address, port)} cannot be used: ${code}`))
      else reject(new LaunchError(`this machine does not have its address ${address} (see space.cidr)`))
    })
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve()))
  })
}
