import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { ROLE } from './child.ts'
import type { BoundSocket, InheritedSocket } from './listening-sockets.ts'

/**
 * One supervisor gives way to another, which is started from the program on disk as a second router: with the same listening sockets, and
 * with control, workers and dynos of its own. So no connection is refused in between, and a supervisor that does not come up is no loss.
 */

/** For the program to load and the file to be checked; for everything to serve, dynos included. */
const LOAD_MS = 60_000
const SERVE_MS = 240_000

type ToSuccessor =
  /** With the handle of the bound socket. */
  | { readonly kind: 'socket'; readonly host: string; readonly port: number }
  | { readonly kind: 'sockets' }
  /** The predecessor has let go of what only one can have. */
  | { readonly kind: 'takeOver' }

type ToPredecessor = { readonly kind: 'loaded' } | { readonly kind: 'serving' }

/** The other supervisor, as the one sees it that gives way. */
export class Successor {
  readonly #process: ChildProcess
  readonly #gone: Promise<string>

  /** `args`: of the command that started this one. */
  constructor(args: readonly string[], sockets: readonly BoundSocket[]) {
    this.#process = fork(process.argv[1]!, args, {
      env: { ...process.env, [ROLE]: 'supervisor' },
      serialization: 'advanced',
      // It outlives this one, and is not to get what the terminal sends to this one.
      detached: true,
    })
    this.#gone = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) =>
        resolve(signal ? `killed by ${signal}` : `exited with status ${code}`),
      )
      this.#process.once('error', (error) => resolve(`cannot be started: ${error.message}`))
    })
    for (const { listener, handle } of sockets) {
      this.#tell({ kind: 'socket', host: listener.host, port: listener.port }, handle)
    }
    this.#tell({ kind: 'sockets' })
  }

  get pid(): number {
    return this.#process.pid ?? -1
  }

  /** Resolves with '' once it could take over, or why it cannot. */
  loaded(): Promise<string> {
    return this.#until('loaded', LOAD_MS)
  }

  /** Once what only one router can have is free. Resolves with '' when it serves, or why it does not; then nothing of it is left. */
  takeOver(): Promise<string> {
    const served = this.#until('serving', SERVE_MS)
    this.#tell({ kind: 'takeOver' })
    return served
  }

  /** From now on neither end of one concerns the other. */
  release(): void {
    this.#process.disconnect()
    this.#process.unref()
  }

  async #until(kind: ToPredecessor['kind'], withinMs: number): Promise<string> {
    const said = Promise.withResolvers<string>()
    const onMessage = (message: unknown) => {
      if ((message as ToPredecessor).kind === kind) said.resolve('')
    }
    this.#process.on('message', onMessage)
    const timer = setTimeout(() => said.resolve(`is not ready after ${withinMs / 1000} s`), withinMs)
    const outcome = await Promise.race([said.promise, this.#gone])
    clearTimeout(timer)
    this.#process.off('message', onMessage)
    if (outcome === '') return ''
    // It stops with what it has started.
    this.#process.kill('SIGTERM')
    await this.#gone
    return `the new supervisor ${outcome}`
  }

  #tell(message: ToSuccessor, handle?: object): void {
    if (this.#process.connected) this.#process.send(message, handle as undefined, {}, () => {})
  }
}

/** The other supervisor, as its successor sees it. */
export class Predecessor {
  readonly #inherited: InheritedSocket[] = []
  readonly #hasSockets = Promise.withResolvers<void>()
  readonly #mayTakeOver = Promise.withResolvers<void>()

  /** Throws when this process was not started by another supervisor. */
  constructor() {
    process.on('message', (message, handle) => {
      const told = message as ToSuccessor
      if (told.kind === 'socket') this.#inherited.push({ host: told.host, port: told.port, handle: handle as object })
      else if (told.kind === 'sockets') this.#hasSockets.resolve()
      else this.#mayTakeOver.resolve()
    })
  }

  async sockets(): Promise<readonly InheritedSocket[]> {
    await this.#hasSockets.promise
    return this.#inherited
  }

  /** Says that this one could; resolves when it may. Rejects when the other one is gone before. */
  async handOver(): Promise<void> {
    process.send!({ kind: 'loaded' } satisfies ToPredecessor)
    const gone = once(process, 'disconnect').then(() => {
      throw new Error('the supervisor before it is gone')
    })
    gone.catch(() => {})
    await Promise.race([this.#mayTakeOver.promise, gone])
  }

  serving(): void {
    process.send!({ kind: 'serving' } satisfies ToPredecessor)
  }
}
