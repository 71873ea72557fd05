import type { EncodedAnswer, RecordRun } from './answer-cache.ts'
import { EDNS_UDP_BYTES, HEADER_BYTES, MAX_MESSAGE_BYTES, OPT_BYTES, type Transport, TYPE } from './codes.ts'
import type { Query } from './query.ts'
import { LENGTH_BYTES } from './tcp-framing.ts'

const QR = 0x80
const AA = 0x04
const TC = 0x02
const RD = 0x01
const RA = 0x80
const CD = 0x10
const DNSSEC_OK = 0x80

/** The largest answer that the client of this query takes. */
export function maxAnswerBytes(query: Query, transport: Transport): number {
  return transport === 'tcp' ? MAX_MESSAGE_BYTES : Math.min(query.udpPayloadBytes, EDNS_UDP_BYTES)
}

/**
 * Puts answers together: the id, question (its case kept) and flags of the query, then records that are encoded already.
 * What it returns is the caller's own; over TCP its length stands in front.
 */
export class AnswerWriter {
  readonly #recursionAvailable: boolean
  readonly #out = Buffer.allocUnsafe(LENGTH_BYTES + MAX_MESSAGE_BYTES)
  /** Where the message begins, where its next byte goes, and where its records must end. */
  #start = 0
  #at = 0
  #end = 0
  /** Something was left out. */
  #full = false

  constructor(recursionAvailable: boolean) {
    this.#recursionAvailable = recursionAvailable
  }

  /** As many whole records as fit; TC when one of the answer itself does not, but not for additional ones (RFC 2181 §9). */
  answer(packet: Buffer, query: Query, answer: EncodedAnswer, transport: Transport): Buffer {
    const turn = answer.turn
    answer.turn = turn + 1 < answer.turns ? turn + 1 : 0
    this.#begin(packet, query, transport)
    const answers = this.#addRun(answer.answers, turn)
    const authorities = this.#full ? 0 : this.#addRun(answer.authorities, 0)
    const truncated = this.#full
    let additionals = 0
    for (const run of answer.additionals) {
      if (this.#full) break
      additionals += this.#addRun(run, turn)
    }
    return this.#finish(query, answer.rcode, truncated ? AA | TC : AA, answers, authorities, additionals)
  }

  /**
   * No records: the query's header, what of its question could be read, and OPT when it had one. So it is never longer than
   * the query, and worth nothing to who sends queries in the name of others.
   */
  refusal(packet: Buffer, query: Query, rcode: number, transport: Transport): Buffer {
    this.#begin(packet, query, transport)
    return this.#finish(query, rcode, 0, 0, 0, 0)
  }

  /** What another server said about the same question: with our client's id and case; too long for it, TC and no records. */
  relay(packet: Buffer, query: Query, reply: Buffer, transport: Transport): Buffer {
    this.#begin(packet, query, transport)
    if (reply.length > maxAnswerBytes(query, transport)) return this.#finish(query, 0, TC, 0, 0, 0)
    const out = this.#out
    reply.copy(out, this.#start + 2, 2, HEADER_BYTES)
    const end = this.#at + reply.copy(out, this.#at, query.questionEnd)
    if (this.#start > 0) this.#putCount(0, end - this.#start)
    const answer = Buffer.allocUnsafe(end)
    out.copy(answer, 0, 0, end)
    return answer
  }

  #begin(packet: Buffer, query: Query, transport: Transport): void {
    this.#start = transport === 'tcp' ? LENGTH_BYTES : 0
    packet.copy(this.#out, this.#start, 0, query.questionEnd)
    this.#at = this.#start + query.questionEnd
    this.#end = this.#start + maxAnswerBytes(query, transport) - (query.edns ? OPT_BYTES : 0)
    this.#full = false
  }

  /** Groups of the run from `turn` on, and round, while they fit. Gives the number of records. */
  #addRun(run: RecordRun, turn: number): number {
    const { bytes, ends, counts } = run
    let records = 0
    if (bytes.length <= this.#end - this.#at) {
      const split = turn === 0 ? 0 : ends[turn - 1]!
      if (split < bytes.length) this.#at += bytes.copy(this.#out, this.#at, split)
      if (split > 0) this.#at += bytes.copy(this.#out, this.#at, 0, split)
      for (let group = 0; group < counts.length; group++) records += counts[group]!
      return records
    }
    this.#full = true
    for (let n = 0; n < ends.length; n++) {
      const group = (turn + n) % ends.length
      const from = group === 0 ? 0 : ends[group - 1]!
      if (ends[group]! - from > this.#end - this.#at) break
      this.#at += bytes.copy(this.#out, this.#at, from, ends[group]!)
      records += counts[group]!
    }
    return records
  }

  #finish(
    query: Query,
    rcode: number,
    flags: number,
    answers: number,
    authorities: number,
    additionals: number,
  ): Buffer {
    const out = this.#out
    const start = this.#start
    out[start + 2] = QR | (query.opcode << 3) | flags | (query.recursionDesired ? RD : 0)
    out[start + 3] = (this.#recursionAvailable ? RA : 0) | (query.checkingDisabled ? CD : 0) | (rcode & 0x0f)
    this.#putCount(start + 4, query.questionEnd > HEADER_BYTES ? 1 : 0)
    this.#putCount(start + 6, answers)
    this.#putCount(start + 8, authorities)
    this.#putCount(start + 10, query.edns ? additionals + 1 : additionals)
    let at = this.#at
    if (query.edns) {
      out[at++] = 0 // the root
      out[at++] = 0
      out[at++] = TYPE.OPT
      out[at++] = EDNS_UDP_BYTES >> 8
      out[at++] = EDNS_UDP_BYTES & 0xff
      out[at++] = rcode >> 4
      out[at++] = 0 // version
      out[at++] = query.dnssecOk ? DNSSEC_OK : 0 // RFC 3225 §3: copied
      out[at++] = 0
      out[at++] = 0 // no options
      out[at++] = 0
    }
    if (start > 0) this.#putCount(0, at - start)
    const answer = Buffer.allocUnsafe(at)
    out.copy(answer, 0, 0, at)
    return answer
  }

  #putCount(at: number, count: number): void {
    this.#out[at] = count >> 8
    this.#out[at + 1] = count
  }
}
