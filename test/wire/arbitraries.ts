import fc from 'fast-check'
import { message } from './wire-cases.ts'

/** Runs per property: few and the same ones in the usual test run; `FUZZ_RUNS=100000` for many, each time others. */
const manyRuns = process.env.FUZZ_RUNS
export const RUNS = manyRuns === undefined ? { numRuns: 400, seed: 20261123 } : { numRuns: Number(manyRuns) }

const TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const TARGET_CHARACTERS = `${TOKEN_CHARACTERS.replace('#', '')}/?:@()[]{}<>,;="\\`
/** VCHAR, white space and obs-text. */
const VALUE_CHARACTERS = [
  ...Array.from({ length: 0x7f - 0x20 }, (_, i) => String.fromCharCode(0x20 + i)),
  ...Array.from({ length: 0x80 }, (_, i) => String.fromCharCode(0x80 + i)),
  '\t',
].join('')

function textOf(characters: string, minLength: number, maxLength: number): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...characters), minLength, maxLength })
}

export const token = textOf(TOKEN_CHARACTERS, 1, 20)

const path = textOf(TARGET_CHARACTERS, 0, 40).map((rest) => `/${rest}`)

export const host = fc
  .tuple(
    fc.oneof(
      fc.constantFrom('a.example', 'A.Example.', 'x', '127.0.0.1', '[::1]', '[2001:DB8::a]', 'a_b.c-d.example'),
      fc
        .array(fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z])?$/), { minLength: 1, maxLength: 4 })
        .map((labels) => labels.join('.')),
    ),
    fc.option(fc.nat(65_535), { nil: null }),
  )
  .map(([name, port]) => (port === null ? name : `${name}:${port}`))

const blanks = fc.constantFrom('', ' ', '  ', '\t', ' \t ')

/** Names that mean something to some server come often, whole or nearly. */
const SPOKEN_NAMES = [
  'Accept',
  'Cookie',
  'User-Agent',
  'X-Forwarded-For',
  'x-forwarded-proto',
  'X_Forwarded_For',
  'X-Request-Id',
  'Via',
  'Forwarded',
  'Keep-Alive',
  'Proxy-Connection',
  'Proxy-Authorization',
  'Trailer',
  'TE',
  'Upgrade',
  'traceparent',
  'Idempotency-Key',
  'Content_Length',
  'Transfer_Encoding',
  'Content-Type',
  'Content-Lengt',
  'Hos',
  'Hosts',
]

/** Header names that other parts of the grammar write, or that Node's server acts upon. */
const RESERVED = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'expect', 'upgrade'])

export interface HeaderLine {
  readonly name: string
  readonly value: string
  readonly line: string
}

const headerLine: fc.Arbitrary<HeaderLine> = fc
  .tuple(
    fc.oneof(token, fc.constantFrom(...SPOKEN_NAMES)).filter((name) => !RESERVED.has(name.toLowerCase())),
    blanks,
    textOf(VALUE_CHARACTERS, 0, 40),
    blanks,
  )
  .map(([name, before, raw, after]) => {
    const value = raw.replace(/^[ \t]+|[ \t]+$/g, '')
    return { name, value, line: `${name}:${before}${value}${after}` }
  })

export type Body =
  | { readonly kind: 'none' }
  | { readonly kind: 'length' | 'chunked'; readonly payload: string; readonly bytes: string }

const payload = fc.string({ unit: 'binary-ascii', maxLength: 60 })

/** A chunked body: its payload, in chunks, with extensions and trailers. */
export const chunkedBody: fc.Arbitrary<{ payload: string; bytes: string }> = fc
  .tuple(
    fc.array(
      fc.tuple(
        fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 40 }),
        fc.nat(3),
        fc.boolean(),
        fc.constantFrom('', ';a', ';a=b', ';a="b c"', ';a="\\"";b'),
      ),
      { maxLength: 6 },
    ),
    fc.constantFrom('', 'X-Sum: 1\r\n', 'x-a: b\r\nX-C:\r\n'),
  )
  .map(([chunks, trailers]) => ({
    payload: chunks.map(([text]) => text).join(''),
    bytes: `${chunks
      .map(([text, zeros, upper, extension]) => {
        const size = '0'.repeat(zeros) + text.length.toString(16)
        return `${upper ? size.toUpperCase() : size}${extension}\r\n${text}\r\n`
      })
      .join('')}0\r\n${trailers}\r\n`,
  }))

const body: fc.Arbitrary<Body> = fc.oneof(
  fc.constant({ kind: 'none' } as const),
  payload.map((text) => ({ kind: 'length', payload: text, bytes: text }) as const),
  chunkedBody.map((chunked) => ({ kind: 'chunked', ...chunked }) as const),
)

