/**
 * Requests at a set rate, whatever the answers do: `node bench/load/open-loop.ts '{"port":…,"host":…,"path":…,"rate":…}'`. Prints JSON.
 *
 * A request is due every 1/rate seconds. When it is noticed to be due it is sent on an idle connection, or waits for one; its latency
 * counts from that moment, so a proxy that stalls is charged for every request that came due meanwhile (no coordinated omission). How late
 * the generator itself noticed is no fault of the proxy and is told apart, as lag. It is our own because none of wrk, h2load (`--rps`
 * counts from the actual send) and autocannon (whole milliseconds, and it needs more CPU than the proxies) tells this apart.
 */
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { quantile } from '../statistics.ts'
import { type Latency, type LoadOutcome, namedErrors } from './load.ts'

export interface OpenLoop {
  readonly port: number
  readonly host: string
  readonly path: string
  /** Requests per second over all connections. */
  readonly rate: number
  readonly connections: number
  readonly durationMs: number
}

export interface OpenLoopOutcome extends LoadOutcome {
  /** How late requests were noticed to be due. */
  readonly lagUs: Latency
}

/** After the last request was sent: whatever has no answer by then counts as an error. */
const STRAGGLERS_MS = 2_000

const HEAD_END = Buffer.from('\r\n\r\n')

class Generator {
  readonly #load: OpenLoop
  readonly #request: string
  readonly #total: number
  readonly #latencies: Float64Array
  readonly #lags: Float64Array
  readonly #idle: Client[] = []
  /** When each waiting request was noticed, oldest first. */
  readonly #waiting: number[] = []
  #sent = 0
  #done = 0
  #bytes = 0
  #badAnswers = 0
  #lostConnections = 0
  #startedAt = 0
  #finish: () => void = () => {}

  constructor(load: OpenLoop) {
    this.#load = load
    this.#request = `GET ${load.path} HTTP/1.1\r\nHost: ${load.host}\r\n\r\n`
    this.#total = Math.max(1, Math.round((load.rate * load.durationMs) / 1000))
    this.#latencies = new Float64Array(this.#total)
    this.#lags = new Float64Array(this.#total)
  }

  async run(): Promise<OpenLoopOutcome> {
    await Promise.all(
      Array.from({ length: this.#load.connections }, async () => {
        this.#idle.push(await Client.open(this.#load.port, this))
      }),
    )
    const finished = new Promise<void>((resolve) => {
      this.#finish = resolve
    })
    this.#startedAt = performance.now()
    const timer = setInterval(() => this.sendDue(performance.now()), 1)
    const deadline = setTimeout(this.#finish, this.#load.durationMs + STRAGGLERS_MS)
    await finished
    clearInterval(timer)
    clearTimeout(deadline)
    return this.#outcome()
  }

  /** Called on every tick and on every answer, which at high rates keeps the steps well below the millisecond of a timer. */
  sendDue(now: number): void {
    const due = Math.min(this.#total, Math.floor(((now - this.#startedAt) * this.#load.rate) / 1000) + 1)
    for (; this.#sent < due; this.#sent++) {
      this.#lags[this.#sent] = now - this.#startedAt - (this.#sent * 1000) / this.#load.rate
      const client = this.#idle.pop()
      if (client === undefined) this.#waiting.push(now)
      else client.send(this.#request, now)
    }
  }

  answered(client: Client, noticedAt: number, bytes: number, ok: boolean): void {
    const now = performance.now()
    this.#latencies[this.#done++] = now - noticedAt
    this.#bytes += bytes
    if (!ok) this.#badAnswers++
    const next = this.#waiting.shift()
    if (next === undefined) this.#idle.push(client)
    else client.send(this.#request, next)
    this.sendDue(now)
    if (this.#done === this.#total) this.#finish()
  }

  lost(): void {
    this.#lostConnections++
  }

  #outcome(): OpenLoopOutcome {
    return {
      requests: this.#done,
      bytes: this.#bytes,
      seconds: this.#load.durationMs / 1000,
      latencyUs: distribution(this.#latencies.subarray(0, this.#done)),
      lagUs: distribution(this.#lags.subarray(0, this.#sent)),
      errors: namedErrors({
        'no answer': this.#total - this.#done,
        'status other than 200': this.#badAnswers,
        'connection lost': this.#lostConnections,
      }),
    }
  }
}

/** One connection, one request at a time. */
class Client {
  readonly #socket: Socket
  readonly #generator: Generator
  #noticedAt = 0
  #answer: Buffer | null = null

  constructor(socket: Socket, generator: Generator) {
    this.#socket = socket
    this.#generator = generator
    socket.setNoDelay(true)
    socket.on('data', (data: Buffer) => this.#read(data))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => generator.lost())
  }

  static open(port: number, generator: Generator): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port }, () => {
        socket.off('error', reject)
        resolve(new Client(socket, generator))
      })
      socket.once('error', reject)
    })
  }

  send(request: string, noticedAt: number): void {
    this.#noticedAt = noticedAt
    this.#socket.write(request, 'latin1')
  }

  /** Answers with a Content-Length only: the dyno's have one. */
  #read(data: Buffer): void {
    const answer = this.#answer === null ? data : Buffer.concat([this.#answer, data])
    const headEnd = answer.indexOf(HEAD_END)
    const head = headEnd === -1 ? '' : answer.latin1Slice(0, headEnd)
    const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? Number.NaN)
    const size = headEnd + HEAD_END.length + length
    if (headEnd === -1 || answer.length < size) {
      this.#answer = answer
      return
    }
    this.#answer = null
    this.#generator.answered(this, this.#noticedAt, size, head.startsWith('HTTP/1.1 200'))
  }
}

function distribution(milliseconds: Float64Array): Latency {
  const sorted = milliseconds.toSorted()
  const us = (share: number) => Math.round(quantile(sorted, share) * 1000)
  return { p50: us(0.5), p99: us(0.99), p999: us(0.999), max: us(1) }
}

if (import.meta.main) {
  const outcome = await new Generator(JSON.parse(process.argv[2]!)).run()
  process.stdout.write(`${JSON.stringify(outcome)}\n`)
  process.exit() // the connections are still open
}
