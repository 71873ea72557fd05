/**
 * Oracle (b): mutated bytes go to Postern and to Node's HTTP parser in strict mode. What Postern forwards is a request that Node reads in the
 * same bytes, in the same order, and is exactly one request to Node again when it reaches the dyno. Where Postern forwards less, there is a
 * reason in `STRICTER` (docs/conformance-differences.md).
 */
import type { Dice } from './dice.ts'
import { Lane, type LoggedExchange } from './lane.ts'
import { mutate, split } from './mutation.ts'
import { NodeReader, type NodeReading, type NodeRequest, withOneLength } from './node-reader.ts'
import type { Recorded } from './recorder.ts'
import { METHODS, textOf, writeRequest } from './request-grammar.ts'
import { difference } from './same-request.ts'
import { Counts, type Finding, kindOf, type Outcome, quoted, type RunOptions, search, shrink } from './search.ts'
import { STRICTER } from './stricter.ts'

const LANES = 8

export async function run(options: RunOptions): Promise<Outcome> {
  const lanes = await Lane.startAll(LANES)
  const reader = new NodeReader()
  const counts = new Counts()
  try {
    return await search(options, lanes, counts, async (lane, dice, index) => {
      const text = mutatedText(dice)
      const pieces = split(dice, text)
      const problem = await judge(lane, reader, pieces, counts)
      return problem === '' ? null : smallest(lane, reader, pieces, index, problem)
    })
  } finally {
    await Promise.all(lanes.map((lane) => lane.stop()))
  }
}

/** One to three requests, one after the other, with one to four changes. */
function mutatedText(dice: Dice): string {
  const requests = dice.chance(0.7) ? 1 : dice.between(2, 3)
  const text = Array.from({ length: requests }, () => textOf(writeRequest(dice, { persistent: requests > 1 }))).join('')
  return mutate(dice, text, dice.pick([1, 1, 1, 2, 3]))
}

/** What is wrong with what Postern made of the bytes; '' for nothing. */
export async function judge(
  lane: Lane,
  reader: NodeReader,
  pieces: readonly string[],
  counts: Counts = new Counts(),
): Promise<string> {
  const text = pieces.join('')
  const talk = await lane.say(pieces)
  const fault = lane.fault()
  if (fault !== '') return fault
  if (talk.ending === 'hung') return `hung after ${quoted(talk.text)}`
  const exchanges = lane.exchanges()
  const reasons = exchanges.flatMap(({ refusal }) => (refusal === '' ? [] : [refusal]))
  const recorded = lane.dyno.take()
  const reading = await readAll(reader, text, exchanges)
  const [problem, unseen] = compare(reading, recorded, lane.router.port)
  if (problem !== '') return problem
  for (const seen of recorded) {
    const alone = await readOne(reader, seen)
    if (alone !== '') return alone
  }
  counts.add(recorded.length > 0 ? 'forwarded' : reading.error === '' ? 'nothing whole' : `both refused`)
  // The requests are refused in the order in which they came; what is refused after them is none to Node either.
  if (unseen > 0) return explain(text, reasons.slice(0, unseen), counts)
  if (reading.error !== '') counts.add(`Node: ${reading.error}`)
  return ''
}

/**
 * Node reads no further after a request to upgrade, even when nobody listens to that: the word gets another last letter. What is changed may be in a body, and the body may end in the
 * middle of it.
 */
function withoutUpgrade(text: string): string {
  return text.replace(/(?<=\r\nConnection:[^\r\n]*upgrad)e/gi, (letter) => (letter === 'e' ? 'f' : 'F'))
}

function withUpgrade(request: NodeRequest): NodeRequest {
  const restored = (text: string) => text.replace(/(?<=upgrad)f/gi, (letter) => (letter === 'f' ? 'e' : 'E'))
  return { ...request, rawHeaders: request.rawHeaders.map(restored), body: restored(request.body) }
}

