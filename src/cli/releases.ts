import type { ReleaseView } from '../control/admin/routes/releases.ts'
import { ADMIN_HELP, ADMIN_OPTIONS, askRouter } from './admin-client.ts'
import type { Command } from './command.ts'
import { readArguments, UsageError } from './command.ts'
import { formatAge, formatTable } from './table.ts'

export const releases: Command = {
  help: `usage: postern releases APP [--json] [--config FILE | --admin ADDRESS]

Shows the releases of an app that are kept, newest first; * is the one that is in force.

  --json           as JSON, oldest first
${ADMIN_HELP}

example: postern releases shop`,

  async run(args) {
    const { values, positionals } = readArguments(args, { ...ADMIN_OPTIONS, json: { type: 'boolean' } }, 1)
    const [app] = positionals
    if (app === undefined) throw new UsageError('give the app')
    const shown = (await askRouter(`/apps/${encodeURIComponent(app)}/releases`, values)) as ReleaseView[]
    if (values.json) console.log(JSON.stringify(shown, null, 2))
    else if (shown.length === 0) console.log('no releases')
    else console.log(releaseTable(shown, Date.now()))
    return 0
  },
}

function releaseTable(releases: readonly ReleaseView[], nowMs: number): string {
  return formatTable([
    ['RELEASE', 'STATUS', 'AGE', 'BY', 'WHAT', 'LABEL'],
    ...releases
      .toReversed()
      .map(({ version, current, status, created_at, user, description, label }) => [
        `v${version}${current ? ' *' : ''}`,
        status,
        formatAge(created_at, nowMs),
        user.name,
        description,
        label,
      ]),
  ])
}
