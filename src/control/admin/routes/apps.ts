import type { FastifyInstance } from 'fastify'
import type { AppConfig, Config } from '../../../config/config.ts'
import { findApp } from '../../settings.ts'
import type { AdminSource } from '../admin-source.ts'
import { stableUuid } from '../identity.ts'
import { body, failure, flag, list, map, named, orNull, param, text, texts, whole } from '../schemas.ts'

/** Heroku's, with what a space file has of its own. */
export interface AppView {
  readonly id: string
  readonly name: string
  readonly domains: readonly string[]
  readonly internal_routing: boolean
  readonly maintenance: boolean
  readonly region: { readonly name: string }
  readonly space: { readonly id: string; readonly name: string }
  /** In force; null: none is. */
  readonly release: { readonly version: number } | null
}

const properties = {
  id: text,
  name: text,
  domains: texts,
  internal_routing: flag,
  maintenance: flag,
  region: map({ name: text }),
  space: map({ id: text, name: text }),
  release: orNull(map({ version: whole })),
}

export function addAppRoutes(app: FastifyInstance, source: AdminSource): void {
  const { deploys } = source
  app.get('/apps', { schema: { summary: 'Every app', response: { 200: list(properties) } } }, () => {
    const config = source.config()
    return config.apps.map((each) => appView(config, each, deploys.currentRelease(each.name)))
  })

  app.get(
    '/apps/:app',
    { schema: { summary: 'One app', params: named('app'), response: { 200: map(properties), 404: failure } } },
    (request) => {
      const config = source.config()
      const found = findApp(config, param(request, 'app'))
      return appView(config, found, deploys.currentRelease(found.name))
    },
  )

  app.patch<{ Body: { maintenance: boolean } }>(
    '/apps/:app',
    {
      schema: {
        summary: 'Turn maintenance on or off; 409 when the file says which',
        params: named('app'),
        body: body({ maintenance: flag }, ['maintenance']),
        response: { 200: map(properties), 404: failure, 409: failure },
      },
      config: {
        audit: (request) => ({
          action: 'maintenance',
          app: param(request, 'app'),
          change: request.body as { maintenance: boolean },
        }),
      },
    },
    async (request) => {
      const name = param(request, 'app')
      await source.settings.setMaintenance(name, request.body.maintenance, request.by)
      const config = source.config()
      return appView(config, findApp(config, name), deploys.currentRelease(name))
    },
  )
}

function appView({ space }: Config, app: AppConfig, release: number): AppView {
  const { name, domains, internalRouting, maintenance } = app
  return {
    id: stableUuid(`${space.name}/${name}`),
    name,
    domains,
    internal_routing: internalRouting,
    maintenance: maintenance ?? false,
    region: { name: space.region },
    space: { id: stableUuid(space.name), name: space.name },
    release: release === 0 ? null : { version: release },
  }
}
