import { basename } from 'node:path'
import { readCidr } from '../config/addresses.ts'
import type { AppConfig, Config } from '../config/config.ts'
import type { TrustedRange } from '../model/snapshot.ts'
import { Derived } from './derived.ts'
import type { EventLog } from './events.ts'
import { Refusal } from './refusal.ts'
import type { AppState, SpaceState } from './state/records.ts'
import type { StateStore } from './state/state-store.ts'

export interface SettingsContext {
  /** As the file has it. */
  config(): Config
  readonly state: StateStore
  readonly events: EventLog
  /** What is set may be another by now: it is to be taken into use. */
  onChange(): void
}

/** The trusted ranges of the space, wherever they come from. */
export interface InboundRules {
  /** null: everyone may come. */
  readonly rules: readonly TrustedRange[] | null
  /** Changes whenever the rules do: an entity tag (RFC 9110 §8.8.3), in its quotes. */
  readonly etag: string
  readonly setBy: 'file' | 'api' | 'default'
  /** '' and 0 unless they were set through the API. */
  readonly by: string
  readonly changedAtMs: number
}

/**
 * What operators set while the router runs. A key that the file sets belongs to the file; what it leaves out may be set here and
 * is kept in the state.
 */
export class Settings {
  readonly #context: SettingsContext
  readonly #apps = new Derived((app: AppConfig, set: AppState['maintenance']): AppConfig => {
    return app.maintenance !== null || set === null ? app : { ...app, maintenance: set }
  })

  constructor(context: SettingsContext) {
    this.#context = context
  }

  /** What the file says, and where it leaves something out, what was set. */
  effective(config: Config): Config {
    const { state } = this.#context
    return {
      ...config,
      trustedIpRanges: config.trustedIpRanges ?? state.space().inboundRuleset?.rules ?? null,
      apps: config.apps.map((app) => this.#apps.of(app, state.app(app.name).maintenance)),
    }
  }

  /** Resolves when it is durable and in use. @throws Refusal */
  async setMaintenance(name: string, on: boolean, by: string): Promise<void> {
    const { state, events } = this.#context
    const app = findApp(this.#context.config(), name)
    if (app.maintenance !== null) {
      throw new Refusal('conflict', `the maintenance of ${name} is set in ${this.#file}; change it there`)
    }
    if ((state.app(name).maintenance ?? false) === on) return
    await this.#use(state.updateApp(name, (before) => ({ ...before, maintenance: on })))
    events.emit({ kind: 'maintenance', app: name, maintenance: on, by })
  }

  inboundRules(): InboundRules {
    const { trustedIpRanges } = this.#context.config()
    if (trustedIpRanges !== null) {
      return { rules: trustedIpRanges, etag: '"file"', setBy: 'file', by: '', changedAtMs: 0 }
    }
    const { inboundRuleset } = this.#context.state.space()
    if (inboundRuleset === null) {
      return { rules: null, etag: etagOf(inboundRuleset), setBy: 'default', by: '', changedAtMs: 0 }
    }
    const { rules, by, changedAtMs } = inboundRuleset
    return { rules, etag: etagOf(inboundRuleset), setBy: 'api', by, changedAtMs }
  }

  /**
   * Replaces all rules by others, in one step: until they are durable and in use, those before them are in force. `ifMatch`: the
   * header, so that nobody overwrites what they have not seen.
   * @throws Refusal
   */
  async replaceInboundRules(rules: readonly TrustedRange[], ifMatch: string | undefined, by: string): Promise<void> {
    const { state, events, config } = this.#context
    if (config().trustedIpRanges !== null) {
      throw new Refusal('conflict', `trustedIpRanges is set in ${this.#file}; change it there`)
    }
    const checked = checkRules(rules, config().limits.trustedIpRanges)
    if (ifMatch === undefined) {
      const advice = 'send If-Match with the ETag of the rules that the new ones were made from'
      throw new Refusal('precondition_required', advice)
    }
    // From here to the update nothing may be awaited: nobody can come in between.
    const before = state.space().inboundRuleset
    if (!matches(ifMatch, etagOf(before))) {
      throw new Refusal('precondition_failed', 'the inbound ruleset is another one by now; read it again')
    }
    const revision = (before?.revision ?? 0) + 1
    const inboundRuleset = { rules: checked, revision, changedAtMs: Date.now(), by }
    await this.#use(state.updateSpace((space) => ({ ...space, inboundRuleset })))
    events.emit({ kind: 'inbound-ruleset', rules: checked.length, by })
  }

  /** What is not durable is not in use either: a reload meanwhile may have taken it for more than it came to. */
  async #use(written: Promise<void>): Promise<void> {
    try {
      await written
    } finally {
      this.#context.onChange()
    }
  }

  /** How the file is called in answers. */
  get #file(): string {
    return basename(this.#context.config().file) || 'the configuration'
  }
}

/** @throws Refusal */
export function findApp(config: Config, name: string): AppConfig {
  const app = config.apps.find((each) => each.name === name)
  if (app) return app
  const names = config.apps.map((each) => each.name).join(', ')
  throw new Refusal('not_found', `there is no app '${name}'; there are: ${names || 'none'}`)
}

function etagOf(ruleset: SpaceState['inboundRuleset']): string {
  // With the time: a number that a refused write gave out may be given out again, to other rules.
  return ruleset === null ? '"0"' : `"${ruleset.revision}-${ruleset.changedAtMs}"`
}

/** Strong comparison (RFC 9110 §8.8.3.2): a weak tag matches nothing. */
function matches(ifMatch: string, etag: string): boolean {
  return ifMatch.trim() === '*' || ifMatch.split(',').some((tag) => tag.trim() === etag)
}

/** The rules that the file's own list has to keep as well. */
function checkRules(rules: readonly TrustedRange[], most: number): TrustedRange[] {
  if (rules.length > most) {
    const advice = 'join neighbours into a larger range, or raise limits.trustedIpRanges'
    throw new Refusal('invalid_params', `${rules.length} rules where at most ${most} may be; ${advice}`)
  }
  const checked = rules.map(({ cidr, action, label }) => {
    const reading = readCidr(cidr)
    if ('wrong' in reading) throw new Refusal('invalid_params', reading.wrong)
    return { cidr: reading.value, action, label }
  })
  const seen = new Set<string>()
  for (const { cidr } of checked) {
    if (seen.has(cidr)) throw new Refusal('invalid_params', `there are two rules for ${cidr}; give one`)
    seen.add(cidr)
  }
  if (checked.length > 0 && checked.every(({ action }) => action === 'deny')) {
    const advice = 'add what to allow (0.0.0.0/0 and ::/0 for all others), or give no rule to block everyone'
    throw new Refusal('invalid_params', `only deny: no one may come; ${advice}`)
  }
  return checked
}
