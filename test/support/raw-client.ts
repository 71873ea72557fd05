import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface RawAnswer {
  readonly status: number
  /** Status line and header lines, without the blank line. */
  readonly head: string
  /** Lower-case name to values. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  /** Decoded: chunks joined. */
  readonly body: string
  /** As it came. */
  readonly raw: string
}

/** A client that sends just the bytes of the test and sees all that comes back. */
export class RawClient {
  readonly socket: Socket
  received = Buffer.alloc(0)
  /** '' while open; `end`: orderly; `reset`. */
  ending: '' | 'end' | 'reset' = ''
  #waiting: (() => void)[] = []

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk])
      this.#wakeAll()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') this.ending = 'reset'
      this.#wakeAll()
    })
    const ended = () => {
      this.ending ||= 'end'
      this.#wakeAll()
    }
    socket.on('end', ended)
    socket.on('close', ended)
  }

  static async connect(port: number, from = '127.0.0.1', to = '127.0.0.1'): Promise<RawClient> {
    const socket = connect({ port, host: to, localAddress: from, noDelay: true, allowHalfOpen: true })
    const client = new RawClient(socket)
    await once(socket, 'connect')
    return client
  }

  get text(): string {
    return this.received.toString('latin1')
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  async when(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.ending !== '') throw new Error(`connection ended (${this.ending}) after ${JSON.stringify(this.text)}`)
      await this.#change()
    }
  }

  until(text: string): Promise<void> {
    return this.when(() => this.text.includes(text))
  }

  /** How the router ended the connection. Ends this side too. */
  async ended(): Promise<'end' | 'reset'> {
    while (this.ending === '') await this.#change()
    this.socket.end()
    return this.ending
  }

  /** The next whole answer; it is taken out of what was received. `method` HEAD has no body. */
  async answer(method = 'GET'): Promise<RawAnswer> {
    for (;;) {
      const answer = takeAnswer(this.text, method, this.ending !== '')
      if (answer !== null) {
        this.received = this.received.subarray(answer.raw.length)
        return answer
      }
      if (this.ending !== '') throw new Error(`no whole answer in ${JSON.stringify(this.text)} (${this.ending})`)
      await this.#change()
    }
  }

  async get(path = '/', host = 'shop.example.com', more = ''): Promise<RawAnswer> {
    this.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`)
    return this.answer()
  }

  close(): void {
    this.socket.destroy()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #wakeAll(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

/** Deliberately simple: the tests' own reading of RFC 9112, independent of the router's. */
function takeAnswer(text: string, method: string, ended: boolean): RawAnswer | null {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd === -1) return null
  const head = text.slice(0, headEnd)
  const status = Number(head.slice(9, 12))
  const headers = new Map<string, string[]>()
  for (const line of head.split('\r\n').slice(1)) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase()
    headers.set(name, [...(headers.get(name) ?? []), line.slice(line.indexOf(':') + 1).trim()])
  }
  const start = headEnd + 4
  const done = (body: string, end: number): RawAnswer => ({ status, head, headers, body, raw: text.slice(0, end) })
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return done('', start)
  if (headers.get('transfer-encoding')?.[0] === 'chunked') {
    let body = ''
    let at = start
    for (;;) {
      const lineEnd = text.indexOf('\r\n', at)
      if (lineEnd === -1) return null
      const size = Number.parseInt(text.slice(at, lineEnd), 16)
      at = lineEnd + 2
      if (size === 0) {
        const end = text.startsWith('\r\n', at) ? at + 2 : text.indexOf('\r\n\r\n', at) + 4
        return end < at + 2 || end > text.length ? null : done(body, end)
      }
      if (text.length < at + size + 2) return null
      body += text.slice(at, at + size)
      at += size + 2
    }
  }
  const length = headers.get('content-length')?.[0]
  if (length === undefined) return ended ? done(text.slice(start), text.length) : null
  const end = start + Number(length)
  return text.length < end ? null : done(text.slice(start, end), end)
}
