/**
 * Oracle (d): ten clients share the connections to a dyno that answers in every way there is, right, mutated, cut, with bytes too many, too
 * early. Every answer is tagged with its request, in its head and all through its body: no client ever sees the tag of another request, and takes
 * no answer for whole that was not.
 */
import { connect, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { type PlannedAnswer, planAnswer } from './answer-grammar.ts'
import { type HeardAnswer, headerOf, readAnswers } from './answer-reader.ts'
import type { Dice } from './dice.ts'
import { Lane } from './lane.ts'
import { readAnswer, withOneLength } from './node-reader.ts'
import type { Recorded, RecordedConnection } from './recorder.ts'
import { Counts, type Finding, kindOf, type Outcome, quoted, type RunOptions, search, shrink } from './search.ts'

const CLIENTS = 10
const TAG = /tag-[0-9a-f]{8}/g
const HUNG_MS = 8_000

/** One request and what the dyno does when it comes. */
export interface Exchange {
  readonly client: number
  readonly tag: string
  readonly method: string
  readonly minorVersion: 0 | 1
  /** '' for none. */
  readonly body: string
  /** Sent together with the one before it. */
  readonly pipelined: boolean
  readonly plan: PlannedAnswer
}

export async function run(options: RunOptions): Promise<Outcome> {
  const lane = await Lane.start()
  const counts = new Counts()
  try {
    return await search(options, [lane], counts, async (only, dice, index) => {
      const exchanges = Array.from({ length: dice.between(CLIENTS, CLIENTS * 4) }, (_, i) =>
        writeExchange(dice, i % CLIENTS),
      )
      const problem = await judge(only, exchanges, counts)
      if (problem === '') return null
      const part = await shrink(exchanges, async (fewer) => kindOf(await judge(only, fewer)) === kindOf(problem))
      const small = (await judge(only, part)) || problem
      return { case: index, problem: small, input: part.map(describe).join('\n') } satisfies Finding
    })
  } finally {
    await lane.stop()
  }
}

function writeExchange(dice: Dice, client: number): Exchange {
  const tag = `tag-${dice.seed().toString(16).padStart(8, '0')}`
  const method = dice.pick(['GET', 'GET', 'GET', 'HEAD', 'POST', 'POST', 'PUT', 'DELETE', 'OPTIONS'])
  const body = method === 'POST' || method === 'PUT' ? dice.pick(['', 'x', 'x'.repeat(200), 'x'.repeat(100_000)]) : ''
  return {
    client,
    tag,
    method,
    minorVersion: dice.chance(0.9) ? 1 : 0,
    body,
    pipelined: dice.chance(0.2),
    plan: planAnswer(dice, tag, method),
  }
}

function describe({ client, tag, method, minorVersion, body, plan }: Exchange): string {
  const { writes, ending, early, atMs } = plan
  const answer = writes.map(quoted).join(' + ')
  return `client ${client}: ${method} ${tag} HTTP/1.${minorVersion}, body ${body.length}; ${early ? 'early ' : ''}after ${atMs} ms: ${answer}, then ${ending}`
}

/** What the dyno did for a request, as it turned out. */
interface Sent {
  readonly plan: PlannedAnswer
  /** The request came on a connection on which more than one answer had been sent before: nobody can tell these bytes from an answer. */
  mistakable: boolean
}

/** All exchanges at once, those of one client one after the other. What is wrong; '' for nothing. */
export async function judge(
  lane: Lane,
  exchanges: readonly Exchange[],
  counts: Counts = new Counts(),
): Promise<string> {
  const plans = new Map(exchanges.map(({ tag, plan }) => [tag, plan]))
  const sent = new Map<string, Sent>()
  const answeredEarly = new Set<RecordedConnection>()
  const spoiled = new Set<RecordedConnection>()
  const carryOut = (connection: RecordedConnection, tag: string, plan: PlannedAnswer) => {
    sent.set(tag, { plan, mistakable: spoiled.has(connection) })
    if (plan.excess) spoiled.add(connection)
    void send(connection, plan)
  }
  lane.dyno.onPart = (connection) => {
    const tag = /^\S+ \/(tag-[0-9a-f]{8}) /.exec(connection.rest)?.[1]
    const plan = tag === undefined ? undefined : plans.get(tag)
    if (plan?.early !== true || answeredEarly.has(connection) || !connection.rest.includes('\r\n\r\n')) return
    answeredEarly.add(connection)
    carryOut(connection, tag!, plan)
  }
  lane.dyno.onRequest = ({ connection, target }: Recorded) => {
    if (answeredEarly.delete(connection)) return
    const tag = target.slice(1)
    const plan = plans.get(tag)
    if (plan !== undefined) carryOut(connection, tag, plan)
  }
  const byClient = Map.groupBy(exchanges, ({ client }) => client)
  const problems = await Promise.all(
    [...byClient.values()].map((own) => new Client(lane.router.port, counts).run(own, sent)),
  )
  lane.exchanges()
  lane.dyno.take()
  return lane.fault() || (problems.find((problem) => problem !== '') ?? '')
}

async function send(connection: RecordedConnection, plan: PlannedAnswer): Promise<void> {
  const { socket } = connection
  if (plan.atMs > 0) await new Promise((resolve) => setTimeout(resolve, plan.atMs))
  for (const [i, text] of plan.writes.entries()) {
    if (i > 0) await turn()
    connection.send(text)
  }
  if (plan.ending === 'end') socket.end()
  else if (plan.ending === 'reset') {
    await turn()
    socket.resetAndDestroy()
  }
}

/** One client: sends its requests over one connection as long as that lasts, and believes nothing of what it gets. */
class Client {
  readonly #port: number
  readonly #counts: Counts
  #socket: Socket | null = null
  #text = ''
  #ending: 'end' | 'reset' | 'open' = 'open'
  #wake: () => void = () => {}

  constructor(port: number, counts: Counts) {
    this.#port = port
    this.#counts = counts
  }

  async run(exchanges: readonly Exchange[], sent: ReadonlyMap<string, Sent>): Promise<string> {
    let problem = ''
    for (let at = 0; at < exchanges.length && problem === ''; ) {
      let count = 1
      while (exchanges[at + count]?.pipelined === true) count++
      problem = await this.#ask(exchanges.slice(at, at + count), sent)
      at += count
    }
    // Whatever still comes now was asked for by nobody.
    if (problem === '' && this.#text !== '') problem = `bytes that nobody asked for: ${quoted(this.#text)}`
    this.#socket?.destroy()
    return problem
  }

  /** Requests sent together, and all of their answers. */
  async #ask(exchanges: readonly Exchange[], sent: ReadonlyMap<string, Sent>): Promise<string> {
    if (this.#socket === null || this.#ending !== 'open') this.#connect()
    else if (this.#text !== '') return `bytes that nobody asked for: ${quoted(this.#text)}`
    this.#socket!.write(exchanges.map(requestText).join(''), 'latin1')
    const deadline = performance.now() + HUNG_MS
    for (;;) {
      const methodOf = (index: number) => exchanges[index]?.method ?? ''
      const { answers, fault } = readAnswers(this.#text, this.#ending, methodOf)
      if (fault !== '') return fault
      if (answers.length > exchanges.length) return `an answer too many: ${quoted(this.#text)}`
      const last = answers.at(-1)
      const over = this.#ending !== 'open' || (answers.length === exchanges.length && last!.whole && !last!.close)
      if (over || (last?.status === 101 && last.whole)) {
        this.#text = ''
        return this.#judge(exchanges, answers, sent)
      }
      if (performance.now() > deadline)
        return `hung: ${exchanges.map(describe).join('\n')} after ${quoted(this.#text.slice(-500))}`
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        setTimeout(resolve, HUNG_MS).unref()
      })
    }
  }

  #connect(): void {
    this.#socket?.destroy()
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true })
    this.#socket = socket
    this.#text = ''
    this.#ending = 'open'
    socket.on('data', (bytes: Buffer) => {
      this.#text += bytes.latin1Slice()
      this.#wake()
    })
    const ended = (ending: 'end' | 'reset') => () => {
      if (this.#socket !== socket) return
      if (this.#ending === 'open') this.#ending = ending
      this.#wake()
    }
    socket.on('end', ended('end'))
    socket.on('error', ended('reset'))
    socket.on('close', ended('end'))
  }

  async #judge(
    exchanges: readonly Exchange[],
    answers: readonly HeardAnswer[],
    sent: ReadonlyMap<string, Sent>,
  ): Promise<string> {
    for (const [i, answer] of answers.entries()) {
      const exchange = exchanges[i]!
      const plan = sent.get(exchange.tag)
      const text = `${answer.headers.map((header) => header.join(': ')).join('\r\n')}\r\n${answer.body}`
      for (const tag of text.match(TAG) ?? []) {
        if (tag === exchange.tag || !sent.has(tag)) continue
        if (plan?.mistakable === true) {
          this.#counts.add('bytes too many that came after the next request')
          return ''
        }
        return `${exchange.tag} got the answer of ${tag}: ${quoted(text.slice(0, 2000))}`
      }
      if (headerOf(answer, 'x-tag') !== exchange.tag) {
        this.#counts.add(`answered by the router ${answer.status}`)
        continue
      }
      this.#counts.add(answer.whole ? `whole, ${answer.framing}` : 'cut')
      if (plan === undefined || !answer.whole || plan.mistakable) continue
      const { writes, ending } = plan.plan
      const understood = withPlainInterims(writes.join(''), withOneLengthInHead)
      const bytes = Buffer.from(understood, 'latin1')
      const read = await readAnswer(bytes, exchange.method, ending === 'reset')
      if (!read.whole)
        return `took for whole what was cut: ${describe(exchange)}: ${quoted(answer.body.slice(0, 2000))}`
      if (read.status !== answer.status || read.body !== answer.body) {
        return `took for ${answer.status} and ${answer.body.length} bytes what is ${read.status} and ${read.body.length} bytes to Node: ${describe(exchange)}`
      }
    }
    return ''
  }
}

