import type { DynoRow } from '../control/admin/dyno-rows.ts'
import type { AppView } from '../control/admin/routes/apps.ts'
import { ADMIN_HELP, ADMIN_OPTIONS, askRouter } from './admin-client.ts'
import type { Command } from './command.ts'
import { readArguments } from './command.ts'
import { formatTable } from './table.ts'

export const apps: Command = {
  help: `usage: postern apps [--json] [--config FILE | --admin ADDRESS]

Shows the apps of the space: where they are reached, who may reach them, the release in force, and how many of their dynos are up.

  --json           as JSON
${ADMIN_HELP}

example: postern apps`,

  async run(args) {
    const { values } = readArguments(args, { ...ADMIN_OPTIONS, json: { type: 'boolean' } })
    const shown = (await askRouter('/apps', values)) as AppView[]
    if (values.json) {
      console.log(JSON.stringify(shown, null, 2))
      return 0
    }
    const dynos = (await askRouter('/dynos', values)) as DynoRow[]
    console.log(shown.length === 0 ? 'no apps' : appTable(shown, dynos))
    return 0
  },
}

function appTable(apps: readonly AppView[], dynos: readonly DynoRow[]): string {
  return formatTable([
    ['APP', 'EXPOSURE', 'RELEASE', 'DYNOS UP', 'MAINTENANCE', 'DOMAINS'],
    ...apps.map(({ name, internal_routing, release, maintenance, domains }) => {
      const own = dynos.filter(({ app }) => app === name)
      const up = own.filter(({ state }) => state === 'up').length
      return [
        name,
        internal_routing ? 'internal' : 'public',
        release === null ? '' : `v${release.version}`,
        `${up}/${own.length}`,
        maintenance ? 'on' : 'off',
        domains.join(' '),
      ]
    }),
  ])
}
