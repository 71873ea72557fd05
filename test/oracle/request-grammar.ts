import { METHODS as NODE_METHODS } from 'node:http'
import type { Dice } from './dice.ts'

/** Methods that Node's parser knows; CONNECT is no request to an origin. */
export const METHODS: readonly string[] = NODE_METHODS.filter((method) => method !== 'CONNECT')
const COMMON_METHODS = ['GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH']

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
const TOKEN = `${LETTERS}!#$%&'*+-.^_\`|~`
const TARGET = `${LETTERS}!$%&'*+-.^_\`|~/?:@()[]{}<>,;="\\`
/** VCHAR, white space and obs-text. */
const VALUE = `${Array.from({ length: 0x5f }, (_, i) => String.fromCharCode(0x20 + i)).join('')}\t${Array.from({ length: 0x80 }, (_, i) => String.fromCharCode(0x80 + i)).join('')}`
const BLANKS = ['', ' ', ' ', ' ', '  ', '\t', ' \t ']

/** All of them lead to the app of the lane. */
const HOSTS = ['shop.example.com', 'Shop.EXAMPLE.com', 'shop.example.com.', 'a.b.example.com', 'a_b.example.com']
export const APP_DOMAINS = ['shop.example.com', '*.example.com']

/** Names that mean something to a router or to some server, right and nearly right. */
const SPOKEN_NAMES = [
  'Accept',
  'Cookie',
  'User-Agent',
  'X-Forwarded-For',
  'x-forwarded-proto',
  'X-Forwarded-Host',
  'X_Forwarded_For',
  'x_forwarded-port',
  'X-Request-Id',
  'X-Request-Start',
  'Via',
  'Forwarded',
  'Keep-Alive',
  'Proxy-Connection',
  'Proxy-Authorization',
  'Proxy-Authenticate',
  'Trailer',
  'TE',
  'HTTP2-Settings',
  'traceparent',
  'Idempotency-Key',
  'Content_Length',
  'Transfer_Encoding',
  'Content-Type',
  'Content-Lengt',
  'Content-Lengths',
  'Transfer-Encodin',
  'Hos',
  'Hosts',
  'Connectio',
  'Upgrade',
]
/** Written by other rules of this grammar. */
const RESERVED = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'expect'])

const CONNECTIONS = [
  'keep-alive',
  'Keep-Alive',
  'close',
  'TE',
  'keep-alive, TE',
  'x-unknown',
  'keep-alive, X-Hop',
  ', ,keep-alive,',
  'upgrade',
  'Upgrade, keep-alive',
]
const UPGRADES = ['websocket', 'h2c', 'h2c, websocket', 'foo/1', 'WebSocket, bar']
const EXTENSIONS = ['', '', '', ';a', ';a=b', ';a="b c"', ';a="\\"";b', ';a="\t\x80"']
const TRAILERS = ['', '', '', 'X-Sum: 1\r\n', 'x-a: b\r\nX-C:\r\n', 'X-Sum:\t2 \r\nCookie: a=b\r\n', 'Via: 1.1 x\r\n']

export interface GrammarOptions {
  /** Begins every target, so that a request can be told from the others. */
  readonly path?: string
  /** What comes after the request is to be read as one too. */
  readonly persistent?: boolean
  /** Bodies look like requests. */
  readonly bait?: string
}

export interface WrittenRequest {
  readonly method: string
  readonly path: string
  /** Lines of the head with their CRLF, the request line first, the empty line last. */
  readonly lines: readonly string[]
  readonly payload: string
  /** The payload as framed. */
  readonly framed: string
}

export function textOf(request: Pick<WrittenRequest, 'lines' | 'framed'>): string {
  return request.lines.join('') + request.framed
}

/** A request within the rules of RFC 9110 and 9112, of the kind that Postern takes. */
export function writeRequest(dice: Dice, options: GrammarOptions = {}): WrittenRequest {
  const minorVersion = options.persistent || dice.chance(0.9) ? 1 : 0
  const asterisk = options.path === undefined && dice.chance(0.02)
  const method = asterisk ? 'OPTIONS' : dice.pick(dice.chance(0.9) ? COMMON_METHODS : METHODS)
  const path = asterisk ? '*' : (options.path ?? '/') + dice.text(TARGET, 0, dice.chance(0.02) ? 4000 : 30)
  const host = dice.pick(HOSTS) + (dice.chance(0.2) ? `:${dice.below(65_536)}` : '')
  const target = asterisk || dice.chance(0.9) ? path : absolute(dice, host, path)
  const lines: string[] = []
  const fields = dice.chance(0.02) ? dice.between(40, 200) : dice.below(8)
  for (let i = 0; i < fields; i++) lines.push(headerLine(dice))
  const place = (line: string) => lines.splice(dice.below(lines.length + 1), 0, line)
  if (dice.chance(0.3)) connection(dice, place, options.persistent === true)
  const { payload, framed, framing } = writeBody(dice, minorVersion === 1, options.bait)
  if (framing !== '') place(framingField(dice, framing))
  if (payload !== '' && dice.chance(0.05)) place(field(dice, 'Expect', dice.pick(['100-continue', '100-Continue'])))
  const hostInTarget = minorVersion === 0 && target.length > path.length
  if (!hostInTarget || dice.chance(0.5)) place(field(dice, dice.pick(['Host', 'host', 'HOST']), host))
  lines.unshift(`${method} ${target} HTTP/1.${minorVersion}\r\n`)
  if (dice.chance(0.05)) lines.unshift('\r\n'.repeat(dice.between(1, 2)))
  lines.push('\r\n')
  return { method, path, lines, payload, framed }
}

