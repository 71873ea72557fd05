import type { PlanOutcome } from '../control/admin/operations.ts'
import { ADMIN_HELP, ADMIN_OPTIONS, askRouter } from './admin-client.ts'
import type { Command } from './command.ts'
import { readArguments } from './command.ts'

export const plan: Command = {
  help: `usage: postern plan [--json] [--config FILE | --admin ADDRESS]

Shows what a reload would change now: listeners, trusted ranges, networks, apps, settings, and how many open tunnels of which app
it would cut. Changes nothing. Exit code 1: the file would not be taken into use.

  --json           as JSON: { "ok", "problems": [], "changes": [], "endedTunnels": [{ "app", "tunnels" }] }
${ADMIN_HELP}

example: postern plan`,

  async run(args) {
    const { values } = readArguments(args, { ...ADMIN_OPTIONS, json: { type: 'boolean' } })
    const answer = await askRouter('/plan', values, { good: [200, 422] })
    const { ok, problems, changes, endedTunnels } = answer as PlanOutcome
    if (values.json) {
      console.log(JSON.stringify(answer, null, 2))
      return ok ? 0 : 1
    }
    for (const change of changes) console.log(change)
    for (const { app, tunnels } of endedTunnels) {
      console.log(`! app ${app}: ${tunnels} open tunnel${tunnels === 1 ? '' : 's'} would be cut`)
    }
    if (ok && changes.length === 0) console.log('nothing is different')
    for (const problem of problems) console.error(problem)
    return ok ? 0 : 1
  },
}
