import { type StatsListener, unwatchFile, watchFile } from 'node:fs'

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
  readonly #onStat: StatsListener
  #quiet: NodeJS.Timeout | null = null

  constructor(file: string, onChange: () => void) {
    this.#file = file
    this.#onStat = () => {
      if (this.#quiet !== null) clearTimeout(this.#quiet)
      this.#quiet = setTimeout(onChange, QUIET_MS)
    }
    watchFile(file, { interval: LOOK_MS, persistent: false }, this.#onStat)
  }

  close(): void {
    unwatchFile(this.#file, this.#onStat)
    if (this.#quiet !== null) clearTimeout(this.#quiet)
  }
}
