import type { SnapshotData } from '../../src/model/snapshot.ts'
import { formatLogfmt } from '../../src/proxy/access-log.ts'
import { DataPlane } from '../../src/proxy/data-plane.ts'
import type { ListenerOptions } from '../../src/proxy/listener.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { RouterMetrics } from '../../src/telemetry/router-metrics.ts'
import { RawClient } from './raw-client.ts'

/** A data plane on a free port, with its log lines at hand. */
export class TestDataPlane {
  readonly plane: DataPlane
  readonly metrics = new RouterMetrics()
  readonly lines: string[] = []
  /** Bugs that the router reported of itself. */
  readonly faults: string[] = []
  #waiting: (() => void)[] = []

  constructor(data: SnapshotData) {
    const logger = createLogger({
      level: 'error',
      pretty: false,
      destination: { write: (line: string) => void this.faults.push(line) },
    })
    this.plane = new DataPlane({
      snapshot: data,
      metrics: this.metrics,
      logger,
      accessLog: {
        format: formatLogfmt,
        write: (line) => {
          this.lines.push(line)
          for (const wake of this.#waiting.splice(0)) wake()
        },
      },
    })
  }

  static async start(data: SnapshotData, listener: Partial<ListenerOptions> = {}): Promise<TestDataPlane> {
    const test = new TestDataPlane(data)
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

  /** Fails when the router reported a bug of its own. */
  async stop(): Promise<void> {
    await this.plane.stop(0)
    if (this.faults.length > 0) throw new Error(`the router faulted: ${this.faults.join('')}`)
  }
}
