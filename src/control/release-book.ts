import type { AppConfig } from '../config/config.ts'

/** By app: number of its release, and what that is, as text to compare by. Plain data. */
export type ReleaseRecords = readonly (readonly [app: string, version: number, contents: string])[]

/** Numbers the releases of every app: the first is `v1`, and whatever changes what its dynos run makes the next. */
export class ReleaseBook {
  readonly #current = new Map<string, { version: number; contents: string }>()
  readonly #onChange: (records: ReleaseRecords) => void

  /** `onChange` is told of every new release. */
  constructor(records: ReleaseRecords = [], onChange: (records: ReleaseRecords) => void = () => {}) {
    for (const [app, version, contents] of records) this.#current.set(app, { version, contents })
    this.#onChange = onChange
  }

  /** Name of the release that this configuration of the app is. How many dynos run it, and where, is no part of it. */
  nameOf(app: AppConfig): string {
    const contents = JSON.stringify([
      Object.entries(app.env).sort(([one], [other]) => (one < other ? -1 : 1)),
      app.formation.map(({ processType, source }) =>
        source.kind === 'command' ? [processType, source.command, source.cwd] : [processType],
      ),
    ])
    const current = this.#current.get(app.name)
    if (current?.contents === contents) return `v${current.version}`
    const version = (current?.version ?? 0) + 1
    this.#current.set(app.name, { version, contents })
    this.#onChange([...this.#current].map(([name, release]) => [name, release.version, release.contents]))
    return `v${version}`
  }
}
