/** Has something for the kernel that need not go before the end of this turn. */
export interface TurnWriter {
  writeOut(): boolean
}

/** So many connections wait at most: it bounds what the first of a long turn waits for the others. */
const MAX_WAITING = 64

/**
 * Short writes of one turn of the event loop, done together when everything that could be read has been. A write that comes between two reads finds the
 * processor's caches full of something else, and wakes a peer that has not even fallen asleep again after the one before.
 */
class TurnWrites {
  /** What is written now comes after the reads of this turn anyway: it need not wait. */
  afterReads = false
  readonly #waiting: TurnWriter[] = []
  #due = false

  add(writer: TurnWriter): void {
    if (this.#waiting.push(writer) === MAX_WAITING) this.#writeOut()
    else if (!this.#due) {
      this.#due = true
      // Immediates come right after the reads (uv_check_t).
      setImmediate(this.#turnEnds)
    }
  }

  readonly #turnEnds = (): void => {
    this.#due = false
    this.#writeOut()
  }

  #writeOut(): void {
    const waiting = this.#waiting
    for (let i = 0; i < waiting.length; i++) waiting[i]!.writeOut()
    waiting.length = 0
  }
}

/** Of this thread, as the event loop is. */
export const turnWrites = new TurnWrites()
