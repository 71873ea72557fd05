import type { ClientConnection } from './client-connection.ts'
import type { Exchange } from './exchange.ts'

/** How long what is open may go on once no more connections are taken. */
export interface DrainLimits {
  /** Requests under way; then they are cut (H24). */
  readonly requestsMs: number
  /**
   * Tunnels, of which nobody knows when they would end by themselves. Towards the end of this, over as long as requests may
   * take, they are ended one after the other, so that not all clients come back in the same moment.
   */
  readonly tunnelsMs: number
}

export interface DrainHost {
  readonly clients: Iterable<ClientConnection> & { readonly size: number }
  readonly tunnels: ReadonlySet<Exchange>
  endTunnel(x: Exchange): void
  forceClose(client: ClientConnection): void
}

const TICK_MS = 50
/**
 * A client that was just served may be sending its next request at this moment, and would lose it: its connection ends with
 * that request's answer, or when it has been idle for so long.
 */
const REST_MS = 1000

/** The end of all client connections, each as gently as the time allows. */
export class Drain {
  readonly #host: DrainHost
  readonly #limits: DrainLimits
  readonly #beganAtMs = performance.now()
  readonly #done = Promise.withResolvers<void>()
  #tickTimer: NodeJS.Timeout | null = null
  /** Tunnels that there were when their end began; -1 before. */
  #tunnelsAtEnd = -1

  constructor(host: DrainHost, limits: DrainLimits) {
    this.#host = host
    this.#limits = limits
    this.#tick()
  }

  /** When no client is left. */
  get done(): Promise<void> {
    return this.#done.promise
  }

  /** Cuts what is left now. */
  hurry(): void {
    if (this.#tickTimer !== null) clearTimeout(this.#tickTimer)
    this.#tickTimer = null
    for (const client of [...this.#host.clients]) this.#host.forceClose(client)
    this.#done.resolve()
  }

  /** A client's connection is gone. */
  clientGone(): void {
    if (this.#host.clients.size === 0 && this.#tickTimer !== null) this.hurry()
  }

  #tick(): void {
    const elapsedMs = performance.now() - this.#beganAtMs
    const { requestsMs, tunnelsMs } = this.#limits
    if (this.#host.clients.size === 0 || elapsedMs >= Math.max(requestsMs, tunnelsMs)) return this.hurry()
    this.#tickTimer = setTimeout(() => this.#tick(), TICK_MS)
    const restMs = Math.min(REST_MS, requestsMs / 2)
    for (const client of [...this.#host.clients]) {
      client.endIfIdle(restMs)
      if (elapsedMs >= requestsMs && !client.tunnelling) this.#host.forceClose(client)
    }
    this.#thinTunnels(elapsedMs - Math.max(0, tunnelsMs - requestsMs))
  }

  /** Evenly over nine tenths of the time that requests have, so that the last ones are through before the deadline. */
  #thinTunnels(elapsedMs: number): void {
    if (elapsedMs < 0) return
    const { tunnels } = this.#host
    if (this.#tunnelsAtEnd === -1) this.#tunnelsAtEnd = tunnels.size
    const share = Math.max(0, 1 - elapsedMs / (0.9 * this.#limits.requestsMs))
    const allowed = Math.floor(this.#tunnelsAtEnd * share)
    for (const x of [...tunnels].slice(0, Math.max(0, tunnels.size - allowed))) this.#host.endTunnel(x)
  }
}
