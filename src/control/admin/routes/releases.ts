import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Refusal } from '../../refusal.ts'
import type { ReleaseRecord } from '../../state/records.ts'
import type { AdminSource } from '../admin-source.ts'
import { stableUuid } from '../identity.ts'
import { body, failure, flag, list, map, named, param, text, texts, time, whole } from '../schemas.ts'

/** Heroku's, with what it is made of. Values of the environment stay where they are. */
export interface ReleaseView {
  readonly id: string
  readonly app: { readonly id: string; readonly name: string }
  readonly version: number
  readonly status: ReleaseRecord['status']
  readonly current: boolean
  readonly description: string
  readonly label: string
  readonly user: { readonly name: string }
  readonly created_at: string
  readonly commands: Readonly<Record<string, string>>
  readonly config_vars: readonly string[]
}

const properties = {
  id: text,
  app: map({ id: text, name: text }),
  version: whole,
  status: { ...text, enum: ['pending', 'succeeded', 'failed'] },
  current: flag,
  description: text,
  label: text,
  user: map({ name: text }),
  created_at: time,
  commands: { type: 'object', additionalProperties: text, description: 'by process type' },
  config_vars: { ...texts, description: 'names of the variables of the environment' },
}

export function addReleaseRoutes(app: FastifyInstance, source: AdminSource): void {
  const { deploys } = source

  const views = (name: string): ReleaseView[] => {
    const current = deploys.currentRelease(name)
    const { space } = source.config()
    return deploys.releases(name).map((release) => releaseView(space.name, name, release, current))
  }
  const find = (name: string, release: string): ReleaseView => {
    const found = views(name).find(({ id, version }) => release === id || release.replace(/^v/, '') === String(version))
    if (found) return found
    throw new Refusal('not_found', `${name} has no release ${release}`)
  }

  app.get(
    '/apps/:app/releases',
    {
      schema: {
        summary: 'Releases that are kept, oldest first',
        params: named('app'),
        response: { 200: list(properties), 404: failure },
      },
    },
    (request) => views(param(request, 'app')),
  )

  app.get(
    '/apps/:app/releases/:release',
    {
      schema: {
        summary: 'One release: by its version (v5 or 5) or id',
        params: named('app', 'release'),
        response: { 200: map(properties), 404: failure },
      },
    },
    (request) => find(param(request, 'app'), param(request, 'release')),
  )

  app.post<{ Body: { release?: string } }>(
    '/apps/:app/releases',
    {
      schema: {
        summary: 'Roll back: a new release with the contents of an old one, or of the one before; it is deployed then',
        params: named('app'),
        body: body({ release: { ...text, description: 'version (v5 or 5) or id' } }),
        response: { 201: map(properties), 404: failure, 409: failure },
      },
      config: {
        audit: (request: FastifyRequest) => ({
          action: 'rollback',
          app: param(request, 'app'),
          change: { ...(request.body as { release?: string }) },
        }),
      },
    },
    async (request, reply) => {
      const name = param(request, 'app')
      const { release } = request.body
      const version = release === undefined ? null : find(name, release).version
      const status = await deploys.rollback(name, { version, by: request.by })
      return reply.code(201).send(find(name, status.release))
    },
  )
}

function releaseView(space: string, app: string, release: ReleaseRecord, current: number): ReleaseView {
  const { version, status, description, label, by, createdAtMs, processes, env } = release
  return {
    id: stableUuid(`${space}/${app}/releases/${version}/${createdAtMs}`),
    app: { id: stableUuid(`${space}/${app}`), name: app },
    version,
    status,
    current: version === current,
    description,
    label,
    user: { name: by },
    created_at: new Date(createdAtMs).toISOString(),
    commands: Object.fromEntries(Object.entries(processes).map(([type, { command }]) => [type, command])),
    config_vars: Object.keys(env).sort(),
  }
}
