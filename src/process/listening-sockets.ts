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
        fresh.push(bind(listener))
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

  close(): void {
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
  const where = net.isIPv6(host) ? `[${host}]` : host
  const refuse = (code: number): never => {
    throw new Error(`listener ${name}: ${where}:${port} cannot be bound: ${getSystemErrorName(code)}`)
  }
  if (typeof handle === 'number') return refuse(handle)
  const bound: { port?: number } = {}
  // An address in use shows here, not when it is bound (libuv puts that error off).
  const code = handle.getsockname(bound)
  if (code !== 0) {
    handle.close()
    return refuse(code)
  }
  return { listener, handle, address: `${where}:${bound.port}` }
}

function close(handle: object): void {
  ;(handle as Handle).close()
}
