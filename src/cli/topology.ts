import type { Topology } from '../control/admin/topology.ts'
import { ADMIN_HELP, ADMIN_OPTIONS, askRouter } from './admin-client.ts'
import type { Command } from './command.ts'
import { readArguments } from './command.ts'
import { formatTable } from './table.ts'

export const topology: Command = {
  help: `usage: postern topology [--json] [--config FILE | --admin ADDRESS]

Shows the apps of the space, their formations, and where each dyno runs.

  --json           as JSON, in the shape of Heroku's space topology
${ADMIN_HELP}

example: postern topology --json`,

  async run(args) {
    const { values } = readArguments(args, { ...ADMIN_OPTIONS, json: { type: 'boolean' } })
    const shown = (await askRouter('/topology', values)) as Topology
    console.log(values.json ? JSON.stringify(shown, null, 2) : topologyTable(shown))
    return 0
  },
}

function topologyTable({ apps }: Topology): string {
  const rows = [['APP', 'DOMAINS', 'PROCESS TYPE', 'DYNO', 'PRIVATE IP', 'HOSTNAME']]
  for (const { name, domains, formations } of apps) {
    const dynos = formations.flatMap(({ process_type, dynos }) =>
      dynos.map((dyno) => [process_type, `${process_type}.${dyno.number}`, dyno.private_ip, dyno.hostname]),
    )
    const [first = [], ...others] = dynos
    rows.push([name, domains.join(' '), ...first], ...others.map((cells) => ['', '', ...cells]))
  }
  return formatTable(rows)
}
