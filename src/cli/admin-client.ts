import { resolve } from 'node:path'
import { Client } from 'undici'
import { loadAdmin } from '../config/load-admin.ts'
import { formatProblem } from '../config/problems.ts'
import { shortPath } from '../control/admin/unix-socket.ts'
import { DEFAULT_FILE, Failure, UsageError } from './command.ts'

/** How a running router is found: these options belong to every command that asks one. */
export const ADMIN_OPTIONS = {
  config: { type: 'string', default: DEFAULT_FILE },
  admin: { type: 'string' },
  token: { type: 'string' },
} as const

export const ADMIN_HELP = `  --config FILE    find the router by this file's admin.address (default ${DEFAULT_FILE})
  --admin ADDRESS  or by its address: unix:postern.sock, 127.0.0.1:9900
  --token TOKEN    for an address that is no socket (default: the environment variable POSTERN_TOKEN)`

/** Values of these options. */
export interface AdminOptions {
  readonly config: string
  readonly admin?: string | undefined
  readonly token?: string | undefined
}

export interface Question {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Sent as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Statuses that are answers and no failures; without them: those below 300. */
  readonly good?: readonly number[]
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: unknown
}

const TIMEOUT_MS = 10_000

/** Asks a running router: JSON. @throws Failure, UsageError */
export async function askRouter(path: string, options: AdminOptions, question: Question = {}): Promise<unknown> {
  return (await exchange(path, options, question)).body
}

/** As `askRouter`, for those who want more than the body. */
export async function exchange(path: string, options: AdminOptions, question: Question = {}): Promise<Answer> {
  const { method = 'GET', body, headers, good } = question
  const router = await findRouter(options)
  try {
    const answer = await router.client.request({
      method,
      path,
      headers: {
        ...router.authorization,
        ...headers,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    })
    const text = await answer.body.text()
    const { statusCode: status } = answer
    if (good ? !good.includes(status) : status >= 300) throw refusal(status, text)
    return { status, headers: answer.headers, body: text === '' ? null : JSON.parse(text) }
  } catch (error) {
    throw router.explain(error)
  } finally {
    await router.client.destroy()
  }
}

/** No connection to the router, or one that ended. */
export class Unreachable extends Failure {}

export interface FoundRouter {
  readonly client: Client
  /** Goes with every request. */
  readonly authorization: Readonly<Record<string, string>>
  /** What goes wrong with a request, in one line. */
  explain(error: unknown): Failure
}

/** Nothing is connected yet; whoever calls destroys the client. @throws Failure, UsageError */
export async function findRouter(options: AdminOptions): Promise<FoundRouter> {
  const address = options.admin ?? (await addressOf(options.config))
  const token = options.token ?? (address.startsWith('unix:') ? undefined : process.env.POSTERN_TOKEN)
  return {
    client: connectTo(address),
    authorization: token === undefined ? {} : { authorization: `Bearer ${token}` },
    explain: (error) => (error instanceof Failure ? error : unreachable(address, error as NodeJS.ErrnoException)),
  }
}

function unreachable(address: string, { code, message }: NodeJS.ErrnoException): Unreachable {
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    return new Unreachable(`no router answers on ${address}; postern start starts one`)
  }
  if (code === 'EACCES') return new Unreachable(`${address} may only be used by the user whom the router runs as`)
  return new Unreachable(`${address}: ${message}`)
}

/** What the router said instead of an answer. */
export function refusal(status: number, text: string): Failure {
  if (status === 401) return new Failure('the router wants a token that it knows: give --token, or set POSTERN_TOKEN')
  try {
    const { message } = JSON.parse(text)
    if (typeof message === 'string') return new Failure(message)
  } catch {
    // Not what a router says: shown as it came.
  }
  return new Failure(`the router answered ${status}: ${text.slice(0, 200)}`)
}

async function addressOf(file: string): Promise<string> {
  const result = await loadAdmin(file)
  if (!result.ok) throw new Failure(result.problems.map(formatProblem).join('\n'))
  const { admin } = result
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
