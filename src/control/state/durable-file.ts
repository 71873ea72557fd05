import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Replaces a file: whenever the machine stops, the file has all of the old text or all of the new one, and once this has
 * resolved it has the new one (fsync(2): the rename is durable when the folder is).
 * @throws Error in one line.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  try {
    // Always the same name: what a killed process left is overwritten, and there is never more than one of it.
    const temporary = `${path}.new`
    const file = await open(temporary, 'w', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    await syncFolder(dirname(path))
  } catch (error) {
    throw new Error(`${path} cannot be written: ${(error as NodeJS.ErrnoException).code}`)
  }
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** A value whose changes count as made once they are written. Changes of one turn of the event loop share a write. */
export class DurableValue<T> {
  readonly #write: (value: T) => Promise<void>
  /** With the changes that are not written yet. */
  #newest: T
  #written: T
  #waiting: PromiseWithResolvers<void>[] = []
  #writing: Promise<void> | null = null

  constructor(initial: T, write: (value: T) => Promise<void>) {
    this.#newest = initial
    this.#written = initial
    this.#write = write
  }

  get newest(): T {
    return this.#newest
  }

  /**
   * The change is made before this returns. Rejects when it cannot be written: then the value is again what was written
   * last, without the changes that came meanwhile either, since they were made of this one.
   */
  async update(change: (value: T) => T): Promise<void> {
    const next = change(this.#newest)
    if (next === this.#newest && this.#writing === null) return
    this.#newest = next
    const outcome = Promise.withResolvers<void>()
    this.#waiting.push(outcome)
    this.#writing ??= this.#writeAll()
    await outcome.promise
  }

  /** Resolves when nothing is being written. Never rejects. */
  async settled(): Promise<void> {
    while (this.#writing !== null) await this.#writing
  }

  async #writeAll(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) {
      const value = this.#newest
      const waiting = this.#waiting.splice(0)
      try {
        if (value !== this.#written) await this.#write(value)
        this.#written = value
        for (const { resolve } of waiting) resolve()
      } catch (error) {
        this.#newest = this.#written
        for (const { reject } of [...waiting, ...this.#waiting.splice(0)]) reject(error)
      }
    }
    this.#writing = null
  }
}