/**
 * An interim answer of HTTP/1.0, or that says close, ends the connection to Node, and two equal lengths are an error; Postern passes it on, without the lengths,
 * and reads the answer.
 */
function withPlainInterims(text: string, answer: (text: string) => string): string {
  const interim = /^HTTP\/1\.[01] 1\d\d[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(text)?.[0]
  if (interim === undefined) return answer(text)
  const plain = interim.replace(/^HTTP\/1\.0/, 'HTTP/1.1').replace(/^Connection:.*\r\n/gim, '')
  return withOneLength(plain) + withPlainInterims(text.slice(interim.length), answer)
}

/** What looks like a header in a body is none. */
function withOneLengthInHead(text: string): string {
  const end = text.indexOf('\r\n\r\n')
  return end === -1 ? withOneLength(text) : withOneLength(text.slice(0, end + 2)) + text.slice(end + 2)
}

function requestText({ tag, method, minorVersion, body }: Exchange): string {
  const framing = body === '' && method !== 'POST' ? '' : `Content-Length: ${body.length}\r\n`
  const kept = minorVersion === 0 ? 'Connection: keep-alive\r\n' : ''
  return `${method} /${tag} HTTP/1.${minorVersion}\r\nHost: shop.example.com\r\n${kept}${framing}\r\n${body}`
}
