import { readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { findProgram, programVersion } from '../programs.ts'
import { quantile } from '../statistics.ts'
import { type Load, type LoadGenerator, type LoadOutcome, namedErrors } from './load.ts'

/** nghttp2's generator, here for HTTP/1.1: the second choice beside wrk, and a second opinion on it. */
export const h2load: LoadGenerator = {
  name: 'h2load',
  version: () => programVersion('h2load', '--version'),
  missing: () => (findProgram('h2load') === null ? 'apt-get install nghttp2-client' : null),
  supports: (load) => load.uploadBytes === 0 && !load.newConnections,

  command(load: Load, directory: string) {
    rmSync(requestLog(directory), { force: true })
    return [
      'h2load',
      [
        '--h1',
        ...['-t', '1', '-c', String(load.connections)],
        ...['-D', String(Math.max(1, Math.round(load.durationMs / 1000)))],
        ...['--connect-to', `127.0.0.1:${load.port}`],
        ...['--log-file', requestLog(directory)],
        `http://${load.host}:${load.port}${load.path}`,
      ],
    ]
  },

  read(printed, load, directory): LoadOutcome {
    const count = (pattern: RegExp) => Number(pattern.exec(printed)?.[1] ?? Number.NaN)
    // Its own text has mean and deviation only; its log has a line per request: start, status, microseconds.
    const log = readFileSync(requestLog(directory), 'latin1').trimEnd().split('\n')
    const latencies = Float64Array.from(log, (line) => Number(line.slice(line.lastIndexOf('\t') + 1))).sort()
    return {
      requests: count(/(\d+) succeeded/),
      bytes: count(/^traffic: .*?\((\d+)\) total/m),
      seconds: load.durationMs / 1000,
      latencyUs: {
        p50: quantile(latencies, 0.5),
        p99: quantile(latencies, 0.99),
        p999: quantile(latencies, 0.999),
        max: latencies.at(-1) ?? Number.NaN,
      },
      errors: namedErrors({
        failed: count(/(\d+) failed/),
        errored: count(/(\d+) errored/),
        timeout: count(/(\d+) timeout/),
        'status other than 2xx': count(/(\d+) 3xx/) + count(/(\d+) 4xx/) + count(/(\d+) 5xx/),
      }),
    }
  },
}

function requestLog(directory: string): string {
  return path.join(directory, 'h2load.requests')
}
