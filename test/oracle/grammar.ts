/** Oracle (a): any valid request reaches the dyno as what Node's own HTTP server reads in the same bytes, however they are split in time. */
import { readAnswers } from './answer-reader.ts'
import type { Dice } from './dice.ts'
import { Lane } from './lane.ts'
import { split } from './mutation.ts'
import { NodeReader } from './node-reader.ts'
import { textOf, type WrittenRequest, writeRequest } from './request-grammar.ts'
import { difference, trailerDifference } from './same-request.ts'
import { Counts, type Finding, kindOf, type Outcome, quoted, type RunOptions, search, shrink } from './search.ts'

const LANES = 8
const NOT_READ = 'Node read'

export async function run(options: RunOptions): Promise<Outcome> {
  const lanes = await Lane.startAll(LANES)
  const reader = new NodeReader()
  const counts = new Counts()
  try {
    return await search(options, lanes, counts, async (lane, dice, index) => {
      const request = writeRequest(dice)
      const text = textOf(request)
      // The same bytes twice: as one piece, and split.
      const pieces = dice.chance(0.5) ? split(dice, text) : [text]
      counts.add(`${request.method} ${request.framed === '' ? 'without' : 'with'} body`)
      if (pieces.length > 1) counts.add('split')
      const problem =
        (await judge(lane, reader, [text])) || (pieces.length > 1 ? await judge(lane, reader, pieces) : '')
      if (problem === '') return null
      // A request of which the oracle itself makes nothing is a bug of the grammar.
      if (problem.startsWith(NOT_READ)) return { case: index, problem, input: pieces.map(quoted).join(',\n') }
      return smallest(lane, reader, request, pieces, dice, index, problem)
    })
  } finally {
    await Promise.all(lanes.map((lane) => lane.stop()))
  }
}

/** What is wrong with how one valid request arrived; '' for nothing. */
export async function judge(lane: Lane, reader: NodeReader, pieces: readonly string[]): Promise<string> {
  const read = await reader.read(Buffer.from(pieces.join(''), 'latin1'))
  const [request] = read.requests
  if (read.requests.length !== 1 || read.error !== '')
    return `${NOT_READ} ${read.requests.length} requests: ${read.error}`
  const talk = await lane.say(pieces)
  const fault = lane.fault()
  if (fault !== '') return fault
  const refusals = lane.exchanges().map(({ refusal }) => refusal)
  const recorded = lane.dyno.take()
  if (recorded.length !== 1) return `${recorded.length} requests reached the dyno: ${refusals} (${talk.ending})`
  const seen = recorded[0]!
  const differs =
    difference(request!, seen, { clientAddress: '127.0.0.1', port: lane.router.port }) ||
    trailerDifference(request!, seen)
  if (differs !== '') return differs
  const { answers, fault: garbage } = readAnswers(talk.text, talk.ending === 'end' ? 'end' : 'reset', () => seen.method)
  if (garbage !== '') return garbage
  if (answers.length !== 1 || answers[0]!.status !== 200 || !answers[0]!.whole) return `answered ${quoted(talk.text)}`
  return ''
}

/** Lines are left out as long as Node still reads one request in what remains. */
async function smallest(
  lane: Lane,
  reader: NodeReader,
  request: WrittenRequest,
  pieces: readonly string[],
  dice: Dice,
  index: number,
  problem: string,
): Promise<Finding> {
  const whole = (await judge(lane, reader, [pieces.join('')])) !== ''
  const tried = (lines: readonly string[]) => {
    const text = textOf({ lines, framed: request.framed })
    return whole ? [text] : split(dice, text)
  }
  const lines = await shrink(request.lines, async (part) => {
    const found = await judge(lane, reader, tried(part))
    return kindOf(found) === kindOf(problem)
  })
  const small = tried(lines)
  const found = await judge(lane, reader, small)
  return kindOf(found) !== kindOf(problem)
    ? { case: index, problem, input: pieces.map(quoted).join(',\n') }
    : { case: index, problem: found, input: small.map(quoted).join(',\n') }
}
