import { randomInt } from 'node:crypto'
import { EDNS_UDP_BYTES, type QueryType, RCODE, rcodeName, type Transport } from './codes.ts'
import { DnsError } from './dns-error.ts'
import { exchange } from './exchange.ts'
import { decodeMessage, encodeMessage, type Message, queryMessage } from './message.ts'
import { foldCase, nameText, requireWireName } from './name.ts'
import { type ResourceRecord, recordsOf } from './record.ts'
import type { ServerAddress } from './server-address.ts'

export interface ResolverOptions {
  readonly server: ServerAddress
  /** For one try; 1 s when left out. */
  readonly timeoutMs?: number
  /** How often a question is asked at most when nothing comes back; 3 when left out. */
  readonly attempts?: number
}

export interface QueryOptions {
  readonly signal?: AbortSignal
  /** `tcp` asks over TCP at once; else UDP, and TCP when the answer was truncated. */
  readonly transport?: Transport
}

export interface QueryResult {
  /** `NOERROR`, `NXDOMAIN`, `SERVFAIL` … */
  readonly rcode: string
  /** Those of the name and type that were asked for, with the CNAMEs that lead to them; empty: there are none. */
  readonly answers: readonly ResourceRecord[]
  readonly additionals: readonly ResourceRecord[]
  /** How long this may be kept: the least TTL of the answers, or what the SOA says of a negative one (RFC 2308 §5); else 0. */
  readonly ttlSeconds: number
  /** What the answer came over in the end. */
  readonly transport: Transport
}

/** Asks one DNS server. It keeps nothing: whoever asks paces itself by `ttlSeconds`. */
export class Resolver {
  readonly #server: ServerAddress
  readonly #timeoutMs: number
  readonly #attempts: number

  constructor(options: ResolverOptions) {
    this.#server = options.server
    this.#timeoutMs = options.timeoutMs ?? 1000
    this.#attempts = options.attempts ?? 3
  }

  /**
   * Any RCODE is a result. Rejects with DnsError (`timeout`, `unreachable`, `malformed`), RangeError for a name that is none,
   * or the reason of the signal.
   */
  async query(name: string, type: QueryType, options: QueryOptions = {}): Promise<QueryResult> {
    const asked = nameText(requireWireName(name))
    let transport = options.transport ?? 'udp'
    let edns = true
    let lastError: unknown
    for (let attempt = 0; attempt < this.#attempts; attempt++) {
      try {
        let message = await this.#ask(asked, type, transport, edns, options.signal)
        if (message.rcode === RCODE.FORMERR && edns) {
          // A server from before EDNS (RFC 6891 §7).
          edns = false
          message = await this.#ask(asked, type, transport, edns, options.signal)
        }
        if (message.truncated && transport === 'udp') {
          transport = 'tcp'
          message = await this.#ask(asked, type, transport, edns, options.signal)
        }
        return resultOf(message, asked, type, transport)
      } catch (error) {
        if (!(error instanceof DnsError)) throw error
        lastError = error
      }
    }
    throw lastError
  }

  async #ask(
    name: string,
    type: QueryType,
    transport: Transport,
    edns: boolean,
    signal?: AbortSignal,
  ): Promise<Message> {
    const opt = edns ? { udpPayloadBytes: EDNS_UDP_BYTES, version: 0, dnssecOk: false } : null
    const query = encodeMessage(queryMessage(randomInt(0x10000), name, type, opt))
    const message = decodeMessage(await exchange(this.#server, query, transport, this.#timeoutMs, signal))
    if (message === null) throw new DnsError('malformed', `the answer to ${type} ${name} cannot be read`)
    return message
  }
}

function resultOf(message: Message, name: string, type: QueryType, transport: Transport): QueryResult {
  const answers = relevantAnswers(message.answers, name, type)
  const negative = message.rcode === RCODE.NXDOMAIN || !answers.some((record) => type === 'ANY' || record.type === type)
  return {
    rcode: rcodeName(message.rcode),
    answers,
    additionals: message.additionals,
    ttlSeconds: negative ? negativeTtl(message) : Math.min(...answers.map((record) => record.ttlSeconds)),
    transport,
  }
}

/** From the name along its CNAMEs: what a server adds about other names is not believed (RFC 5452 §6). */
function relevantAnswers(records: readonly ResourceRecord[], name: string, type: QueryType): ResourceRecord[] {
  const relevant: ResourceRecord[] = []
  let current = foldCase(name)
  // Each step takes one record at least, so this many steps see them all, and a circle ends.
  for (let step = 0; step <= records.length; step++) {
    const owned = records.filter((record) => foldCase(record.name) === current)
    const wanted = owned.filter((record) => type === 'ANY' || record.type === type)
    relevant.push(...wanted)
    const alias = recordsOf(owned, 'CNAME')[0]
    if (wanted.length > 0 || alias === undefined) break
    relevant.push(alias)
    current = foldCase(alias.target)
  }
  return relevant
}

function negativeTtl(message: Message): number {
  if (message.rcode !== RCODE.NOERROR && message.rcode !== RCODE.NXDOMAIN) return 0
  const authority = recordsOf(message.authorities, 'SOA')[0]
  return authority === undefined ? 0 : Math.min(authority.ttlSeconds, authority.minimumSeconds)
}