function absolute(dice: Dice, host: string, path: string): string {
  const spelled = dice.chance(0.3) ? host.toLowerCase() : host
  return `${dice.pick(['http', 'HTTP', 'https'])}://${spelled}${path}`
}

function connection(dice: Dice, place: (line: string) => void, persistent: boolean): void {
  const value = dice.pick(persistent ? ['keep-alive', 'TE', 'x-unknown, X-Hop'] : CONNECTIONS)
  place(field(dice, 'Connection', value))
  if (/upgrade/i.test(value)) place(field(dice, 'Upgrade', dice.pick(UPGRADES)))
  if (value.includes('TE')) place(field(dice, 'TE', dice.pick(['trailers', 'gzip, trailers', 'gzip'])))
  if (value.includes('Hop')) place(field(dice, 'x-hop', 'this far'))
}

function headerLine(dice: Dice): string {
  if (dice.chance(0.05)) return field(dice, 'X-Request-Id', dice.text(`${LETTERS}+/=-`, 15, 40))
  const name = dice.chance(0.6) ? dice.pick(SPOKEN_NAMES) : dice.text(TOKEN, 1, 20)
  if (RESERVED.has(name.toLowerCase())) return headerLine(dice)
  if (name === 'Upgrade') return field(dice, name, dice.pick(UPGRADES))
  return field(dice, name, dice.text(VALUE, 0, dice.chance(0.02) ? 5000 : 30))
}

/** Without white space after the value, which Postern and Node refuse here. */
function framingField(dice: Dice, framing: string): string {
  const name = framing.startsWith('c') ? 'Transfer-Encoding' : 'Content-Length'
  return `${dice.chance(0.1) ? name.toLowerCase() : name}:${dice.pick(BLANKS)}${framing}\r\n`
}

function field(dice: Dice, name: string, value: string): string {
  return `${name}:${dice.pick(BLANKS)}${value}${dice.chance(0.1) ? dice.pick(BLANKS) : ''}\r\n`
}

function writeBody(dice: Dice, mayChunk: boolean, bait?: string): { payload: string; framed: string; framing: string } {
  const kind = dice.below(3)
  if (kind === 0) return { payload: '', framed: '', framing: '' }
  const large = dice.chance(0.03)
  if (kind === 1 || !mayChunk) {
    const payload = large ? filler(dice, dice.between(20_000, 300_000)) : smallPayload(dice, bait)
    return { payload, framed: payload, framing: dice.chance(0.05) ? `00${payload.length}` : String(payload.length) }
  }
  let payload = ''
  let framed = ''
  for (let left = dice.below(dice.chance(0.03) ? 200 : 6); left > 0; left--) {
    const chunk = large
      ? filler(dice, dice.between(1, payload.length > 300_000 ? 100 : 70_000))
      : smallPayload(dice, bait) || 'x'
    const size = '0'.repeat(dice.below(4)) + chunk.length.toString(16)
    payload += chunk
    framed += `${dice.chance(0.5) ? size.toUpperCase() : size}${dice.pick(EXTENSIONS)}\r\n${chunk}\r\n`
  }
  framed += `${dice.pick(['0', '000'])}${dice.pick(EXTENSIONS)}\r\n${dice.pick(TRAILERS)}\r\n`
  return { payload, framed, framing: dice.pick(['chunked', 'chunked', 'cHUNKED']) }
}

function smallPayload(dice: Dice, bait?: string): string {
  if (bait !== undefined && dice.chance(0.5)) return bait
  return dice.binary(dice.below(60))
}

/** Long, quickly made, and different at every place. */
function filler(dice: Dice, length: number): string {
  const salt = dice.text(LETTERS, 4, 4)
  let text = ''
  for (let at = 0; text.length < length; at++) text += `${salt}${at};`
  return text.slice(0, length)
}
