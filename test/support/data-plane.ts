import type { SnapshotData } from '../../src/model/snapshot.ts'
import { formatLogfmt } from '../../src/proxy/access-log.ts'
import { DataPlane } from '../../src/proxy/data-plane.ts'
import type { ListenerOptions } from '../../src/proxy/listener.ts'
import { TICK_MS } from '../../src/proxy/timer-wheel.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { RouterMetrics } from '../../src/telemetry/router-metrics.ts'
import { RawClient } from './raw-client.ts'

/** `stopped`: time passes only by `pass`. */
export type TestTime = 'running' | 'stopped'

/** A data plane on a free port, with its log lines at hand. */
export class TestDataPlane {
  readonly plane: DataPlane
  readonly metrics = new RouterMetrics()
  readonly lines: string[] = []
  /** Bugs that the router reported of itself. */
  readonly faults: string[] = []
  #waiting: (() => void)[] = []
  #elapsedMs = 0

  constructor(data: SnapshotData, time: TestTime = 'running') {
    const logger = createLogger({
      level: 'error',
      pretty: false,
      destination: { write: (line: string) => void this.faults.push(line) },
    })
    this.plane = new DataPlane({
      snapshot: data,
      metrics: this.metrics,
      logger,
      time:
        time === 'running'
          ? undefined
          : { monotonicMs: () => this.#elapsedMs, unixMs: () => Date.UTC(2026, 3, 26) + this.#elapsedMs },
      accessLog: {
        format: formatLogfmt,
        write: (line) => {
          this.lines.push(line)
          for (const wake of this.#waiting.splice(0)) wake()
        },
      },
    })
  }

  static async start(
    data: SnapshotData,
    listener: Partial<ListenerOptions> = {},
    time: TestTime = 'running',
  ): Promise<TestDataPlane> {
    const test = new TestDataPlane(data, time)
    await test.plane.listen([
      {
        name: 'public',
        host: '127.0.0.1',
        port: 0,
        exposure: 'public',
        forwardedFor: 'replace',
        proxyHeaderFrom: null,
        ...listener,
      },
    ])
    return test
  }

  get port(): number {
    return this.plane.ports.get('public')!
  }

  client(from?: string): Promise<RawClient> {
    return RawClient.connect(this.port, from)
  }

  /** The log line with this number (from 0), as soon as it was written. */
  async line(number = 0): Promise<string> {
    while (this.lines.length <= number) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return this.lines[number]!
  }

  /** Stopped time passes, tick by tick, once everything that was sent has arrived; what it brought about has arrived when this resolves. */
  async pass(ms: number): Promise<void> {
    await settled()
    const { clock, wheel } = this.plane
    const endMs = this.#elapsedMs + ms
    while (this.#elapsedMs < endMs) {
      this.#elapsedMs = Math.min(this.#elapsedMs + TICK_MS, endMs)
      clock.tick()
      wheel.advance()
    }
    await settled()
  }

  /** The value of one series. */
  async metric(series: string): Promise<number> {
    const line = this.metrics
      .exposition()
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
    return line === undefined ? 0 : Number(line.slice(series.length + 1))
  }

  /** Fails when the router reported a bug of its own. */
  async stop(): Promise<void> {
    await this.plane.stop(0)
    if (this.faults.length > 0) throw new Error(`the router faulted: ${this.faults.join('')}`)
  }
}

/**
 * Until what was written on loopback has been read, by router, clients and dynos, which share this event loop: for what no event tells of, such as half
 * a head that the router has read.
 */
export async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise<void>((resolve) => setImmediate(resolve))
  await new Promise<void>((resolve) => setTimeout(resolve, 2))
  for (let i = 0; i < 10; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}
