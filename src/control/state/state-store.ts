import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Refusal } from '../refusal.ts'
import { AuditTrail } from './audit-trail.ts'
import { DurableValue, replaceFile, syncFolder } from './durable-file.ts'
import type { AppState, AuditEntry, SpaceState } from './records.ts'
import { EMPTY_APP_STATE, EMPTY_SPACE_STATE, STATE_VERSION } from './records.ts'

const ENDING = '.json'

/**
 * What has to last: releases, settings made through the API, deploys under way. One file for the space and one per app, so that
 * a change writes what it concerns; each is replaced whole. There is one control process at a time, and so one writer.
 */
export class StateStore {
  readonly #directory: string | null
  readonly #space: DurableValue<SpaceState>
  readonly #apps = new Map<string, DurableValue<AppState>>()
  readonly #audit: AuditTrail

  private constructor(directory: string | null, space: SpaceState, apps: Map<string, AppState>, audit: AuditTrail) {
    this.#directory = directory
    this.#space = new DurableValue(space, this.#writer('space'))
    for (const [name, state] of apps) this.#addApp(name, state)
    this.#audit = audit
  }

  /**
   * Reads everything. The folder is made when it is not there; null keeps everything in memory.
   * @throws Error in one line that names the file: it cannot be read, is of a newer Postern, or is not what was written.
   */
  static async open(directory: string | null): Promise<StateStore> {
    const apps = new Map<string, AppState>()
    if (directory === null) {
      return new StateStore(null, EMPTY_SPACE_STATE, apps, await AuditTrail.open(null))
    }
    await makeFolders(directory)
    const space = await readState(join(directory, `space${ENDING}`), EMPTY_SPACE_STATE)
    for (const file of await readdir(join(directory, 'apps'))) {
      if (!file.endsWith(ENDING)) continue
      apps.set(file.slice(0, -ENDING.length), await readState(join(directory, 'apps', file), EMPTY_APP_STATE))
    }
    return new StateStore(directory, space, apps, await AuditTrail.open(join(directory, 'audit.jsonl')))
  }

  /** The newest, also when it is not durable yet. */
  space(): SpaceState {
    return this.#space.newest
  }

  /** EMPTY_APP_STATE when nothing is kept of it. */
  app(name: string): AppState {
    return this.#apps.get(name)?.newest ?? EMPTY_APP_STATE
  }

  /** Names of the apps of which something is kept, whether or not the file still has them. */
  apps(): string[] {
    return [...this.#apps.keys()]
  }

  /**
   * The change is made at once; resolves when it is durable. Updates of one turn share one write.
   * @throws Refusal unavailable when it cannot be written: then the state is again what was written last.
   */
  updateSpace(change: (state: SpaceState) => SpaceState): Promise<void> {
    return this.#space.update(change)
  }

  /** As `updateSpace`. */
  updateApp(name: string, change: (state: AppState) => AppState): Promise<void> {
    return (this.#apps.get(name) ?? this.#addApp(name, EMPTY_APP_STATE)).update(change)
  }

  /** @throws Error in one line when it cannot be written. */
  audit(entry: AuditEntry): Promise<void> {
    return this.#audit.add(entry)
  }

  /** The newest entries, newest last. */
  async trail(limit: number): Promise<AuditEntry[]> {
    return this.#audit.newest(limit)
  }

  /** Resolves when everything is written that can be. */
  async close(): Promise<void> {
    await Promise.all([this.#space.settled(), ...[...this.#apps.values()].map((app) => app.settled())])
    await this.#audit.close()
  }

  #addApp(name: string, state: AppState): DurableValue<AppState> {
    const app = new DurableValue(state, this.#writer(`apps/${name}`))
    this.#apps.set(name, app)
    return app
  }

  #writer(name: string): (state: object) => Promise<void> {
    const directory = this.#directory
    if (directory === null) return () => Promise.resolve()
    return async (state) => {
      try {
        await replaceFile(
          join(directory, `${name}${ENDING}`),
          `${JSON.stringify({ version: STATE_VERSION, ...state })}\n`,
        )
      } catch (error) {
        throw new Refusal('unavailable', (error as Error).message)
      }
    }
  }
}

async function makeFolders(directory: string): Promise<void> {
  try {
    // The environment of dynos may be in there.
    await mkdir(join(directory, 'apps'), { recursive: true, mode: 0o700 })
    await syncFolder(directory)
  } catch (error) {
    throw new Error(`state: ${directory} cannot be used: ${(error as NodeJS.ErrnoException).code}`)
  }
}

/** With what the file lacks taken from `empty`, which is all of it when there is no file. */
async function readState<T extends object>(path: string, empty: T): Promise<T> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return empty
    throw new Error(`state: ${path} cannot be read: ${code}`)
  }
  const { version, ...state } = readObject(path, text)
  if (typeof version !== 'number') throw new Error(`state: ${path} is damaged: it has no version; ${ADVICE}`)
  if (version > STATE_VERSION) {
    const both = `its version is ${version}, this one reads up to ${STATE_VERSION}`
    throw new Error(`state: ${path} was written by a newer Postern: ${both}`)
  }
  for (const [key, expected] of Object.entries(empty)) {
    if (!(key in state) || kindOf(state[key]) === kindOf(expected)) continue
    // What is null when it is empty is an object, a flag or a number when it is not.
    if (expected === null) continue
    throw new Error(`state: ${path} is damaged: ${key} is no ${kindOf(expected)}; ${ADVICE}`)
  }
  return { ...empty, ...state }
}

const ADVICE = 'put a copy in its place, or move it away to begin anew'

function readObject(path: string, text: string): Record<string, unknown> {
  let value: unknown = null
  try {
    value = JSON.parse(text)
  } catch {
    // Said below, as for JSON that is no object.
  }
  if (kindOf(value) !== 'map') throw new Error(`state: ${path} is damaged: it is no JSON object; ${ADVICE}`)
  return value as Record<string, unknown>
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'list'
  if (value === null) return 'nothing'
  return typeof value === 'object' ? 'map' : typeof value
}
