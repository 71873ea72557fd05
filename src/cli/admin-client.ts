import { resolve } from 'node:path'
import { Client } from 'undici'
import { loadConfig } from '../config/load.ts'
import { formatProblem } from '../config/problems.ts'
import { shortPath } from '../control/admin/unix-socket.ts'
import { DEFAULT_FILE, Failure, UsageError } from './command.ts'

/** How a running router is found: both options belong to every command that asks one. */
export const ADMIN_OPTIONS = {
  config: { type: 'string', default: DEFAULT_FILE },
  admin: { type: 'string' },
} as const

export const ADMIN_HELP = `  --config FILE    find the router by this file's admin.address (default ${DEFAULT_FILE})
  --admin ADDRESS  or by its address: unix:postern.sock, 127.0.0.1:9900`

const TIMEOUT_MS = 10_000

/** Asks a running router: JSON. `good`: statuses that are answers and no failures. @throws Failure, UsageError */
export async function askRouter(
  path: string,
  options: { config: string; admin?: string | undefined },
  { method = 'GET', good = [200] }: { method?: 'GET' | 'POST'; good?: readonly number[] } = {},
): Promise<unknown> {
  const address = options.admin ?? (await addressOf(options.config))
  const client = connectTo(address)
  try {
    const { statusCode, body } = await client.request({ method, path })
    const text = await body.text()
    if (!good.includes(statusCode)) throw new Failure(`the router answered ${statusCode}: ${text.slice(0, 200)}`)
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof Failure) throw error
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ECONNREFUSED')
      throw new Failure(`no router answers on ${address}; postern start starts one`)
    if (code === 'EACCES') throw new Failure(`${address} may only be used by the user whom the router runs as`)
    throw new Failure(`${address}: ${message}`)
  } finally {
    await client.destroy()
  }
}

async function addressOf(file: string): Promise<string> {
  const result = await loadConfig(file)
  if (!result.ok) throw new Failure(result.problems.map(formatProblem).join('\n'))
  const { admin } = result.config
  return 'socket' in admin
    ? `unix:${admin.socket}`
    : `${admin.host.includes(':') ? `[${admin.host}]` : admin.host}:${admin.port}`
}

function connectTo(address: string): Client {
  const options = { headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS, connectTimeout: TIMEOUT_MS }
  // The name is only for the Host header.
  if (address.startsWith('unix:')) {
    return new Client('http://localhost', { ...options, socketPath: shortPath(resolve(address.slice('unix:'.length))) })
  }
  if (!/^(?:\[[0-9a-f:.]+\]|[^:/]+):\d+$/i.test(address)) {
    throw new UsageError(`--admin ${address} is neither unix:PATH nor ADDRESS:PORT`)
  }
  return new Client(`http://${address}`, options)
}
