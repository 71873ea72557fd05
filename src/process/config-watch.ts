import { type Stats, type StatsListener, unwatchFile, watchFile } from 'node:fs'
import { stat } from 'node:fs/promises'

/**
 * How often the file is looked at. Looking needs no help of the file system, so it works where events do not reach (network file systems,
 * bind mounts, a link to a link), and it sees what is behind the path now: the same file written in place, another one that was moved there, or another
 * target of a symbolic link on the way.
 */
const LOOK_MS = 500
/** Editors and deploy tools write in several steps: it has to be quiet for so long. */
const QUIET_MS = 200

/** Tells of every change of the file, once it is quiet again. */
export class ConfigWatch {
  readonly #file: string
  readonly #onChange: () => void
  readonly #onStat: StatsListener
  #quiet: NodeJS.Timeout | null = null

  constructor(file: string, onChange: () => void) {
    this.#file = file
    this.#onChange = onChange
    this.#onStat = (seen) => this.#whenQuiet(seen)
    watchFile(file, { interval: LOOK_MS, persistent: false }, this.#onStat)
  }

  #whenQuiet(seen: Stats): void {
    if (this.#quiet !== null) clearTimeout(this.#quiet)
    const quiet = setTimeout(async () => {
      // Looks are further apart than that, so it takes one more. It waits for the file system, which may be far away, and nobody waits for it.
      const now = await stateOf(this.#file)
      if (this.#quiet !== quiet) return // changed again meanwhile, or closed
      if (now === null || sameState(seen, now)) this.#onChange()
      else this.#whenQuiet(now)
    }, QUIET_MS)
    this.#quiet = quiet
  }

  close(): void {
    unwatchFile(this.#file, this.#onStat)
    if (this.#quiet !== null) clearTimeout(this.#quiet)
    this.#quiet = null
  }
}

/** null: it is not there, or cannot be looked at, which the reader will say. */
function stateOf(file: string): Promise<Stats | null> {
  return stat(file).catch(() => null)
}

function sameState(one: Stats, other: Stats): boolean {
  return one.mtimeMs === other.mtimeMs && one.size === other.size && one.ino === other.ino && one.dev === other.dev
}
