import type { DynoRow } from '../control/admin/dyno-rows.ts'
import type { AdminOptions } from './admin-client.ts'
import { ADMIN_HELP, ADMIN_OPTIONS, askRouter } from './admin-client.ts'
import type { Command } from './command.ts'
import { Failure, readArguments } from './command.ts'
import { formatAge, formatTable } from './table.ts'

export const ps: Command = {
  help: `usage: postern ps [APP] [--json] [--config FILE | --admin ADDRESS]

Shows the dynos: of one app, or of all.

  --json           as JSON
${ADMIN_HELP}

example: postern ps shop`,

  async run(args) {
    const { values, positionals } = readArguments(args, { ...ADMIN_OPTIONS, json: { type: 'boolean' } }, 1)
    const [app] = positionals
    const all = (await askRouter('/dynos', values)) as DynoRow[]
    const rows = app === undefined ? all : all.filter((row) => row.app === app)
    if (rows.length === 0 && app !== undefined) await requireApp(app, values)
    if (values.json) console.log(JSON.stringify(rows, null, 2))
    else if (rows.length === 0) console.log('no dynos')
    else console.log(dynoTable(rows, Date.now()))
    return 0
  },
}

async function requireApp(app: string, options: AdminOptions): Promise<void> {
  const { apps } = (await askRouter('/topology', options)) as { apps: { name: string }[] }
  if (apps.some(({ name }) => name === app)) return
  throw new Failure(`there is no app '${app}'; there are: ${apps.map(({ name }) => name).join(', ') || 'none'}`)
}

function dynoTable(rows: readonly DynoRow[], nowMs: number): string {
  return formatTable([
    ['APP', 'DYNO', 'STATE', 'AZ', 'ADDRESS', 'RELEASE', 'IN FLIGHT', 'FOR'],
    ...rows.map(({ app, dyno, state, health, az, address, release, inFlight, since }) => [
      app,
      dyno,
      health === 'failing' ? `${state} (failing)` : state,
      az,
      address,
      release,
      String(inFlight),
      formatAge(since, nowMs),
    ]),
  ])
}
