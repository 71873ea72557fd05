import { hash } from 'node:crypto'
import type { AppConfig, Config } from './config.ts'

/**
 * A configuration, or what differs from another one, in pieces of JSON: each section is one, and each app. Whoever only passes
 * them on need not read them.
 */
export interface ConfigParts {
  /** Keys of all pieces in their order; null: as before. */
  readonly keys: readonly string[] | null
  /** Those that are new or differ. Equal digests mean equal content. */
  readonly pieces: readonly (readonly [key: string, digest: string, json: string])[]
}

/** Of the pieces that somebody has, by key, in their order. */
export type ConfigDigests = ReadonlyMap<string, string>

/** Everything but the apps. */
export type ConfigSections = Omit<Config, 'apps'>

const NO_DIGESTS: ConfigDigests = new Map()
/** Sections have no dot in their keys. */
const APP = 'apps.'

/** What whoever has pieces with these digests lacks; all of it, when they have none. */
export function configParts({ apps, ...sections }: Config, known: ConfigDigests = NO_DIGESTS): ConfigParts {
  const keys: string[] = []
  const pieces: [key: string, digest: string, json: string][] = []
  const add = (key: string, value: unknown) => {
    const json = JSON.stringify(value)
    const digest = hash('sha256', json, 'base64')
    keys.push(key)
    if (known.get(key) !== digest) pieces.push([key, digest, json])
  }
  for (const [key, section] of Object.entries(sections)) add(key, section)
  for (const app of apps) add(APP + app.name, app)
  const before = [...known.keys()]
  const isSame = keys.length === before.length && keys.every((key, index) => key === before[index])
  return { keys: isSame ? null : keys, pieces }
}

/** The apps among the pieces. */
export function appsIn({ pieces }: ConfigParts): AppConfig[] {
  return pieces.filter(([key]) => key.startsWith(APP)).map(([, , json]) => JSON.parse(json) as AppConfig)
}

/** A configuration that knows what it was made of. Never changed: what differs makes another one. */
export class KnownConfig {
  readonly config: Config
  readonly digests: ConfigDigests
  readonly #values: ReadonlyMap<string, unknown>

  private constructor(digests: ConfigDigests, values: ReadonlyMap<string, unknown>) {
    this.digests = digests
    this.#values = values
    const sections: Record<string, unknown> = {}
    const apps: AppConfig[] = []
    for (const [key, value] of values) {
      if (key.startsWith(APP)) apps.push(value as AppConfig)
      else sections[key] = value
    }
    this.config = { ...(sections as unknown as ConfigSections), apps }
  }

  /** Of parts that are all of it. */
  static of(parts: ConfigParts): KnownConfig {
    return new KnownConfig(NO_DIGESTS, new Map()).with(parts)
  }

  /** With what is different. Sections and apps that are not stay the same objects. */
  with({ keys, pieces }: ConfigParts): KnownConfig {
    if (keys === null && pieces.length === 0) return this
    const digests = new Map(this.digests)
    const values = new Map(this.#values)
    for (const [key, digest, json] of pieces) {
      digests.set(key, digest)
      values.set(key, JSON.parse(json))
    }
    if (keys === null) return new KnownConfig(digests, values)
    return new KnownConfig(inOrder(keys, digests), inOrder(keys, values))
  }
}

/** The newest configuration, kept for whoever comes later. */
export class ConfigShelf {
  #pieces: ReadonlyMap<string, ConfigParts['pieces'][number]> = new Map()
  #sections!: ConfigSections

  /** `parts`: all of it. */
  constructor(parts: ConfigParts) {
    this.add(parts)
  }

  /** What differs from what is here. */
  add({ keys, pieces }: ConfigParts): void {
    const known = new Map(this.#pieces)
    for (const piece of pieces) known.set(piece[0], piece)
    this.#pieces = keys === null ? known : inOrder(keys, known)
    const sections = [...this.#pieces.values()].filter(([key]) => !key.startsWith(APP))
    this.#sections = Object.fromEntries(
      sections.map(([key, , json]) => [key, JSON.parse(json)]),
    ) as unknown as ConfigSections
  }

  get sections(): ConfigSections {
    return this.#sections
  }

  whole(): ConfigParts {
    return { keys: [...this.#pieces.keys()], pieces: [...this.#pieces.values()] }
  }
}

function inOrder<T>(keys: readonly string[], map: ReadonlyMap<string, T>): Map<string, T> {
  return new Map(keys.map((key) => [key, map.get(key)!]))
}
