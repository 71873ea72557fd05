import type { AdminSource } from '../../src/control/admin/admin-source.ts'
import { topology } from '../../src/control/admin/topology.ts'
import { EventLog } from '../../src/control/events.ts'
import { Settings } from '../../src/control/settings.ts'
import { StateStore } from '../../src/control/state/state-store.ts'
import { space } from '../control/space.ts'

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
    operations: null,
    settings,
    state,
    events,
    ...parts,
  }
}
