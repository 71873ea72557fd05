import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Announcement } from '../../registered-dynos.ts'
import type { AdminSource } from '../admin-source.ts'
import { body, failure, map, named, param, text, time, whole } from '../schemas.ts'

const properties = { name: { ...text, description: 'to renew and to withdraw it by: web.3' }, expiresAt: time }
const announcement = body(
  {
    processType: { ...text, description: 'web when left out' },
    address: { ...text, description: 'IPv4 or IPv6 text' },
    port: whole,
    az: text,
    release: text,
  },
  ['address', 'port'],
)

/** For orchestrators that run dynos themselves. */
export function addRegisteredDynoRoutes(app: FastifyInstance, { registered, state }: AdminSource): void {
  /** Announcements of what was there already: as often as heartbeats, and no change. */
  const renewals = new WeakSet<FastifyRequest>()
  const audit = (action: string) => (request: FastifyRequest) => ({
    action,
    app: param(request, 'app'),
    change: { ...(request.body as Announcement | null), ...(request.params as object), app: undefined },
  })

  app.post<{ Body: Announcement }>(
    '/apps/:app/registered-dynos',
    {
      schema: {
        summary: 'Announce a dyno that runs elsewhere; again, from the same address and port, renews it',
        params: named('app'),
        body: announcement,
        response: { 201: map(properties), 404: failure, 409: failure, 422: failure },
      },
      config: { audit: (request: FastifyRequest) => (renewals.has(request) ? null : audit('register')(request)) },
    },
    async (request, reply) => {
      const name = param(request, 'app')
      const before = state.app(name).registered
      const registration = await registered.announce(name, request.body)
      if (state.app(name).registered === before) renewals.add(request)
      return reply.code(201).send(registration)
    },
  )

  app.put(
    '/apps/:app/registered-dynos/:dyno',
    {
      schema: {
        summary: 'Renew it; without that it is gone when its time is over',
        params: named('app', 'dyno'),
        response: { 200: map(properties), 404: failure },
      },
      // A heartbeat changes nothing.
      config: { audit: () => null },
    },
    (request) => registered.renew(param(request, 'app'), param(request, 'dyno')),
  )

  app.delete(
    '/apps/:app/registered-dynos/:dyno',
    {
      schema: {
        summary: 'Withdraw it: it gets no more requests, and is forgotten when those that it has are over',
        params: named('app', 'dyno'),
        response: { 202: map({}), 404: failure },
      },
      config: { audit: audit('withdraw') },
    },
    async (request, reply) => {
      await registered.withdraw(param(request, 'app'), param(request, 'dyno'))
      return reply.code(202).send({})
    },
  )
}
