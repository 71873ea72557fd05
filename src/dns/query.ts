import { CLASS_IN, HEADER_BYTES, OPCODE_QUERY, OPT_BYTES, PLAIN_UDP_BYTES, RCODE, TYPE } from './codes.ts'
import { MAX_LABEL_BYTES, MAX_NAME_BYTES } from './name.ts'

/** Not a query at all: too short for an answer of its size, or an answer (two servers must not talk in circles). */
export const NOT_A_QUERY = -1

const FOLDED = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte))

/**
 * The fields of one query that its answer depends on, read straight from the packet without an object per part. One scratch
 * object serves all packets: it is good until the next `read`.
 */
export class Query {
  /** Name of the question as a wire name in lower case: the key of the zone's tables. '' until the question is known good. */
  key = ''
  type = 0
  class = CLASS_IN
  /** First byte after the question; that of the header when there is no good question. */
  questionEnd = HEADER_BYTES
  recursionDesired = false
  checkingDisabled = false
  opcode = OPCODE_QUERY
  edns = false
  ednsVersion = 0
  dnssecOk = false
  /** What the client takes over UDP, in bytes. */
  udpPayloadBytes = PLAIN_UDP_BYTES
  readonly #folded = Buffer.alloc(MAX_NAME_BYTES)

  /** NOERROR when it is a query that can be answered, else NOT_A_QUERY or the RCODE that refuses it. */
  read(packet: Buffer): number {
    this.key = ''
    this.type = 0
    this.class = CLASS_IN
    this.questionEnd = HEADER_BYTES
    this.edns = false
    this.ednsVersion = 0
    this.dnssecOk = false
    this.udpPayloadBytes = PLAIN_UDP_BYTES
    if (packet.length < HEADER_BYTES || packet[2]! >= 0x80) return NOT_A_QUERY
    this.opcode = (packet[2]! >> 3) & 0x0f
    this.recursionDesired = (packet[2]! & 0x01) !== 0
    this.checkingDisabled = (packet[3]! & 0x10) !== 0
    if (this.opcode !== OPCODE_QUERY) return RCODE.NOTIMP
    // One question (RFC 9619 §4), no answers, and behind it nothing but OPT: signatures are not checked here, and whatever else
    // there may be is not skipped unread.
    const additionals = word(packet, 10)
    if (word(packet, 4) !== 1 || word(packet, 6) !== 0 || word(packet, 8) !== 0 || additionals > 1) return RCODE.FORMERR
    if (!this.#readQuestion(packet)) return RCODE.FORMERR
    if (additionals === 0 ? this.questionEnd !== packet.length : !this.#readOpt(packet)) return RCODE.FORMERR
    return this.ednsVersion === 0 ? RCODE.NOERROR : RCODE.BADVERS
  }

  /** Nothing stands before the question that a pointer could lead to: its name is labels only. */
  #readQuestion(packet: Buffer): boolean {
    const folded = this.#folded
    let at = HEADER_BYTES
    let length = 0
    for (;;) {
      if (at >= packet.length) return false
      const label = packet[at]!
      if (label > MAX_LABEL_BYTES || length + label >= MAX_NAME_BYTES || at + label >= packet.length) return false
      const end = at + label
      folded[length++] = label
      while (at < end) folded[length++] = FOLDED[packet[++at]!]!
      at++
      if (label === 0) break
    }
    if (at + 4 > packet.length) return false
    this.key = folded.toString('latin1', 0, length)
    this.type = word(packet, at)
    this.class = word(packet, at + 2)
    this.questionEnd = at + 4
    return true
  }

  /** The rest of the packet is an OPT record (RFC 6891 §6.1.2): at the root, its options tiling its data. */
  #readOpt(packet: Buffer): boolean {
    const at = this.questionEnd
    if (packet.length < at + OPT_BYTES || packet[at] !== 0 || word(packet, at + 1) !== TYPE.OPT) return false
    if (at + OPT_BYTES + word(packet, at + 9) !== packet.length) return false
    let option = at + OPT_BYTES
    while (option + 4 <= packet.length) option += 4 + word(packet, option + 2)
    if (option !== packet.length) return false
    this.edns = true
    this.udpPayloadBytes = Math.max(PLAIN_UDP_BYTES, word(packet, at + 3))
    this.ednsVersion = packet[at + 6]!
    this.dnssecOk = packet[at + 7]! >= 0x80
    return true
  }
}

/** Callers have checked that both bytes are there. */
function word(packet: Buffer, at: number): number {
  return (packet[at]! << 8) | packet[at + 1]!
}
