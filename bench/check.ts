/**
 * Every contender shows that it does the whole job before it is measured: one that skips a part would look fast. What is asserted here is
 * the parity that `README.md` promises, and nothing about which contender it is.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Agent, type IncomingMessage, type RequestOptions, request } from 'node:http'
import type { Ability } from './contenders/contender.ts'
import { pattern, TUNNEL_HEADERS } from './dyno.ts'
import { type Facts, requestHost, UNTRUSTED_SOURCE } from './facts.ts'

const ANSWER_LIMIT_MS = 20_000
const BIG_BYTES = 1 << 20
const UPLOAD_BYTES = 3_000_000
/** Sequential requests on one connection; a proxy that keeps dyno connections needs a few, one that does not needs one for each. */
const KEEP_ALIVE_REQUESTS = 60

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** What was asked of the dyno, as `/echo` tells it. */
interface Echo {
  readonly head: string
  readonly dyno: string
  readonly connection: number
}

/** Everything that is wrong with a contender, one sentence each; empty: it may be measured. */
export async function check(facts: Facts, cannot: readonly Ability[]): Promise<string[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const visitor = new Visitor(facts, agent)
  const problems: string[] = []
  const checks: [name: string, check: (visitor: Visitor) => Promise<string | null>][] = [
    ['small body', smallBody],
    ['forwarded headers', forwardedHeaders],
    ['balancing and upstream keep-alive', balancing],
    ['unknown host', unknownHost],
    ['untrusted source', untrustedSource],
    ['big body', bigBody],
    ['upload', upload],
  ]
  if (!cannot.includes('tunnels')) checks.push(['tunnel', tunnel])
  for (const [name, run] of checks) {
    const problem = await run(visitor).catch((error: Error) => `failed: ${error.message}`)
    if (problem !== null) problems.push(`${name}: ${problem}`)
  }
  agent.destroy()
  return problems
}

/** Asks the contender things, as one client on one kept connection. */
class Visitor {
  readonly facts: Facts
  readonly #agent: Agent

  constructor(facts: Facts, agent: Agent) {
    this.facts = facts
    this.#agent = agent
  }

  async ask(path: string, options: RequestOptions = {}, body?: Iterable<Buffer>): Promise<Answer> {
    const asked = request({
      host: '127.0.0.1',
      port: this.facts.port,
      path,
      agent: this.#agent,
      ...options,
      headers: { Host: requestHost(this.facts.apps), ...(options.headers as Record<string, string>) },
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    })
    for (const piece of body ?? []) asked.write(piece)
    asked.end()
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    return { status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(await answer.toArray()) }
  }

  async echo(
    headers: Record<string, string> = {},
  ): Promise<{ answer: Answer; seen: Echo; header: (name: string) => string[] }> {
    const answer = await this.ask('/echo', { headers })
    const seen = JSON.parse(answer.body.toString()) as Echo
    const header = (name: string) =>
      [...seen.head.matchAll(new RegExp(`^${name}: *(.*?)\\r?$`, 'gim'))].map((match) => match[1]!)
    return { answer, seen, header }
  }
}

async function smallBody(visitor: Visitor): Promise<string | null> {
  const { status, body } = await visitor.ask('/bytes/100')
  if (status !== 200) return `status ${status}`
  return body.equals(pattern(100)) ? null : `got ${body.length} bytes that are not those of the dyno`
}

async function forwardedHeaders(visitor: Visitor): Promise<string | null> {
  const host = requestHost(visitor.facts.apps)
  const spoofed = {
    'X-Forwarded-For': '203.0.113.9',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'elsewhere.example',
  }
  const first = await visitor.echo(spoofed)
  const second = await visitor.echo()
  const expected: Record<string, string> = {
    host,
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-port': String(visitor.facts.port),
    'x-forwarded-host': host,
  }
  for (const [name, value] of Object.entries(expected)) {
    const values = first.header(name)
    if (values.length !== 1 || values[0] !== value)
      return `${name} at the dyno is ${JSON.stringify(values)}, not ${value}`
  }
  const ids = [first, second].map(({ header }) => header('x-request-id').join())
  if (ids.some((id) => id.length < 20) || ids[0] === ids[1]) return `request ids are ${ids.join(' and ')}`
  if (!/^\d{10}/.test(first.header('x-request-start').join())) return 'no x-request-start at the dyno'
  if (first.header('via').length === 0) return 'no via at the dyno'
  return first.answer.headers.via === undefined ? 'no via at the client' : null
}

async function balancing(visitor: Visitor): Promise<string | null> {
  const connections = new Set<string>()
  const dynos = new Set<string>()
  for (let i = 0; i < KEEP_ALIVE_REQUESTS; i++) {
    const { seen } = await visitor.echo()
    dynos.add(seen.dyno)
    connections.add(`${seen.dyno} ${seen.connection}`)
  }
  if (dynos.size < 4) return `only ${[...dynos].join(' ')} of 4 dynos were asked`
  return connections.size > KEEP_ALIVE_REQUESTS / 4
    ? `${connections.size} dyno connections for ${KEEP_ALIVE_REQUESTS} requests`
    : null
}

async function unknownHost(visitor: Visitor): Promise<string | null> {
  const { status } = await visitor.ask('/bytes/100', { headers: { Host: 'never-configured.example' } })
  return status >= 400 && status < 500 ? null : `status ${status}`
}

/** Refused is a 403 or a connection that ends without an answer. */
async function untrustedSource(visitor: Visitor): Promise<string | null> {
  try {
    const { status } = await visitor.ask('/bytes/100', { localAddress: UNTRUSTED_SOURCE, agent: false })
    return status === 403 ? null : `status ${status}`
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    return code === 'ECONNRESET' || code === 'EPIPE' ? null : `failed: ${(error as Error).message}`
  }
}

async function bigBody(visitor: Visitor): Promise<string | null> {
  const { body } = await visitor.ask(`/bytes/${BIG_BYTES}`)
  return body.equals(pattern(BIG_BYTES)) ? null : `got ${body.length} of ${BIG_BYTES} bytes, or not the same`
}

async function upload(visitor: Visitor): Promise<string | null> {
  const body = pattern(UPLOAD_BYTES)
  const expected = `${UPLOAD_BYTES} ${createHash('sha256').update(body).digest('hex')}`
  const half = UPLOAD_BYTES / 2
  const framings = { 'Content-Length': String(UPLOAD_BYTES), 'Transfer-Encoding': 'chunked' }
  for (const [name, value] of Object.entries(framings)) {
    const answer = await visitor.ask('/upload?hash', { method: 'POST', headers: { [name]: value } }, [
      body.subarray(0, half),
      body.subarray(half),
    ])
    if (answer.body.toString() !== expected)
      return `with ${name} the dyno got ${answer.body.toString().slice(0, 40)} (status ${answer.status})`
  }
  return null
}

async function tunnel(visitor: Visitor): Promise<string | null> {
  const asked = request({
    host: '127.0.0.1',
    port: visitor.facts.port,
    path: '/tunnel',
    agent: false,
    headers: { Host: requestHost(visitor.facts.apps), ...TUNNEL_HEADERS },
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  })
  asked.on('response', (answer) => asked.destroy(new Error(`status ${answer.statusCode} instead of 101`)))
  asked.end()
  const [, socket] = await once(asked, 'upgrade')
  socket.write('there and back')
  const [data] = await once(socket, 'data')
  socket.destroy()
  return data.toString() === 'there and back' ? null : `got ${data}`
}
