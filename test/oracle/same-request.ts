import type { NodeRequest } from './node-reader.ts'
import type { Recorded } from './recorder.ts'

/**
 * What docs and RFCs say must become of a request, written again here without a look at the router's code: hop-by-hop lines end, what only the
 * router may say is said anew, all other lines keep their place, their case and their value.
 */
const DROPPED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'upgrade',
  'http2-settings',
  'expect',
  'content-length',
  'transfer-encoding',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-host',
  'via',
  'x-request-id',
  'x-request-start',
])
const NO_TRAILERS = new Set(['cookie', 'via'])

type Field = readonly [name: string, value: string]

export interface Surroundings {
  readonly clientAddress: string
  readonly port: number
}

/** How the request that reached the dyno differs from what Node read in the client's bytes; '' when it does not. */
export function difference(read: NodeRequest, recorded: Recorded, { clientAddress, port }: Surroundings): string {
  const sent = fields(read.rawHeaders)
  const [authority, path] = destination(read, sent)
  if (recorded.method !== read.method) return `method ${recorded.method} for ${read.method}`
  if (recorded.target !== path) return `target ${recorded.target} for ${path}`
  if (recorded.body !== read.body) return `body of ${recorded.body.length} bytes for ${read.body.length}`
  const passed = passedFields(sent, authority)
  const hostAdded = !sent.some(([name]) => same(name, 'host'))
  if (hostAdded) passed.push(['Host', authority])
  const own = recorded.headers.slice(passed.length)
  const kept = JSON.stringify(recorded.headers.slice(0, passed.length))
  if (kept !== JSON.stringify(passed)) return `headers ${kept} for ${JSON.stringify(passed)}`
  return ownFields(read, sent, own, clientAddress, port, authority)
}

/** How the trailers differ. Only for what the grammar wrote: which trailers may go on is a long list. */
export function trailerDifference(read: NodeRequest, recorded: Recorded): string {
  const passed = fields(read.rawTrailers).filter(([name]) => !NO_TRAILERS.has(name.toLowerCase()))
  const kept = JSON.stringify(recorded.trailers)
  return kept === JSON.stringify(passed) ? '' : `trailers ${kept} for ${JSON.stringify(passed)}`
}

function fields(raw: readonly string[]): Field[] {
  const pairs: Field[] = []
  for (let i = 0; i < raw.length; i += 2) pairs.push([raw[i]!, raw[i + 1]!])
  return pairs
}

function same(name: string, other: string): boolean {
  return name.toLowerCase() === other
}

function values(sent: readonly Field[], wanted: string): string[] {
  return sent.filter(([name]) => same(name, wanted)).map(([, value]) => value)
}

function elements(sent: readonly Field[], wanted: string): string[] {
  return values(sent, wanted)
    .flatMap((value) => value.split(','))
    .map((element) => element.replace(/^[ \t]+|[ \t]+$/g, '').toLowerCase())
    .filter((element) => element !== '')
}

function destination(read: NodeRequest, sent: readonly Field[]): [authority: string, path: string] {
  const absolute = /^https?:\/\/([^/?]*)(.*)$/i.exec(read.url)
  if (absolute === null) return [values(sent, 'host')[0] ?? '', read.url]
  const rest = absolute[2]!
  const path = rest === '' ? (read.method === 'OPTIONS' ? '*' : '/') : rest.startsWith('?') ? `/${rest}` : rest
  return [absolute[1]!, path]
}

function passedFields(sent: readonly Field[], authority: string): Field[] {
  const named = new Set(elements(sent, 'connection'))
  return sent.flatMap(([name, value]): Field[] => {
    const lower = name.toLowerCase()
    if (DROPPED.has(lower.replaceAll('_', '-')) || named.has(lower)) return []
    return [lower === 'host' && value !== authority ? ['Host', authority] : [name, value]]
  })
}

function ownFields(
  read: NodeRequest,
  sent: readonly Field[],
  own: readonly Field[],
  clientAddress: string,
  port: number,
  authority: string,
): string {
  const lengths = values(sent, 'content-length')
  const chunked = values(sent, 'transfer-encoding').length > 0
  const requestIds = values(sent, 'x-request-id').join(', ')
  const via = values(sent, 'via').join(', ')
  const minor = read.version.slice(2)
  const upgrade = values(sent, 'upgrade').join(', ')
  const offers = elements(sent, 'upgrade')
  const upgrading =
    elements(sent, 'connection').includes('upgrade') &&
    minor === '1' &&
    !chunked &&
    lengths.every((length) => Number(length) === 0) &&
    offers.length > 0 &&
    !offers.some((offer) => /^(h2|http|tls)/.test(offer))
  const trailersWanted = !upgrading && elements(sent, 'te').includes('trailers')
  const wanted: (readonly [string, string | RegExp])[] = [
    ...(lengths.length > 0 ? [['Content-Length', String(Number(lengths[0]))] as const] : []),
    ...(chunked ? [['Transfer-Encoding', 'chunked'] as const] : []),
    ['X-Forwarded-For', clientAddress],
    ['X-Forwarded-Proto', 'http'],
    ['X-Forwarded-Port', String(port)],
    ['X-Forwarded-Host', authority],
    ['X-Request-Start', /^\d{13}$/],
    ['X-Request-Id', /^[A-Za-z0-9+/=-]{20,200}$/.test(requestIds) ? requestIds : /^[0-9a-f-]{36}$/],
    ['Via', `${via === '' ? '' : `${via}, `}1.${minor} postern`],
    ...(upgrading ? [['Upgrade', upgrade] as const] : []),
    ...(trailersWanted ? [['TE', 'trailers'] as const] : []),
    ['Connection', upgrading ? 'upgrade' : trailersWanted ? 'keep-alive, TE' : 'keep-alive'],
  ]
  const differs = wanted.find(([name, value], i) => {
    const [spelled, given] = own[i] ?? ['', '']
    return spelled !== name || (typeof value === 'string' ? given !== value : !value.test(given))
  })
  if (differs !== undefined) return `${differs.join(': ')} missing in ${JSON.stringify(own)}`
  return own.length === wanted.length ? '' : `more headers than wanted: ${JSON.stringify(own)}`
}
