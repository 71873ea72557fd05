import type { FastifyInstance, FastifyRequest } from 'fastify'
import { NAME, readVariable } from '../../../config/names.ts'
import type { DeployStatus } from '../../deploys/deploy-status.ts'
import type { DeployRequest } from '../../deploys/orders.ts'
import { Refusal } from '../../refusal.ts'
import { findApp } from '../../settings.ts'
import type { AdminSource } from '../admin-source.ts'
import { body, failure, flag, list, map, named, param, text, texts, time, whole } from '../schemas.ts'

const properties = {
  app: text,
  release: { ...text, description: 'v8' },
  from: { ...text, description: 'the release before; empty when there was none' },
  by: text,
  label: text,
  phase: {
    ...text,
    enum: ['replacing', 'watching', 'paused', 'rolling-back', 'succeeded', 'failed', 'aborted', 'superseded'],
  },
  underWay: flag,
  reason: { ...text, description: 'why it is paused, rolled back or failed' },
  pauseAsked: { ...flag, description: 'it is paused after this batch' },
  batch: whole,
  batches: whole,
  batchDynos: { ...texts, description: 'of the present batch: web.1' },
  moved: { ...whole, description: 'dynos that run, or are to run, the new release' },
  dynos: whole,
  startedAt: time,
  since: { ...time, description: 'of the phase, or of the batch' },
}
const wanted = body({
  commands: {
    type: 'object',
    additionalProperties: text,
    description: 'by process type; such as the file does not have',
  },
  env: {
    type: 'object',
    additionalProperties: { type: ['string', 'null'], maxLength: 100_000 },
    description: 'null takes a variable away; only such as the file does not set',
  },
  label: { ...text, maxLength: 200 },
  surge: { ...flag, description: 'start first, in every batch' },
  canary: { ...whole, minimum: 0, maximum: 1000, description: 'dynos of the first batch, after which it is paused' },
})

type Wanted = Omit<DeployRequest, 'by'>

export function addDeployRoutes(app: FastifyInstance, source: AdminSource): void {
  const { deploys } = source

  app.get(
    '/deploys',
    {
      schema: {
        summary: 'The deploy of every app that is under way, or was the last',
        response: { 200: list(properties) },
      },
    },
    () => {
      const statuses = source.config().apps.map(({ name }) => deploys.status(name))
      return statuses.filter((status): status is DeployStatus => status !== null)
    },
  )

  app.get(
    '/apps/:app/deploy',
    {
      schema: {
        summary: 'The deploy that is under way, or was the last',
        params: named('app'),
        response: { 200: map(properties), 404: failure },
      },
    },
    (request) => {
      const { name } = findApp(source.config(), param(request, 'app'))
      const status = deploys.status(name)
      if (status) return status
      throw new Refusal('not_found', `${name} was never deployed`)
    },
  )

  app.post<{ Body: Wanted }>(
    '/apps/:app/deploy',
    {
      schema: {
        summary: 'Make the next release and bring it to the dynos, a batch at a time',
        params: named('app'),
        body: wanted,
        response: { 202: map(properties), 404: failure, 409: failure, 422: failure },
      },
      config: {
        audit: (request: FastifyRequest) => {
          const { env = {}, ...change } = request.body as Wanted
          return { action: 'deploy', app: param(request, 'app'), change: { ...change, env: Object.keys(env) } }
        },
      },
    },
    async (request, reply) => {
      const { name } = findApp(source.config(), param(request, 'app'))
      checkNames(request.body)
      return reply.code(202).send(await deploys.deploy(name, { ...request.body, by: request.by }))
    },
  )

  const actions = [
    ['pause', 'Hold the deploy after the present batch'],
    ['resume', 'Go on with a deploy that is paused'],
    ['abort', 'Take a deploy back: every dyno gets the release before'],
  ] as const
  for (const [action, summary] of actions) {
    app.post(
      `/apps/:app/deploy/${action}`,
      {
        schema: { summary, params: named('app'), response: { 202: map(properties), 404: failure, 409: failure } },
        config: {
          audit: (request: FastifyRequest) => ({ action: `deploy ${action}`, app: param(request, 'app'), change: {} }),
        },
      },
      async (request, reply) => {
        const { name } = findApp(source.config(), param(request, 'app'))
        return reply.code(202).send(await deploys[action](name, request.by))
      },
    )
  }
}

/** What the schema of the file checks, for what does not come from the file. */
function checkNames({ commands = {}, env = {} }: Wanted): void {
  for (const [type, command] of Object.entries(commands)) {
    if (!NAME.test(type)) throw new Refusal('invalid_params', `'${type}' is not the name of a process type`)
    if (command.trim() === '') throw new Refusal('invalid_params', `the command of ${type} is empty`)
  }
  for (const variable of Object.keys(env)) {
    const reading = readVariable(variable)
    if ('wrong' in reading) throw new Refusal('invalid_params', reading.wrong)
  }
  const texts = [...Object.values(commands), ...Object.values(env)]
  if (texts.some((value) => value?.includes('\0'))) {
    throw new Refusal('invalid_params', 'a command or a variable has a NUL; write it without')
  }
}
