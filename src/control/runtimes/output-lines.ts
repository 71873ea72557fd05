import { StringDecoder } from 'node:string_decoder'
import { stripVTControlCharacters } from 'node:util'
import type { Clock } from '../clock.ts'

/** Longer lines come in pieces; log shippers commonly stop at 10,000 bytes. */
const LINE_LENGTH = 8192
/** What one stream of one dyno may put into the log in a second; what is more is dropped and counted. */
const LINES_PER_SECOND = 1000
/** What is read from one stream in a second: then the program waits, so that a loop that prints costs it and not us. */
const BYTES_PER_SECOND = 4 * 1024 * 1024
const SECOND_MS = 1000

/** A readable stream as far as it is needed here. */
export interface Tap {
  pause(): void
  resume(): void
}

/** Cuts what a program prints into lines for the log, and holds both to a rate. */
export class OutputLines {
  readonly #line: (text: string) => void
  readonly #tap: Tap
  readonly #clock: Clock
  readonly #decoder = new StringDecoder('utf8')
  #unfinished = ''
  #lines = 0
  #dropped = 0
  #bytes = 0
  #paused = false
  #endOfSecond: (() => void) | null = null

  constructor(tap: Tap, line: (text: string) => void, clock: Clock) {
    this.#tap = tap
    this.#line = line
    this.#clock = clock
  }

  push(chunk: Buffer): void {
    this.#endOfSecond ??= this.#clock.after(SECOND_MS, () => this.#nextSecond())
    this.#bytes += chunk.length
    if (this.#bytes > BYTES_PER_SECOND && !this.#paused) {
      this.#paused = true
      this.#tap.pause()
    }
    const text = this.#unfinished + this.#decoder.write(chunk)
    let start = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      this.#emit(text.slice(start, end))
      start = end + 1
    }
    while (text.length - start >= LINE_LENGTH) {
      this.#emit(text.slice(start, start + LINE_LENGTH))
      start += LINE_LENGTH
    }
    this.#unfinished = text.slice(start)
  }

  /** The program is gone: what it left without a newline is a line too. */
  end(): void {
    const rest = this.#unfinished + this.#decoder.end()
    this.#unfinished = ''
    if (rest !== '') this.#emit(rest)
    this.#endOfSecond?.()
    this.#endOfSecond = null
    this.#reportDropped()
  }

  #emit(line: string): void {
    for (let start = 0; start === 0 || start < line.length; start += LINE_LENGTH) {
      if (++this.#lines > LINES_PER_SECOND) this.#dropped++
      else this.#line(printable(line.slice(start, start + LINE_LENGTH)))
    }
  }

  #nextSecond(): void {
    this.#endOfSecond = null
    this.#lines = 0
    this.#bytes = 0
    this.#reportDropped()
    if (!this.#paused) return
    this.#paused = false
    this.#tap.resume()
  }

  #reportDropped(): void {
    if (this.#dropped > 0) this.#line(`(${this.#dropped} lines more than the log takes in a second were dropped)`)
    this.#dropped = 0
  }
}

/** Without colours and control bytes: what a dyno prints may come from its clients, and must not move an operator's cursor. */
function printable(line: string): string {
  const text = line.endsWith('\r') ? line.slice(0, -1) : line
  return stripVTControlCharacters(text).replace(/[\x00-\x08\x0a-\x1f\x7f]/g, '')
}
