import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { TestDataPlane } from '../support/data-plane.ts'
import { app, space } from '../support/loopback-space.ts'
import { Recorder } from './recorder.ts'
import { APP_DOMAINS } from './request-grammar.ts'

/** What a client got for what it said. */
export interface Talk {
  /** One character per byte. */
  readonly text: string
  readonly ending: 'end' | 'reset' | 'hung'
}

export interface LoggedExchange {
  /** Address; '' when the head was refused. */
  readonly client: string
  readonly method: string
  /** Cause or code; '' when all went well. */
  readonly refusal: string
}

/** How a client leaves after its last byte. `close`: it says no more, and hears what comes. `break`: it is gone. */
export type Leaving = 'close' | 'break'

/** From the last byte. Longer than any wait of the router that a conversation can run into. */
const HUNG_MS = 8_000
/** Ports are free again after a minute (TIME_WAIT). */
const PORT_TRIES = 120
const PORT_WAIT_MS = 1_000
/** Without one left the router could not reach the dyno either, so there are no more clients than 200 a second: 12,000 ports of some 28,000. */
const CLIENT_EVERY_MS = 5
/** But so many at once. */
const CLIENTS_AT_ONCE = 2_000
let nextClientMs = 0

/** When the next client may come. */
async function pace(): Promise<void> {
  const nowMs = performance.now()
  nextClientMs = Math.max(nextClientMs + CLIENT_EVERY_MS, nowMs - CLIENTS_AT_ONCE * CLIENT_EVERY_MS)
  if (nextClientMs > nowMs) await sleep(nextClientMs - nowMs)
}

/** One router with one recording dyno behind it, for one conversation at a time: so all that the dyno sees belongs to it. */
export class Lane {
  readonly router: TestDataPlane
  readonly dyno: Recorder
  #clients = 0

  private constructor(router: TestDataPlane, dyno: Recorder) {
    this.router = router
    this.dyno = dyno
  }

  static async start(): Promise<Lane> {
    const dyno = await Recorder.start()
    const router = await TestDataPlane.start(
      // A quarantined dyno would turn the cases after it into refusals.
      space({ apps: [app({ domains: APP_DOMAINS, dynos: [dyno.port] })], timeouts: { quarantineMs: 1 } }),
    )
    return new Lane(router, dyno)
  }

  static async startAll(count: number): Promise<Lane[]> {
    return Promise.all(Array.from({ length: count }, () => Lane.start()))
  }

  async stop(): Promise<void> {
    await this.router.stop()
    await this.dyno.stop()
  }

  /** Of a client that no other had for long: what reaches the dyno late is not taken for what came with another conversation. */
  nextAddress(): string {
    this.#clients++
    return `127.20.${(this.#clients >> 8) & 255}.${this.#clients & 255}`
  }

  /** What the router itself reported as a bug, or the dyno as one of the router's; '' for none. */
  fault(): string {
    return this.router.faults.splice(0).join('') || this.dyno.faults.splice(0).join('\n')
  }

  /** The exchanges since the last call, as the router logged them. */
  exchanges(): LoggedExchange[] {
    return this.router.lines.splice(0).map((line) => {
      const code = /\bcode=(\w+)/.exec(line)?.[1] ?? ''
      const refusal = code === 'H26' ? (/\bcause="([^"]*)"/.exec(line)?.[1] ?? '') : code
      return {
        client: /\bfwd="([^"]*)"/.exec(line)?.[1] ?? '',
        method: / method="?([^ "]*)/.exec(line)?.[1] ?? '',
        refusal,
      }
    })
  }

  /** Thousands of clients a minute leave no port for the next one now and then: that is waited for, and says nothing of the router. */
  async #connect(from: string): Promise<Socket> {
    await pace()
    for (let tries = 0; ; tries++) {
      const socket = connect({
        port: this.router.port,
        host: '127.0.0.1',
        localAddress: from,
        noDelay: true,
        allowHalfOpen: true,
      })
      try {
        await once(socket, 'connect')
        return socket
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (tries === PORT_TRIES || (code !== 'EADDRINUSE' && code !== 'EADDRNOTAVAIL')) throw error
        await sleep(PORT_WAIT_MS)
      }
    }
  }

  /** Says the pieces, each in a turn of its own, and listens to the end. */
  async say(pieces: readonly string[], leaving: Leaving = 'close', from = '127.0.0.1'): Promise<Talk> {
    const socket = await this.#connect(from)
    let text = ''
    let ending: Talk['ending'] | '' = ''
    const deadline = setTimeout(() => {
      ending = 'hung'
      socket.destroy()
    }, HUNG_MS)
    const closed = new Promise<void>((resolve) => {
      socket.on('data', (bytes: Buffer) => {
        text += bytes.latin1Slice()
      })
      socket.on('end', () => {
        ending ||= 'end'
      })
      socket.on('error', () => {
        ending ||= 'reset'
      })
      socket.on('close', () => {
        clearTimeout(deadline)
        resolve()
      })
    })
    for (const piece of pieces) {
      if (!socket.writable) break
      deadline.refresh()
      socket.write(piece, 'latin1')
      await turn()
    }
    deadline.refresh()
    if (leaving === 'break') socket.resetAndDestroy()
    else if (!socket.destroyed) socket.end()
    await closed
    return { text, ending: ending === '' ? 'reset' : ending }
  }
}
