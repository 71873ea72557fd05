import { headerId, ID_SPACE, OTHER, TWIN } from './header-names.ts'
import {
  BAD_NAME,
  BAD_VALUE,
  BARE_CR,
  BARE_LF,
  EMPTY_NAME,
  FOLDED_LINE,
  HEAD_TOO_LARGE,
  LINE_TOO_LONG,
  NAME_TOO_LONG,
  NO_COLON,
  SPACE_BEFORE_COLON,
  SPACE_BEFORE_HEADERS,
  TOO_MANY_HEADERS,
} from './refusal.ts'
import { COLON, CR, HTAB, LF, SPACE, TOKEN, VALUE } from './tables.ts'

/** Numbers per line in `fields`, in this order; all but `KIND` are offsets into the head. */
export const FIELD_STRIDE = 6
export const LINE_START = 0
export const NAME_END = 1
/** Of the value, without the white space around it. */
export const VALUE_START = 2
export const VALUE_END = 3
/** After the CRLF. */
export const LINE_END = 4
/** What the writer does with the line, and above `KIND_SHIFT` bits the id of its name. */
export const KIND = 5

export const FIELD_PASS = 0
export const FIELD_DROP = 1
/** The line is Host and the target named another spelling of it, which wins. */
export const FIELD_REPLACE = 2
export const KIND_SHIFT = 2
export const ACTION_MASK = 3

/** Results of `next` that are no name. */
export const INCOMPLETE = 1 << 20
export const END_OF_HEAD = (1 << 20) + 1

const AT_LINE = 0
const IN_NAME = 1
const IN_VALUE = 2
const AT_LF = 3
const AT_LAST_LF = 4

/** Most heads have fewer lines; a head with more gets more room, which `reset` gives back. */
const USUAL_LINES = 32
const KEPT_LINES = 128

/**
 * The header lines of one head, in the order in which they came: a scanner that can stop after any byte and goes on from there, and
 * the table of what it found. Offsets count from the first byte of the head, wherever in a buffer that lies.
 */
export class HeadLines {
  fieldCount = 0
  fields = new Int32Array(USUAL_LINES * FIELD_STRIDE)
  /** Next byte to look at. */
  scanned = 0
  /** Bit n: the name with id n came; came more than once. */
  seen = 0
  repeated = 0
  readonly #first = new Int32Array(TWIN)
  readonly #actions = new Uint8Array(ID_SPACE)
  readonly #wanted = new Uint8Array(ID_SPACE)
  #phase = AT_LINE
  #lineStart = 0
  #nameEnd = 0

  #lineBytes = 0
  #nameBytes = 0
  #lineLimit = 0
  #headEnd = 0

  /** Ids whose lines never go on, and ids that `next` stops at. */
  constructor(dropped: readonly number[], wanted: readonly number[]) {
    for (const id of dropped) this.#actions[id] = FIELD_DROP
    for (const id of wanted) this.#wanted[id] = 1
  }

  reset(): void {
    this.fieldCount = 0
    this.seen = 0
    this.repeated = 0
    this.#phase = AT_LINE
    if (this.fields.length > KEPT_LINES * FIELD_STRIDE) this.fields = new Int32Array(USUAL_LINES * FIELD_STRIDE)
  }

  /** The first line is through: header lines begin at `at`. `headEnd` is the first offset that is beyond the head's limit. */
  begin(at: number, lineBytes: number, nameBytes: number, lineLimit: number, headEnd: number): void {
    this.scanned = at
    this.#lineBytes = lineBytes
    this.#nameBytes = nameBytes
    this.#lineLimit = lineLimit
    this.#headEnd = headEnd
  }

