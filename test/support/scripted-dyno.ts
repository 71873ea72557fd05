import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { settled } from './data-plane.ts'

/** One connection that the router opened, and every byte that came on it. */
export class DynoConnection {
  readonly socket: Socket
  readonly number: number
  received = Buffer.alloc(0)
  #waiting: (() => void)[] = []
  closed = false
  /** The router has said that it will send no more. */
  ended = false

  constructor(socket: Socket, number: number) {
    this.socket = socket
    this.number = number
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk])
      this.#wakeAll()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.closed = true
      this.#wakeAll()
    })
    socket.on('end', () => {
      this.ended = true
      this.#wakeAll()
    })
  }

  get text(): string {
    return this.received.toString('latin1')
  }

  /** Resolves once the text has come; rejects when the connection closes first. */
  async until(text: string): Promise<string> {
    return this.when(() => this.text.includes(text))
  }

  async when(condition: () => boolean): Promise<string> {
    while (!condition()) {
      if (this.closed) throw new Error(`connection ${this.number} closed after ${JSON.stringify(this.text)}`)
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    return this.text
  }

  /** Until the router has closed it, or it broke. */
  async untilClosed(): Promise<void> {
    while (!this.closed && !this.ended) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Forgets what came, so that the next `until` sees only what comes after. */
  forget(): void {
    this.received = Buffer.alloc(0)
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  #wakeAll(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

/** A dyno that does just what the test says, by bytes. */
export class ScriptedDyno {
  readonly connections: DynoConnection[] = []
  readonly #server: Server
  readonly #script: (connection: DynoConnection) => void
  #waiting: (() => void)[] = []

  constructor(script: (connection: DynoConnection) => void = () => {}) {
    this.#script = script
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const connection = new DynoConnection(socket, this.connections.length)
      this.connections.push(connection)
      this.#script(connection)
      for (const wake of this.#waiting.splice(0)) wake()
    })
  }

  static async start(script?: (connection: DynoConnection) => void, host = '127.0.0.1'): Promise<ScriptedDyno> {
    const dyno = new ScriptedDyno(script)
    dyno.#server.listen(0, host)
    await once(dyno.#server, 'listening')
    return dyno
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The connection with this number (from 0), as soon as the router has opened it. */
  async connection(number = 0): Promise<DynoConnection> {
    while (this.connections.length <= number) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return this.connections[number]!
  }

  async stop(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** Answers every request head with the same bytes, as soon as the blank line (and `bodyBytes` more) has come. */
export function answering(answer: string | ((requestText: string) => string), bodyBytes = 0) {
  return (connection: DynoConnection): void => {
    connection.socket.on('data', () => {
      for (;;) {
        const end = connection.text.indexOf('\r\n\r\n')
        if (end === -1 || connection.received.length < end + 4 + bodyBytes) return
        const request = connection.text.slice(0, end + 4 + bodyBytes)
        connection.received = connection.received.subarray(end + 4 + bodyBytes)
        connection.send(typeof answer === 'string' ? answer : answer(request))
      }
    })
  }
}

export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** An answer without end, as fast as it is taken. */
export function streaming(connection: DynoConnection): void {
  const { socket } = connection
  const piece = Buffer.alloc(256 * 1024, 'x')
  const write = () => {
    while (!socket.destroyed && socket.write(piece));
  }
  socket.once('data', () => {
    connection.send('HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n')
    write()
  })
  socket.on('drain', write)
}

/** Until nothing more goes from the dyno into the router: whoever should take it does not. */
export async function filled(connection: DynoConnection): Promise<void> {
  const { socket } = connection
  const gone = () => socket.bytesWritten - socket.writableLength
  let before = -1
  for (let calm = 0; calm < 5; calm++) {
    if (gone() !== before) calm = 0
    before = gone()
    await settled()
  }
}
