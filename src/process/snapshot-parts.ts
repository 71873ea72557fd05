import { type AccessTables, accessTables, ownTables, sameRangeLists } from '../model/access-rules.ts'
import { samePlainData } from '../model/plain-data.ts'
import { type AppEntry, type SnapshotData, type SnapshotSettings, settingsIn } from '../model/snapshot.ts'
import { type AppTexts, packApps, unpackApps } from './app-texts.ts'

/**
 * A snapshot, or what differs from the one before it, in pieces of JSON: whoever only passes them on need not read them, and a
 * worker reads no more than has changed.
 */
export interface SnapshotParts {
  readonly version: number
  /** The snapshot that this is the difference to; 0: this is whole. */
  readonly base: number
  /** Everything but version and apps; null: as before. */
  readonly settings: string | null
  /** Of the lists of ranges in the settings; null: as before. */
  readonly tables: AccessTables | null
  /** Names of all apps in their order; null: as before. */
  readonly names: readonly string[] | null
  /** Those that are new or differ. */
  readonly apps: readonly AppTexts[]
}

/** Says of each snapshot what is new in it. */
export class SnapshotWriter {
  #last: SnapshotData | null = null

  /** Goes on from what the readers have. */
  resume(data: SnapshotData): void {
    this.#last = data
  }

  next(data: SnapshotData): SnapshotParts {
    const parts = this.preview(data)
    this.#last = data
    return parts
  }

  /** What `next` would say; the one after that is still a difference to the last. */
  preview(data: SnapshotData): SnapshotParts {
    const last = this.#last
    const before = new Map(last?.apps.map((app) => [app.name, app]))
    const settings = settingsIn(data)
    const isSame = last !== null && samePlainData(settings, settingsIn(last))
    return {
      version: data.version,
      base: last?.version ?? 0,
      settings: isSame ? null : JSON.stringify(settings),
      tables: isSame || (last !== null && sameRangeLists(data, last)) ? null : accessTables(data),
      names: sameNames(last?.apps ?? [], data.apps) ? null : data.apps.map(({ name }) => name),
      // Control keeps the object of an app that did not change.
      apps: packApps(
        data.apps.filter((app) => app !== before.get(app.name)).map((app) => [app.name, JSON.stringify(app)]),
      ),
    }
  }
}

/** The newest snapshot, kept for whoever comes later. */
export class SnapshotShelf {
  #version = 0
  #settings = ''
  #tables: AccessTables | null = null
  #names: readonly string[] = []
  #apps = new Map<string, string>()

  /** False when it is not the difference to what is here: then nothing was taken. */
  add(parts: SnapshotParts): boolean {
    if (parts.base !== 0 && parts.base !== this.#version) return false
    if (parts.base === 0) this.#apps.clear()
    this.#version = parts.version
    this.#settings = parts.settings ?? this.#settings
    this.#tables = parts.tables ?? this.#tables
    for (const [name, entry] of unpackApps(parts.apps)) this.#apps.set(name, entry)
    if (parts.names !== null) {
      this.#names = parts.names
      const kept = new Set(parts.names)
      for (const name of this.#apps.keys()) if (!kept.has(name)) this.#apps.delete(name)
    }
    return true
  }

  get version(): number {
    return this.#version
  }

  /** null before the first. */
  whole(): SnapshotParts | null {
    if (this.#version === 0) return null
    const apps = packApps([...this.#apps])
    return { version: this.#version, base: 0, settings: this.#settings, tables: this.#tables, names: this.#names, apps }
  }
}

/** A snapshot, and of its lists of ranges what whoever sent it has compiled. */
export interface ReadSnapshot {
  readonly data: SnapshotData
  readonly tables: AccessTables
}

/** Makes snapshots of the parts. An app that did not change stays the same object, and tables do. */
export class SnapshotReader {
  #settings: SnapshotSettings | null = null
  #tables: AccessTables | null = null
  #apps: readonly AppEntry[] = []
  /** Names to indexes of the apps. */
  #positions: ReadonlyMap<string, number> = new Map()
  #version = 0

  /** @throws Error when it is the difference to another one: then messages were lost, which is a bug. */
  read(parts: SnapshotParts): ReadSnapshot {
    return toTheEnd(this.readInSteps(parts))
  }

  /** The same, app by app: there may be thousands. Nothing of it is in force before the last step, and there must be no other reading meanwhile. */
  *readInSteps(parts: SnapshotParts): Generator<void, ReadSnapshot> {
    if (parts.base !== 0 && parts.base !== this.#version) {
      throw new Error(`snapshot ${parts.version} is the difference to ${parts.base}, but ${this.#version} is in force`)
    }
    const settings = parts.settings === null ? this.#settings : (JSON.parse(parts.settings) as SnapshotSettings)
    const tables = parts.tables === null ? this.#tables : ownTables(parts.tables)
    const fresh = new Map<string, AppEntry>()
    for (const [name, text] of unpackApps(parts.apps)) {
      fresh.set(name, JSON.parse(text) as AppEntry)
      yield
    }
    this.#settings = settings
    this.#tables = tables
    this.#takeApps(parts, fresh)
    this.#version = parts.version
    return { data: { version: parts.version, ...settings!, apps: this.#apps }, tables: tables! }
  }

  /** What `readInSteps` would make of them; what is here stays as it is. @throws Error like `read` */
  previewInSteps(parts: SnapshotParts): Generator<void, ReadSnapshot> {
    const aside = new SnapshotReader()
    aside.#settings = this.#settings
    aside.#tables = this.#tables
    aside.#apps = this.#apps
    aside.#positions = this.#positions
    aside.#version = this.#version
    return aside.readInSteps(parts)
  }

  #takeApps({ base, names }: SnapshotParts, fresh: ReadonlyMap<string, AppEntry>): void {
    if (names === null) {
      const apps = [...this.#apps]
      for (const [name, entry] of fresh) apps[this.#positions.get(name)!] = entry
      this.#apps = apps
    } else {
      const known = (name: string) => (base === 0 ? undefined : this.#apps[this.#positions.get(name)!])
      this.#apps = names.map((name) => (fresh.get(name) ?? known(name))!)
      this.#positions = new Map(names.map((name, index) => [name, index]))
    }
  }
}

function toTheEnd<T>(steps: Iterator<unknown, T>): T {
  let step = steps.next()
  while (!step.done) step = steps.next()
  return step.value
}

function sameNames(before: readonly AppEntry[], now: readonly AppEntry[]): boolean {
  return before.length === now.length && before.every(({ name }, index) => name === now[index]!.name)
}
