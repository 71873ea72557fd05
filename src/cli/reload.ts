import type { ReloadOutcome } from '../control/admin/operations.ts'
import { ADMIN_HELP, ADMIN_OPTIONS, askRouter } from './admin-client.ts'
import type { Command } from './command.ts'
import { readArguments } from './command.ts'

export const reload: Command = {
  help: `usage: postern reload [--json] [--config FILE | --admin ADDRESS]

Has the router read its configuration file again: it is taken into use whole, or not at all. A router does so by itself when the file
changes; this waits for it and says what came of it. Exit code 1: the configuration before it stays in use.

  --json           as JSON: { "ok", "changed", "problems": [], "changes": [] }
${ADMIN_HELP}

example: postern reload --config /etc/postern/space.yml`,

  async run(args) {
    const { values } = readArguments(args, { ...ADMIN_OPTIONS, json: { type: 'boolean' } })
    const answer = await askRouter('/reload', values, { method: 'POST', good: [200, 422] })
    const { ok, changed, problems, changes } = answer as ReloadOutcome
    if (values.json) console.log(JSON.stringify(answer, null, 2))
    else if (!ok) for (const problem of problems) console.error(problem)
    else if (!changed) console.log('nothing is different')
    else for (const change of changes) console.log(change)
    return ok ? 0 : 1
  },
}
