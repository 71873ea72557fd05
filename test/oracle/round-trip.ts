/**
 * Oracle (c): for every stream of bytes, valid, mutated, pipelined or cut, the requests that a dyno answered are those that the client was told
 * of: each once, in order, with its body. A dyno drops some requests and closes some connections; what must not run twice does not.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { headerOf, readAnswers } from './answer-reader.ts'
import { Dice } from './dice.ts'
import { Lane, type Leaving, type LoggedExchange, type Talk } from './lane.ts'
import { mutate, split } from './mutation.ts'
import { answerTo, type Recorded } from './recorder.ts'
import { textOf, type WrittenRequest, writeRequest } from './request-grammar.ts'
import { Counts, type Finding, kindOf, type Outcome, quoted, type RunOptions, search, shrink } from './search.ts'

const LANES = 4
/** May run twice (RFC 9110 §9.2.2), as far as Postern makes use of that. */
const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

export interface Stream {
  readonly pieces: readonly string[]
  readonly leaving: Leaving
  /** What was written into it, when it was not changed after that. */
  readonly requests: readonly WrittenRequest[] | null
}

export async function run(options: RunOptions): Promise<Outcome> {
  const lanes = await Lane.startAll(LANES)
  const counts = new Counts()
  try {
    return await search(options, lanes, counts, async (lane, dice, index) => {
      const moody = dice.chance(0.4)
      const mood = dice.seed()
      const streams = Array.from({ length: dice.between(1, 4) }, (_, client) => writeStream(dice, client))
      const problem = await judge(lane, streams, moody ? mood : null, counts)
      return problem === '' ? null : smallest(lane, streams, moody ? mood : null, index, problem)
    })
  } finally {
    await Promise.all(lanes.map((lane) => lane.stop()))
  }
}

function writeStream(dice: Dice, client: number): Stream {
  const bait = 'GET /bait HTTP/1.1\r\nHost: shop.example.com\r\n\r\n'
  const requests = Array.from({ length: dice.between(1, 5) }, (_, i) =>
    writeRequest(dice, { persistent: true, path: `/${client}-${i}/`, bait }),
  )
  const text = requests.map(textOf).join('')
  const leaving = dice.chance(0.15) ? 'break' : 'close'
  switch (dice.below(5)) {
    case 0:
    case 1:
      return { pieces: split(dice, text), leaving, requests }
    case 2:
      return { pieces: split(dice, text.slice(0, dice.below(text.length + 1))), leaving, requests }
    default:
      return { pieces: split(dice, mutate(dice, text, dice.pick([1, 1, 1, 2, 3]))), leaving, requests: null }
  }
}

/** `mood`: seed of what the dyno does to requests; null: it answers each at once. */
export async function judge(
  lane: Lane,
  streams: readonly Stream[],
  mood: number | null,
  counts: Counts = new Counts(),
): Promise<string> {
  lane.dyno.onRequest = mood === null ? (request) => answer(request, '') : moodyDyno(mood)
  const addresses = streams.map(() => lane.nextAddress())
  const talks = await Promise.all(
    streams.map(({ pieces, leaving }, client) => lane.say(pieces, leaving, addresses[client])),
  )
  for (
    let wait = 0;
    wait < 50 && lane.dyno.requests.some(({ answered, connection }) => !answered && !connection.closed);
    wait++
  ) {
    await turn()
  }
  const fault = lane.fault()
  const exchanges = lane.exchanges()
  const recorded = lane.dyno.take()
  if (fault !== '') return fault
  for (const [client, stream] of streams.entries()) {
    const seen = recorded.filter(({ headers }) => headerOf({ headers }, 'x-forwarded-for') === addresses[client])
    const lost = exchanges.some((exchange) => exchange.client === addresses[client] && exchange.refusal === 'H27')
    const problem = compare(stream, talks[client]!, seen, { moody: mood !== null, lost }, counts)
    if (problem !== '') return `${problem}; ${refusalsOf(exchanges, addresses[client]!)}`
  }
  return ''
}

/** How the router explains itself. */
function refusalsOf(exchanges: readonly LoggedExchange[], client: string): string {
  const own = exchanges.filter((exchange) => exchange.client === client)
  return `the router logged ${own.length} exchanges: ${own.map(({ method, refusal }) => `${method} ${refusal || 'well'}`).join(', ')}`
}

interface Circumstances {
  readonly moody: boolean
  /** A client that closed its side counts as gone when an answer takes long: it is not told of that one. */
  readonly lost: boolean
}

