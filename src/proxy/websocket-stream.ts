import { closeFrame, WebSocketFrames } from '../wire/websocket-frames.ts'
import type { ClientSide } from './exchange.ts'

/** Service Restart: come again, after a while by lot (RFC 6455 §7.4.1, registry). */
const SERVICE_RESTART = closeFrame(1012)

/** What a dyno says to the client of a WebSocket: passed on as it is, and ended between two frames when the dyno is to go. */
export class WebSocketStream {
  readonly #client: ClientSide
  readonly #frames = new WebSocketFrames()
  #asked = false
  #ended = false

  constructor(client: ClientSide) {
    this.#client = client
  }

  /** Somebody has asked for the end, whether or not it could be said yet. */
  get endAsked(): boolean {
    return this.#asked
  }

  pass(bytes: Buffer, start: number, end: number): void {
    // After a Close frame nothing may follow, also not the one with which the dyno answers the client's.
    if (this.#ended) return
    let at = start
    while (at < end) {
      const next = this.#frames.next(bytes, at, end)
      if (next === -1) break
      at = next
      if (!this.#asked) continue
      this.#client.writeBytes(bytes, start, at)
      this.#sayClose()
      return
    }
    this.#client.writeBytes(bytes, start, end)
  }

  /** Tells the client that the service restarts, at the end of the present frame. What the dyno says after that is not passed on. */
  close(): void {
    if (this.#asked) return
    this.#asked = true
    if (!this.#frames.inside) this.#sayClose()
  }

  #sayClose(): void {
    this.#ended = true
    if (!this.#frames.closed) this.#client.writeText(SERVICE_RESTART)
  }
}