export interface ValidRequest {
  readonly method: string
  readonly target: string
  readonly headers: readonly HeaderLine[]
  readonly body: Body
  /** Head and body. */
  readonly bytes: Buffer
  readonly headBytes: number
}

const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'PATCH',
  'TRACE',
  'PROPFIND',
  'M-SEARCH',
  'PURGE',
  'LINK',
]

/** Any request that is within the rules, in a form that Node's parser knows (it has a list of methods). */
export const validRequest: fc.Arbitrary<ValidRequest> = fc
  .record({
    method: fc.constantFrom(...METHODS),
    path,
    absolute: fc.boolean(),
    host,
    hostPlace: fc.nat(3),
    headers: fc.array(headerLine, { maxLength: 8 }),
    connection: fc.constantFrom('', 'keep-alive', 'close', 'Keep-Alive, x-unknown', 'TE'),
    body,
    emptyLines: fc.nat(2),
  })
  .map((x) => {
    const line = (name: string, value: string): HeaderLine => ({ name, value, line: `${name}: ${value}` })
    const headers = [...x.headers]
    headers.splice(x.hostPlace, 0, line('Host', x.host))
    if (x.connection !== '') headers.push(line('Connection', x.connection))
    if (x.body.kind === 'length') headers.push(line('Content-Length', String(x.body.payload.length)))
    if (x.body.kind === 'chunked') headers.push(line('Transfer-Encoding', 'chunked'))
    const target = x.absolute ? `http://${x.host}${x.path}` : x.path
    const head =
      '\r\n'.repeat(x.emptyLines) + message(`${x.method} ${target} HTTP/1.1`, ...headers.map((header) => header.line))
    const bytes = Buffer.from(head + (x.body.kind === 'none' ? '' : x.body.bytes), 'latin1')
    return { method: x.method, target, headers, body: x.body, bytes, headBytes: head.length }
  })

/** An answer within the rules, with its body. */
export const validAnswer: fc.Arbitrary<Buffer> = fc
  .record({
    version: fc.constantFrom('1.1', '1.0'),
    status: fc.constantFrom(200, 201, 204, 206, 301, 304, 404, 500, 999),
    reason: fc.constantFrom('', ' ', ' OK', ' Not  Found', ' caf\xe9'),
    headers: fc.array(headerLine, { maxLength: 6 }),
    body,
  })
  .map((x) => {
    const framing =
      x.body.kind === 'length'
        ? [`Content-Length: ${x.body.payload.length}`]
        : x.body.kind === 'chunked' && x.version === '1.1'
          ? ['Transfer-Encoding: chunked']
          : []
    const head = message(
      `HTTP/${x.version} ${x.status}${x.reason}`,
      ...x.headers.map((header) => header.line),
      ...framing,
    )
    return Buffer.from(head + (x.body.kind === 'none' ? '' : x.body.bytes), 'latin1')
  })

/** What attackers write where it does not belong. */
const SNIPPETS = [
  '\r',
  '\n',
  '\r\n',
  '\n\n',
  '\r\n\r\n',
  '\r\n ',
  ' ',
  '  ',
  '\t',
  ':',
  ' :',
  ',',
  ';',
  '\0',
  '\x0b',
  '\x7f',
  '\x80',
  '\xa0',
  '0',
  '1',
  '-',
  '+',
  'chunked',
  ', chunked',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding : chunked\r\n',
  'Transfer_Encoding: chunked\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 05\r\n',
  'content-length: 0\r\n',
  'Host: b.example\r\n',
  'Connection: content-length\r\n',
  'Connection: close\r\n',
  'Expect: 100-continue\r\n',
  'GET /x HTTP/1.1\r\nHost: x\r\n\r\n',
  '0\r\n\r\n',
  ' HTTP/1.0',
  'http://b.example/',
  '#',
  '*',
  '%',
  '\\',
]

interface Mutation {
  readonly at: number
  readonly remove: number
  readonly insert: string
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.nat(3),
  insert: fc.oneof(fc.constantFrom(...SNIPPETS), fc.string({ unit: 'binary-ascii', maxLength: 2 }), fc.constant('')),
})

/** The bytes with one to three changes. */
export function mutated(bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  return fc.tuple(bytes, fc.array(mutation, { minLength: 1, maxLength: 3 })).map(([original, mutations]) =>
    mutations.reduce((current, { at, remove, insert }) => {
      const place = Math.floor(at * current.length)
      return Buffer.concat([
        current.subarray(0, place),
        Buffer.from(insert, 'latin1'),
        current.subarray(place + remove),
      ])
    }, original),
  )
}

/** Places to cut so many bytes at, in order; each as a part of the whole, so that it fits any length. */
export const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 8 })

export function cutsOf(parts: readonly number[], bytes: Buffer): number[] {
  return parts.map((part) => Math.floor(part * bytes.length)).sort((a, b) => a - b)
}
