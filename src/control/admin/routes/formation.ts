import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Config } from '../../../config/config.ts'
import { Refusal } from '../../refusal.ts'
import { findApp } from '../../settings.ts'
import type { AdminSource } from '../admin-source.ts'
import type { DeployDoor } from '../doors.ts'
import { stableUuid } from '../identity.ts'
import { body, failure, list, map, named, orNull, param, text, whole } from '../schemas.ts'

/** Heroku's; one for each process type. */
export interface FormationView {
  readonly id: string
  readonly app: { readonly id: string; readonly name: string }
  readonly type: string
  /** null: only who runs them elsewhere knows. */
  readonly quantity: number | null
  /** '' for dynos that run elsewhere. */
  readonly command: string
}

const properties = {
  id: text,
  app: map({ id: text, name: text }),
  type: text,
  quantity: orNull(whole),
  command: text,
}
const quantity = { ...whole, minimum: 0, maximum: 1000 } as const
const update = { type: text, quantity }

type Updates = { updates: { type: string; quantity: number }[] }

export function addFormationRoutes(app: FastifyInstance, source: AdminSource): void {
  const { deploys } = source

  const formation = (name: string) => formationViews(source.config(), name, deploys)
  const one = (name: string, type: string): FormationView => {
    const found = formation(name).find((view) => view.type === type)
    if (found) return found
    throw new Refusal('not_found', `${name} has no process type ${type}`)
  }

  app.get(
    '/apps/:app/formation',
    {
      schema: {
        summary: 'Process types of an app',
        params: named('app'),
        response: { 200: list(properties), 404: failure },
      },
    },
    (request) => formation(param(request, 'app')),
  )

  app.get(
    '/apps/:app/formation/:type',
    {
      schema: {
        summary: 'One process type',
        params: named('app', 'type'),
        response: { 200: map(properties), 404: failure },
      },
    },
    (request) => one(param(request, 'app'), param(request, 'type')),
  )

  app.patch<{ Body: Updates }>(
    '/apps/:app/formation',
    {
      schema: {
        summary: 'Scale process types, one after the other; 409 when the file says how many there are',
        params: named('app'),
        body: body(
          { updates: { type: 'array', items: body(update, ['type', 'quantity']), minItems: 1, maxItems: 100 } },
          ['updates'],
        ),
        response: { 200: list(properties), 404: failure, 409: failure, 422: failure },
      },
      config: { audit: (request: FastifyRequest) => scaled(request, (request.body as Updates).updates) },
    },
    async (request) => {
      const name = param(request, 'app')
      for (const { type } of request.body.updates) one(name, type)
      for (const { type, quantity } of request.body.updates) await deploys.scale(name, type, quantity, request.by)
      return formation(name)
    },
  )

  app.patch<{ Body: { quantity: number } }>(
    '/apps/:app/formation/:type',
    {
      schema: {
        summary: 'Scale a process type; 409 when the file says how many there are',
        params: named('app', 'type'),
        body: body({ quantity }, ['quantity']),
        response: { 200: map(properties), 404: failure, 409: failure, 422: failure },
      },
      config: {
        audit: (request: FastifyRequest) =>
          scaled(request, [{ type: param(request, 'type'), ...(request.body as { quantity: number }) }]),
      },
    },
    async (request) => {
      const [name, type] = [param(request, 'app'), param(request, 'type')]
      await deploys.scale(name, type, request.body.quantity, request.by)
      return one(name, type)
    },
  )
}

function scaled(request: FastifyRequest, updates: Updates['updates']) {
  const quantities = Object.fromEntries(updates.map(({ type, quantity }) => [type, quantity]))
  return { action: 'formation', app: param(request, 'app'), change: { quantities } }
}

function formationViews(config: Config, name: string, deploys: DeployDoor): FormationView[] {
  const { formation } = findApp(config, name)
  const current = deploys.currentRelease(name)
  const release = deploys.releases(name).find(({ version }) => version === current)
  const app = { id: stableUuid(`${config.space.name}/${name}`), name }
  return formation.map(({ processType, source }) => ({
    id: stableUuid(`${config.space.name}/${name}/${processType}`),
    app,
    type: processType,
    quantity: source.kind === 'command' ? source.quantity : source.kind === 'dynos' ? source.dynos.length : null,
    command: release?.processes[processType]?.command ?? (source.kind === 'command' ? source.command : ''),
  }))
}
