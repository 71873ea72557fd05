import type { DeployStatus } from '../control/deploys/deploy-status.ts'
import { ADMIN_HELP, ADMIN_OPTIONS, askRouter } from './admin-client.ts'
import type { Command } from './command.ts'
import { readArguments, UsageError } from './command.ts'
import { barLine } from './deploy-progress.ts'
import { followDeploy, outcome, statusOf } from './follow-deploy.ts'
import { formatAge } from './table.ts'

/** What can be done with a deploy that is there; the rest begins one. */
const ACTIONS = ['status', 'pause', 'resume', 'abort'] as const
const BEGINNING = ['command', 'env', 'label', 'surge', 'canary'] as const

export const deploy: Command = {
  help: `usage: postern deploy APP [--command COMMAND] [--env KEY=VALUE …] [--label TEXT] [--surge] [--canary N] [--no-wait]
       postern deploy APP --status | --pause | --resume | --abort

Makes the next release of an app and brings it to its dynos, a batch at a time; with no change it is the next release of the same thing. A
batch that does not come up, or does worse than the release before, takes all of it back. Exit code 1: the release does not run.

  --command COMMAND  what web dynos run, where the file does not say
  --env KEY=VALUE    a variable of their environment that the file does not set; KEY= is empty, KEY alone takes it away
  --label TEXT       what the release is, for people
  --surge            start the new dynos of a batch before the old ones end
  --canary N         stop to look after a first batch of N dynos, until --resume or --abort
  --no-wait          only begin
  --status           show how it goes; --pause after the present batch, --resume, --abort
  --json             as JSON, at its end
${ADMIN_HELP}

example: postern deploy shop --env GREETING=Hello --label "new greeting"`,

  async run(args) {
    const { values, positionals } = readArguments(
      args,
      {
        ...ADMIN_OPTIONS,
        command: { type: 'string' },
        env: { type: 'string', multiple: true },
        label: { type: 'string' },
        surge: { type: 'boolean' },
        canary: { type: 'string' },
        'no-wait': { type: 'boolean' },
        status: { type: 'boolean' },
        pause: { type: 'boolean' },
        resume: { type: 'boolean' },
        abort: { type: 'boolean' },
        json: { type: 'boolean' },
      },
      1,
    )
    const [app] = positionals
    if (app === undefined) throw new UsageError('give the app')
    const [action, ...others] = ACTIONS.filter((each) => values[each])
    if (others.length > 0) throw new UsageError(`give only one of --${action} and --${others[0]}`)
    const beginning = BEGINNING.find((each) => values[each] !== undefined)
    if (action && beginning)
      throw new UsageError(`--${beginning} is for the next deploy; it does not go with --${action}`)

    const json = values.json === true
    const path = `/apps/${encodeURIComponent(app)}/deploy`
    const say = (status: DeployStatus) => {
      console.log(json ? JSON.stringify(status, null, 2) : statusText(status, Date.now()))
      return 0
    }
    if (action === 'status') return say(await statusOf(app, values))
    const begin = async () => {
      const body = action ? undefined : request(values)
      const to = action ? `${path}/${action}` : path
      return (await askRouter(to, values, { method: 'POST', body })) as DeployStatus
    }
    if (values['no-wait'] || action === 'pause') return say(await begin())
    const last = await followDeploy(app, { ...values, quiet: json, untilPaused: values.canary !== undefined }, begin)
    // Taken back is what was asked for.
    if (action === 'abort' && last.phase === 'aborted') return say(last)
    return outcome(last, json)
  },
}

interface Wanted {
  readonly command?: string | undefined
  readonly env?: string[] | undefined
  readonly label?: string | undefined
  readonly surge?: boolean | undefined
  readonly canary?: string | undefined
}

/** @throws UsageError */
function request({ command, env, label, surge, canary }: Wanted) {
  if (canary !== undefined && !/^[1-9]\d{0,3}$/.test(canary)) {
    throw new UsageError(`--canary ${canary}: give a whole number from 1`)
  }
  return {
    ...(command !== undefined && { commands: { web: command } }),
    ...(env && { env: Object.fromEntries(env.map(variable)) }),
    ...(label !== undefined && { label }),
    ...(surge && { surge }),
    ...(canary !== undefined && { canary: Number(canary) }),
  }
}

function variable(text: string): [string, string | null] {
  const equals = text.indexOf('=')
  if (equals === 0 || text === '') throw new UsageError(`--env ${text}: give KEY=VALUE`)
  return equals === -1 ? [text, null] : [text.slice(0, equals), text.slice(equals + 1)]
}

function statusText(status: DeployStatus, nowMs: number): string {
  const { app, release, from, phase, by, label, reason, since } = status
  if (status.underWay) return `${barLine(status)}${reason === '' ? '' : ` (${reason})`}`
  const words = [`${release} of ${app}: ${phase} ${formatAge(since, nowMs)} ago`, `by ${by}`]
  if (from !== '') words.push(`from ${from}`)
  if (label !== '') words.push(`"${label}"`)
  return `${words.join(', ')}${reason === '' ? '' : `: ${reason}`}`
}
