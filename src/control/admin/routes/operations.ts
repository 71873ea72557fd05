import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Operations } from '../operations.ts'
import { body, flag, list, map, orNull, text, texts, whole } from '../schemas.ts'

const reload = map({ ok: flag, changed: flag, problems: texts, changes: texts })
const plan = map({ ok: flag, problems: texts, changes: texts, endedTunnels: list({ app: text, tunnels: whole }) })
const processes = map({
  processes: list({
    name: text,
    pid: whole,
    state: text,
    since: text,
    snapshotVersion: whole,
    connections: whole,
    inFlight: whole,
    residentBytes: whole,
    eventLoopDelayMs: { type: 'number' },
  }),
  listeners: list({ name: text, address: text }),
  upgrade: { ...text, enum: ['', 'running', 'done', 'failed'] },
})

/** The router as a whole. */
export function addOperationRoutes(app: FastifyInstance, operations: Operations): void {
  app.post(
    '/reload',
    {
      schema: { summary: 'Read the configuration file again', response: { 200: reload, 422: reload } },
      config: { audit: () => ({ action: 'reload', change: {} }) },
    },
    async (_request, reply) => {
      const outcome = await operations.reload()
      return reply.code(outcome.ok ? 200 : 422).send(outcome)
    },
  )

  app.get(
    '/plan',
    { schema: { summary: 'What a reload would change', response: { 200: plan, 422: plan } } },
    async (_request, reply) => {
      const outcome = await operations.plan()
      return reply.code(outcome.ok ? 200 : 422).send(outcome)
    },
  )

  app.post(
    '/upgrade',
    {
      schema: {
        summary: 'Replace control and workers, and on demand the supervisor, by the program on disk',
        body: orNull(body({ supervisor: flag })),
        response: { 202: processes },
      },
      config: { audit: (request) => ({ action: 'upgrade', change: { supervisor: asksForAll(request) } }) },
    },
    (request, reply) => {
      operations.upgrade(asksForAll(request))
      return reply.code(202).send(operations.processes())
    },
  )

  app.get('/processes', { schema: { summary: 'The processes of the router', response: { 200: processes } } }, () =>
    operations.processes(),
  )
}

function asksForAll({ body }: FastifyRequest): boolean {
  return (body as { supervisor?: boolean } | null)?.supervisor === true
}