/** Node's reading of the client's bytes, after what Node alone refuses was put in a way that it takes. */
async function readAll(reader: NodeReader, text: string, exchanges: readonly LoggedExchange[]): Promise<NodeReading> {
  let understood = withoutUpgrade(text)
  const renamed = new Map<number, string>()
  for (let tries = 0; ; tries++) {
    const reading = await reader.read(Buffer.from(understood, 'latin1'))
    const next = reading.requests.length
    const requests = reading.requests.map((request, i) => ({
      ...withUpgrade(request),
      method: renamed.get(i) ?? request.method,
    }))
    const unread = exchanges[next]
    if (unread === undefined || tries > 4) return { requests, error: reading.error }
    const unknownMethod = unread.method !== '' && !METHODS.includes(unread.method)
    if (reading.error === 'HPE_INVALID_METHOD' && unknownMethod) {
      // Node has a list of methods; to Postern any token is one (RFC 9110 §9.1). Where none was read there is none to put another one for.
      const known = await withKnownMethod(reader, understood, unread.method, next)
      if (known === '') return { requests, error: reading.error }
      renamed.set(next, unread.method)
      understood = known
    } else if (reading.error === 'HPE_UNEXPECTED_CONTENT_LENGTH') {
      const once = withOneLength(understood)
      if (once === understood) return { requests, error: reading.error }
      understood = once
    } else {
      return { requests, error: reading.error }
    }
  }
}

/** The bytes with PUT for a method, at the place where that lets Node read one request more; '' when there is none. */
async function withKnownMethod(reader: NodeReader, text: string, method: string, before: number): Promise<string> {
  for (let at = text.indexOf(`${method} `); at !== -1; at = text.indexOf(`${method} `, at + 1)) {
    const renamed = `${text.slice(0, at)}PUT${text.slice(at + method.length)}`
    for (const known of [renamed, withOneLength(renamed)]) {
      const { requests } = await reader.read(Buffer.from(known, 'latin1'))
      if (requests.length > before && requests[before]!.method === 'PUT') return known
    }
  }
  return ''
}

/** What is wrong, and how many requests Node saw that did not reach the dyno. */
function compare(reading: NodeReading, recorded: readonly Recorded[], port: number): [problem: string, unseen: number] {
  const { requests, error } = reading
  let at = 0
  for (const seen of recorded) {
    const from = at
    while (at < requests.length && difference(requests[at]!, seen, { clientAddress: '127.0.0.1', port }) !== '') at++
    if (at < requests.length) {
      at++
    } else if (from === requests.length) {
      return [`forwarded what Node refuses (${error}): ${quoted(seen.text)}`, 0]
    } else {
      const differs = difference(requests[from]!, seen, { clientAddress: '127.0.0.1', port })
      return [`forwarded otherwise than Node reads it: ${differs}`, 0]
    }
  }
  return ['', requests.length - recorded.length]
}

/** What the dyno got must be one request to Node too. */
async function readOne(reader: NodeReader, { method, text, body, target }: Recorded): Promise<string> {
  const known = METHODS.includes(method) ? text : `PUT${text.slice(method.length)}`
  const { requests, error } = await reader.read(Buffer.from(known, 'latin1'))
  const [request] = requests
  if (error !== '' || requests.length !== 1)
    return `the dyno got what is ${requests.length} requests to Node (${error}): ${quoted(text)}`
  return request!.body === body && request!.url === target
    ? ''
    : `the dyno got what Node reads otherwise: ${quoted(text)}`
}

function explain(text: string, reasons: readonly string[], counts: Counts): string {
  for (const reason of reasons) {
    if (!STRICTER.has(reason)) return `refused what Node takes, and nobody knows why: ${reason}`
    counts.add(`stricter: ${reason}`)
  }
  if (reasons.length > 0) return ''
  // What follows a request to upgrade may have been meant for the other protocol.
  if (/\r\nConnection:[^\r\n]*upgrade/i.test(text)) {
    counts.add('stricter: after an upgrade')
    return ''
  }
  return 'not forwarded, and no reason given'
}

async function smallest(
  lane: Lane,
  reader: NodeReader,
  pieces: readonly string[],
  index: number,
  problem: string,
): Promise<Finding> {
  const whole = [pieces.join('')]
  if (kindOf(await judge(lane, reader, whole)) !== kindOf(problem)) {
    return { case: index, problem, input: pieces.map(quoted).join(',\n') }
  }
  const characters = await shrink(
    [...whole[0]!],
    async (part) => kindOf(await judge(lane, reader, [part.join('')])) === kindOf(problem),
  )
  const small = characters.join('')
  return { case: index, problem: (await judge(lane, reader, [small])) || problem, input: quoted(small) }
}
