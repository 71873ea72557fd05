import { fstatSync, openSync, writeSync } from 'node:fs'
import sonicBoom from 'sonic-boom'

/** Where chunks of log lines go, one at a time. */
export interface LogDestination {
  /** `done(null)` once the kernel has the chunk; `done(error)` when nothing can be written here any more. */
  write(chunk: Buffer, done: Done): void
  /** Writes at once and waits for it: for the very end of the process. May throw. */
  writeSync(chunk: Buffer): void
  /** Opens the file anew, after it was moved away. Throws when that fails; then the open one stays in use. */
  reopen(): void
  /** Lets go. What is being written may be lost. */
  destroy(): void
}
export type Done = (error: Error | null) => void

/** `onTrouble`: the destination cannot be written now, but is tried again. Throws when a file cannot be opened. */
export function openDestination(target: string, onTrouble: (error: Error) => void): LogDestination {
  if (target !== 'stdout' && target !== 'stderr') return new FileDestination(target, onTrouble)
  const fd = target === 'stdout' ? 1 : 2
  const stats = fstatSync(fd)
  if (stats.isFIFO() || stats.isSocket()) return new StreamDestination(process[target], fd)
  return new FileDestination(fd, onTrouble)
}

/**
 * Pipes and sockets. Node writes them without blocking and hears when there is room again. (The thread pool cannot: a thread
 * that waits for a reader holds up even the exit of the process.)
 */
class StreamDestination implements LogDestination {
  readonly #stream: NodeJS.WriteStream
  readonly #fd: number

  constructor(stream: NodeJS.WriteStream, fd: number) {
    this.#stream = stream
    this.#fd = fd
    // The callback of the write tells of EPIPE too; without a listener the event would end the process.
    if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore)
  }

  write(chunk: Buffer, done: Done): void {
    const end = wholeLines(chunk)
    this.#stream.write(chunk.subarray(0, end), (error) => {
      if (error || end === chunk.length) done(error ?? null)
      else this.write(chunk.subarray(end), done)
    })
  }

  writeSync(chunk: Buffer): void {
    for (let start = 0; start < chunk.length; ) {
      const rest = chunk.subarray(start)
      const end = wholeLines(rest)
      writeSync(this.#fd, rest, 0, end)
      start += end
    }
  }

  reopen(): void {}

  destroy(): void {}
}

function ignore(): void {}

/**
 * How much of the chunk goes in one write. Several workers write to one pipe, and only up to PIPE_BUF does the kernel keep a write in one
 * piece (POSIX write(2); 4096 on Linux): lines must not be mixed. A longer line can only take its chance.
 */
function wholeLines(chunk: Buffer): number {
  if (chunk.length <= PIPE_BUF_BYTES) return chunk.length
  const lastEnd = chunk.lastIndexOf(LINE_FEED, PIPE_BUF_BYTES - 1)
  if (lastEnd !== -1) return lastEnd + 1
  const firstEnd = chunk.indexOf(LINE_FEED)
  return firstEnd === -1 ? chunk.length : firstEnd + 1
}
const PIPE_BUF_BYTES = 4096
const LINE_FEED = 0x0a

/** A file that could not be written is tried again: the disk may have room by then. */
const RETRY_MS = 1000

/** Files and terminals, by SonicBoom: the thread pool writes, since the kernel does not say when a file is ready. */
class FileDestination implements LogDestination {
  /** '' for a descriptor that somebody else opened. */
  readonly #path: string
  readonly #onTrouble: (error: Error) => void
  #fd: number
  #sonic: sonicBoom.SonicBoom
  /** What is being written, or waits to be tried again. */
  #chunk: Buffer | null = null
  #done: Done | null = null
  #troubled = false
  #retry: NodeJS.Timeout | null = null
  #reopenAfterWrite = false

  constructor(target: string | number, onTrouble: (error: Error) => void) {
    this.#path = typeof target === 'string' ? target : ''
    this.#onTrouble = onTrouble
    this.#fd = typeof target === 'string' ? openLog(target) : target
    this.#sonic = this.#start()
  }

  write(chunk: Buffer, done: Done): void {
    this.#chunk = chunk
    this.#done = done
    this.#put(chunk)
  }

  writeSync(chunk: Buffer): void {
    writeSync(this.#fd, chunk)
  }

  reopen(): void {
    if (this.#path === '') return
    if (this.#chunk !== null && this.#retry === null) {
      this.#reopenAfterWrite = true // A descriptor must not be closed under a thread that writes to it.
      return
    }
    const fd = openLog(this.#path)
    this.#sonic.destroy()
    this.#fd = fd
    this.#sonic = this.#start()
    this.#stopRetrying()
    // What the old file did not take goes to the new one, whole.
    if (this.#chunk !== null) this.#put(this.#chunk)
  }

  destroy(): void {
    this.#stopRetrying()
    this.#done = null
    this.#sonic.destroy()
  }

  #start(): sonicBoom.SonicBoom {
    const sonic = new sonicBoom.SonicBoom({ fd: this.#fd, contentMode: 'buffer' })
    sonic.on('drain', () => this.#written())
    sonic.on('error', (error: Error) => this.#failed(error))
    return sonic
  }

  #put(chunk: Buffer): void {
    this.#sonic.write(chunk as unknown as string) // Its types know the other content mode only.
  }

  #written(): void {
    const done = this.#done
    this.#chunk = null
    this.#done = null
    this.#troubled = false
    this.#reopenIfAsked()
    done?.(null)
  }

  #failed(error: Error): void {
    if (this.#done === null) return // Destroyed.
    if (!this.#troubled) this.#onTrouble(error)
    this.#troubled = true
    this.#retry = setTimeout(() => {
      this.#retry = null
      // SonicBoom keeps what it could not write and goes on with it.
      this.#sonic.flush()
    }, RETRY_MS)
    this.#reopenIfAsked()
  }

  #reopenIfAsked(): void {
    if (!this.#reopenAfterWrite) return
    this.#reopenAfterWrite = false
    try {
      this.reopen()
    } catch (error) {
      this.#onTrouble(error as Error)
    }
  }

  #stopRetrying(): void {
    if (this.#retry !== null) clearTimeout(this.#retry)
    this.#retry = null
  }
}

/** The log names clients: it is not for everyone on the machine. */
function openLog(path: string): number {
  return openSync(path, 'a', 0o640)
}
