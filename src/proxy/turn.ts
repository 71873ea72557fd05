/** Was sent something short, which it is given when all that can be read has been read. */
export interface TurnReader {
  /** `bytes` are overwritten after this call. */
  deliver(bytes: Buffer, start: number, end: number): void
}

/** Has something for the kernel that need not go before the end of this turn. */
export interface TurnWriter {
  writeOut(): boolean
}

/** Room for what is read in one turn. When it is full, what is there is delivered at once. */
const ROOM_BYTES = 65_536
/** So many reads wait at most: it bounds what the first of a long turn waits for the others. */
const MAX_READS = 512
/** Some hundred microseconds. */
const THINGS_PER_MOMENT = 16
/** So many connections wait at most to write, for the same reason. */
const MAX_WRITERS = 64

/**
 * One turn of the event loop, cut into steps that each do one thing for all connections: read, look at what was read, send requests to
 * dynos, write. A system call leaves the processor with cold caches and, where the kernel keeps page tables of its own, without translations
 * of addresses; code that works through one thing after the other warms them up once, and not after each call. And a peer that is woken by
 * every single write has not even fallen asleep again after the one before.
 */
class Turn {
  /** Writes are the step that is on: none need wait any longer. */
  writing = false
  /** Number of the present moment; 0 between turns. What happens within one is so close together that it may as well have the same time. */
  moment = 0
  readonly #bytes = Buffer.allocUnsafeSlow(ROOM_BYTES)
  /** null: was delivered. */
  readonly #readers: (TurnReader | null)[] = new Array(MAX_READS).fill(null)
  /** Where in `#bytes` the read of each ends. */
  readonly #ends = new Int32Array(MAX_READS)
  #reads = 0
  /** So many of them are, or are being, delivered. */
  #delivered = 0
  #afterReads: (() => void)[] = []
  #called: (() => void)[] = []
  readonly #writers: TurnWriter[] = []
  #due = false
  #moments = 0
  /** Things done since a step began. */
  #done = 0

  /** The first `count` of `bytes` are kept for `reader` until the reads of this turn are over. `count` is small against the room that there is. */
  keep(reader: TurnReader, bytes: Buffer, count: number): void {
    let at = this.#reads === 0 ? 0 : this.#ends[this.#reads - 1]!
    if (this.#reads === MAX_READS || at + count > ROOM_BYTES) {
      this.deliver()
      at = 0
    }
    bytes.copy(this.#bytes, at, 0, count)
    this.#readers[this.#reads] = reader
    this.#ends[this.#reads] = at + count
    this.#reads++
    this.#schedule()
  }

  /** Everything that was kept, in the order in which it came: for whatever may only happen after that. */
  deliver(): void {
    // By a field: what is asked for within a delivery, or left when one throws, goes on after it.
    while (this.#delivered < this.#reads) {
      const i = this.#delivered++
      this.pass()
      const reader = this.#readers[i]!
      this.#readers[i] = null
      reader.deliver(this.#bytes, i === 0 ? 0 : this.#ends[i - 1]!, this.#ends[i]!)
    }
    this.#reads = 0
    this.#delivered = 0
    this.#stepOver()
  }

  /** To be called before each thing that is done within a step: now and then a new moment begins. */
  pass(): void {
    if (this.#done++ % THINGS_PER_MOMENT === 0) this.#nextMoment()
  }

  #stepOver(): void {
    this.moment = 0
    this.#done = 0
  }

  #nextMoment(): void {
    // Whole numbers up to 2^31 are the cheapest.
    this.#moments = (this.#moments % 2 ** 30) + 1
    this.moment = this.#moments
  }

  /** `step` is called once, when all that can be read now was read and looked at. */
  afterReads(step: () => void): void {
    this.#afterReads.push(step)
    this.#schedule()
  }

  add(writer: TurnWriter): void {
    if (this.#writers.push(writer) === MAX_WRITERS) this.#writeOut()
    else this.#schedule()
  }

  #schedule(): void {
    if (this.#due) return
    this.#due = true
    // Immediates come right after the reads (uv_check_t).
    setImmediate(this.#readsOver)
  }

  readonly #readsOver = (): void => {
    this.#due = false
    this.deliver()
    this.writing = true
    const steps = this.#afterReads
    this.#afterReads = this.#called
    this.#called = steps
    for (let i = 0; i < steps.length; i++) steps[i]!()
    steps.length = 0
    this.#stepOver()
    this.#writeOut()
    this.writing = false
  }

  #writeOut(): void {
    const writers = this.#writers
    for (let i = 0; i < writers.length; i++) writers[i]!.writeOut()
    writers.length = 0
  }
}

/** Of this thread, as the event loop is. */
export const turn = new Turn()