function compare(
  stream: Stream,
  talk: Talk,
  seen: readonly Recorded[],
  { moody, lost }: Circumstances,
  counts: Counts,
): string {
  if (talk.ending === 'hung') return `hung after ${quoted(talk.text)}`
  const { answers, fault } = readAnswers(
    talk.text,
    talk.ending,
    (_, headers) => headerOf({ headers }, 'x-seen').split(' ')[1] ?? '',
  )
  if (fault !== '') return fault
  const told = answers.filter(({ headers, whole }) => whole && headerOf({ headers }, 'x-seen') !== '').map(numberOf)
  const answered = seen.filter((request) => request.answered).map(({ number }) => String(number))
  const broke = stream.leaving === 'break'
  counts.add(broke ? 'client broke off' : told.length > 0 ? 'told of success' : 'told of nothing')
  if (seen.length > answered.length) counts.add('seen and not answered')
  // A client that is gone hears less than there was; never other things.
  const untold = answered.length - told.length
  const agrees =
    broke || (lost && untold === 1)
      ? answered.slice(0, told.length).join() === told.join()
      : answered.join() === told.join()
  if (!agrees)
    return `the dyno answered ${answered.length} requests and the client was told of ${told.length}: ${quoted(talk.text)}`
  const wrongBody = answers.find(
    ({ headers, body, whole }) =>
      whole && headerOf({ headers }, 'x-seen') !== '' && body !== '' && body !== `seen ${numberOf({ headers })}`,
  )
  if (wrongBody !== undefined) return `the body of another answer: ${quoted(wrongBody.body)}`
  if (stream.requests === null) return ''
  return compareUnchanged(stream, answers.length, seen, { moody, lost }, stream.requests, counts)
}

function numberOf(answer: { headers: readonly (readonly [string, string])[] }): string {
  return headerOf(answer, 'x-seen').split(' ')[0]!
}

/** Of a stream that is only cut, what reached a dyno is its beginning, request by request. */
function compareUnchanged(
  stream: Stream,
  answers: number,
  seen: readonly Recorded[],
  { moody, lost }: Circumstances,
  requests: readonly WrittenRequest[],
  counts: Counts,
): string {
  const sent = stream.pieces.join('').length
  let end = 0
  const whole = requests.filter((request) => {
    end += textOf(request).length
    return end <= sent
  })
  const isFor = (request: WrittenRequest | undefined, { target, method, body }: Recorded) =>
    request !== undefined && target === request.path && method === request.method && body === request.payload
  let at = -1
  for (const recorded of seen) {
    const { target, method, body } = recorded
    let next = at + 1
    // A dyno that closed its connection in the middle of a request has not seen it; the client was told so.
    while (moody && next < whole.length && !isFor(whole[next], recorded)) next++
    if (isFor(whole[next], recorded)) {
      at = next
    } else {
      const again = requests[at]
      const repeated = isFor(again, recorded)
      const harmless = repeated && (REPEATABLE.has(method) || /\r\nIdempotency-Key:/i.test(textOf(again!)))
      if (!harmless) return `${repeated ? 'ran twice' : 'not what was sent'}: ${method} ${target}, ${body.length} bytes`
      counts.add('repeated')
    }
  }
  if (stream.leaving === 'break' || moody) return ''
  if (lost && at + 2 === whole.length) return ''
  if (at + 1 !== whole.length) return `${at + 1} of ${whole.length} whole requests reached the dyno`
  return answers === whole.length ? '' : `${answers} answers for ${whole.length} requests`
}

function answer(request: Recorded, more: string): void {
  // It said goodbye before this request came.
  if (!request.connection.socket.writable) return
  request.connection.send(answerTo(request, more))
  request.answered = true
}

/** Answers late, closes after an answer with and without a word, now and then drops the connection instead. */
function moodyDyno(mood: number): (request: Recorded) => void {
  let count = 0
  return (request) => {
    const dice = new Dice(mood, count++)
    const { socket } = request.connection
    switch (dice.below(10)) {
      case 0:
        socket.destroy()
        break
      case 1:
        socket.resetAndDestroy()
        break
      case 2:
        answer(request, 'Connection: close\r\n')
        socket.end()
        break
      case 3:
        answer(request, '')
        socket.end()
        break
      case 4:
        answer(request, '')
        setTimeout(() => socket.end(), dice.below(4))
        break
      case 5:
        setTimeout(() => answer(request, ''), dice.below(4))
        break
      case 6:
        setImmediate(() => answer(request, ''))
        break
      default:
        answer(request, '')
    }
  }
}

async function smallest(
  lane: Lane,
  streams: readonly Stream[],
  mood: number | null,
  index: number,
  problem: string,
): Promise<Finding> {
  const again = async (part: readonly Stream[]) => kindOf(await judge(lane, part, mood)) === kindOf(problem)
  const few = streams.length > 1 ? await shrink(streams, again) : [...streams]
  const report = (shown: readonly Stream[], what: string): Finding => ({
    case: index,
    problem: what,
    input: shown
      .map(({ pieces, leaving }) => `[${leaving}, mood ${mood}]\n${pieces.map(quoted).join(',\n')}`)
      .join('\n'),
  })
  const [only] = few
  if (
    few.length !== 1 ||
    only === undefined ||
    only.requests !== null ||
    !(await again([{ ...only, pieces: [only.pieces.join('')] }]))
  ) {
    return report(few, problem)
  }
  const characters = await shrink([...only.pieces.join('')], (part) => again([{ ...only, pieces: [part.join('')] }]))
  return report([{ ...only, pieces: [characters.join('')] }], problem)
}
