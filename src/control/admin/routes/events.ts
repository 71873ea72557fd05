import type { FastifyInstance } from 'fastify'
import type { AdminSource } from '../admin-source.ts'
import { EventStream } from '../event-stream.ts'
import { failure, text } from '../schemas.ts'

const query = {
  type: 'object',
  properties: {
    app: { ...text, description: 'only of this app' },
    kind: { ...text, description: 'only of these kinds: deploy,batch' },
  },
  additionalProperties: false,
} as const
const headers = {
  type: 'object',
  properties: { 'last-event-id': { ...text, pattern: '^[0-9]{1,16}$', description: 'go on after this event' } },
} as const

export function addEventRoutes(app: FastifyInstance, source: AdminSource): void {
  const stream = new EventStream(source.events)
  app.addHook('onClose', () => stream.close())

  app.get<{ Querystring: { app?: string; kind?: string } }>(
    '/events',
    {
      schema: {
        summary: 'What happens in the space, as server-sent events; without Last-Event-ID from now on',
        querystring: query,
        headers,
        response: { 200: { ...text, description: 'text/event-stream' }, 503: failure },
        produces: ['text/event-stream'],
      },
    },
    (request, reply) => {
      const last = request.headers['last-event-id']
      stream.subscribe(reply.raw, {
        app: request.query.app ?? '',
        kinds: request.query.kind?.split(',') ?? [],
        lastId: last === undefined ? null : Number(last),
      })
      // Answered from here on by the stream.
      reply.hijack()
    },
  )
}
