import { type AddressInfo, createServer, type Server } from 'node:net'
import { parseCidr } from '../model/address.ts'
import { CidrSet } from '../model/cidr-set.ts'
import { ClientFacts } from './access.ts'
import type { ClientConnection, Entrance } from './client-connection.ts'
import type { Transport } from './transport.ts'
import { acceptedTransport } from './transports.ts'

/** What the config says of one bound socket. */
export interface ListenerOptions {
  readonly name: string
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly exposure: 'public' | 'internal'
  readonly forwardedFor: 'replace' | 'append'
  /** CIDRs of peers that must begin with a PROXY header; null: nobody may. */
  readonly proxyHeaderFrom: readonly string[] | null
}

export interface ListenerHost {
  /** Number of this listener in the metrics. */
  listenerIndex(name: string): number
  /** A connection was accepted. null: it is not wanted, and was dealt with. */
  admit(
    entrance: Entrance,
    transport: Transport,
    facts: ClientFacts,
    needsProxyHeader: boolean,
  ): ClientConnection | null
  acceptFailed(listener: string, error: Error): void
}

/** Connections that the kernel keeps until they are accepted; it caps this itself (net.core.somaxconn). */
const BACKLOG = 4096

/** A bound socket with an exposure. */
export class Listener implements Entrance {
  #options: ListenerOptions
  #proxyHeaderFrom: CidrSet | null
  readonly index: number
  readonly #host: ListenerHost
  readonly #server: Server
  readonly #bound: object | null
  #port = 0

  /** `bound`: the handle of a socket that was bound for it, and that others may listen on too; null: it binds its own. */
  constructor(options: ListenerOptions, host: ListenerHost, bound: object | null = null) {
    this.#bound = bound
    this.#options = options
    this.#proxyHeaderFrom = cidrSet(options.proxyHeaderFrom)
    this.index = host.listenerIndex(options.name)
    this.#host = host
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
  }

  get options(): ListenerOptions {
    return this.#options
  }

  /** For connections from now on; the bound address stays. */
  configure(options: ListenerOptions): void {
    this.#options = options
    this.#proxyHeaderFrom = cidrSet(options.proxyHeaderFrom)
  }

  get exposure(): 'public' | 'internal' {
    return this.options.exposure
  }

  get forwardedFor(): 'replace' | 'append' {
    return this.options.forwardedFor
  }

  /** The bound port, which differs from the configured one when that is 0. */
  get port(): number {
    return this.#port
  }

  /** Rejects with the reason when the address cannot be bound. */
  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      const listening = () => {
        this.#server.off('error', reject)
        this.#server.on('error', (error) => this.#host.acceptFailed(this.options.name, error))
        // Kept: to ask the system for it again would cost a call for each connection.
        this.#port = (this.#server.address() as AddressInfo).port
        this.#acceptHandles()
        resolve()
      }
      const { host, port } = this.options
      if (this.#bound === null) this.#server.listen({ host, port, backlog: BACKLOG }, listening)
      else this.#server.listen(this.#bound, BACKLOG, listening)
    })
  }

  /** Takes no more connections; those that are open go on. */
  close(): void {
    this.#server.close()
  }

  /**
   * `net.Server` makes a socket of every connection without asking, and a connection needs less than that. So its handle is taken in the place
   * where the server would wrap it (`onconnection` of lib/net.js).
   */
  #acceptHandles(): void {
    const handle = (this.#server as unknown as { _handle: ListeningHandle })._handle
    // Connections have it from the socket that accepts them, so it costs no call for each.
    handle.setNoDelay(true)
    handle.onconnection = (errorNumber, accepted) => {
      if (errorNumber !== 0 || accepted === undefined) {
        // Out of file descriptors, as a rule: the kernel keeps the connection and accepting goes on.
        this.#host.acceptFailed(this.options.name, new Error(`accept failed: ${errorNumber}`))
        return
      }
      this.#accept(accepted)
    }
  }

  #accept(handle: AcceptedHandle): void {
    if (handle.getpeername(peer) !== 0) {
      // It broke before it was accepted: nobody is there who could be refused.
      handle.close()
      return
    }
    const facts = new ClientFacts(peer.address, this.exposure)
    const from = this.#proxyHeaderFrom
    const needsProxyHeader = from !== null && facts.peer !== null && from.has(facts.peer)
    this.#host.admit(this, acceptedTransport(handle), facts, needsProxyHeader)?.start()
  }
}

function cidrSet(texts: readonly string[] | null): CidrSet | null {
  if (texts === null) return null
  return CidrSet.of(
    texts.map((text) => {
      const cidr = parseCidr(text)
      if (typeof cidr === 'string') throw new Error(cidr)
      return { cidr, deny: false }
    }),
  )
}

/** What `getpeername` writes into: one for all, so that it keeps its shape. */
const peer = { address: '', family: '', port: 0 }

interface ListeningHandle {
  onconnection: (errorNumber: number, accepted: AcceptedHandle | undefined) => void
  setNoDelay(on: boolean): number
}

interface AcceptedHandle {
  getpeername(out: typeof peer): number
  close(): void
}
