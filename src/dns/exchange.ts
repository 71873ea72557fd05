import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import { HEADER_BYTES, MAX_MESSAGE_BYTES, type Transport } from './codes.ts'
import { DnsError } from './dns-error.ts'
import { foldCase } from './name.ts'
import type { ServerAddress } from './server-address.ts'
import { FrameReader, framed } from './tcp-framing.ts'

/**
 * Sends one query (whole, with one question and a random id) once and waits for its answer, at most `timeoutMs`. The socket is
 * new, so the kernel gives it a random source port. What does not answer this query is passed over, not believed
 * (RFC 5452 §9: id, question, addresses and ports must all match).
 *
 * Rejects with DnsError `timeout` or `unreachable`, or with the reason of the signal.
 */
export async function exchange(
  server: ServerAddress,
  query: Buffer,
  transport: Transport,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Buffer> {
  signal?.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const offer = (answer: Buffer): void => {
    if (answers(query, answer)) resolve(answer)
  }
  const fail = (cause: Error): void => {
    reject(new DnsError('unreachable', `${where(server)}: ${cause.message}`, { cause }))
  }
  const close = transport === 'udp' ? askOverUdp(server, query, offer, fail) : askOverTcp(server, query, offer, fail)
  const timer = setTimeout(() => {
    reject(new DnsError('timeout', `${where(server)}: no answer within ${timeoutMs} ms`))
  }, timeoutMs)
  const onAbort = (): void => reject(signal?.reason)
  signal?.addEventListener('abort', onAbort)
  return promise.finally(() => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
    close()
  })
}

type Offer = (answer: Buffer) => void
type Fail = (cause: Error) => void

/** Gives the function that ends it. */
function askOverUdp(server: ServerAddress, query: Buffer, offer: Offer, fail: Fail): () => void {
  const socket = createSocket(isIPv6(server.host) ? 'udp6' : 'udp4')
  socket.on('error', fail)
  socket.connect(server.port, server.host, () => {
    // From here on the kernel lets only the server's packets in; one that came between bind and connect is told by its sender.
    const peer = socket.remoteAddress()
    socket.on('message', (answer, sender) => {
      if (sender.address === peer.address && sender.port === peer.port) offer(answer)
    })
    socket.send(query)
  })
  return () => socket.close()
}

function askOverTcp(server: ServerAddress, query: Buffer, offer: Offer, fail: Fail): () => void {
  const socket = connect({ host: server.host, port: server.port, noDelay: true })
  const frames = new FrameReader(MAX_MESSAGE_BYTES)
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('the connection was closed without an answer')))
  socket.on('data', (piece: Buffer) => {
    frames.push(piece)
    for (let message = frames.next(); message !== null; message = frames.next()) offer(message)
  })
  socket.write(framed(query))
  return () => socket.destroy()
}

/**
 * Whether `answer` is one to `query`: its id, opcode and question (in whatever case). A server that could not make sense of a
 * query may leave the question out of its error.
 */
export function answers(query: Buffer, answer: Buffer): boolean {
  if (answer.length < HEADER_BYTES || answer.readUInt16BE(0) !== query.readUInt16BE(0)) return false
  if (answer[2]! < 0x80 || ((answer[2]! ^ query[2]!) & 0x78) !== 0) return false
  const questions = answer.readUInt16BE(4)
  if (questions === 0) return (answer[3]! & 0x0f) !== 0 && answer.length === HEADER_BYTES
  const nameEnd = endOfName(query)
  return (
    questions === 1 &&
    answer.length >= nameEnd + 4 &&
    answer.compare(query, nameEnd, nameEnd + 4, nameEnd, nameEnd + 4) === 0 &&
    foldCase(answer.toString('latin1', HEADER_BYTES, nameEnd)) ===
      foldCase(query.toString('latin1', HEADER_BYTES, nameEnd))
  )
}

/** Of the question, in a message of our own making. */
function endOfName(query: Buffer): number {
  let at = HEADER_BYTES
  while (query[at]! > 0) at += 1 + query[at]!
  return at + 1
}

function where(server: ServerAddress): string {
  return `DNS server ${isIPv6(server.host) ? `[${server.host}]` : server.host}:${server.port}`
}
