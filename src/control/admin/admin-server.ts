import swagger from '@fastify/swagger'
import type { FastifyError, FastifyInstance } from 'fastify'
import { fastify } from 'fastify'
import type { AdminAddress, AdminToken } from '../../config/config.ts'
import { Refusal } from '../refusal.ts'
import { endpoint } from '../registry.ts'
import { guard } from './access.ts'
import type { AdminSource } from './admin-source.ts'
import { keepAudit } from './audit.ts'
import { addRoutes } from './routes/all.ts'
import { listenOnSocket } from './unix-socket.ts'

/** Room for the environment of an app. */
const LARGEST_BODY_BYTES = 1024 * 1024

/** What operators and their tools see and change. Errors are `{ "id": …, "message": one line }`. */
export class AdminServer {
  readonly #app: FastifyInstance
  #address = ''

  private constructor(app: FastifyInstance) {
    this.#app = app
  }

  /** `tokens`: who may ask over TCP. */
  static async create(source: AdminSource, version: string, tokens: readonly AdminToken[] = []): Promise<AdminServer> {
    const app = fastify({
      bodyLimit: LARGEST_BODY_BYTES,
      requestTimeout: 30_000,
      // What is asked has to be what is meant: nothing is dropped, and no text taken for a number.
      ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
      schemaErrorFormatter: (errors, part) => new Error(invalid(errors[0]!, part)),
    })
    // Fastify's own forceCloseConnections is for servers that it binds itself. Watchers would hold a stop up for ever.
    app.addHook('preClose', async () => app.server.closeAllConnections())
    guard(app, tokens)
    app.setErrorHandler((error: FastifyError | Refusal, _request, reply) => {
      const message = error.message.replaceAll(/\s*\n\s*/g, ' ')
      if (error instanceof Refusal) return reply.code(error.status).send({ id: error.id, message })
      if (error.validation) return reply.code(422).send({ id: 'invalid_params', message })
      const status = error.statusCode ?? 500
      return reply.code(status).send({ id: status === 500 ? 'internal_error' : 'bad_request', message })
    })
    app.setNotFoundHandler((request, reply) =>
      reply.code(404).send({ id: 'not_found', message: `there is no ${request.method} ${request.url}` }),
    )
    await app.register(swagger, {
      openapi: { info: { title: 'Postern', description: 'Shows what a running router does, and changes it', version } },
    })
    keepAudit(app, source.state)
    addRoutes(app, source)
    await app.ready()
    return new AdminServer(app)
  }

  /** `unix:/run/postern.sock` or `127.0.0.1:9900`, once it listens. */
  get address(): string {
    return this.#address
  }

  /** @throws Error with one line for the operator. */
  async listen(config: AdminAddress): Promise<void> {
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

interface Invalid {
  readonly instancePath: string
  readonly keyword: string
  readonly message?: string
  readonly params: Record<string, unknown>
}

/** `body.rules[0].action must be one of allow, deny` */
function invalid({ instancePath, keyword, message = 'is wrong', params }: Invalid, part: string): string {
  const where = `${part}${instancePath.replaceAll(/\/(\d+)/g, '[$1]').replaceAll('/', '.')}`
  if (keyword === 'additionalProperties') return `${where} has a key '${params.additionalProperty}' that is not known`
  if (keyword === 'enum') return `${where} must be one of ${(params.allowedValues as unknown[]).join(', ')}`
  return `${where} ${message}`
}
