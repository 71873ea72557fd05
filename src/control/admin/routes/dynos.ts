import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Config } from '../../../config/config.ts'
import { Refusal } from '../../refusal.ts'
import { findApp } from '../../settings.ts'
import type { AdminSource } from '../admin-source.ts'
import type { DynoRow } from '../dyno-rows.ts'
import { stableUuid } from '../identity.ts'
import { failure, list, map, named, orNull, param, text, time, whole } from '../schemas.ts'

const state = { ...text, enum: ['starting', 'up', 'draining', 'down', 'crashed'] }
const health = { ...text, enum: ['', 'unknown', 'passing', 'failing'], description: 'empty when it is not checked' }
const rows = list({
  app: text,
  dyno: { ...text, description: 'process type and number: web.1' },
  state,
  az: text,
  address: { ...text, description: 'address and port' },
  release: text,
  inFlight: whole,
  health,
  healthReason: { ...text, description: 'why the last check failed' },
  since: { ...text, description: 'ISO 8601; empty when it is not known' },
})
/** Heroku's, with what the router knows. */
const properties = {
  id: text,
  app: map({ id: text, name: text }),
  name: text,
  type: text,
  state,
  release: map({ version: orNull(whole), name: text }),
  updated_at: orNull(time),
  az: text,
  address: text,
  in_flight: whole,
  health,
}

export function addDynoRoutes(app: FastifyInstance, source: AdminSource): void {
  const { deploys } = source

  const ofApp = (name: string) => {
    const config = source.config()
    findApp(config, name)
    return source
      .dynos()
      .filter((row) => row.app === name)
      .map((row) => dynoView(config, row))
  }

  app.get('/dynos', { schema: { summary: 'Every dyno and how it is doing', response: { 200: rows } } }, () =>
    source.dynos(),
  )

  app.get(
    '/apps/:app/dynos',
    { schema: { summary: 'Dynos of an app', params: named('app'), response: { 200: list(properties), 404: failure } } },
    (request) => ofApp(param(request, 'app')),
  )

  app.get(
    '/apps/:app/dynos/:dyno',
    {
      schema: {
        summary: 'One dyno; of two that change places, the one that takes requests',
        params: named('app', 'dyno'),
        response: { 200: map(properties), 404: failure },
      },
    },
    (request) => {
      const [name, dyno] = [param(request, 'app'), param(request, 'dyno')]
      const found = ofApp(name).filter((view) => view.name === dyno)
      const best = found.find((view) => view.state === 'up') ?? found[0]
      if (best) return best
      throw new Refusal('not_found', `${name} has no dyno ${dyno}`)
    },
  )

  app.delete(
    '/apps/:app/dynos/:dyno',
    {
      schema: {
        summary: 'Restart a dyno that runs here: it drains and ends, and another one takes its place',
        params: named('app', 'dyno'),
        response: { 202: map({}), 404: failure, 409: failure },
      },
      config: {
        audit: (request: FastifyRequest) => ({
          action: 'restart',
          app: param(request, 'app'),
          change: { dyno: param(request, 'dyno') },
        }),
      },
    },
    async (request, reply) => {
      await deploys.restart(param(request, 'app'), param(request, 'dyno'), request.by)
      return reply.code(202).send({})
    },
  )
}

function dynoView({ space }: Config, row: DynoRow) {
  const version = /^v(\d+)$/.exec(row.release)?.[1]
  return {
    id: stableUuid(`${space.name}/${row.app}/${row.dyno}/${row.release}@${row.address}`),
    app: { id: stableUuid(`${space.name}/${row.app}`), name: row.app },
    name: row.dyno,
    type: row.dyno.slice(0, row.dyno.lastIndexOf('.')),
    state: row.state,
    release: { version: version === undefined ? null : Number(version), name: row.release },
    updated_at: row.since === '' ? null : row.since,
    az: row.az,
    address: row.address,
    in_flight: row.inFlight,
    health: row.health,
  }
}
