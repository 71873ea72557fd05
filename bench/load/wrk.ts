import path from 'node:path'
import { findProgram, programVersion } from '../programs.ts'
import { type Load, type LoadGenerator, type LoadOutcome, namedErrors } from './load.ts'

const SCRIPT = path.join(import.meta.dirname, 'wrk.lua')

/** The first choice: C, epoll, one thread here; it needs about a sixth of the CPU that a proxy needs for the same request. */
export const wrk: LoadGenerator = {
  name: 'wrk',
  version: () => programVersion('wrk', '-v'),
  missing: () => (findProgram('wrk') === null ? 'apt-get install wrk' : null),
  supports: () => true,

  command(load: Load) {
    const seconds = Math.max(1, Math.round(load.durationMs / 1000))
    const headers = ['-H', `Host: ${load.host}`, ...(load.newConnections ? ['-H', 'Connection: close'] : [])]
    const url = `http://127.0.0.1:${load.port}${load.path}`
    const shape = ['-t1', `-c${load.connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', SCRIPT]
    return ['wrk', [...shape, ...headers, url, '--', String(load.uploadBytes)]]
  },

  read(printed): LoadOutcome {
    const json = printed.trim().split('\n').at(-1)!
    const found = JSON.parse(json)
    return {
      requests: found.requests,
      bytes: found.bytes,
      seconds: found.us / 1e6,
      latencyUs: { p50: found.p50, p99: found.p99, p999: found.p999, max: found.max },
      errors: namedErrors(found.errors),
    }
  },
}
