/** DNS clients that send exactly the bytes they are given. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, isIPv6, type Socket } from 'node:net'
import type { QueryType } from '../../src/dns/codes.ts'
import { decodeMessage, encodeMessage, type Message, queryMessage } from '../../src/dns/message.ts'
import type { ServerAddress } from '../../src/dns/server-address.ts'
import { FrameReader, framed } from '../../src/dns/tcp-framing.ts'

export function queryBytes(name: string, type: QueryType, id: number = 7, edns: boolean = true): Buffer {
  return encodeMessage(
    queryMessage(id, name, type, edns ? { udpPayloadBytes: 1232, version: 0, dnssecOk: false } : null),
  )
}

export function decoded(bytes: Buffer): Message {
  const message = decodeMessage(bytes)
  if (message === null) throw new Error(`a malformed message: ${bytes.toString('hex')}`)
  return message
}

/** The first datagram that comes back. */
export async function askUdp(server: ServerAddress, packet: Buffer, from?: string): Promise<Message> {
  const socket = createSocket(isIPv6(server.host) ? 'udp6' : 'udp4')
  try {
    socket.bind(0, from)
    await once(socket, 'listening')
    socket.send(packet, server.port, server.host)
    const [answer] = (await once(socket, 'message')) as [Buffer]
    return decoded(answer)
  } finally {
    socket.close()
  }
}

/** One TCP connection. */
export class TcpClient {
  readonly socket: Socket
  readonly closed: Promise<unknown>
  readonly #frames = new FrameReader(0xffff)

  private constructor(socket: Socket) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.once('close', resolve))
    // A reset is how some connections are meant to end.
    socket.on('error', () => {})
  }

  static async connect(server: ServerAddress, from?: string): Promise<TcpClient> {
    const socket = connect({ ...server, localAddress: from, noDelay: true })
    const client = new TcpClient(socket)
    await once(socket, 'connect')
    return client
  }

  send(...packets: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(packets.map(framed)))
  }

  /** As many answers, in the order in which they come. Rejects when the connection ends before. */
  async receive(count: number = 1): Promise<Message[]> {
    return (await this.receiveBytes(count)).map(decoded)
  }

  async receiveBytes(count: number): Promise<Buffer[]> {
    const messages: Buffer[] = []
    for (;;) {
      for (let message = this.#frames.next(); message !== null; message = this.#frames.next()) {
        messages.push(message)
        if (messages.length === count) return messages
      }
      const piece: Buffer | null = this.socket.read()
      if (piece !== null) this.#frames.push(piece)
      else if (this.socket.readableEnded || this.socket.destroyed) throw new Error('the connection ended')
      else await Promise.race([once(this.socket, 'readable'), this.closed])
    }
  }
}
