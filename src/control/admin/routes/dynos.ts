import type { FastifyInstance } from 'fastify'
import type { AdminSource } from '../admin-source.ts'
import { list, text, whole } from '../schemas.ts'

const rows = list({
  app: text,
  dyno: { ...text, description: 'process type and number: web.1' },
  state: { ...text, enum: ['starting', 'up', 'draining', 'down', 'crashed'] },
  az: text,
  address: { ...text, description: 'address and port' },
  release: text,
  inFlight: whole,
  health: { ...text, enum: ['', 'unknown', 'passing', 'failing'], description: 'empty when it is not checked' },
  healthReason: { ...text, description: 'why the last check failed' },
  since: { ...text, description: 'ISO 8601; empty when it is not known' },
})

export function addDynoRoutes(app: FastifyInstance, source: AdminSource): void {
  app.get('/dynos', { schema: { summary: 'Every dyno and how it is doing', response: { 200: rows } } }, () =>
    source.dynos(),
  )
}
