import { pino } from 'pino'
import type { Config } from '../../src/config/config.ts'
import type { AdminSource } from '../../src/control/admin/admin-source.ts'
import type { ZoneDoor } from '../../src/control/admin/doors.ts'
import { topology } from '../../src/control/admin/topology.ts'
import { EventLog } from '../../src/control/events.ts'
import { Refusal } from '../../src/control/refusal.ts'
import { RegisteredDynos } from '../../src/control/registered-dynos.ts'
import { DynoRegistry } from '../../src/control/registry.ts'
import { Settings } from '../../src/control/settings.ts'
import { StateStore } from '../../src/control/state/state-store.ts'
import type { ZoneStatus } from '../../src/control/zones/zones.ts'
import { ManualClock } from '../control/manual-clock.ts'
import { space } from '../control/space.ts'
import { ScriptedDeploys } from './scripted-deploys.ts'

/** A router that runs nothing, for tests of what operators see of it. `file` is in the shape of the file. */
export async function scriptedAdmin(
  parts: Partial<AdminSource> = {},
  file: Record<string, unknown> = {},
): Promise<AdminSource> {
  const config = space(file)
  const state = parts.state ?? (await StateStore.open(null))
  const events = parts.events ?? new EventLog()
  const settings = new Settings({ config: () => config, state, events, onChange: () => {} })
  return {
    config: () => settings.effective(config),
    notReady: () => [],
    dynos: () => [],
    topology: () => topology('test', 'app.localspace', []),
    exposition: async () => '',
    deploys: new ScriptedDeploys(events),
    registered: registeredDynos(config, state),
    zones: scriptedZones(),
    operations: null,
    settings,
    state,
    events,
    ...parts,
  }
}

function registeredDynos(config: Config, store: StateStore): RegisteredDynos {
  const log = pino({ level: 'silent' })
  const registered = new RegisteredDynos({ store, registry: new DynoRegistry(), clock: new ManualClock(), log })
  registered.apply(config)
  return registered
}

/** Zones that are as they were marked. */
function scriptedZones(): ZoneDoor {
  const zones = new Map<string, ZoneStatus>()
  for (const zone of ['a', 'b', 'c']) zones.set(zone, { zone, state: 'up', by: '', since: '' })
  return {
    list: () => [...zones.values()],
    async setZone(zone, state, by) {
      if (!zones.has(zone)) throw new Refusal('not_found', `there is no zone ${zone}; there are a, b, c`)
      const isUp = state === 'up'
      zones.set(zone, { zone, state, by: isUp ? '' : by, since: isUp ? '' : new Date().toISOString() })
    },
  }
}
