import type { ListenerConfig, LogConfig } from '../config/config.ts'
import { formatJson, formatLogfmt } from '../proxy/access-log.ts'
import type { ListenerOptions } from '../proxy/listener.ts'
import { createLogSink, type LogSink } from '../telemetry/log-sink.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { RouterMetrics } from '../telemetry/router-metrics.ts'

/** What the configuration says of a data plane, in the words of the data plane. */

export function listenerOptions(listener: ListenerConfig): ListenerOptions {
  const { name, host, port, exposure, forwardedFor, proxyProtocol } = listener
  return {
    name,
    host,
    port,
    exposure,
    forwardedFor,
    proxyHeaderFrom: proxyProtocol === null ? null : proxyProtocol.from,
  }
}

export interface AccessLog {
  readonly format: typeof formatJson
  readonly sink: LogSink
}

/** null: it is off. @throws Error when its file cannot be opened. */
export function openAccessLog(
  { access, format }: LogConfig,
  { logger, metrics }: { logger: Logger; metrics: RouterMetrics },
): AccessLog | null {
  if (access === 'off') return null
  const sink = createLogSink(access, {
    onDrop: (lines) => metrics.logLinesDropped(lines),
    onTrouble: (error) => logger.error({ err: error }, 'the access log cannot be written'),
  })
  return { format: format === 'json' ? formatJson : formatLogfmt, sink }
}
