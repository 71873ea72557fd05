import type { ProcessTable } from '../control/admin/operations.ts'
import { ADMIN_HELP, ADMIN_OPTIONS, askRouter } from './admin-client.ts'
import type { Command } from './command.ts'
import { readArguments } from './command.ts'
import { formatAge, formatTable } from './table.ts'

const REFRESH_MS = 2000
const CLEAR_SCREEN = '\x1b[H\x1b[2J'

export const top: Command = {
  help: `usage: postern top [--once] [--json] [--config FILE | --admin ADDRESS]

Shows the processes of the router and what they have under way; on a terminal again every two seconds, until Ctrl-C.

  --once           only once
  --json           once, as JSON
${ADMIN_HELP}

example: postern top --once`,

  async run(args) {
    const { values } = readArguments(args, { ...ADMIN_OPTIONS, once: { type: 'boolean' }, json: { type: 'boolean' } })
    for (;;) {
      const table = (await askRouter('/processes', values)) as ProcessTable
      if (values.json) console.log(JSON.stringify(table, null, 2))
      if (values.json) return 0
      const text = processTable(table, Date.now())
      if (values.once || !process.stdout.isTTY) {
        console.log(text)
        return 0
      }
      console.log(CLEAR_SCREEN + text)
      await new Promise((resolve) => setTimeout(resolve, REFRESH_MS))
    }
  },
}

function processTable({ processes, listeners, upgrade }: ProcessTable, nowMs: number): string {
  const rows = processes.map((row) => {
    const isWorker = row.name.startsWith('worker.')
    return [
      row.name,
      String(row.pid),
      row.state,
      isWorker ? String(row.snapshotVersion) : '',
      isWorker ? String(row.connections) : '',
      isWorker ? String(row.inFlight) : '',
      isWorker ? `${Math.round(row.residentBytes / 2 ** 20)} MiB` : '',
      isWorker ? `${row.eventLoopDelayMs.toFixed(1)} ms` : '',
      formatAge(row.since, nowMs),
    ]
  })
  const where = listeners.map(({ name, address }) => `${name} ${address}`).join(', ')
  return [
    formatTable([
      ['PROCESS', 'PID', 'STATE', 'SNAPSHOT', 'CONNECTIONS', 'IN FLIGHT', 'MEMORY', 'DELAY', 'FOR'],
      ...rows,
    ]),
    `listening: ${where}${upgrade === '' ? '' : `; last upgrade: ${upgrade}`}`,
  ].join('\n')
}
