import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

/** A request as a dyno saw it, read by the test's own strict reading of RFC 9112 rather than by the router's. */
export interface SeenRequest {
  readonly connection: SeenConnection
  /** Request line and header lines, without the blank line. */
  readonly head: string
  readonly method: string
  readonly target: string
  /** `Name: value` as they came. */
  readonly lines: readonly string[]
  /** Lower-case name to values. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  /** Decoded: chunks joined. */
  readonly body: string
  /** `Name: value` lines after the last chunk. */
  readonly trailers: readonly string[]
  /** Framing included. */
  readonly raw: string
}

/** What to send for a request; nothing: the test sends by itself. */
export type Answer = (request: SeenRequest) => string | Buffer | undefined

export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\/[\x21-\x7e]*|\*) HTTP\/1\.1$/
const HEADER_LINE =
  /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:(?: ?[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?[\t ]*$/

/** One connection that the router opened, every byte that came on it, and the requests that these bytes are. */
export class SeenConnection {
  readonly socket: Socket
  readonly number: number
  closed = false
  /** The other side has said that it will send no more. */
  ended = false
  #chunks: string[] = []
  /** What came and is no whole request yet. */
  rest = ''
  #upgrading = false
  readonly #dyno: RecordingDyno

  constructor(dyno: RecordingDyno, socket: Socket, number: number) {
    this.#dyno = dyno
    this.socket = socket
    this.number = number
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk.toString('latin1'))
      if (!this.#upgrading) this.rest += this.#chunks.at(-1)
      dyno.changed()
      this.#readRequests()
    })
    socket.on('end', () => {
      this.ended = true
      dyno.changed()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.closed = true
      dyno.changed()
    })
  }

  /** Every byte, from the first. */
  get text(): string {
    if (this.#chunks.length > 1) this.#chunks = [this.#chunks.join('')]
    return this.#chunks[0] ?? ''
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Sends, and closes this side. */
  end(bytes: string | Buffer = ''): void {
    this.socket.end(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Resolves once the text has come, anywhere since the beginning; rejects when the connection closes first. */
  async until(text: string): Promise<void> {
    await this.#dyno.when(() => {
      if (this.text.includes(text)) return true
      if (this.closed) throw new Error(`connection ${this.number} closed after ${JSON.stringify(this.text)}`)
      return false
    })
  }

  async untilClosed(): Promise<void> {
    await this.#dyno.when(() => this.closed || this.ended)
    this.socket.destroy()
  }

  #readRequests(): void {
    while (!this.#upgrading) {
      const request = readRequest(this, this.rest)
      if (typeof request === 'string') this.#dyno.faults.push(request)
      if (request === null || typeof request === 'string') return
      this.rest = this.rest.slice(request.raw.length)
      // Bytes behind a request to upgrade belong to another protocol.
      this.#upgrading = request.headers.has('upgrade')
      this.#dyno.took(request)
    }
  }
}

/** A dyno that writes down every byte and every request of all of its connections, and answers what the test says. */
export class RecordingDyno {
  readonly connections: SeenConnection[] = []
  /** In the order in which they were whole. */
  readonly requests: SeenRequest[] = []
  /** What came that is no request. Always a bug of the router. */
  readonly faults: string[] = []
  answer: Answer
  port = 0
  readonly #server: Server
  #waiting: (() => void)[] = []

  constructor(answer: Answer) {
    this.answer = answer
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.connections.push(new SeenConnection(this, socket, this.connections.length))
      this.changed()
    })
  }

  static async start(answer: Answer = () => OK): Promise<RecordingDyno> {
    const dyno = new RecordingDyno(answer)
    dyno.#server.listen(0, '127.0.0.1')
    await once(dyno.#server, 'listening')
    dyno.port = (dyno.#server.address() as AddressInfo).port
    return dyno
  }

  /** Every byte of every connection. */
  get everything(): string {
    return this.connections.map(({ text }) => text).join('')
  }

  /** Number `number` (from 0), once it is whole. */
  async request(number = 0): Promise<SeenRequest> {
    await this.when(() => this.requests.length > number)
    return this.requests[number]!
  }

  /** Number `number` (from 0), once the router has opened it. */
  async connection(number = 0): Promise<SeenConnection> {
    await this.when(() => this.connections.length > number)
    return this.connections[number]!
  }

  async when(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  changed(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  took(request: SeenRequest): void {
    this.requests.push(request)
    this.changed()
    const answer = this.answer(request)
    if (answer !== undefined) request.connection.send(answer)
  }

  /** Takes no more connections: the next ones are refused. */
  async refuse(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async stop(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy()
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** null: not whole yet; a text: what is wrong with it. */
function readRequest(connection: SeenConnection, text: string): SeenRequest | string | null {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd === -1) return null
  const head = text.slice(0, headEnd)
  const [requestLine = '', ...lines] = head.split('\r\n')
  const parts = REQUEST_LINE.exec(requestLine)
  if (parts === null) return `no request line: ${JSON.stringify(requestLine)}`
  const bad = lines.find((line) => !HEADER_LINE.test(line))
  if (bad !== undefined) return `no header line: ${JSON.stringify(bad)}`
  const headers = headersOf(lines)
  if (headers.get('host')?.length !== 1) return `not one Host: ${JSON.stringify(head)}`
  const body = readBody(text.slice(headEnd + 4), headers)
  if (body === null || typeof body === 'string') return body
  return {
    connection,
    head,
    method: parts[1]!,
    target: parts[2]!,
    lines,
    headers,
    body: body.payload,
    trailers: body.trailers,
    raw: text.slice(0, headEnd + 4 + body.length),
  }
}

interface SeenBody {
  readonly payload: string
  readonly trailers: readonly string[]
  readonly length: number
}

function readBody(text: string, headers: ReadonlyMap<string, readonly string[]>): SeenBody | string | null {
  const lengths = headers.get('content-length') ?? []
  const codings = headers.get('transfer-encoding') ?? []
  if (lengths.length + codings.length > 1) return `framed twice: ${lengths} ${codings}`
  if (codings.length === 1) return codings[0] === 'chunked' ? readChunks(text) : `framed as ${codings}`
  const length = lengths[0] ?? '0'
  if (!/^\d+$/.test(length)) return `Content-Length ${length}`
  return text.length < Number(length)
    ? null
    : { payload: text.slice(0, Number(length)), trailers: [], length: Number(length) }
}

function readChunks(text: string): SeenBody | string | null {
  let payload = ''
  for (let at = 0; ; ) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd === -1) return null
    const size = text.slice(at, lineEnd)
    if (!/^[0-9a-f]+$/.test(size)) return `chunk size ${JSON.stringify(size)}`
    const start = lineEnd + 2
    const end = start + Number.parseInt(size, 16)
    if (size === '0') {
      if (text.startsWith('\r\n', start)) return { payload, trailers: [], length: start + 2 }
      const trailersEnd = text.indexOf('\r\n\r\n', start)
      if (trailersEnd === -1) return null
      const trailers = text.slice(start, trailersEnd).split('\r\n')
      const bad = trailers.find((line) => !HEADER_LINE.test(line))
      return bad === undefined ? { payload, trailers, length: trailersEnd + 4 } : `trailer ${JSON.stringify(bad)}`
    }
    if (text.length < end + 2) return null
    if (text.slice(end, end + 2) !== '\r\n') return `after a chunk: ${JSON.stringify(text.slice(end, end + 2))}`
    payload += text.slice(start, end)
    at = end + 2
  }
}

function headersOf(lines: readonly string[]): Map<string, string[]> {
  const headers = new Map<string, string[]>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()])
  }
  return headers
}
