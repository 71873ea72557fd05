import { type DestinationStream, type Logger, pino } from 'pino'
import pretty from 'pino-pretty'

export type { Logger } from 'pino'

export interface LoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** For people: the default on a terminal. */
  readonly pretty?: boolean
  /** Default: standard error, since standard output belongs to the access log. */
  readonly destination?: DestinationStream
}

/** The application's log: what the router does and what went wrong, one JSON object per line unless a person reads it. */
export function createLogger({ level, pretty: forPeople = process.stderr.isTTY, destination }: LoggerOptions): Logger {
  const stream = forPeople
    ? pretty({
        destination: destination ?? 2,
        sync: true,
        colorize: true,
        translateTime: 'SYS:HH:MM:ss.l',
        ignore: 'pid,hostname',
      })
    : (destination ?? pino.destination({ fd: 2, sync: true }))
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stream)
}
