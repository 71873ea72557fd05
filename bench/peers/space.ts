/**
 * The work around forwarding that every contender does, as one would write it in Node with care: shared by the servers in this folder, so
 * that they differ only in the package that forwards. Where there was a choice it was made for speed.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http'
import { BlockList, type Socket } from 'node:net'
import sonicBoom from 'sonic-boom'
import type { Facts } from '../facts.ts'

export interface Dyno {
  readonly name: string
  readonly origin: string
  inFlight: number
}

/** One request, from when it was admitted to its log line. */
export interface Visit {
  readonly dyno: Dyno
  readonly requestId: string
  /** Kept, because the socket may be gone by the time of the log line. */
  readonly client: string
  readonly startedAt: number
}

export class Space {
  readonly facts: Facts
  readonly dynos: readonly Dyno[]
  readonly #hosts = new Map<string, readonly Dyno[]>()
  readonly #trusted = new BlockList()
  readonly #log: sonicBoom.SonicBoom | null

  constructor(file: string) {
    this.facts = JSON.parse(readFileSync(file, 'utf8'))
    for (const cidr of this.facts.trustedCidrs) {
      const [network, bits] = cidr.split('/')
      this.#trusted.addSubnet(network!, Number(bits))
    }
    const dynos = new Map<string, Dyno>()
    for (const app of this.facts.apps) {
      const own = app.dynos.map(({ address, port }, i) => {
        const origin = `http://${address}:${port}`
        const dyno = dynos.get(origin) ?? { name: `web.${i + 1}`, origin, inFlight: 0 }
        dynos.set(origin, dyno)
        return dyno
      })
      for (const host of app.hosts) this.#hosts.set(host, own)
    }
    this.dynos = [...dynos.values()]
    // Written in blocks, as nginx and Postern do.
    this.#log =
      this.facts.accessLog === null
        ? null
        : new sonicBoom.SonicBoom({ dest: this.facts.accessLog, minLength: 65_536, maxWrite: 131_072, sync: false })
    if (this.#log !== null) setInterval(() => this.#log!.flush(), 1_000).unref()
  }

  /** Listens; a source is checked once, when it connects. */
  serve(server: Server): void {
    server.keepAliveTimeout = 60_000
    server.on('connection', (socket: Socket) => {
      if (!this.#trusted.check(socket.remoteAddress ?? '')) socket.resetAndDestroy()
    })
    server.listen({ host: '127.0.0.1', port: this.facts.port, backlog: 4096 })
  }

  /** Chooses a dyno for the request's host and counts it; null when the host is unknown, and then the answer has been given. */
  admit(request: IncomingMessage, response: ServerResponse): Visit | null {
    const dynos = this.#hosts.get(hostOf(request.headers))
    if (dynos === undefined) {
      response.writeHead(404).end()
      return null
    }
    const one = dynos[Math.floor(Math.random() * dynos.length)]!
    const other = dynos[Math.floor(Math.random() * dynos.length)]!
    const dyno = one.inFlight <= other.inFlight ? one : other
    dyno.inFlight++
    const client = request.socket.remoteAddress ?? ''
    const visit = { dyno, requestId: randomUUID(), client, startedAt: performance.now() }
    response.once('close', () => {
      dyno.inFlight--
      this.#write(request, response, visit)
    })
    return visit
  }

  /** The headers that a router adds for its dyno. */
  forwardedHeaders(request: IncomingMessage, visit: Visit): Record<string, string> {
    return {
      'x-forwarded-for': visit.client,
      'x-forwarded-proto': 'http',
      'x-forwarded-port': String(this.facts.port),
      'x-forwarded-host': request.headers.host!,
      'x-request-id': visit.requestId,
      'x-request-start': String(Date.now()),
      via: '1.1 node',
    }
  }

  #write(request: IncomingMessage, response: ServerResponse, visit: Visit): void {
    if (this.#log === null) return
    const service = Math.round(performance.now() - visit.startedAt)
    this.#log.write(
      `${new Date().toISOString()} method=${request.method} path="${request.url}" host=${request.headers.host} ` +
        `request_id=${visit.requestId} fwd="${visit.client}" dyno=${visit.dyno.name} service=${service}ms ` +
        `status=${response.statusCode} bytes=${response.getHeader('content-length') ?? ''} protocol=http1.1 tls=false\n`,
    )
  }
}

function hostOf(headers: IncomingHttpHeaders): string {
  const host = (headers.host ?? '').toLowerCase()
  const colon = host.indexOf(':')
  return colon === -1 ? host : host.slice(0, colon)
}
