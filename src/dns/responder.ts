import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, isIP, type Socket as TcpSocket } from 'node:net'
import { plainAddress } from './address.ts'
import { Forwarder } from './forwarder.ts'
import { FORWARD, QueryHandler, type QueryObserver } from './query-handler.ts'
import { ResponderConnection } from './responder-connection.ts'
import type { ServerAddress } from './server-address.ts'
import type { ZoneSet } from './zone.ts'

export interface ResponderOptions {
  /** An IP address; UDP and TCP listen on it at the same port. */
  readonly host: string
  /** 0: one that is free for both. */
  readonly port: number
  readonly zones: ZoneSet
  /** Whether a client may have answers (else REFUSED); gets IPv4 in IPv6 as IPv4, and no scope. */
  readonly allow: (address: string) => boolean
  /** Asked about names outside of the zones, in this order; none: REFUSED. */
  readonly forwarders?: readonly ServerAddress[]
  /** For one try at one forwarder; 1.5 s when left out, so that two tries end before most clients give up (5 s). */
  readonly forwardTimeoutMs?: number
  /** Forwarded queries under way at once; 256 when left out. */
  readonly maxForwards?: number
  /** From one query to the next on a TCP connection; 10 s when left out. */
  readonly tcpIdleMs?: number
  /** TCP connections at once; 256 when left out. One more is closed at once. */
  readonly maxTcpConnections?: number
  readonly onQuery?: QueryObserver
  /** What goes wrong on a socket after the start. It still listens. */
  readonly onError?: (error: Error) => void
}

/** Answers that the kernel did not take yet; beyond these, datagrams are dropped as a network would. */
const MAX_UNSENT_BYTES = 1 << 20

/** How often a free port for TCP is tried that may be taken for UDP. */
const BIND_ATTEMPTS = 10

/** A client that gets nothing but a refusal has no reason to keep a connection. */
const REFUSED_IDLE_MS = 1000

/** The embedded DNS server: UDP and TCP sockets around QueryHandler. */
export class Responder {
  readonly #options: ResponderOptions
  readonly #handler: QueryHandler
  readonly #forwarder: Forwarder | null
  readonly #tcp = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket))
  readonly #connections = new Set<TcpSocket>()
  #udp: UdpSocket | null = null

  /** @throws RangeError when the host is no IP address */
  constructor(options: ResponderOptions) {
    if (isIP(options.host) === 0) throw new RangeError(`not an IP address: ${options.host}`)
    const forwarders = options.forwarders ?? []
    this.#options = options
    this.#handler = new QueryHandler(options.zones, forwarders.length > 0, options.onQuery ?? (() => {}))
    this.#forwarder =
      forwarders.length === 0
        ? null
        : new Forwarder({
            servers: forwarders,
            timeoutMs: options.forwardTimeoutMs ?? 1500,
            maxInFlight: options.maxForwards ?? 256,
          })
    this.#tcp.maxConnections = options.maxTcpConnections ?? 256
  }

  /** Listens on both. Rejects with the error of the socket that could not (EADDRINUSE …), and then holds neither. */
  async start(): Promise<ServerAddress> {
    for (let attempt = 1; ; attempt++) {
      const { host } = this.#options
      this.#tcp.listen({ host, port: this.#options.port })
      await once(this.#tcp, 'listening')
      const { port } = this.#tcp.address() as { port: number }
      try {
        this.#udp = await this.#bind(port)
        break
      } catch (error) {
        this.#tcp.close()
        await once(this.#tcp, 'close')
        const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
        if (this.#options.port !== 0 || !taken || attempt === BIND_ATTEMPTS) throw error
      }
    }
    this.#tcp.on('error', this.#reportError)
    return this.address
  }

  /** Ends at once: what is under way gets no answer. */
  async stop(): Promise<void> {
    this.#forwarder?.close()
    const udp = this.#udp
    this.#udp = null
    const ended = [this.#tcp.listening ? once(this.#tcp, 'close') : null, udp === null ? null : once(udp, 'close')]
    this.#tcp.close()
    udp?.close()
    for (const socket of this.#connections) socket.destroy()
    await Promise.all(ended)
  }

  /** Where it listens. @throws Error while it does not */
  get address(): ServerAddress {
    if (this.#udp === null) throw new Error('the responder does not listen')
    return { host: this.#options.host, port: this.#udp.address().port }
  }

  /** Names of the zones whose answers are others from the next query on: what `Zone.replace` gives. */
  forget(keys: Iterable<string>): void {
    this.#handler.forget(keys)
  }

  async #bind(port: number): Promise<UdpSocket> {
    const { host } = this.#options
    const family = isIP(host) === 6 ? 6 : 4
    const socket = createSocket({
      type: family === 6 ? 'udp6' : 'udp4',
      // Each send asks for the address of its host. It is always an address: answering at once saves a trip through the event loop.
      lookup: (address, _options, callback) => callback(null, address, family),
    })
    // With that lookup both outcomes are told before bind returns.
    const listening = once(socket, 'listening')
    socket.bind({ address: host, port, exclusive: true })
    try {
      await listening
    } catch (error) {
      socket.close()
      throw error
    }
    socket.on('message', (packet, sender) => this.#answerDatagram(socket, packet, sender))
    socket.on('error', this.#reportError)
    return socket
  }

  #answerDatagram(socket: UdpSocket, packet: Buffer, sender: RemoteInfo): void {
    const answer = this.#handler.handle(packet, this.#options.allow(plainAddress(sender.address)), 'udp')
    if (answer === null) return
    if (answer !== FORWARD) {
      this.#send(socket, answer, sender)
      return
    }
    this.#forward(packet, 'udp').then((late) => {
      if (this.#udp === socket) this.#send(socket, late, sender)
    })
  }

  #send(socket: UdpSocket, answer: Buffer, { address, port }: RemoteInfo): void {
    // No one can be answered at port 0, and to Node it is a programming error.
    if (port === 0 || socket.getSendQueueSize() > MAX_UNSENT_BYTES) return
    socket.send(answer, port, address)
  }

  #accept(socket: TcpSocket): void {
    const allowed = this.#options.allow(plainAddress(socket.remoteAddress ?? ''))
    const idleMs = this.#options.tcpIdleMs ?? 10_000
    this.#connections.add(socket)
    socket.on('close', () => this.#connections.delete(socket))
    new ResponderConnection(socket, {
      answer: (packet) => {
        const answer = this.#handler.handle(packet, allowed, 'tcp')
        return answer === FORWARD ? this.#forward(packet, 'tcp') : answer
      },
      idleMs: allowed ? idleMs : Math.min(idleMs, REFUSED_IDLE_MS),
      once: !allowed,
    })
  }

  async #forward(packet: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer> {
    const reply = await this.#forwarder!.forward(packet, transport)
    return this.#handler.forwarded(packet, reply, transport)
  }

  readonly #reportError = (error: Error): void => this.#options.onError?.(error)
}
