/**
 * What one request costs in telemetry: its line in the access log (formatted and copied into the sink's buffer) and its
 * counters. Prints nanoseconds, best of several rounds: npx --no node bench/micro/log-line.ts
 */
import { AccessRecord, formatJson, formatLogfmt } from '../../src/proxy/access-log.ts'
import { LogClock } from '../../src/telemetry/log-clock.ts'
import { RouterMetrics } from '../../src/telemetry/router-metrics.ts'

const ROUNDS = 200
const CALLS = 10_000
const KINDS = 1024

// As the router has them: flat strings, most of them slices of a request head.
const heads = Array.from({ length: KINDS }, (_, kind) =>
  Buffer.from(`GET /products/${kind}?page=${kind % 7} HTTP/1.1\r\nHost: shop.example.com\r\n\r\n`).toString('latin1'),
)
const requestIds = Array.from({ length: KINDS }, () => Buffer.from(crypto.randomUUID()).toString('latin1'))
const dynos = Array.from({ length: 16 }, (_, number) => Buffer.from(`web.${number + 1}`).toString('latin1'))

const record = new AccessRecord()
record.method = 'GET'
record.forwardedFor = '203.0.113.9'
record.connectMs = 0
record.status = 200
record.bytes = 100
record.protocol = 'http1.1'
record.app = 'shop'
record.az = 'a'
record.release = 'v7'

function fill(call: number): void {
  const head = heads[call % KINDS]!
  record.path = head.slice(4, head.indexOf(' ', 4))
  record.host = head.slice(head.length - 20, head.length - 4)
  record.requestId = requestIds[call % KINDS]!
  record.dyno = dynos[call % 16]!
  record.serviceMs = (call % 90) + 0.25
}

const buffer = Buffer.allocUnsafeSlow(4096)
const clock = new LogClock()
const shop = new RouterMetrics().app('shop')

const baseline = measure('(filling the record)', 0, fill)
measure('logfmt line', baseline, (call) => {
  fill(call)
  buffer.latin1Write(formatLogfmt(record, clock.timestamp()))
})
measure('JSON line', baseline, (call) => {
  fill(call)
  buffer.latin1Write(formatJson(record, clock.timestamp()))
})
measure('of which timestamp', 0, () => buffer.latin1Write(clock.timestamp()))
measure('counters, answered', 0, (call) => shop.finished(200, '', call % 90, call % 80, 0, 100))
measure('counters, error', 0, (call) => shop.finished(503, 'H12', call % 90, -1, 0, 100))

function measure(name: string, baselineNs: number, work: (call: number) => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const began = process.hrtime.bigint()
    for (let call = 0; call < CALLS; call++) work(call)
    best = Math.min(best, Number(process.hrtime.bigint() - began) / CALLS)
  }
  console.log(`${name.padEnd(24)} ${(best - baselineNs).toFixed(0).padStart(6)} ns`)
  return best
}
