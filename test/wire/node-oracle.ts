import { request as clientRequest, createServer, type IncomingMessage, type Server } from 'node:http'
import { Duplex } from 'node:stream'

/** What Node's own HTTP server makes of some bytes. */
export interface NodeReading {
  /** Requests that it parsed, in order. */
  readonly requests: {
    readonly method: string
    readonly url: string
    readonly version: string
    readonly rawHeaders: string[]
    readonly body: string
  }[]
  /** Code of the parser's error, '' for none. */
  readonly error: string
}

/**
 * Node's parser (llhttp, strict), behind its own server, which is fed from memory. It closes after what it was given, so that every reading has an end.
 */
export class NodeOracle {
  readonly #server: Server

  constructor() {
    this.#server = createServer({
      insecureHTTPParser: false,
      maxHeaderSize: 1_048_576,
      joinDuplicateHeaders: false,
      requireHostHeader: false,
    })
    this.#server.maxHeadersCount = 0
    this.#server.keepAliveTimeout = 0
  }

  /** The bytes, in one piece, then the end of the connection. */
  read(bytes: Buffer): Promise<NodeReading> {
    const requests: NodeReading['requests'] = []
    let pendingBodies = 0
    let ended = false
    let error = ''
    return new Promise((resolve) => {
      const socket = new MemorySocket()
      const finish = () => {
        if (!ended || pendingBodies > 0) return
        detach()
        socket.destroy()
        resolve({ requests, error })
      }
      const onRequest = (message: IncomingMessage, response: { end(): void }) => {
        if (message.socket !== (socket as never)) return
        pendingBodies++
        let body = ''
        message.setEncoding('latin1')
        message.on('data', (text) => {
          body += text
        })
        message.on('close', () => {
          requests.push({
            method: message.method!,
            url: message.url!,
            version: message.httpVersion,
            rawHeaders: message.rawHeaders,
            body,
          })
          pendingBodies--
          finish()
        })
        message.on('end', () => response.end())
        message.on('error', () => {})
      }
      const onClientError = (failure: Error & { code?: string }, failed: unknown) => {
        if (failed !== socket) return
        error = failure.code ?? failure.message
        ended = true
        socket.destroy()
        finish()
      }
      const detach = () => {
        for (const event of REQUEST_EVENTS) this.#server.off(event, onRequest)
        this.#server.off('clientError', onClientError)
      }
      for (const event of REQUEST_EVENTS) this.#server.on(event, onRequest)
      this.#server.on('clientError', onClientError)
      socket.on('close', () => {
        ended = true
        finish()
      })
      this.#server.emit('connection', socket)
      socket.push(bytes)
      socket.push(null)
    })
  }
}

/** What Node's own HTTP client makes of an answer, after which the connection ends. */
export interface NodeAnswer {
  /** 0: no answer. */
  readonly status: number
  readonly rawHeaders: string[]
  readonly body: string
  /** Code of the error, '' when the answer is whole. */
  readonly error: string
}

export function readAnswer(bytes: Buffer, method = 'GET'): Promise<NodeAnswer> {
  return new Promise((resolve) => {
    const socket = new MemorySocket()
    const sent = clientRequest({ method, createConnection: () => socket as never })
    let status = 0
    let rawHeaders: string[] = []
    let body = ''
    let error = ''
    sent.on('response', (message) => {
      status = message.statusCode!
      rawHeaders = message.rawHeaders
      message.setEncoding('latin1')
      message.on('data', (text) => {
        body += text
      })
      message.on('error', (failure: Error & { code?: string }) => {
        error = failure.code ?? failure.message
      })
    })
    sent.on('error', (failure: Error & { code?: string }) => {
      error = failure.code ?? failure.message
    })
    sent.on('close', () => resolve({ status, rawHeaders, body, error }))
    // The parser is attached once the socket is.
    sent.on('socket', () => {
      socket.push(bytes)
      socket.push(null)
    })
    sent.end()
  })
}

const REQUEST_EVENTS = ['request', 'checkContinue', 'checkExpectation', 'upgrade', 'connect'] as const

/** A connection without a network: what is written to it is dropped. */
class MemorySocket extends Duplex {
  constructor() {
    super({ allowHalfOpen: true })
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
