import { readSync } from 'node:fs'
import { Socket, type SocketConstructorOpts } from 'node:net'

/** Enough for the answers of servers that refuse a body; what comes longer is read piece by piece. */
const LAST_READ_BYTES = 65_536

/**
 * A socket to a dyno that, when it breaks, still reads what the dyno said before. A server that does not want a body answers (401, 413) and hangs up, which
 * resets the connection. The next write then fails, and net would close the socket with the answer unread in the kernel.
 */
export class DynoSocket extends Socket {
  readonly #lastWords: (count: number, bytes: Buffer) => boolean

  /** `lastWords` gets what is left, as `onread.callback` does, and says whether there may be more. */
  constructor(options: SocketConstructorOpts, lastWords: (count: number, bytes: Buffer) => boolean) {
    super(options)
    this.#lastWords = lastWords
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (error !== null && !this.connecting) this.#readLastWords()
    super._destroy(error, callback)
  }

  #readLastWords(): void {
    const descriptor = (this as unknown as { _handle: { fd?: number } | null })._handle?.fd ?? -1
    if (descriptor < 0) return
    for (;;) {
      const bytes = Buffer.allocUnsafeSlow(LAST_READ_BYTES)
      const count = readNow(descriptor, bytes)
      if (count === 0 || !this.#lastWords(count, bytes)) return
    }
  }
}

/** The descriptor does not block: 0 when nothing is there, at the end, and when the connection is broken. */
function readNow(descriptor: number, bytes: Buffer): number {
  try {
    return readSync(descriptor, bytes)
  } catch {
    return 0
  }
}
