import type { FastifyInstance } from 'fastify'
import type { AdminSource } from '../admin-source.ts'
import { map, text, texts } from '../schemas.ts'

const health = map({ status: text, reasons: texts, warnings: texts })

/** What load balancers and Prometheus ask. */
export function addHealthRoutes(app: FastifyInstance, source: AdminSource): void {
  app.get('/healthz', { schema: { summary: 'The control plane runs', response: { 200: health } } }, () => ({
    status: 'ok',
    reasons: [],
    warnings: [],
  }))

  app.get(
    '/readyz',
    { schema: { summary: 'Whether traffic should be sent here', response: { 200: health, 503: health } } },
    (_request, reply) => {
      const reasons = source.notReady()
      return reply.code(reasons.length === 0 ? 200 : 503).send({
        status: reasons.length === 0 ? 'ok' : 'not ready',
        reasons,
        warnings: source.operations?.warnings() ?? [],
      })
    },
  )

  app.get(
    '/metrics',
    { schema: { summary: 'Metrics in the Prometheus text format', response: { 200: text }, produces: ['text/plain'] } },
    async (_request, reply) => reply.type('text/plain; version=0.0.4; charset=utf-8').send(await source.exposition()),
  )
}
