import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import { Duplex } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'

export interface NodeRequest {
  readonly method: string
  readonly url: string
  readonly version: string
  /** name, value, name, value … */
  readonly rawHeaders: readonly string[]
  readonly rawTrailers: readonly string[]
  readonly body: string
}

export interface NodeReading {
  /** The whole ones, in order. */
  readonly requests: NodeRequest[]
  /** Code of the parser's error, '' for none. What is only incomplete is no error. */
  readonly error: string
}

/**
 * The text with one of several equal Content-Length lines: they mean the same as one (RFC 9110 §8.6) and Postern merges them, in requests and answers;
 * Node refuses them.
 */
export function withOneLength(text: string): string {
  const once = text.replace(
    /(\r\nContent-Length:[ \t]*0*(\d+)[ \t]*)((?:\r\n[^\r\n]+)*?)\r\nContent-Length:[ \t]*0*\2[ \t]*(?=\r\n)/i,
    '$1$3',
  )
  return once === text ? text : withOneLength(once)
}

/** What Node's own HTTP server, with its strict parser, makes of the bytes of a client. */
export class NodeReader {
  readonly #server: Server

  constructor() {
    // No listener for 'upgrade': the bytes after such a request are HTTP to the server, as to a router whose dyno declines.
    this.#server = createServer({ insecureHTTPParser: false, maxHeaderSize: 1 << 20, requireHostHeader: false })
    this.#server.timeout = 0
    this.#server.headersTimeout = 0
    this.#server.requestTimeout = 0
    this.#server.maxHeadersCount = 0
    for (const event of ['request', 'checkContinue', 'checkExpectation']) {
      this.#server.on(event, (message: IncomingMessage) => (message.socket as unknown as FedSocket).receive(message))
    }
    this.#server.on('clientError', (error: Error & { code?: string }, socket) => {
      const fed = socket as unknown as FedSocket
      fed.error ||= error.code ?? error.message
    })
  }

  async read(bytes: Buffer): Promise<NodeReading> {
    const socket = new FedSocket()
    this.#server.emit('connection', socket)
    socket.push(bytes)
    await turn()
    const requests = socket.taken.filter(({ message }) => message.complete)
    const { error } = socket
    socket.destroy()
    return {
      error,
      requests: requests.map(({ message, chunks }) => ({
        method: message.method!,
        url: message.url!,
        version: message.httpVersion,
        rawHeaders: message.rawHeaders,
        rawTrailers: message.rawTrailers,
        body: Buffer.concat(chunks).latin1Slice(),
      })),
    }
  }
}

export interface NodeAnswer {
  /** 0: no answer. */
  readonly status: number
  readonly whole: boolean
  readonly body: string
}

/** What Node's own HTTP client makes of the bytes of a server that then ends, or breaks, the connection. */
export function readAnswer(bytes: Buffer, method: string, broken: boolean): Promise<NodeAnswer> {
  return new Promise((resolve) => {
    const socket = new FedSocket()
    const sent = request({ method, createConnection: () => socket as never })
    const chunks: Buffer[] = []
    let message: IncomingMessage | null = null
    sent.on('response', (response) => {
      message = response
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', () => {})
    })
    sent.on('error', () => {})
    sent.on('upgrade', (response) => {
      message = response
      sent.destroy()
    })
    sent.on('socket', () => {
      socket.push(bytes)
      setImmediate(() => {
        if (broken) socket.destroy()
        else socket.push(null)
        setImmediate(() => {
          const status = message?.statusCode ?? 0
          resolve({ status, whole: message?.complete ?? false, body: Buffer.concat(chunks).latin1Slice() })
          socket.destroy()
        })
      })
    })
    sent.end()
  })
}

/** A connection without a network: what is written to it is dropped. */
class FedSocket extends Duplex {
  readonly taken: { readonly message: IncomingMessage; readonly chunks: Buffer[] }[] = []
  error = ''

  receive(message: IncomingMessage): void {
    const chunks: Buffer[] = []
    this.taken.push({ message, chunks })
    message.on('data', (chunk: Buffer) => chunks.push(chunk))
    message.on('error', () => {})
  }

  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done()
  }
  setTimeout(): this {
    return this
  }
  setNoDelay(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
}
