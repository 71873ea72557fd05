import net from 'node:net'
import { getSystemErrorName } from 'node:util'
import type { ListenerConfig } from '../config/config.ts'

/** A bound socket that this process neither listens on nor accepts from: the handle is for others. */
export interface BoundSocket {
  readonly listener: ListenerConfig
  readonly handle: object
  /** With the port that it got. */
  readonly address: string
}

/** One that another supervisor had bound. */
export interface InheritedSocket {
  readonly host: string
  /** As it was asked for: 0 is not the port that it got. */
  readonly port: number
  readonly handle: object
}

interface Handle {
  getsockname(into: { address?: string; port?: number }): number
  close(): void
}

/**
 * What node:cluster makes shared sockets with. It has no public name, and no public function binds without accepting;
 * test/process/listening-sockets.test.ts holds that it is there.
 */
const createServerHandle = (
  net as unknown as {
    _createServerHandle(host: string, port: number, family: 4 | 6, fd: number, flags: number): Handle | number
  }
)._createServerHandle

/**
 * The sockets of all listeners. Every worker listens on the same ones, and this process keeps them open: what waits in the
 * backlog when a worker ends is accepted by the others or by its successor, and a port is never given up in between.
 */
export class ListeningSockets {
  readonly #bound = new Map<string, BoundSocket>()
  /** Of a supervisor before this one, until they are asked for or let go. */
  #inherited: readonly InheritedSocket[]

  constructor(inherited: readonly InheritedSocket[] = []) {
    this.#inherited = inherited
  }

  all(): readonly BoundSocket[] {
    return [...this.#bound.values()]
  }

  /**
   * Binds what is not bound yet; `commit` makes it the set in use, `discard` lets it go again.
   * @throws Error with one line for the operator; then nothing was bound.
   */
  prepare(listeners: readonly ListenerConfig[]): PreparedSockets {
    const fresh: BoundSocket[] = []
    try {
      for (const listener of listeners) {
        const bound = this.#bound.get(listener.name)?.listener
        if (bound?.host === listener.host && bound.port === listener.port) continue
        fresh.push(this.#inherit(listener) ?? bind(listener))
      }
    } catch (error) {
      for (const { handle } of fresh) close(handle)
      throw error
    }
    const all = listeners.map((listener) => {
      const socket = fresh.find((each) => each.listener === listener) ?? this.#bound.get(listener.name)!
      return { ...socket, listener }
    })
    return {
      fresh,
      all,
      discard: () => {
        for (const { handle } of fresh) close(handle)
      },
      commit: () => {
        const before = [...this.#bound.values()]
        this.#bound.clear()
        for (const socket of all) this.#bound.set(socket.listener.name, socket)
        for (const { handle } of before) if (!all.some((socket) => socket.handle === handle)) close(handle)
      },
    }
  }

  /** Lets go of inherited sockets that nobody wants. */
  settle(): void {
    for (const { handle } of this.#inherited) close(handle)
    this.#inherited = []
  }

  #inherit(listener: ListenerConfig): BoundSocket | null {
    const { host, port } = listener
    const inherited = this.#inherited.find((each) => each.host === host && each.port === port)
    if (inherited === undefined) return null
    this.#inherited = this.#inherited.filter((each) => each !== inherited)
    const address = addressOf(inherited.handle as Handle, host)
    return typeof address === 'string' ? { listener, handle: inherited.handle, address } : null
  }

  close(): void {
    this.settle()
    for (const { handle } of this.#bound.values()) close(handle)
    this.#bound.clear()
  }
}

export interface PreparedSockets {
  /** Those that were not bound before. */
  readonly fresh: readonly BoundSocket[]
  /** What is bound once they are committed. */
  readonly all: readonly BoundSocket[]
  commit(): void
  discard(): void
}

function bind(listener: ListenerConfig): BoundSocket {
  const { name, host, port } = listener
  const handle = createServerHandle(host, port, net.isIPv6(host) ? 6 : 4, -1, 0)
  let code = handle
  if (typeof handle !== 'number') {
    const address = addressOf(handle, host)
    if (typeof address === 'string') return { listener, handle, address }
    handle.close()
    code = address
  }
  const where = net.isIPv6(host) ? `[${host}]` : host
  throw new Error(`listener ${name}: ${where}:${port} cannot be bound: ${getSystemErrorName(code as number)}`)
}

/** A system error's number where there is none: an address in use shows here, not when it is bound (libuv puts that error off). */
function addressOf(handle: Handle, host: string): string | number {
  const bound: { port?: number } = {}
  const code = handle.getsockname(bound)
  return code === 0 ? `${net.isIPv6(host) ? `[${host}]` : host}:${bound.port}` : code
}

function close(handle: object): void {
  ;(handle as Handle).close()
}
