import type { FastifyInstance } from 'fastify'
import type { AdminSource } from '../admin-source.ts'
import { addAppRoutes } from './apps.ts'
import { addAuditRoutes } from './audit.ts'
import { addDeployRoutes } from './deploys.ts'
import { addDynoRoutes } from './dynos.ts'
import { addEventRoutes } from './events.ts'
import { addFormationRoutes } from './formation.ts'
import { addHealthRoutes } from './health.ts'
import { addInboundRulesetRoutes } from './inbound-ruleset.ts'
import { addOperationRoutes } from './operations.ts'
import { addRegisteredDynoRoutes } from './registered-dynos.ts'
import { addReleaseRoutes } from './releases.ts'
import { addSpaceRoutes } from './space.ts'
import { addZoneRoutes } from './zones.ts'

export function addRoutes(app: FastifyInstance, source: AdminSource): void {
  addHealthRoutes(app, source)
  addSpaceRoutes(app, source)
  addAppRoutes(app, source)
  addFormationRoutes(app, source)
  addDynoRoutes(app, source)
  addReleaseRoutes(app, source)
  addDeployRoutes(app, source)
  addRegisteredDynoRoutes(app, source)
  addZoneRoutes(app, source)
  addInboundRulesetRoutes(app, source)
  addEventRoutes(app, source)
  addAuditRoutes(app, source)
  if (source.operations !== null) addOperationRoutes(app, source.operations)
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
}
