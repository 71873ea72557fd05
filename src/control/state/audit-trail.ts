import { type FileHandle, open, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from './durable-file.ts'
import type { AuditEntry } from './records.ts'

/** So many of the newest entries can be asked for; the file has more. */
export const SHOWN_ENTRIES = 1000
/** Enough for that many entries of ordinary size. */
const READ_BYTES = 1024 * 1024
/** A file of this size becomes the old one, and the one that was old goes: the trail never has more than two of them. */
const LARGEST_FILE_BYTES = 16 * 1024 * 1024

/** Who changed what when: one JSON object per line, appended. */
export class AuditTrail {
  readonly #path: string | null
  readonly #newest: AuditEntry[]
  #file: FileHandle | null = null
  #bytes: number
  /** The last line may lack its end: a process was killed while it wrote. */
  #isTorn: boolean
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(path: string | null, newest: AuditEntry[], bytes: number, isTorn: boolean) {
    this.#path = path
    this.#newest = newest
    this.#bytes = bytes
    this.#isTorn = isTorn
  }

  /** null: in memory. @throws Error in one line. */
  static async open(path: string | null): Promise<AuditTrail> {
    if (path === null) return new AuditTrail(null, [], 0, false)
    const bytes = await stat(path).then(
      ({ size }) => size,
      () => 0,
    )
    const text = bytes === 0 ? '' : await readEnd(path, bytes)
    const entries = text.split('\n').flatMap(readEntry).slice(-SHOWN_ENTRIES)
    return new AuditTrail(path, entries, bytes, text !== '' && !text.endsWith('\n'))
  }

  /** Newest last. */
  newest(limit: number): AuditEntry[] {
    return limit < 1 ? [] : this.#newest.slice(-limit)
  }

  /** Resolves when it is durable. @throws Error in one line. */
  add(entry: AuditEntry): Promise<void> {
    const added = this.#turn.then(() => this.#add(entry))
    this.#turn = added.catch(() => {})
    return added
  }

  async close(): Promise<void> {
    await this.#turn
    await this.#file?.close()
    this.#file = null
  }

  async #add(entry: AuditEntry): Promise<void> {
    if (this.#path !== null) await this.#append(this.#path, `${JSON.stringify(entry)}\n`)
    this.#newest.push(entry)
    if (this.#newest.length > SHOWN_ENTRIES) this.#newest.shift()
  }

  async #append(path: string, line: string): Promise<void> {
    const text = this.#isTorn ? `\n${line}` : line
    try {
      if (this.#bytes > LARGEST_FILE_BYTES) await this.#turnOver(path)
      if (this.#file === null) {
        this.#file = await open(path, 'a', 0o600)
        if (this.#bytes === 0) await syncFolder(dirname(path))
      }
      // Whatever comes of it, the next entry begins a line of its own.
      this.#isTorn = true
      await this.#file.appendFile(text)
      await this.#file.datasync()
      this.#isTorn = false
      this.#bytes += Buffer.byteLength(text)
    } catch (error) {
      throw new Error(`${path} cannot be written: ${(error as NodeJS.ErrnoException).code}`)
    }
  }

  async #turnOver(path: string): Promise<void> {
    await this.#file?.close()
    this.#file = null
    await rename(path, `${path}.old`)
    this.#bytes = 0
    this.#isTorn = false
  }
}

async function readEnd(path: string, bytes: number): Promise<string> {
  const file = await open(path, 'r')
  try {
    const length = Math.min(bytes, READ_BYTES)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, bytes - length)
    return buffer.toString('utf8', 0, bytesRead)
  } catch (error) {
    throw new Error(`state: ${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`)
  } finally {
    await file.close()
  }
}

/** Nothing for the half lines at either end. */
function readEntry(line: string): AuditEntry[] {
  try {
    const entry = JSON.parse(line)
    return typeof entry?.at === 'string' && typeof entry.action === 'string' ? [entry] : []
  } catch {
    return []
  }
}
