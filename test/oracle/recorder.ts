import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

/** A request that reached a dyno whole, by the oracle's own reading: only what Postern may write is understood. */
export interface Recorded {
  readonly number: number
  readonly connection: RecordedConnection
  /** One character per byte, framing included. */
  readonly text: string
  readonly method: string
  readonly target: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
  readonly trailers: readonly (readonly [name: string, value: string])[]
  /** An answer to it was sent. */
  answered: boolean
}

const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\/[\x21-\x7e]*|\*) HTTP\/1\.1$/
const HEADER_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[^\x00-\x08\x0a-\x1f\x7f]*[^\x00-\x20\x7f])?)[ \t]*$/
const CHUNK_SIZE = /^[0-9a-f]{1,8}$/

const LONG_BYTES = 65_536
const CONTENT_LENGTH = /\r\nContent-Length: \d+\r\n/

export class RecordedConnection {
  readonly socket: Socket
  /** What came and is no whole request yet. */
  rest = ''
  requests = 0
  closed = false

  constructor(socket: Socket) {
    this.socket = socket
  }

  send(text: string): void {
    if (this.socket.writable) this.socket.write(text, 'latin1')
  }
}

/** A dyno that writes down what it is asked, and does with each request what it was given to do. */
export class Recorder {
  /** Since the last `take`. */
  requests: Recorded[] = []
  /** What Postern sent that it must never send. */
  faults: string[] = []
  readonly connections = new Set<RecordedConnection>()
  onRequest: (request: Recorded) => void = answerWithNumber
  /** More bytes of a request that is not whole came. */
  onPart: (connection: RecordedConnection) => void = () => {}
  readonly #server: Server
  #count = 0

  constructor() {
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#accept(socket))
  }

  static async start(): Promise<Recorder> {
    const recorder = new Recorder()
    recorder.#server.listen(0, '127.0.0.1', 1024)
    await once(recorder.#server, 'listening')
    return recorder
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  take(): Recorded[] {
    const { requests } = this
    this.requests = []
    return requests
  }

  async stop(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(socket: Socket): void {
    const connection = new RecordedConnection(socket)
    this.connections.add(connection)
    socket.on('data', (bytes: Buffer) => {
      const text = bytes.latin1Slice()
      connection.rest += text
      // The end of a long chunked body is the end of a read; to look for it in each would be quadratic.
      const streaming = connection.rest.length > LONG_BYTES && !text.endsWith('\r\n\r\n')
      if (!streaming || CONTENT_LENGTH.test(connection.rest.slice(0, LONG_BYTES))) this.#read(connection)
    })
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      connection.closed = true
      this.connections.delete(connection)
    })
  }

  #read(connection: RecordedConnection): void {
    while (connection.rest !== '') {
      let request: Recorded | null
      try {
        request = readRequest(connection, ++this.#count)
      } catch (error) {
        this.faults.push(`${(error as Error).message} in what came to the dyno: ${JSON.stringify(connection.rest)}`)
        connection.socket.destroy()
        return
      }
      if (request === null) return this.onPart(connection)
      connection.rest = connection.rest.slice(request.text.length)
      connection.requests++
      this.requests.push(request)
      this.onRequest(request)
      if (connection.rest !== '') this.faults.push('a dyno got a request before it had answered the one before')
    }
  }
}

/** The usual answer: says which request it is for, and how that was understood. */
export function answerWithNumber(request: Recorded): void {
  request.connection.send(answerTo(request))
  request.answered = true
}

export function answerTo(request: Recorded, more = ''): string {
  const body = `seen ${request.number}`
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nX-Seen: ${request.number} ${request.method}\r\n${more}\r\n`
  return head + (request.method === 'HEAD' ? '' : body)
}

function readRequest(connection: RecordedConnection, number: number): Recorded | null {
  const text = connection.rest
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd === -1) return null
  const lines = text.slice(0, headEnd).split('\r\n')
  const line = REQUEST_LINE.exec(lines[0]!)
  if (line === null) throw new Error(`bad request line ${JSON.stringify(lines[0])}`)
  const headers = lines.slice(1).map(readField)
  const length = only(headers, 'content-length')
  const coding = only(headers, 'transfer-encoding')
  if (only(headers, 'host') === null) throw new Error('no Host')
  let end = headEnd + 4
  let body = ''
  let trailers: (readonly [string, string])[] = []
  if (coding !== null) {
    if (coding !== 'chunked' || length !== null) throw new Error('bad framing')
    for (;;) {
      const sizeEnd = text.indexOf('\r\n', end)
      if (sizeEnd === -1) return null
      const size = text.slice(end, sizeEnd)
      if (!CHUNK_SIZE.test(size)) throw new Error(`bad chunk size ${JSON.stringify(size)}`)
      const start = sizeEnd + 2
      if (/^0+$/.test(size)) {
        const last = text.startsWith('\r\n', start) ? start : text.indexOf('\r\n\r\n', start) + 2
        if (last < start || text.length < last + 2) return null
        trailers =
          last === start
            ? []
            : text
                .slice(start, last - 2)
                .split('\r\n')
                .map(readField)
        end = last + 2
        break
      }
      const stop = start + Number.parseInt(size, 16)
      if (text.length < stop + 2) return null
      if (text.slice(stop, stop + 2) !== '\r\n') throw new Error('chunk without end')
      body += text.slice(start, stop)
      end = stop + 2
    }
  } else if (length !== null) {
    if (!/^\d+$/.test(length)) throw new Error('bad Content-Length')
    end += Number(length)
    if (text.length < end) return null
    body = text.slice(headEnd + 4, end)
  }
  const [, method, target] = line as unknown as [string, string, string]
  return { number, connection, text: text.slice(0, end), method, target, headers, body, trailers, answered: false }
}

function readField(line: string): readonly [string, string] {
  const match = HEADER_LINE.exec(line)
  if (match === null) throw new Error(`bad header line ${JSON.stringify(line)}`)
  return [match[1]!, match[2]!]
}

/** Its one value; null when it did not come. */
function only(headers: readonly (readonly [string, string])[], name: string): string | null {
  const values = headers.filter(([spelled]) => spelled.toLowerCase() === name)
  if (values.length > 1) throw new Error(`${name} more than once`)
  return values[0]?.[1] ?? null
}
