import type { FormationView } from '../control/admin/routes/formation.ts'
import { ADMIN_HELP, ADMIN_OPTIONS, askRouter } from './admin-client.ts'
import type { Command } from './command.ts'
import { readArguments, UsageError } from './command.ts'
import { formatTable } from './table.ts'

const MOST_TYPES = 20

export const scale: Command = {
  help: `usage: postern scale APP [TYPE=QUANTITY …] [--json] [--config FILE | --admin ADDRESS]

Says how many dynos an app has of a process type, where the file leaves that out. More are added; of fewer the highest numbers
drain and end. Without TYPE=QUANTITY it shows them.

  --json           as JSON
${ADMIN_HELP}

example: postern scale shop web=6`,

  async run(args) {
    const options = { ...ADMIN_OPTIONS, json: { type: 'boolean' } } as const
    const { values, positionals } = readArguments(args, options, 1 + MOST_TYPES)
    const [app, ...words] = positionals
    if (app === undefined) throw new UsageError('give the app')
    const updates = words.map((word) => {
      const [, type, quantity] = /^([^=]+)=(\d{1,4})$/.exec(word) ?? []
      if (type === undefined) throw new UsageError(`'${word}' is not TYPE=QUANTITY, such as web=6`)
      return { type, quantity: Number(quantity) }
    })
    const path = `/apps/${encodeURIComponent(app)}/formation`
    const question = updates.length === 0 ? {} : { method: 'PATCH' as const, body: { updates } }
    const formation = (await askRouter(path, values, question)) as FormationView[]
    console.log(values.json ? JSON.stringify(formation, null, 2) : formationTable(formation))
    return 0
  },
}

function formationTable(formation: readonly FormationView[]): string {
  return formatTable([
    ['TYPE', 'QUANTITY', 'COMMAND'],
    ...formation.map(({ type, quantity, command }) => [type, quantity === null ? '' : String(quantity), command]),
  ])
}
