import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { packageVersion } from '../programs.ts'
import { type Load, type LoadGenerator, type LoadOutcome, namedErrors } from './load.ts'

const require = createRequire(import.meta.url)

/** The one that always works, because npm installs it with the project. It needs more CPU than most contenders: see what the core of the load did. */
export const autocannon: LoadGenerator = {
  name: 'autocannon',
  version: () => packageVersion(path.join(import.meta.dirname, '../..'), 'autocannon') ?? 'unknown',
  missing: () => null,
  // Its own way of connecting anew (`--reconnectRate`) counts every request as an error under Node 26.
  supports: (load) => !load.newConnections,

  command(load: Load, directory: string) {
    const body = path.join(directory, 'upload.body')
    if (load.uploadBytes > 0) writeFileSync(body, 'x'.repeat(load.uploadBytes))
    return [
      process.execPath,
      [
        require.resolve('autocannon'),
        '--json',
        '--no-progress',
        ...['-c', String(load.connections), '-d', String(Math.max(1, Math.round(load.durationMs / 1000)))],
        ...['-H', `Host=${load.host}`],
        ...(load.uploadBytes > 0 ? ['-m', 'POST', '-i', body] : []),
        `http://127.0.0.1:${load.port}${load.path}`,
      ],
    ]
  },

  read(printed): LoadOutcome {
    const json = printed.trim().split('\n').at(-1)!
    const found = JSON.parse(json)
    // Whole milliseconds: its histogram knows no finer ones.
    const us = (milliseconds: number) => milliseconds * 1000
    return {
      requests: found.requests.total,
      bytes: found.throughput.total,
      seconds: found.duration,
      latencyUs: {
        p50: us(found.latency.p50),
        p99: us(found.latency.p99),
        p999: us(found.latency.p99_9),
        max: us(found.latency.max),
      },
      errors: namedErrors({ 'error or timeout': found.errors, 'status other than 2xx': found.non2xx }),
    }
  },
}
