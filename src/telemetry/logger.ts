import { type Logger, pino } from 'pino'
import { prettyFactory } from 'pino-pretty'
import { createLogSink, type LogSink } from './log-sink.ts'

export type { Logger } from 'pino'

export interface LoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** For people rather than programs: the default when standard error is a terminal. */
  readonly pretty?: boolean
  /** Default: standard error, since standard output belongs to the access log. */
  readonly destination?: { write(line: string): void }
}

/** The log of the router itself: what it does and what went wrong, one JSON object per line, or a line for people. */
export function createLogger({ level, pretty = process.stderr.isTTY, destination }: LoggerOptions): Logger {
  const sink = destination ?? standardError()
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (!pretty) return pino(options, sink)
  const forPeople = prettyFactory({ colorize: true, translateTime: 'SYS:HH:MM:ss.l' })
  return pino(options, { write: (line) => sink.write(forPeople(line)) })
}

let stderrSink: LogSink | null = null

/** One per process, however many loggers there are. It is never closed: the sink says the rest when the process exits. */
function standardError(): LogSink {
  stderrSink ??= createLogSink('stderr')
  return stderrSink
}
