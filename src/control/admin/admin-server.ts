import swagger from '@fastify/swagger'
import type { FastifyError, FastifyInstance } from 'fastify'
import { fastify } from 'fastify'
import type { AdminConfig } from '../../config/config.ts'
import { endpoint } from '../registry.ts'
import type { AdminSource } from './routes.ts'
import { addRoutes } from './routes.ts'
import { listenOnSocket } from './unix-socket.ts'

/** Names under which a loopback address is reached; any other Host is a web page that had a name of its own point here. */
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i

/** Metrics, health and what runs, for operators and their tools. Errors are `{ "id": …, "message": one line }`. */
export class AdminServer {
  readonly #app: FastifyInstance
  #address = ''

  private constructor(app: FastifyInstance) {
    this.#app = app
  }

  static async create(source: AdminSource, version: string): Promise<AdminServer> {
    const app = fastify({ forceCloseConnections: true, bodyLimit: 64 * 1024, requestTimeout: 30_000 })
    app.addHook('onRequest', async (request, reply) => {
      // A unix socket has no address; whoever may connect to it may ask under any name.
      if (request.socket.remoteAddress === undefined || LOOPBACK_HOST.test(request.headers.host ?? '')) return
      return reply
        .code(421)
        .send({ id: 'misdirected', message: `${request.headers.host} is not a name of this server` })
    })
    app.addHook('onRequest', async (request, reply) => {
      // A page in a browser may send a POST to any address, under the right Host. It cannot hide where it comes from.
      if (request.method === 'GET' || request.headers.origin === undefined) return
      return reply.code(403).send({ id: 'forbidden', message: 'not for web pages' })
    })
    app.setErrorHandler((error: FastifyError, _request, reply) => {
      const status = error.statusCode ?? 500
      const id = status === 500 ? 'internal_error' : 'bad_request'
      return reply.code(status).send({ id, message: error.message })
    })
    app.setNotFoundHandler((request, reply) =>
      reply.code(404).send({ id: 'not_found', message: `there is no ${request.method} ${request.url}` }),
    )
    await app.register(swagger, {
      openapi: { info: { title: 'Postern', description: 'What a running router says of itself', version } },
    })
    addRoutes(app, source)
    await app.ready()
    return new AdminServer(app)
  }

  /** `unix:/run/postern.sock` or `127.0.0.1:9900`, once it listens. */
  get address(): string {
    return this.#address
  }

  /** @throws Error with one line for the operator. */
  async listen(config: AdminConfig): Promise<void> {
    const { server } = this.#app
    if ('socket' in config) {
      await listenOnSocket(server, config.socket)
      this.#address = `unix:${config.socket}`
      return
    }
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        reject(new Error(`${endpoint(config.host, config.port)} cannot be bound: ${error.code}`)),
      )
      server.listen({ host: config.host, port: config.port, exclusive: true }, resolve)
    })
    const bound = server.address()
    if (bound !== null && typeof bound === 'object') this.#address = endpoint(bound.address, bound.port)
  }

  /** Cuts what is open: nothing here is worth waiting for. */
  async close(): Promise<void> {
    await this.#app.close()
  }
}
