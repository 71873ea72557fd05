import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { readCidr } from '../config/addresses.ts'
import type { InboundRulesetView, RuleView } from '../control/admin/routes/inbound-ruleset.ts'
import type { AdminOptions } from './admin-client.ts'
import { ADMIN_HELP, ADMIN_OPTIONS, exchange } from './admin-client.ts'
import type { Command } from './command.ts'
import { Failure, readArguments, UsageError } from './command.ts'
import { formatTable } from './table.ts'

const PATH = '/space/inbound-ruleset'
/** So often in a row somebody else may be faster. */
const TRIES = 20

export const trustedIps: Command = {
  help: `usage: postern trusted-ips [list] | add CIDR [--label TEXT] [--deny] | remove CIDR | set FILE

Shows or changes from where outside clients may come, where the file leaves that out. A space begins with everyone: 0.0.0.0/0 and ::/0. Add your
own ranges, then remove those two. Edits at the same time do not lose one another.

  --label TEXT     what the range is, for people
  --deny           clients from it may not come, whatever else allows them
  FILE             a list as trustedIpRanges of the space file has it, YAML or JSON; - is standard input
  --json           as JSON
${ADMIN_HELP}

example: postern trusted-ips add 203.0.113.0/24 --label "head office"`,

  async run(args) {
    const { values, positionals } = readArguments(
      args,
      { ...ADMIN_OPTIONS, label: { type: 'string' }, deny: { type: 'boolean' }, json: { type: 'boolean' } },
      2,
    )
    const [word = 'list', what] = positionals
    if ((values.label !== undefined || values.deny) && word !== 'add') {
      throw new UsageError(`--${values.deny ? 'deny' : 'label'} goes with add`)
    }
    const ruleset = await run(word, what, values)
    if (values.json) console.log(JSON.stringify(ruleset, null, 2))
    else console.log(rulesetText(ruleset))
    return 0
  },
}

type Values = AdminOptions & { readonly label?: string | undefined; readonly deny?: boolean | undefined }

async function run(word: string, what: string | undefined, values: Values): Promise<InboundRulesetView> {
  switch (word) {
    case 'list':
      if (what !== undefined) throw new UsageError(`'${what}' is one word too many`)
      return (await read(values)).ruleset
    case 'add': {
      const source = cidr(what)
      const { label = '', deny = false } = values
      return edit(values, (rules) => {
        if (rules.some((rule) => rule.source === source)) throw new Failure(`there is a rule for ${source} already`)
        return [...rules, { source, action: deny ? 'deny' : 'allow', label }]
      })
    }
    case 'remove': {
      const source = cidr(what)
      return edit(values, (rules) => {
        const left = rules.filter((rule) => rule.source !== source)
        if (left.length === rules.length) throw new Failure(`there is no rule for ${source}`)
        return left
      })
    }
    case 'set': {
      if (what === undefined) throw new UsageError('give the file')
      const rules = await readRules(what)
      return (await exchange(PATH, values, { method: 'PUT', body: { rules }, headers: { 'if-match': '*' } }))
        .body as InboundRulesetView
    }
    default:
      throw new UsageError(`'${word}' is none of list, add, remove and set`)
  }
}

async function read(options: AdminOptions): Promise<{ ruleset: InboundRulesetView; etag: string }> {
  const { body, headers } = await exchange(PATH, options)
  return { ruleset: body as InboundRulesetView, etag: String(headers.etag) }
}

/** Reads, changes and writes; anew when somebody else wrote meanwhile. */
async function edit(
  options: AdminOptions,
  change: (rules: readonly RuleView[]) => readonly RuleView[],
): Promise<InboundRulesetView> {
  for (let tries = 1; tries <= TRIES; tries++) {
    const { ruleset, etag } = await read(options)
    const body = { rules: change(ruleset.rules) }
    const good = [200, 412]
    const answer = await exchange(PATH, options, { method: 'PUT', body, headers: { 'if-match': etag }, good })
    if (answer.status === 200) return answer.body as InboundRulesetView
  }
  throw new Failure(`others change the ranges all the time; ${TRIES} tries were too few`)
}

function cidr(text: string | undefined): string {
  if (text === undefined) throw new UsageError('give the CIDR')
  const reading = readCidr(text)
  if ('wrong' in reading) throw new UsageError(reading.wrong)
  return reading.value
}

async function readRules(file: string): Promise<unknown[]> {
  let text: string
  try {
    text = await readFile(file === '-' ? '/dev/stdin' : file, 'utf8')
  } catch (error) {
    throw new Failure(`${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`)
  }
  let list: unknown
  try {
    list = parse(text)
  } catch (error) {
    throw new Failure(`${file}: ${(error as Error).message.split('\n')[0]}`)
  }
  if (!Array.isArray(list)) throw new Failure(`${file} is no list of ranges`)
  return list.map((range) => {
    if (typeof range !== 'object' || range === null) return { source: range }
    const { cidr, ...others } = range
    return { source: cidr, ...others }
  })
}

function rulesetText({ rules, set_by }: InboundRulesetView): string {
  if (rules.length === 0) return 'no one may come: there is no trusted range'
  const table = formatTable([
    ['ACTION', 'RANGE', 'LABEL'],
    ...rules.map(({ action, source, label }) => [action, source, label]),
  ])
  const notes: string[] = []
  const all = rules
    .filter(({ action, source }) => action === 'allow' && source.endsWith('/0'))
    .map(({ source }) => source)
  if (all.length > 0)
    notes.push(`everyone may come, for ${all.join(' and ')} ${all.length === 1 ? 'is' : 'are'} among them`)
  if (set_by === 'file') notes.push('set in the file')
  return [table, ...notes].join('\n')
}
