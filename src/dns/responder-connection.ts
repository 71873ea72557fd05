import type { Socket } from 'node:net'
import { FrameReader } from './tcp-framing.ts'

export interface ConnectionOptions {
  /** The answer with its length in front; null: this was no query. */
  readonly answer: (packet: Buffer) => Buffer | null | Promise<Buffer>
  /** From one query to the next, in milliseconds; single bytes do not count. */
  readonly idleMs: number
  /** One answer, then the end: for clients that get nothing but a refusal. */
  readonly once: boolean
}

/** A query has a name and an OPT record; no good one comes near this. */
const MAX_QUERY_BYTES = 4096

/** Answers of one connection that are waited for at once; then no more is read. */
const MAX_WAITING = 16

/**
 * One TCP connection of the responder. Queries may come one after the other or many at once (RFC 7766 §6.2.1.1); those that have
 * to wait for another server do not hold up the others. While the client does not take its answers, no query is read.
 */
export class ResponderConnection {
  readonly #socket: Socket
  readonly #options: ConnectionOptions
  readonly #frames = new FrameReader(MAX_QUERY_BYTES)
  readonly #idleTimer: NodeJS.Timeout
  #waiting = 0
  /** No query will come, or be heard, any more. */
  #ended = false

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket
    this.#options = options
    this.#idleTimer = setTimeout(() => socket.destroy(), options.idleMs)
    socket.on('data', (piece: Buffer) => {
      if (this.#ended) return
      this.#frames.push(piece)
      this.#proceed()
    })
    socket.on('drain', () => this.#proceed())
    socket.on('end', () => {
      this.#ended = true
      this.#proceed()
    })
    // A reset or a broken pipe: `close` follows, and there is no one to tell.
    socket.on('error', () => {})
    socket.on('close', () => clearTimeout(this.#idleTimer))
  }

  get #blocked(): boolean {
    return this.#socket.writableNeedDrain || this.#waiting >= MAX_WAITING
  }

  #proceed(): void {
    const socket = this.#socket
    if (socket.destroyed) return
    socket.cork()
    while (!this.#blocked) {
      const packet = this.#frames.next()
      if (packet === null) break
      this.#idleTimer.refresh()
      this.#answer(packet)
      if (socket.destroyed || socket.writableEnded) return
    }
    socket.uncork()
    if (this.#frames.tooLong) socket.destroy()
    else if (this.#frames.pending) socket.pause()
    else if (!this.#ended) socket.resume()
    else if (this.#waiting === 0) socket.end()
  }

  #answer(packet: Buffer): void {
    const answer = this.#options.answer(packet)
    if (answer === null) {
      this.#socket.destroy()
    } else if (answer instanceof Promise) {
      this.#waiting++
      answer.then((late) => {
        this.#waiting--
        if (!this.#socket.destroyed) this.#socket.write(late)
        this.#proceed()
      })
    } else if (this.#options.once) {
      this.#ended = true
      this.#socket.end(answer)
    } else {
      this.#socket.write(answer)
    }
  }
}
