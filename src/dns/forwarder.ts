import { randomInt } from 'node:crypto'
import { EDNS_UDP_BYTES, HEADER_BYTES, OPT_BYTES, RCODE, type Transport, TYPE } from './codes.ts'
import { exchange } from './exchange.ts'
import { decodeMessage } from './message.ts'
import { Query } from './query.ts'
import type { ServerAddress } from './server-address.ts'

export interface ForwarderOptions {
  /** Asked in this order. */
  readonly servers: readonly ServerAddress[]
  /** For one try at one server. */
  readonly timeoutMs: number
  /** Queries under way at once; each holds a socket. One more is answered SERVFAIL at once. */
  readonly maxInFlight: number
}

/**
 * Asks other servers about names that are not ours, in the client's place (RFC 5625 §4): over the client's transport, with EDNS when
 * it had EDNS, so that the answer has the form that it can take and truncation reaches it as what it is.
 */
export class Forwarder {
  readonly #options: ForwarderOptions
  readonly #query = new Query()
  readonly #closing = new AbortController()
  #inFlight = 0

  constructor(options: ForwarderOptions) {
    this.#options = options
  }

  /** @param packet a query that can be answered. @returns a well-formed answer to it under another id; null when there is none */
  async forward(packet: Buffer, transport: Transport): Promise<Buffer | null> {
    const { servers, timeoutMs, maxInFlight } = this.#options
    if (this.#inFlight >= maxInFlight || this.#closing.signal.aborted) return null
    this.#inFlight++
    try {
      let failure: Buffer | null = null
      // A lone server is asked twice: a packet may have been lost.
      for (let n = 0; n < Math.max(2, servers.length); n++) {
        const query = this.#queryFor(packet)
        const server = servers[n % servers.length]!
        const answer = await exchange(server, query, transport, timeoutMs, this.#closing.signal).catch(() => null)
        if (this.#closing.signal.aborted) return null
        if (answer === null || !isWhole(answer)) continue
        const rcode = answer[3]! & 0x0f
        if (rcode !== RCODE.SERVFAIL && rcode !== RCODE.REFUSED) return answer
        failure = answer
      }
      return failure
    } finally {
      this.#inFlight--
    }
  }

  /** Ends what is under way: those get null. */
  close(): void {
    this.#closing.abort()
  }

  /** The client's question as it wrote it, under a random id. Its EDNS options are between it and us (RFC 6891 §6.1.1: hop by hop). */
  #queryFor(packet: Buffer): Buffer {
    const query = this.#query
    query.read(packet)
    const message = Buffer.alloc(query.questionEnd + (query.edns ? OPT_BYTES : 0))
    packet.copy(message, 0, 0, query.questionEnd)
    message.writeUInt16BE(randomInt(0x10000), 0)
    message.writeUInt16BE(query.edns ? 1 : 0, 10)
    if (query.edns) {
      message.writeUInt16BE(TYPE.OPT, query.questionEnd + 1)
      message.writeUInt16BE(Math.min(query.udpPayloadBytes, EDNS_UDP_BYTES), query.questionEnd + 3)
      message[query.questionEnd + 7] = query.dnssecOk ? 0x80 : 0
    }
    return message
  }
}

/** It must hold the question, for the client's is put in its place, and make sense to the last byte. */
function isWhole(answer: Buffer): boolean {
  return answer.readUInt16BE(4) === 1 && answer.length > HEADER_BYTES && decodeMessage(answer) !== null
}
