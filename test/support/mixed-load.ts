import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { Pool } from 'undici'
import WebSocket from 'ws'

export interface MixedLoadOptions {
  readonly port: number
  readonly host: string
  /** Short requests per second, in all: nineteen of twenty on kept connections, the rest on new ones. */
  readonly requestsPerSecond: number
  /** Answers of 2 s that are awaited at any time. */
  readonly slow: number
  /** Clients that send 256 KiB, one request after the other. */
  readonly uploads: number
  readonly webSockets: number
}

const KEPT_CONNECTIONS = 40
const UPLOAD = Buffer.alloc(256 * 1024, 'x')
const TICK_MS = 10

/** Clients of all kinds, paced, until they are stopped. What fails is kept in words. */
export class MixedLoad {
  readonly served = { kept: 0, fresh: 0, slow: 0, upload: 0, echoes: 0 }
  readonly failures: string[] = []
  /** How WebSockets ended that this side did not end, by code. */
  readonly closes = new Map<number, number>()
  readonly #options: MixedLoadOptions
  /** Of short requests, and of those that take their time: these must not keep connections from those. */
  readonly #pool: Pool
  readonly #slowPool: Pool
  readonly #lanes: Promise<void>[] = []
  readonly #pending = new Set<Promise<void>>()
  #over = false

  constructor(options: MixedLoadOptions) {
    this.#options = options
    const origin = `http://127.0.0.1:${options.port}`
    this.#pool = new Pool(origin, { connections: KEPT_CONNECTIONS, pipelining: 1 })
    this.#slowPool = new Pool(origin, { pipelining: 1 })
    this.#lanes.push(this.#paced())
    for (let i = 0; i < options.slow; i++)
      this.#lanes.push(this.#lane('slow', () => this.#request(this.#slowPool, '/slow/2000')))
    for (let i = 0; i < options.uploads; i++) this.#lanes.push(this.#lane('upload', () => this.#upload()))
    for (let i = 0; i < options.webSockets; i++) this.#lanes.push(this.#webSocket())
  }

  get requests(): number {
    const { kept, fresh, slow, upload } = this.served
    return kept + fresh + slow + upload
  }

  async stop(): Promise<void> {
    this.#over = true
    await Promise.all(this.#lanes)
    await Promise.all(this.#pending)
    await Promise.all([this.#pool.close(), this.#slowPool.close()])
  }

  async #paced(): Promise<void> {
    const beganAt = performance.now()
    for (let sent = 0; !this.#over; ) {
      const due = ((performance.now() - beganAt) / 1000) * this.#options.requestsPerSecond
      // A machine that cannot keep up is not asked to catch up.
      if (this.#pending.size > 500) sent = due
      for (; sent < due; sent++) {
        const isFresh = sent % 20 < 1
        this.#begin(isFresh ? 'fresh' : 'kept', isFresh ? () => this.#fresh() : () => this.#request(this.#pool, '/'))
      }
      await setTimeout(TICK_MS)
    }
  }

  #begin(kind: keyof MixedLoad['served'], run: () => Promise<string>): void {
    const one = this.#one(kind, run).finally(() => this.#pending.delete(one))
    this.#pending.add(one)
  }

  async #lane(kind: keyof MixedLoad['served'], run: () => Promise<string>): Promise<void> {
    while (!this.#over) {
      await this.#one(kind, run)
      await setTimeout(20)
    }
  }

  async #one(kind: keyof MixedLoad['served'], run: () => Promise<string>): Promise<void> {
    const problem = await run().catch((error: Error) => error.message)
    if (problem === '') this.served[kind]++
    else this.failures.push(`${kind}: ${problem}`)
  }

  async #request(pool: Pool, path: string): Promise<string> {
    const { statusCode, body } = await pool.request({
      method: 'GET',
      path,
      headers: { host: this.#options.host },
    })
    await body.dump()
    return statusCode === 200 ? '' : `status ${statusCode}`
  }

  async #upload(): Promise<string> {
    const headers = { host: this.#options.host }
    const answer = await this.#slowPool.request({ method: 'POST', path: '/', headers, body: UPLOAD })
    const text = await answer.body.text()
    await setTimeout(200)
    return answer.statusCode === 200 && text === String(UPLOAD.length)
      ? ''
      : `status ${answer.statusCode}, ${text} bytes`
  }

  #fresh(): Promise<string> {
    return new Promise((resolve, reject) => {
      let text = ''
      const socket = connect({ port: this.#options.port, host: '127.0.0.1' })
      socket.write(`GET / HTTP/1.1\r\nHost: ${this.#options.host}\r\nConnection: close\r\n\r\n`)
      socket.on('data', (chunk) => {
        text += chunk
      })
      socket.on('end', () => resolve(text.startsWith('HTTP/1.1 200 ') ? '' : text.slice(0, 30) || 'no answer'))
      socket.on('error', reject)
    })
  }

  /** Comes again whenever it was ended. Every echo has to be what was sent. */
  async #webSocket(): Promise<void> {
    while (!this.#over) {
      const webSocket = new WebSocket(`ws://127.0.0.1:${this.#options.port}/`, {
        headers: { host: this.#options.host },
      })
      const closed = new Promise<number>((resolve) => webSocket.once('close', resolve))
      webSocket.on('error', (error) => this.failures.push(`WebSocket: ${error.message}`))
      webSocket.on('message', (message) => {
        if (String(message) === 'hello') this.served.echoes++
        else this.failures.push(`WebSocket: echo of ${String(message).slice(0, 20)}`)
      })
      let ended = false
      void closed.then(() => {
        ended = true
      })
      while (!ended && !this.#over) {
        if (webSocket.readyState === WebSocket.OPEN) webSocket.send('hello')
        await Promise.race([closed, setTimeout(500)])
      }
      if (ended) {
        const code = await closed
        this.closes.set(code, (this.closes.get(code) ?? 0) + 1)
        if (code !== 1012) this.failures.push(`WebSocket: closed with ${code}`)
      } else {
        webSocket.close()
        await closed
      }
    }
  }
}
