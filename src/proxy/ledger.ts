import { LogClock } from '../telemetry/log-clock.ts'
import type { RouterMetrics } from '../telemetry/router-metrics.ts'
import { type BlockReason, blockCause, type ClientFacts } from './access.ts'
import { AccessRecord, type FormatLine } from './access-log.ts'
import type { Clock } from './clock.ts'
import type { Exchange } from './exchange.ts'
import { describe, ERRORS, type ErrorCode, type ResponseRestriction } from './router-error.ts'

export interface AccessLog {
  readonly format: FormatLine
  write(line: string): void
}

/** Where every exchange is entered once, at its end, and every client that was not let in: counted, and a line in the access log. */
export class Ledger {
  readonly #clock: Clock
  readonly #logClock: LogClock
  readonly #metrics: RouterMetrics
  readonly #accessLog: AccessLog | null
  /** Of exchanges: filled again for each. */
  readonly #record = new AccessRecord()

  /** `accessLog` null: no lines. */
  constructor(clock: Clock, metrics: RouterMetrics, accessLog: AccessLog | null) {
    this.#clock = clock
    this.#logClock = new LogClock(
      () => clock.unixMs(),
      () => clock.exactMs(),
    )
    this.#metrics = metrics
    this.#accessLog = accessLog
  }

  finished(x: Exchange): void {
    const nowMs = this.#clock.exactMs()
    const metrics = x.app === null ? this.#metrics.noApp : this.#metrics.app(x.app.name)
    const firstByteMs = x.firstByteAtMs === -1 ? -1 : x.firstByteAtMs - x.beganAtMs
    metrics.finished(x.status, x.code, nowMs - x.beganAtMs, firstByteMs, x.requestBytes, x.responseBytes)
    if (this.#accessLog === null) return
    const record = this.#record
    const error = x.code === '' ? null : ERRORS[x.code]
    record.sock = error === null ? '' : error.sock
    record.at = error === null ? 'info' : error.at
    record.code = x.code
    record.desc = x.code === '' ? '' : describe(x.code, x.code === 'H25' ? (x.detail as ResponseRestriction) : '')
    record.cause = x.code === 'H25' ? '' : x.detail
    record.method = x.method
    record.path = x.target
    record.host = x.host
    record.requestId = x.requestId
    record.forwardedFor = x.forwardedFor
    const dyno = x.lastDyno
    record.dyno = dyno === null ? '' : dyno.entry.name
    record.az = dyno === null ? '' : dyno.entry.az
    record.release = dyno === null ? '' : dyno.entry.release
    record.connectMs = x.connectMs
    record.serviceMs = x.servedAtMs === -1 ? -1 : nowMs - x.servedAtMs
    record.status = x.status
    record.bytes = x.responseBytes
    record.protocol = x.minorVersion === 1 ? 'http1.1' : 'http1.0'
    record.app = x.app === null ? '' : x.app.name
    record.retries = x.retries
    record.notRetried = x.notRetried
    this.#write(record, nowMs)
  }

  /** P01 before a request was read. */
  blocked(facts: ClientFacts, reason: BlockReason): void {
    this.#metrics.clientBlocked(reason)
    const record = recordOf('P01')
    record.forwardedFor = facts.text || facts.peerText
    record.cause = blockCause(reason, facts.label)
    this.#write(record)
  }

  /** H22. `status` 0: without an answer. */
  turnedAway(facts: ClientFacts, status: number, bytes: number): void {
    const record = recordOf('H22')
    record.forwardedFor = facts.peerText
    record.status = status
    record.bytes = bytes
    this.#write(record)
    this.#metrics.noApp.finished(status, 'H22', 0, -1, 0, bytes)
  }

  #write(record: AccessRecord, nowMs: number = this.#clock.exactMs()): void {
    const log = this.#accessLog
    if (log !== null) log.write(log.format(record, this.#logClock.timestamp(nowMs)))
  }
}

/** Of a client that sent no request. */
function recordOf(code: ErrorCode): AccessRecord {
  const record = new AccessRecord()
  const error = ERRORS[code]
  record.code = code
  record.at = error.at
  record.sock = error.sock
  record.desc = describe(code)
  return record
}
