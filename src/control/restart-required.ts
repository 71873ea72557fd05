import type { Config } from '../config/config.ts'
import { samePlainData } from '../model/plain-data.ts'

/** Taken when the router starts, and then for good. */
const FIXED_KEYS = ['space', 'dns', 'admin', 'state'] as const

export function fixedChanges(before: Config, after: Config): (typeof FIXED_KEYS)[number][] {
  return FIXED_KEYS.filter((key) => !samePlainData(before[key], after[key]))
}

/** The configuration changes what only a start can change. */
export class RestartRequired extends Error {
  override readonly name = 'RestartRequired'
  /** Names of the sections. */
  readonly keys: readonly string[]

  constructor(keys: readonly string[]) {
    super(`a change of ${keys.join(' and ')} needs a restart`)
    this.keys = keys
  }
}
