import type { Deploys } from '../deploys/deploys.ts'
import type { RegisteredDynos } from '../registered-dynos.ts'
import type { Zones } from '../zones/zones.ts'

/** What the routes use of what decides; what cannot be done is a Refusal. */

export type DeployDoor = Pick<
  Deploys,
  'deploy' | 'rollback' | 'pause' | 'resume' | 'abort' | 'status' | 'releases' | 'currentRelease' | 'scale' | 'restart'
>

export type RegisteredDoor = Pick<RegisteredDynos, 'announce' | 'renew' | 'withdraw'>

export type ZoneDoor = Pick<Zones, 'list' | 'setZone'>
