/** A DNS server that says what a test wants it to say. */
import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import type { Transport } from '../../src/dns/codes.ts'
import { encodeMessage, type Message } from '../../src/dns/message.ts'
import type { ServerAddress } from '../../src/dns/server-address.ts'
import { FrameReader, framed } from '../../src/dns/tcp-framing.ts'
import { decoded } from './wire-client.ts'

export interface Asked {
  readonly message: Message
  readonly bytes: Buffer
  readonly transport: Transport
  readonly peer: { readonly address: string; readonly port: number }
  /** May be called any number of times. */
  readonly reply: (answer: Message | Buffer) => void
}

export interface FakeServer {
  readonly address: ServerAddress
  /** Every query that came, in order. */
  readonly asked: readonly Asked[]
}

export interface FakeServerOptions {
  /** false: nothing listens there. */
  readonly tcp?: boolean
}

/** Ends with the test. */
export async function fakeServer(
  t: Test,
  answer: (asked: Asked) => void,
  options: FakeServerOptions = {},
): Promise<FakeServer> {
  const asked: Asked[] = []
  const take = (bytes: Buffer, transport: Transport, peer: Asked['peer'], send: (bytes: Buffer) => void): void => {
    const reply = (message: Message | Buffer): void => send(Buffer.isBuffer(message) ? message : encodeMessage(message))
    asked.push({ message: decoded(bytes), bytes, transport, peer, reply })
    answer(asked.at(-1)!)
  }
  const sockets = new Set<Socket>()
  const tcp = createServer((socket) => {
    const frames = new FrameReader(0xffff)
    const peer = { address: socket.remoteAddress!, port: socket.remotePort! }
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (piece: Buffer) => {
      frames.push(piece)
      for (let bytes = frames.next(); bytes !== null; bytes = frames.next()) {
        take(bytes, 'tcp', peer, (message) => socket.write(framed(message)))
      }
    })
  })
  tcp.listen(0, '127.0.0.1')
  await once(tcp, 'listening')
  const { port } = tcp.address() as AddressInfo
  if (options.tcp === false) tcp.close()
  const udp = createSocket('udp4')
  udp.on('message', (bytes: Buffer, peer: RemoteInfo) => {
    take(bytes, 'udp', peer, (message) => udp.send(message, peer.port, peer.address))
  })
  udp.bind(port, '127.0.0.1')
  await once(udp, 'listening')
  t.teardown(() => {
    udp.close()
    tcp.close()
    for (const socket of sockets) socket.destroy()
  })
  return { address: { host: '127.0.0.1', port }, asked }
}

/** An answer to the query: NOERROR and nothing in it but what is given. */
export function answering(query: Message, parts: Partial<Message>): Message {
  return { ...query, response: true, recursionAvailable: true, edns: null, ...parts }
}
