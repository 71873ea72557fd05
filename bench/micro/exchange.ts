/**
 * What a request and its answer cost in the data plane itself: everything from the bytes read to the bytes written, log line and counters included, on handles
 * that do nothing. `node bench/micro/exchange.ts [--profile-for SECONDS]`; the rest of what a request costs is the kernel's and Node's.
 */
import { parseArgs } from 'node:util'
import { appEntry, snapshotData } from '../../test/support/snapshot-data.ts'
import { describeMachine, report } from './measure.ts'

const CLIENTS = 64
/** Clients whose requests come in one turn of the event loop. */
const PER_TURN = 16
const ROUNDS = 9
const ROUND_MS = 300

const REQUEST = Buffer.from(
  'GET /bytes/100 HTTP/1.1\r\nHost: www-125.app-2.bench.example\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n',
)
const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\nX-Dyno: web.1\r\n\r\n${'x'.repeat(100)}`,
)

const results = new Int32Array(8)
const READ = 0
const WRITE_WAS_ASYNC = 2
const written = Buffer.allocUnsafeSlow(65_536)
let writes = 0
let asked: FakeHandle[] = []

/** Takes everything, as a kernel with room does. */
class FakeHandle {
  user: unknown = null
  onread: (() => Buffer | undefined) | null = null
  readonly fd = -1
  bytesWritten = 0
  readonly writeQueueSize = 0
  isDyno = true
  #buffer: Buffer | null = null

  useUserBuffer(buffer: Buffer): void {
    this.#buffer = buffer
  }
  readStart(): number {
    return 0
  }
  readStop(): number {
    return 0
  }
  setNoDelay(): number {
    return 0
  }
  shutdown(): number {
    return 0
  }
  close(): void {}
  reset(): number {
    return 0
  }
  connect6(): number {
    return 0
  }
  connect(request: { oncomplete(status: number): void }): number {
    setImmediate(() => request.oncomplete(0))
    return 0
  }
  writeLatin1String(_request: unknown, text: string): number {
    written.latin1Write(text, 0)
    return this.#wrote(text.length)
  }
  writeBuffer(_request: unknown, bytes: Buffer): number {
    return this.#wrote(bytes.length)
  }
  writev(): number {
    return this.#wrote(1)
  }
  receive(bytes: Buffer): void {
    bytes.copy(this.#buffer!, 0)
    results[READ] = bytes.length
    const next = this.onread!()
    if (next !== undefined) this.#buffer = next
  }
  #wrote(bytes: number): number {
    this.bytesWritten += bytes
    results[WRITE_WAS_ASYNC] = 0
    writes++
    if (this.isDyno) asked.push(this)
    return 0
  }
}

class FakeRequest {}
Object.assign(process, {
  binding: (name: string) =>
    name === 'tcp_wrap'
      ? { TCP: FakeHandle, TCPConnectWrap: FakeRequest }
      : {
          WriteWrap: FakeRequest,
          ShutdownWrap: FakeRequest,
          streamBaseState: results,
          kReadBytesOrError: READ,
          kLastWriteWasAsync: WRITE_WAS_ASYNC,
        },
})

const { DataPlane } = await import('../../src/proxy/data-plane.ts')
const { ClientFacts } = await import('../../src/proxy/access.ts')
const { acceptedTransport } = await import('../../src/proxy/transports.ts')
const { formatLogfmt } = await import('../../src/proxy/access-log.ts')
const { createLogSink } = await import('../../src/telemetry/log-sink.ts')
const { createLogger } = await import('../../src/telemetry/logger.ts')
const { RouterMetrics } = await import('../../src/telemetry/router-metrics.ts')

const sink = createLogSink('/dev/null')
const plane = new DataPlane({
  snapshot: snapshotData({
    trustedIpRanges: [{ cidr: '127.0.0.0/24', action: 'allow', label: '' }],
    apps: Array.from({ length: 4 }, (_, app) =>
      appEntry(`app-${app}`, {
        domains: Array.from({ length: 250 }, (_, host) => `www-${host}.app-${app}.bench.example`),
        dynos: [1, 2, 3, 4].map((number) => ({
          id: `${app}-${number}`,
          name: `web.${number}`,
          address: '127.0.0.1',
          port: 5000 + number,
          az: 'a',
          release: 'v1',
          draining: false,
          ready: true,
        })),
      }),
    ),
  }),
  metrics: new RouterMetrics(),
  logger: createLogger({ level: 'error', pretty: false }),
  accessLog: { format: formatLogfmt, write: (line) => sink.write(line) },
})
const entrance = {
  index: plane.listenerIndex('public'),
  exposure: 'public',
  forwardedFor: 'replace',
  port: 8080,
} as const

const clients = Array.from({ length: CLIENTS }, () => {
  const handle = new FakeHandle()
  handle.isDyno = false
  plane.admit(entrance, acceptedTransport(handle), new ClientFacts('127.0.0.1', 'public'), false)!.start()
  return handle
})

let next = 0
let answered = 0

/** One turn: what dynos answered to the requests of the last one, and new requests. */
function turn(): void {
  const answering = asked
  asked = []
  for (const dyno of answering) dyno.receive(ANSWER)
  answered += answering.length
  for (let i = 0; i < PER_TURN; i++) clients[next++ % CLIENTS]!.receive(REQUEST)
}

/** Microseconds of processor time per answered request. */
function round(lastsMs: number): Promise<number> {
  const began = process.cpuUsage()
  const beganAnswered = answered
  const endsMs = performance.now() + lastsMs
  return new Promise((resolve) => {
    const step = () => {
      turn()
      if (performance.now() < endsMs) return void setImmediate(step)
      const { user, system } = process.cpuUsage(began)
      resolve((user + system) / (answered - beganAnswered))
    }
    setImmediate(step)
  })
}

const { values } = parseArgs({ options: { 'profile-for': { type: 'string' } } })
describeMachine()
await round(3_000)
if (values['profile-for'] !== undefined) {
  await round(Number(values['profile-for']) * 1000)
} else {
  const figures: number[] = []
  for (let i = 0; i < ROUNDS; i++) figures.push(await round(ROUND_MS))
  figures.sort((a, b) => a - b)
  report(
    'a request and its answer, on handles that do nothing',
    figures[0]! * 1000,
    `median ${figures[ROUNDS >> 1]!.toFixed(2)} µs`,
  )
}
if (writes === 0) throw new Error('nothing was written')
process.exit(0)
