import type { AppConfig } from '../config/config.ts'

/** Numbers the releases of every app: the first is `v1`, and whatever changes what its dynos run makes the next. */
export class ReleaseBook {
  readonly #current = new Map<string, { version: number; contents: string }>()

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
    return `v${version}`
  }
}
