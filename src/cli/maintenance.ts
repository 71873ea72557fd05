import type { AppView } from '../control/admin/routes/apps.ts'
import { ADMIN_HELP, ADMIN_OPTIONS, askRouter } from './admin-client.ts'
import type { Command } from './command.ts'
import { readArguments, UsageError } from './command.ts'

export const maintenance: Command = {
  help: `usage: postern maintenance [on | off] APP [--json] [--config FILE | --admin ADDRESS]

Has every request for an app answered 503 (H80) without asking a dyno, or not any more; dynos run on. Without on or off it says which.

  --json           as JSON
${ADMIN_HELP}

example: postern maintenance on shop`,

  async run(args) {
    const { values, positionals } = readArguments(args, { ...ADMIN_OPTIONS, json: { type: 'boolean' } }, 2)
    const [app, word] = positionals.toReversed()
    if (app === undefined || (positionals.length === 1 && (app === 'on' || app === 'off'))) {
      throw new UsageError('give the app')
    }
    if (word !== undefined && word !== 'on' && word !== 'off') throw new UsageError(`'${word}' is neither on nor off`)
    const question = word === undefined ? {} : { method: 'PATCH' as const, body: { maintenance: word === 'on' } }
    const shown = (await askRouter(`/apps/${encodeURIComponent(app)}`, values, question)) as AppView
    if (values.json) console.log(JSON.stringify(shown, null, 2))
    else console.log(`maintenance of ${app} is ${shown.maintenance ? 'on' : 'off'}`)
    return 0
  },
}
