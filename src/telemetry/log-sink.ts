import { type LogDestination, openDestination } from './log-destination.ts'

/** Takes lines and never makes anyone wait: what the destination is too slow for is dropped and counted. */
export interface LogSink {
  /** One whole line of ASCII with its line feed. */
  write(line: string): void
  /** After the file was moved away (logrotate). A file that cannot be opened is reported as trouble, and the old one stays in use. */
  reopen(): void
  /** Until the kernel has everything written so far, or a second has passed. */
  flush(): Promise<void>
  /** Flushes, then lets go. What is left after a second, and what comes later, is dropped and counted. */
  close(): Promise<void>
}

export interface LogSinkOptions {
  /** Memory for lines that wait (8 MiB); at least 128 KiB. */
  readonly maxBufferBytes?: number
  readonly onDrop?: (lines: number) => void
  /** The destination cannot be written: once when it begins. Told by another way than this sink, please. */
  readonly onTrouble?: (error: Error) => void
}

/**
 * `stdout`, `stderr` or the path of a file, to which lines are appended. Throws when the file cannot be opened.
 * A reader that never reads can keep a write to a pipe open for ever: a program ends with process.exit() after close().
 */
export function createLogSink(target: string, options: LogSinkOptions = {}): LogSink {
  const onTrouble = options.onTrouble ?? (() => {})
  return new BatchingSink(openDestination(target, onTrouble), onTrouble, options)
}

/** Lines wait at most this long for others to be written with. */
const BATCH_MS = 20
const CHUNK_BYTES = 64 * 1024
const DEFAULT_BUFFER_BYTES = 8 * 1024 * 1024
const FLUSH_LIMIT_MS = 1000

interface Chunk {
  readonly buffer: Buffer
  bytes: number
  lines: number
}

function newChunk(size: number): Chunk {
  return { buffer: Buffer.allocUnsafeSlow(size), bytes: 0, lines: 0 }
}

class BatchingSink implements LogSink {
  readonly #destination: LogDestination
  readonly #onTrouble: (error: Error) => void
  readonly #onDrop: (lines: number) => void
  readonly #maxBytes: number
  /** Takes new lines; null when there is none yet. */
  #filling: Chunk | null = null
  /** Full ones, oldest first. */
  readonly #waiting: Chunk[] = []
  /** With the destination. */
  #writing: Chunk | null = null
  /** Memory of all of these. */
  #heldBytes = 0
  /** Written and free for use. */
  #spare: Chunk | null = null
  #batchTimer: NodeJS.Timeout | null = null
  #flushed: (() => void)[] = []
  #over = false

  constructor(destination: LogDestination, onTrouble: (error: Error) => void, options: LogSinkOptions) {
    this.#destination = destination
    this.#onTrouble = onTrouble
    this.#onDrop = options.onDrop ?? (() => {})
    this.#maxBytes = Math.max(2 * CHUNK_BYTES, options.maxBufferBytes ?? DEFAULT_BUFFER_BYTES)
    if (openSinks.size === 0) process.once('exit', sayTheRest)
    openSinks.add(this)
  }

  write(line: string): void {
    const chunk = this.#roomFor(line)
    if (chunk === null) {
      this.#onDrop(1)
      return
    }
    // Copied now rather than kept as text: a line is built of many pieces, which would outlive a garbage collection.
    chunk.bytes += chunk.buffer.latin1Write(line, chunk.bytes)
    chunk.lines += 1
    if (this.#batchTimer === null) this.#batchTimer = setTimeout(() => this.#batchOver(), BATCH_MS)
  }

  reopen(): void {
    try {
      this.#destination.reopen()
    } catch (error) {
      this.#onTrouble(error as Error)
    }
  }

  async flush(): Promise<void> {
    this.#pump()
    if (this.#over || this.#writing === null) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const limit = setTimeout(resolve, FLUSH_LIMIT_MS)
    this.#flushed.push(resolve)
    await promise
    clearTimeout(limit)
  }

  async close(): Promise<void> {
    await this.flush()
    if (this.#over) return
    this.#end()
    this.#destination.destroy()
  }

  /** For the end of the process, when nothing can be waited for. */
  flushSync(): void {
    if (this.#filling !== null) this.#waiting.push(this.#filling)
    this.#filling = null
    for (const chunk of this.#waiting.splice(0)) this.#destination.writeSync(chunk.buffer.subarray(0, chunk.bytes))
  }

  /** The chunk to put the line in; null when it is to be dropped. */
  #roomFor(line: string): Chunk | null {
    if (this.#over) return null
    const filling = this.#filling
    if (filling !== null) {
      if (filling.bytes + line.length <= filling.buffer.length) return filling
      this.#waiting.push(filling)
      this.#filling = null
      this.#pump()
    }
    const size = Math.max(line.length, CHUNK_BYTES)
    if (this.#heldBytes + size > this.#maxBytes) return null
    this.#heldBytes += size
    this.#filling = size === CHUNK_BYTES ? this.#spareChunk() : newChunk(size)
    return this.#filling
  }

  #spareChunk(): Chunk {
    const chunk = this.#spare ?? newChunk(CHUNK_BYTES)
    this.#spare = null
    return chunk
  }

  #batchOver(): void {
    this.#batchTimer = null
    this.#pump()
  }

  /** Gives the destination the next chunk if it is free. One that is being filled goes too: nobody waits for it to be full. */
  #pump(): void {
    if (this.#writing !== null || this.#over) return
    let next = this.#waiting.shift() ?? null
    if (next === null) {
      next = this.#filling
      this.#filling = null
    }
    if (next === null) return
    this.#writing = next
    this.#destination.write(next.buffer.subarray(0, next.bytes), (error) => this.#written(error))
  }

  #written(error: Error | null): void {
    if (this.#over) return
    if (error !== null) {
      this.#onTrouble(error)
      this.#end()
      return
    }
    const chunk = this.#writing!
    this.#writing = null
    this.#heldBytes -= chunk.buffer.length
    chunk.bytes = 0
    chunk.lines = 0
    if (chunk.buffer.length === CHUNK_BYTES) this.#spare = chunk
    if (this.#waiting.length > 0 || this.#flushed.length > 0) this.#pump()
    if (this.#writing === null) this.#releaseFlushes()
  }

  #end(): void {
    this.#over = true
    openSinks.delete(this)
    if (openSinks.size === 0) process.off('exit', sayTheRest)
    if (this.#batchTimer !== null) clearTimeout(this.#batchTimer)
    let lost = (this.#writing?.lines ?? 0) + (this.#filling?.lines ?? 0)
    for (const chunk of this.#waiting.splice(0)) lost += chunk.lines
    this.#writing = null
    this.#filling = null
    if (lost > 0) this.#onDrop(lost)
    this.#releaseFlushes()
  }

  #releaseFlushes(): void {
    for (const resolve of this.#flushed.splice(0)) resolve()
  }
}

/** What a process that just ends has still to say: the last lines matter most after a crash. */
const openSinks = new Set<BatchingSink>()

function sayTheRest(): void {
  for (const sink of openSinks) {
    try {
      sink.flushSync()
    } catch {
      // The reader is gone or slow: there is nobody to tell and no time to wait.
    }
  }
}
