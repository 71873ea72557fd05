import { connect, Socket } from 'node:net'
import { readLastWords } from './last-words.ts'
import { ReadBuffer } from './read-buffer.ts'
import type { Transport, TransportOwner } from './transport.ts'

/** More than any owner lets wait: the owner has marks of its own. */
const NO_MARK = 2 ** 30

/** A connection by the public interface of Node, for where `HandleTransport` cannot be. */
export class SocketTransport implements Transport {
  readonly reads = new ReadBuffer()
  readonly #socket: Socket
  #owner: TransportOwner | null = null
  #unfinished = false
  #closed = false
  #closesSoon = false
  /** What `end` was given, while bytes wait that go before it. */
  #whenEnded: (() => void) | null = null
  #error = ''

  private constructor(make: (options: object) => Socket, heedsLastWords: boolean) {
    const socket = make({
      allowHalfOpen: true,
      noDelay: true,
      highWaterMark: NO_MARK,
      onread: {
        buffer: () => this.reads.next(),
        callback: (count: number) => {
          this.#owner!.onRead(this.reads.current, 0, count)
          return !socket.isPaused()
        },
      },
    })
    this.#socket = socket
    socket.on('connect', () => this.#owner!.onConnect())
    socket.on('end', () => this.#owner!.onEnd())
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#error = error.code ?? error.message
    })
    socket.on('close', () => this.#owner?.onClose(this.#error))
    if (heedsLastWords) this.#heedLastWords()
  }

  /** One that was accepted; the handle is that of `onconnection`. */
  static accepted(handle: unknown): SocketTransport {
    return new SocketTransport((options) => new Socket({ ...options, handle } as object).pause(), false)
  }

  /** Opens one to an IP address. That it cannot be opened is told by `onClose`. */
  static connect(address: string, port: number): SocketTransport {
    return new SocketTransport((options) => connect({ ...options, host: address, port }), true)
  }

  get writable(): boolean {
    return this.#socket.writable && !this.#socket.destroyed && this.#whenEnded === null
  }

  get unsentBytes(): number {
    return this.#socket.writableLength
  }

  get writtenBytes(): number {
    return this.#socket.bytesWritten
  }

  get takenBytes(): number {
    const { _handle: handle } = this.#socket as unknown as { _handle: HandleCounts | null }
    return handle === null ? 0 : handle.bytesWritten - handle.writeQueueSize
  }

  start(owner: TransportOwner): void {
    this.#owner = owner
    this.#socket.resume()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  writeText(text: string): boolean {
    if (this.writable) this.#socket.write(text, 'latin1', this.#written)
    return this.#sent()
  }

  writeBytes(bytes: Buffer): boolean {
    if (this.writable) this.#socket.write(bytes, this.#written)
    return this.#sent()
  }

  writeGathered(head: string, payload: Buffer, tail: string): boolean {
    if (!this.writable) return true
    this.#socket.cork()
    if (head !== '') this.#socket.write(head, 'latin1')
    this.#socket.write(payload, this.#written)
    if (tail !== '') this.#socket.write(tail, 'latin1', this.#written)
    this.#socket.uncork()
    return this.#sent()
  }

  #sent(): boolean {
    this.#unfinished = this.#socket.writableLength > 0
    return !this.#unfinished
  }

  readonly #written = (): void => {
    if (!this.#unfinished || this.#socket.writableLength > 0 || this.#socket.destroyed) return
    this.#unfinished = false
    if (this.#whenEnded !== null) this.#socket.end(this.#whenEnded)
    if (this.#closesSoon) this.#socket.destroySoon()
    this.#owner!.onDrain()
  }

  end(done: () => void = () => {}): void {
    if (!this.writable) return
    if (this.#unfinished) this.#whenEnded = done
    else this.#socket.end(done)
  }

  closeSoon(): void {
    if (this.writable) this.end()
    if (this.#unfinished) this.#closesSoon = true
    else this.#socket.destroySoon()
  }

  close(): void {
    this.#closed = true
    this.#socket.destroy()
  }

  reset(): void {
    this.#closed = true
    const socket = this.#socket
    if (socket.destroyed) return
    // After `end` there is nothing left that a reset could say, and a socket that waits for its end never gets to one.
    if (socket.writableEnded) socket.destroy()
    else socket.resetAndDestroy()
  }

  /** A socket that breaks has no handle any more when it says so: what the dyno said last is read before. */
  #heedLastWords(): void {
    const socket = this.#socket as Socket & { _handle: { fd?: number } | null }
    const destroy = socket._destroy
    socket._destroy = (error, callback) => {
      if (error !== null && !socket.connecting) {
        readLastWords(socket._handle?.fd ?? -1, (count, bytes) => {
          this.#owner!.onRead(bytes, 0, count)
          return !socket.isPaused() && !this.#closed
        })
      }
      destroy.call(socket, error, callback)
    }
  }
}

/** No public interface, and the only way to see that a slow peer takes some of a large write. */
interface HandleCounts {
  readonly bytesWritten: number
  readonly writeQueueSize: number
}
