import { request } from 'node:http'
import type { HealthCheckConfig } from '../../config/config.ts'

/** What one check asks, and of whom. */
export interface ProbeTarget {
  readonly address: string
  readonly port: number
  /** Value of the Host header. */
  readonly host: string
}

/** '' when the dyno is well, else why it is not, in words for the operator. Never rejects. */
export type Probe = (target: ProbeTarget, check: HealthCheckConfig, signal: AbortSignal) => Promise<string>

/**
 * One GET on a connection of its own, so that accepting is checked too. The status decides; the rest of the answer is read
 * for as long as the check may take, since not every program survives a reset.
 */
export const probeByHttp: Probe = ({ address, port, host }, check, signal) => {
  const { path, timeoutMs, statusFrom, statusTo } = check
  const { promise, resolve } = Promise.withResolvers<string>()
  const asked = request({
    host: address,
    port,
    path,
    agent: false,
    signal,
    headers: { Host: host, 'User-Agent': 'postern-health-check', Connection: 'close' },
  })
  const timer = setTimeout(() => {
    resolve(`GET ${path} was not answered within ${timeoutMs} ms`)
    asked.destroy()
  }, timeoutMs)
  asked.on('response', (answer) => {
    const status = answer.statusCode ?? 0
    resolve(status >= statusFrom && status <= statusTo ? '' : `GET ${path} answered ${status}`)
    answer.on('error', () => {})
    answer.resume()
  })
  asked.on('upgrade', (_answer, socket) => {
    resolve(`GET ${path} answered 101`)
    socket.destroy()
  })
  asked.on('error', (error: NodeJS.ErrnoException) => resolve(`GET ${path} failed: ${error.code ?? error.message}`))
  asked.on('close', () => {
    clearTimeout(timer)
    resolve(`GET ${path} was not answered`)
  })
  asked.end()
  return promise
}
