import type { FastifyInstance } from 'fastify'
import { SHOWN_ENTRIES } from '../../state/audit-trail.ts'
import type { AdminSource } from '../admin-source.ts'
import { list, text, time } from '../schemas.ts'

const DEFAULT_LIMIT = 100

const entries = list({
  at: time,
  by: { ...text, description: 'name of a token, or socket' },
  action: text,
  app: { ...text, description: 'empty when it concerns the space' },
  change: { type: 'object', additionalProperties: true },
})
const query = {
  type: 'object',
  properties: { limit: { ...text, pattern: '^[0-9]{1,4}$', description: `up to ${SHOWN_ENTRIES}; ${DEFAULT_LIMIT}` } },
  additionalProperties: false,
} as const

export function addAuditRoutes(app: FastifyInstance, source: AdminSource): void {
  app.get<{ Querystring: { limit?: string } }>(
    '/audit',
    { schema: { summary: 'Who changed what when, newest last', querystring: query, response: { 200: entries } } },
    (request) => source.state.trail(Number(request.query.limit ?? DEFAULT_LIMIT)),
  )
}