  /**
   * Scans lines up to one whose name the parser wants to look at. Returns the id of that name, INCOMPLETE when the bytes end before that,
   * END_OF_HEAD after the empty line, or a refusal. What is refused depends on the bytes before it alone, never on how they were cut.
   */
  next(bytes: Buffer, start: number, end: number): number {
    const stop = Math.min(end, start + this.#headEnd)
    const lineBytes = this.#lineBytes
    let at = start + this.scanned
    let lineStart = start + this.#lineStart
    let nameEnd = start + this.#nameEnd
    let phase = this.#phase
    for (;;) {
      if (phase === AT_LINE) {
        if (at >= stop) break
        const byte = bytes[at]!
        lineStart = at
        if (TOKEN[byte] === 1) {
          if (this.fieldCount >= this.#lineLimit) return TOO_MANY_HEADERS
          at++
          phase = IN_NAME
        } else if (byte === CR) {
          at++
          phase = AT_LAST_LF
        } else {
          return this.#badLineStart(byte)
        }
      }

      if (phase === IN_NAME) {
        const nameStop = Math.min(stop, lineStart + this.#nameBytes)
        while (at < nameStop && TOKEN[bytes[at]!] === 1) at++
        if (at >= stop) break
        const byte = bytes[at]!
        if (byte !== COLON || at - lineStart >= lineBytes) return this.#badName(byte, at - lineStart)
        nameEnd = at
        at++
        phase = IN_VALUE
      }

      if (phase === IN_VALUE) {
        const lineStop = lineStart + lineBytes
        const valueStop = Math.min(stop, lineStop)
        while (at < valueStop && VALUE[bytes[at]!] === 1) at++
        if (at >= stop) break
        const byte = bytes[at]!
        // A CR right after the last byte that fits ends the line; anything else there makes it too long.
        if (byte !== CR) return at >= lineStop ? LINE_TOO_LONG : byte === LF ? BARE_LF : BAD_VALUE
        at++
        phase = AT_LF
      }

      if (at >= stop) break
      if (bytes[at] !== LF) return BARE_CR
      at++
      if (phase === AT_LAST_LF) {
        this.scanned = at - start
        return END_OF_HEAD
      }
      const id = this.#add(bytes, start, lineStart, nameEnd, at)
      phase = AT_LINE
      if (this.#wanted[id] === 1) {
        this.scanned = at - start
        this.#phase = AT_LINE
        return id
      }
    }
    this.scanned = at - start
    this.#lineStart = lineStart - start
    this.#nameEnd = nameEnd - start
    this.#phase = phase
    return at < end ? HEAD_TOO_LARGE : INCOMPLETE
  }

  /** After the last whole line; 0 before the first. */
  get linesEnd(): number {
    return this.fieldCount === 0 ? 0 : this.fields[(this.fieldCount - 1) * FIELD_STRIDE + LINE_END]!
  }

  /** Whether the name came. */
  has(id: number): boolean {
    return (this.seen & (1 << id)) !== 0
  }

  /** Place in `fields` of the first line with the name; only when it came. */
  first(id: number): number {
    return this.#first[id]!
  }

  /** All values of the name, joined as a list (RFC 9110 §5.3); '' when it did not come. */
  value(id: number, text: string, separator = ', '): string {
    if ((this.seen & (1 << id)) === 0) return ''
    const { fields } = this
    const at = this.#first[id]!
    let joined = text.substring(fields[at + VALUE_START]!, fields[at + VALUE_END]!)
    if ((this.repeated & (1 << id)) === 0) return joined
    for (let next = at + FIELD_STRIDE; next < this.fieldCount * FIELD_STRIDE; next += FIELD_STRIDE) {
      if (fields[next + KIND]! >> KIND_SHIFT !== id) continue
      joined += separator + text.substring(fields[next + VALUE_START]!, fields[next + VALUE_END]!)
    }
    return joined
  }

  setAction(at: number, action: number): void {
    this.fields[at + KIND] = (this.fields[at + KIND]! & ~ACTION_MASK) | action
  }

  #add(bytes: Buffer, start: number, lineStart: number, nameEnd: number, lineEnd: number): number {
    let valueStart = nameEnd + 1
    let valueEnd = lineEnd - 2
    while (valueStart < valueEnd && isBlank(bytes[valueStart]!)) valueStart++
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1]!)) valueEnd--
    const id = headerId(bytes, lineStart, nameEnd)
    const at = this.fieldCount * FIELD_STRIDE
    if (at === this.fields.length) this.#grow()
    const { fields } = this
    fields[at] = lineStart - start
    fields[at + NAME_END] = nameEnd - start
    fields[at + VALUE_START] = valueStart - start
    fields[at + VALUE_END] = valueEnd - start
    fields[at + LINE_END] = lineEnd - start
    fields[at + KIND] = (id << KIND_SHIFT) | this.#actions[id]!
    this.fieldCount++
    if (id !== OTHER && id < TWIN) {
      const bit = 1 << id
      if ((this.seen & bit) !== 0) this.repeated |= bit
      else this.#first[id] = at
      this.seen |= bit
    }
    return id
  }

  #grow(): void {
    const wider = new Int32Array(this.fields.length * 2)
    wider.set(this.fields)
    this.fields = wider
  }

  #badLineStart(byte: number): number {
    if (byte === SPACE || byte === HTAB) return this.fieldCount === 0 ? SPACE_BEFORE_HEADERS : FOLDED_LINE
    return byte === LF ? BARE_LF : byte === COLON ? EMPTY_NAME : BAD_NAME
  }

  #badName(byte: number, length: number): number {
    if (length >= this.#lineBytes) return LINE_TOO_LONG
    if (length >= this.#nameBytes) return NAME_TOO_LONG
    if (byte === SPACE || byte === HTAB) return SPACE_BEFORE_COLON
    return byte === CR || byte === LF ? NO_COLON : BAD_NAME
  }
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === HTAB
}
