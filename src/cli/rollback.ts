import type { ReleaseView } from '../control/admin/routes/releases.ts'
import { ADMIN_HELP, ADMIN_OPTIONS, askRouter } from './admin-client.ts'
import type { Command } from './command.ts'
import { readArguments, UsageError } from './command.ts'
import { followDeploy, outcome, statusOf } from './follow-deploy.ts'

export const rollback: Command = {
  help: `usage: postern rollback APP [RELEASE] [--no-wait] [--json]

Makes a new release with the contents of an earlier one and deploys it, with the same care. Exit code 1: it does not run.

  RELEASE          v5; left out: the last one before the present that succeeded
  --no-wait        only begin
  --json           as JSON, at its end
${ADMIN_HELP}

example: postern rollback shop v5`,

  async run(args) {
    const options = { ...ADMIN_OPTIONS, 'no-wait': { type: 'boolean' }, json: { type: 'boolean' } } as const
    const { values, positionals } = readArguments(args, options, 2)
    const [app, release] = positionals
    if (app === undefined) throw new UsageError('give the app')
    if (release !== undefined && !/^v?\d+$/.test(release)) throw new UsageError(`'${release}' is no release such as v5`)
    const begin = async () => {
      const body = release === undefined ? {} : { release }
      const path = `/apps/${encodeURIComponent(app)}/releases`
      return (await askRouter(path, values, { method: 'POST', body })) as ReleaseView
    }
    const json = values.json === true
    if (values['no-wait']) {
      const made = await begin()
      console.log(json ? JSON.stringify(made, null, 2) : `v${made.version} of ${app}: ${made.description}`)
      return 0
    }
    const last = await followDeploy(app, { ...values, quiet: json, untilPaused: false }, async () => {
      await begin()
      return statusOf(app, values)
    })
    return outcome(last, json)
  },
}
