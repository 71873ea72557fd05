import type { FastifyInstance } from 'fastify'
import type { AdminSource } from '../admin-source.ts'
import { stableUuid } from '../identity.ts'
import { list, map, text, texts, whole } from '../schemas.ts'

const topology = map({
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
})
const space = map({
  id: text,
  name: text,
  region: map({ name: text }),
  state: text,
  cidr: text,
  networks: list({ name: text, kind: text, cidrs: texts, state: text }),
})

export function addSpaceRoutes(app: FastifyInstance, source: AdminSource): void {
  app.get('/space', { schema: { summary: 'The space', response: { 200: space } } }, () => {
    const { space, networks } = source.config()
    const { name, region, cidr } = space
    return { id: stableUuid(name), name, region: { name: region }, state: 'allocated', cidr, networks }
  })

  app.get(
    '/topology',
    { schema: { summary: 'Apps, formations and running dynos, as Heroku shows a space', response: { 200: topology } } },
    () => source.topology(),
  )
}
