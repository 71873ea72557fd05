import type { Dice } from './dice.ts'
import { mutate } from './mutation.ts'

export interface PlannedAnswer {
  /** One character per byte; a turn of the event loop between two. */
  readonly writes: readonly string[]
  /** What becomes of the connection after that. `open` leaves it to the router. */
  readonly ending: 'open' | 'end' | 'reset'
  /** Sent as soon as the head of the request is there. */
  readonly early: boolean
  readonly atMs: number
  /** Bytes may follow that belong to no answer. */
  readonly excess: boolean
}

const INTERIM = [
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n',
  'HTTP/1.1 102 Processing\r\n\r\n',
]
const STATUSES = [200, 200, 200, 200, 201, 204, 304, 404, 500, 206, 999]

type Framing = 'length' | 'chunked' | 'close' | 'http/1.0'

/** An answer to a request, tagged all through. */
export function planAnswer(dice: Dice, tag: string, method: string): PlannedAnswer {
  const framing = dice.pick<Framing>(['length', 'length', 'chunked', 'chunked', 'close', 'http/1.0'])
  const status = dice.pick(STATUSES)
  const whole = writeAnswer(dice, tag, method, framing, status)
  let text = whole
  let ending: PlannedAnswer['ending'] =
    framing === 'close' ? 'end' : dice.pick(['open', 'open', 'open', 'end', 'reset'])
  let excess = false
  switch (dice.below(6)) {
    case 0: {
      text = whole.slice(0, dice.below(whole.length + 1))
      ending = dice.pick(['end', 'reset'])
      break
    }
    case 1:
      text = mutate(dice, whole, dice.pick([1, 1, 2, 3]))
      // What is not whole any more has to end some time.
      ending = dice.pick(['end', 'reset'])
      excess = true
      break
    case 2:
      text =
        whole +
        dice.pick(['\r\n', 'x', '0\r\n\r\n', whole, `HTTP/1.1 200 OK\r\nX-Tag: ${tag}\r\nContent-Length: 0\r\n\r\n`])
      excess = true
      break
    default:
  }
  // A broken connection may lose what was sent last, so nothing is known about such an answer but that it may be cut.
  return {
    writes: pieces(dice, text, excess),
    ending,
    early: dice.chance(0.15),
    atMs: dice.chance(0.1) ? dice.between(1, 3) : 0,
    excess,
  }
}

function writeAnswer(dice: Dice, tag: string, method: string, framing: Framing, status: number): string {
  const bodyless = method === 'HEAD' || status === 204 || status === 304
  const size = dice.pick([0, 1, 3, 20, 2000, dice.chance(0.1) ? 20_000 : 10])
  const body = `${tag};`.repeat(size)
  let head = `HTTP/1.${framing === 'http/1.0' ? 0 : 1} ${status}${dice.pick([' OK', ' ', '', ' Not  So'])}\r\nX-Tag: ${tag}\r\n`
  if (dice.chance(0.3))
    head += dice.pick(['Connection: close\r\n', 'Connection: keep-alive\r\n', 'Connection: x-hop\r\nX-Hop: a\r\n'])
  if (dice.chance(0.1))
    head += dice.pick(['Keep-Alive: timeout=5\r\n', 'Keep-Alive: timeout=1\r\n', 'Upgrade: websocket\r\n'])
  if (dice.chance(0.1)) head += 'Set-Cookie: a=b\r\nSet-Cookie: c=d\r\n'
  const interim = framing !== 'http/1.0' && dice.chance(0.1) ? dice.pick(INTERIM) : ''
  const before = interim === '' ? '' : interim.endsWith('\r\n\r\n') ? interim : `${interim}\r\n`
  switch (framing) {
    case 'length':
    case 'http/1.0':
      return `${before}${head}Content-Length: ${body.length}\r\n\r\n${bodyless ? '' : body}`
    case 'chunked':
      return `${before}${head}Transfer-Encoding: chunked\r\n\r\n${bodyless ? '' : chunks(dice, body)}`
    default:
      return `${before}${head}\r\n${bodyless ? '' : body}`
  }
}

function chunks(dice: Dice, body: string): string {
  let framed = ''
  for (let at = 0; at < body.length; ) {
    const chunk = body.slice(at, at + dice.between(1, Math.max(1, body.length >> dice.below(5))))
    framed += `${chunk.length.toString(16)}${dice.pick(['', '', ';a=b'])}\r\n${chunk}\r\n`
    at += chunk.length
  }
  return `${framed}0\r\n${dice.pick(['', '', 'X-Sum: 1\r\n'])}\r\n`
}

/** Bytes too many come together with what they follow: later ones could not be told from the next answer by anybody. */
function pieces(dice: Dice, text: string, excess: boolean): string[] {
  if (excess || text === '' || dice.chance(0.5)) return [text]
  const cuts = Array.from({ length: dice.between(1, 4) }, () => dice.below(text.length + 1)).sort((a, b) => a - b)
  return [0, ...cuts].map((from, i) => text.slice(from, cuts[i] ?? text.length)).filter((piece) => piece !== '')
}
