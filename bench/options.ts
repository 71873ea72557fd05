import { parseArgs } from 'node:util'

export interface Options {
  readonly list: boolean
  readonly help: boolean
  /** null: all. */
  readonly contenders: readonly string[] | null
  readonly scenarios: readonly string[] | null
  readonly logs: readonly boolean[]
  /** Name of a load generator; null: the best one. */
  readonly load: string | null
  readonly rounds: number
  readonly roundMs: number
  readonly warmUpMs: number
  readonly settleMs: number
  /** Where the results go; null: nowhere. */
  readonly json: string | null
  /** Directory for CPU profiles of Postern; null: none. */
  readonly profile: string | null
}

export const USAGE = `usage: npm run bench -- [options]

  --quick             one scenario, short rounds: under a minute, and rough
  --only A,B          these contenders
  --scenario A,B      these scenarios (a name or its beginning: small, body, latency-50)
  --logs on|off|both  tables with access logs, without, or both (both)
  --load NAME         this load generator where it can do the load: wrk, h2load or autocannon
  --rounds N          rounds of each contender in each scenario (5)
  --duration S        seconds of a round (5)
  --json FILE         write every round to FILE; node bench/chart.ts FILE draws it
  --profile DIR       have Postern write a CPU profile of its whole life into DIR; best with one scenario
  --list              contenders, load generators and scenarios, and what is missing here
`

/** The quick run leaves everything out that the headline does not need. */
const QUICK = { scenario: 'small-64', logs: 'on', rounds: '3', duration: '1' }
const FULL = { scenario: undefined, logs: 'both', rounds: '5', duration: '5' }

/** Throws with a sentence when the command line is wrong. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
      only: { type: 'string' },
      scenario: { type: 'string' },
      logs: { type: 'string' },
      load: { type: 'string' },
      rounds: { type: 'string' },
      duration: { type: 'string' },
      json: { type: 'string' },
      profile: { type: 'string' },
    },
  })
  const chosen = { ...(values.quick ? QUICK : FULL), ...values }
  const logs = { on: [true], off: [false], both: [true, false] }[chosen.logs]
  if (logs === undefined) throw new Error(`--logs is on, off or both, not ${chosen.logs}`)
  const roundMs = wholeNumber('--duration', chosen.duration) * 1000
  return {
    list: values.list,
    help: values.help,
    contenders: names(chosen.only),
    scenarios: names(chosen.scenario),
    logs,
    load: chosen.load ?? null,
    rounds: wholeNumber('--rounds', chosen.rounds),
    roundMs,
    warmUpMs: Math.min(roundMs, 2_000),
    settleMs: values.quick ? 2_000 : 8_000,
    json: chosen.json ?? null,
    profile: chosen.profile ?? null,
  }
}

/** Those of `all` that were asked for by name or by the beginning of it; throws for a name that is none of them. */
export function choose<T extends { readonly name: string }>(
  all: readonly T[],
  wanted: readonly string[] | null,
  what: string,
): T[] {
  if (wanted === null) return [...all]
  for (const name of wanted) {
    if (!all.some((one) => one.name.startsWith(name))) {
      throw new Error(`no ${what} is called ${name}; there are ${all.map((one) => one.name).join(', ')}`)
    }
  }
  const exact = new Set(all.map((one) => one.name).filter((name) => wanted.includes(name)))
  return all.filter(
    (one) => exact.has(one.name) || wanted.some((name) => !exact.has(name) && one.name.startsWith(name)),
  )
}

function names(list: string | undefined): string[] | null {
  return list === undefined ? null : list.split(',').map((name) => name.trim())
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new Error(`${option} is a whole number from 1 on, not ${text}`)
  return value
}
