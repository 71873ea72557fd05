import { AnswerCache } from './answer-cache.ts'
import { AnswerWriter } from './answer-writer.ts'
import { CLASS_IN, FIRST_META_TYPE, RCODE, rcodeName, type Transport, TYPE, typeLabel } from './codes.ts'
import { NOT_A_QUERY, Query } from './query.ts'
import type { ZoneSet } from './zone.ts'

/** Takes each query that got an answer: its type (`other` beyond the known ones, `none` when it has no good question) and RCODE. */
export type QueryObserver = (type: string, rcode: string) => void

/** The name is outside of the zones and there is someone to ask about it. */
export const FORWARD = Symbol('forward')

/** From a packet to its answer: no socket, no clock. */
export class QueryHandler {
  readonly #query = new Query()
  readonly #writer: AnswerWriter
  readonly #forwards: boolean
  readonly #onQuery: QueryObserver
  readonly #answers: AnswerCache

  /** @param forwards whether names outside of the zones may be asked for elsewhere */
  constructor(zones: ZoneSet, forwards: boolean, onQuery: QueryObserver) {
    this.#answers = new AnswerCache(zones)
    this.#writer = new AnswerWriter(forwards)
    this.#forwards = forwards
    this.#onQuery = onQuery
  }

  /** Names of the zones whose answers are others from the next query on. */
  forget(keys: Iterable<string>): void {
    this.#answers.forget(keys)
  }

  /**
   * The answer, as it goes on the wire (over TCP with its length in front); null when none is due. A packet of any content is
   * fine, and what is refused gets no more bytes than it had.
   */
  handle(packet: Buffer, allowed: boolean, transport: Transport): Buffer | typeof FORWARD | null {
    const query = this.#query
    const fault = query.read(packet)
    if (fault === NOT_A_QUERY) return null
    if (!allowed) return this.#refuse(packet, RCODE.REFUSED, transport)
    if (fault !== RCODE.NOERROR) return this.#refuse(packet, fault, transport)
    if (query.class !== CLASS_IN) return this.#refuse(packet, RCODE.REFUSED, transport)
    if (query.type >= FIRST_META_TYPE && query.type < TYPE.ANY) {
      const transfer = query.type === TYPE.AXFR || query.type === TYPE.IXFR
      return this.#refuse(packet, transfer ? RCODE.REFUSED : RCODE.NOTIMP, transport)
    }
    const answer = this.#answers.find(query.key, query.type)
    if (answer === null) {
      // Without recursion desired the question is about our own zones only.
      if (this.#forwards && query.recursionDesired) return FORWARD
      return this.#refuse(packet, RCODE.REFUSED, transport)
    }
    this.#onQuery(typeLabel(query.type), rcodeName(answer.rcode))
    return this.#writer.answer(packet, query, answer, transport)
  }

  /** The answer to a packet that was to be forwarded, from what came back: null for nothing in time. */
  forwarded(packet: Buffer, reply: Buffer | null, transport: Transport): Buffer {
    const query = this.#query
    query.read(packet)
    if (reply === null) return this.#refuse(packet, RCODE.SERVFAIL, transport)
    this.#onQuery(typeLabel(query.type), rcodeName(reply[3]! & 0x0f))
    return this.#writer.relay(packet, query, reply, transport)
  }

  #refuse(packet: Buffer, rcode: number, transport: Transport): Buffer {
    this.#onQuery(this.#query.key === '' ? 'none' : typeLabel(this.#query.type), rcodeName(rcode))
    return this.#writer.refusal(packet, this.#query, rcode, transport)
  }
}
