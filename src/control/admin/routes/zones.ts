import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { AdminSource } from '../admin-source.ts'
import { body, failure, list, map, named, param, text } from '../schemas.ts'

const state = { ...text, enum: ['up', 'down'] }
const properties = {
  zone: text,
  state,
  by: { ...text, description: 'who marked it down; postern: it was found down' },
  since: { ...text, description: 'ISO 8601; empty while it is up' },
}

type Wanted = { state: 'up' | 'down' }

export function addZoneRoutes(app: FastifyInstance, { zones }: AdminSource): void {
  app.get(
    '/space/zones',
    { schema: { summary: 'Zones that dynos are placed in', response: { 200: list(properties) } } },
    () => zones.list(),
  )

  app.patch<{ Body: Wanted }>(
    '/space/zones/:zone',
    {
      schema: {
        summary: 'Mark a zone down, so that its dynos move to the others, or up again',
        params: named('zone'),
        body: body({ state }, ['state']),
        response: { 200: map(properties), 404: failure },
      },
      config: {
        audit: (request: FastifyRequest) => ({
          action: 'zone',
          change: { zone: param(request, 'zone'), ...(request.body as Wanted) },
        }),
      },
    },
    async (request) => {
      const name = param(request, 'zone')
      await zones.setZone(name, request.body.state, request.by)
      return zones.list().find(({ zone }) => zone === name)
    },
  )
}
