/**
 * The dynos behind every contender: one process on four ports that answers precomputed bytes as fast as Node's sockets allow, so that it
 * is not what is measured. It is no model of an HTTP server: it trusts its clients, which are the contenders.
 *
 *   GET  /bytes/N    N bytes
 *   GET  /echo       the request's head as it arrived, in JSON, with the number of the dyno and of its connection
 *   POST /upload     takes a body (length or chunked) and answers its size; `?hash` adds its SHA-256
 *   Upgrade: …       101 to a WebSocket handshake, then a tunnel that sends back what it gets, frames or not
 *
 * `node bench/dyno.ts` prints one line of JSON with its addresses and ends when its standard input does.
 */
import { createHash, type Hash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

const DYNO_COUNT = 4
/** Bodies up to here are kept ready in one piece with their head. */
const PRECOMPUTED_BYTES = 1 << 20
const HEAD_END = Buffer.from('\r\n\r\n')
const PATTERN = pattern(1 << 18)

/** Bytes 0..N-1 of every body: a prime period, so that a piece that is lost or doubled shows. */
export function pattern(bytes: number): Buffer {
  const out = Buffer.allocUnsafe(bytes)
  for (let i = 0; i < bytes; i++) out[i] = 32 + ((i % 65_521) % 95)
  return out
}

/** The handshake of RFC 6455 §4.1 with the key of its §1.3: some contenders forward nothing else as an upgrade. */
export const TUNNEL_HEADERS = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

function switchingProtocols(key: string): string {
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  const headers = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n`
  return `HTTP/1.1 101 Switching Protocols\r\n${headers}\r\n`
}

/** What a connection is in the middle of, between two reads. */
interface Reading {
  /** An incomplete head, or an incomplete chunk-size line. */
  rest: Buffer | null
  body: UploadBody | null
}

class Dyno {
  readonly #name: string
  readonly #answers = new Map<string, Buffer>()
  #connections = 0

  constructor(number: number) {
    this.#name = `web.${number}`
  }

  accept(socket: Socket): void {
    const connection = ++this.#connections
    const reading: Reading = { rest: null, body: null }
    const onData = (data: Buffer) => {
      let buffer = data
      if (reading.rest !== null) {
        buffer = Buffer.concat([reading.rest, data])
        reading.rest = null
      }
      let at = 0
      while (at < buffer.length) {
        if (reading.body !== null) {
          at = reading.body.take(buffer, at)
          if (!reading.body.done) break
          socket.write(this.#answer(reading.body.summary()))
          reading.body = null
          continue
        }
        const end = buffer.indexOf(HEAD_END, at)
        if (end === -1) break
        const next = this.#request(socket, buffer, at, end, connection, reading)
        if (next) {
          socket.off('data', onData)
          return
        }
        at = end + HEAD_END.length
      }
      if (at < buffer.length) reading.rest = buffer.subarray(at)
    }
    socket.on('data', onData)
    socket.on('error', () => socket.destroy())
  }

  /** True: the connection is a tunnel from now on. */
  #request(socket: Socket, buffer: Buffer, start: number, end: number, connection: number, reading: Reading): boolean {
    const methodEnd = buffer.indexOf(32, start)
    const target = buffer.latin1Slice(methodEnd + 1, buffer.indexOf(32, methodEnd + 1))
    if (target.startsWith('/bytes/')) {
      const ready = this.#answers.get(target)
      if (ready !== undefined) socket.write(ready)
      else this.#sendBytes(socket, target, Number(target.slice('/bytes/'.length)))
      return false
    }
    const head = buffer.latin1Slice(start, end)
    if (/^upgrade:/im.test(head)) {
      socket.write(switchingProtocols(/^sec-websocket-key: *(\S+)/im.exec(head)?.[1] ?? ''))
      socket.pipe(socket)
      return true
    }
    if (target.startsWith('/upload')) {
      const length = /^content-length: *(\d+)/im.exec(head)?.[1]
      reading.body = new UploadBody(length === undefined ? -1 : Number(length), target.endsWith('?hash'))
      return false
    }
    socket.write(this.#answer(JSON.stringify({ head, dyno: this.#name, connection })))
    return false
  }

  #sendBytes(socket: Socket, target: string, bytes: number): void {
    if (bytes <= PRECOMPUTED_BYTES) {
      const answer = Buffer.concat([Buffer.from(this.#head(bytes)), pattern(bytes)])
      this.#answers.set(target, answer)
      socket.write(answer)
      return
    }
    socket.write(this.#head(bytes))
    let sent = 0
    const whole = PATTERN.subarray(0, PATTERN.length - (PATTERN.length % 65_521))
    const more = () => {
      while (sent < bytes && !socket.destroyed) {
        const piece = whole.subarray(0, Math.min(whole.length, bytes - sent))
        sent += piece.length
        if (!socket.write(piece) && sent < bytes) {
          socket.once('drain', more)
          return
        }
      }
    }
    more()
  }

  #answer(body: string): string {
    return this.#head(body.length) + body
  }

  #head(bytes: number): string {
    return `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${bytes}\r\nX-Dyno: ${this.#name}\r\n\r\n`
  }
}

/** A request body on its way in: counted, and hashed when asked. */
class UploadBody {
  done: boolean
  #bytes = 0
  /** Bytes of the body or of the chunk that are still to come; -1: a chunk-size line is next. */
  #remaining: number
  readonly #chunked: boolean
  #line = ''
  #lastChunk = false
  readonly #hash: Hash | null

  constructor(length: number, hash: boolean) {
    this.#chunked = length === -1
    this.#remaining = length
    this.done = length === 0
    this.#hash = hash ? createHash('sha256') : null
  }

  /** Takes what belongs to the body; gives the position after it. */
  take(buffer: Buffer, start: number): number {
    let at = start
    while (!this.done && at < buffer.length) {
      if (this.#chunked && this.#remaining <= 0) at = this.#takeLine(buffer, at)
      else {
        const piece = buffer.subarray(at, at + this.#remaining)
        this.#bytes += piece.length
        this.#hash?.update(piece)
        this.#remaining -= piece.length
        at += piece.length
        if (!this.#chunked) this.done = this.#remaining === 0
      }
    }
    return at
  }

  /** Chunk-size lines, the empty line after each chunk, and the one that ends the last: trailers are not expected. */
  #takeLine(buffer: Buffer, start: number): number {
    const end = buffer.indexOf(10, start)
    this.#line += buffer.latin1Slice(start, end === -1 ? buffer.length : end)
    if (end === -1) return buffer.length
    const line = this.#line.trim()
    this.#line = ''
    if (line === '') this.done = this.#lastChunk
    else {
      this.#remaining = Number.parseInt(line, 16)
      this.#lastChunk = this.#remaining === 0
    }
    return end + 1
  }

  summary(): string {
    return `${this.#bytes} ${this.#hash?.digest('hex') ?? ''}`
  }
}

async function serve(): Promise<void> {
  const addresses = await Promise.all(
    Array.from({ length: DYNO_COUNT }, async (_, i) => {
      const dyno = new Dyno(i + 1)
      const server = createServer({ noDelay: true }, (socket) => dyno.accept(socket))
      server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 })
      await once(server, 'listening')
      return { address: '127.0.0.1', port: (server.address() as AddressInfo).port }
    }),
  )
  process.stdout.write(`${JSON.stringify(addresses)}\n`)
  process.stdin.on('end', () => process.exit()).resume()
}

if (import.meta.main) await serve()
