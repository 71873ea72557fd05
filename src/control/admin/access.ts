import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { AdminToken } from '../../config/config.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, for the audit trail: name of the token, or `socket`. */
    by: string
  }
}

/** Names under which a loopback address is reached; any other Host is a web page that had a name of its own point here. */
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i
/** What load balancers ask, which have no token. */
const OPEN_PATHS = ['/healthz', '/readyz']

/** Who may ask: on a Unix socket whoever may connect to it, over TCP whoever has a token. */
export function guard(app: FastifyInstance, tokens: readonly AdminToken[]): void {
  app.decorateRequest('by', '')
  app.addHook('onRequest', async (request, reply) => {
    // A unix socket has no address; whoever may connect to it may ask under any name.
    if (isLocal(request) || LOOPBACK_HOST.test(request.headers.host ?? '')) return
    return reply.code(421).send({ id: 'misdirected', message: `${request.headers.host} is not a name of this server` })
  })
  app.addHook('onRequest', async (request, reply) => {
    // A page in a browser may send a POST to any address, under the right Host. It cannot hide where it comes from.
    if (request.method === 'GET' || request.headers.origin === undefined) return
    return reply.code(403).send({ id: 'forbidden', message: 'not for web pages' })
  })
  app.addHook('onRequest', async (request, reply) => {
    const { authorization } = request.headers
    if (authorization === undefined && isLocal(request)) {
      request.by = 'socket'
      return
    }
    if (OPEN_PATHS.includes(request.routeOptions.url ?? '')) return
    request.by = nameOf(authorization, tokens)
    if (request.by !== '') return
    const message = authorization === undefined ? 'a token is needed: Authorization: Bearer TOKEN' : 'no such token'
    return reply.code(401).header('www-authenticate', 'Bearer').send({ id: 'unauthorized', message })
  })
}

function isLocal(request: FastifyRequest): boolean {
  return request.socket.remoteAddress === undefined
}

/** Of the token; '' when nobody has it. As slow for every wrong one: all are compared, by digests of one length. */
function nameOf(authorization: string | undefined, tokens: readonly AdminToken[]): string {
  const token = /^Bearer +([^ ]+) *$/i.exec(authorization ?? '')?.[1] ?? ''
  const digest = createHash('sha256').update(token).digest()
  let found = ''
  for (const { name, sha256 } of tokens) {
    if (timingSafeEqual(digest, Buffer.from(sha256, 'hex'))) found = name
  }
  return token === '' ? '' : found
}
