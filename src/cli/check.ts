import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { formatProblem } from '../config/problems.ts'
import { type Command, readArguments, UsageError } from './command.ts'

const DEFAULT_FILE = 'config/space.yml'

export const check: Command = {
  help: `usage: postern check [FILE | --config FILE] [--json]

Checks a configuration file and says all that is wrong with it, a line for each thing:
file:line:column: path: what is wrong; what would be right

  --config FILE    what to check (default ${DEFAULT_FILE})
  --json           as JSON: { "ok", "file", "problems": [{ "file", "line", "column", "path", "message" }] }

example: postern check /etc/postern/space.yml`,

  async run(args) {
    const options = { config: { type: 'string' }, json: { type: 'boolean' } } as const
    const { values, positionals } = readArguments(args, options, 1)
    const [word] = positionals
    if (word !== undefined && values.config !== undefined) throw new UsageError('give the file once')
    const file = word ?? values.config ?? DEFAULT_FILE
    const result = await loadConfig(file)
    if (values.json) {
      console.log(JSON.stringify({ ok: result.ok, file, problems: result.ok ? [] : result.problems }, null, 2))
    } else if (result.ok) {
      console.log(`${file}: ok (${contents(result.config)})`)
    } else {
      for (const problem of result.problems) console.log(formatProblem(problem))
      console.error(quantity(result.problems.length, 'problem'))
    }
    return result.ok ? 0 : 1
  },
}

function contents({ space, listeners, apps }: Config): string {
  return `space ${space.name}, ${quantity(listeners.length, 'listener')}, ${quantity(apps.length, 'app')}`
}

function quantity(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
