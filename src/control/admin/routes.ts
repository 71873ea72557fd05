import type { FastifyInstance } from 'fastify'
import type { DynoRow } from './dyno-rows.ts'
import type { Topology } from './topology.ts'

/** What the routes show. */
export interface AdminSource {
  /** Why traffic should not be sent here; none: it may. */
  notReady(): string[]
  dynos(): DynoRow[]
  topology(): Topology
  /** Metrics as Prometheus text. */
  exposition(): Promise<string>
}

const text = { type: 'string' } as const
const texts = { type: 'array', items: text } as const
const whole = { type: 'integer' } as const
const list = (properties: Record<string, object>) => ({ type: 'array', items: { type: 'object', properties } }) as const

const health = { type: 'object', properties: { status: text, reasons: texts } } as const
const dynos = list({
  app: text,
  dyno: { ...text, description: 'process type and number: web.1' },
  state: { ...text, enum: ['starting', 'up', 'draining', 'down', 'crashed'] },
  az: text,
  address: { ...text, description: 'address and port' },
  release: text,
  inFlight: whole,
  since: { ...text, description: 'ISO 8601; empty when it is not known' },
})
const topology = {
  type: 'object',
  properties: {
    version: whole,
    apps: list({
      id: text,
      name: text,
      domains: texts,
      formations: list({
        id: text,
        process_type: text,
        dynos: list({ id: text, number: whole, private_ip: text, hostname: text }),
      }),
    }),
  },
} as const

export function addRoutes(app: FastifyInstance, source: AdminSource): void {
  app.get('/healthz', { schema: { summary: 'The control plane runs', response: { 200: health } } }, () => ({
    status: 'ok',
    reasons: [],
  }))

  app.get(
    '/readyz',
    { schema: { summary: 'Whether traffic should be sent here', response: { 200: health, 503: health } } },
    (_request, reply) => {
      const reasons = source.notReady()
      return reply
        .code(reasons.length === 0 ? 200 : 503)
        .send({ status: reasons.length === 0 ? 'ok' : 'not ready', reasons })
    },
  )

  app.get(
    '/metrics',
    { schema: { summary: 'Metrics in the Prometheus text format', response: { 200: text }, produces: ['text/plain'] } },
    async (_request, reply) => reply.type('text/plain; version=0.0.4; charset=utf-8').send(await source.exposition()),
  )

  app.get('/dynos', { schema: { summary: 'Every dyno and how it is doing', response: { 200: dynos } } }, () =>
    source.dynos(),
  )

  app.get(
    '/topology',
    { schema: { summary: 'Apps, formations and running dynos, as Heroku shows a space', response: { 200: topology } } },
    () => source.topology(),
  )

  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
}
