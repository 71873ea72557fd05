import * as z from 'zod'
import { nearest } from './nearest-key.ts'

/** A kind of single value, for people and for editors. */
export interface ScalarKind {
  /** In tables: `duration, 1ms to 1h`. */
  readonly name: string
  /** In sentences: `a duration such as 250ms, 5s, 2m or 1h`. */
  readonly expects: string
  readonly json: Readonly<Record<string, unknown>>
}

/** What became of a text: the value, or a sentence that says what is wrong with it and what would be right. */
export type Reading<T> = { readonly value: T } | { readonly wrong: string }

export const scalarKinds = z.registry<ScalarKind>()

/** `read` is given what is neither left out nor null, and answers undefined when it is of the wrong type altogether. */
export function scalar<Output, Input = string>(
  kind: ScalarKind,
  read: (input: unknown) => Reading<Output> | undefined,
): z.ZodType<Output, Input> {
  const schema = z.unknown().transform((input, context) => {
    const reading = input === undefined || input === null ? undefined : read(input)
    if (reading !== undefined && 'value' in reading) return reading.value
    const message = reading?.wrong ?? mismatch(input, kind.expects)
    context.issues.push({ code: 'custom', message, input })
    return z.NEVER
  })
  // Zod derives unknown as the input of a transform; what may be written is narrower.
  const typed = schema as unknown as z.ZodType<Output, Input>
  scalarKinds.add(typed, kind)
  return typed
}

export function textScalar<Output>(
  kind: ScalarKind,
  read: (text: string) => Reading<Output>,
): z.ZodType<Output, string> {
  return scalar(kind, (input) => (typeof input === 'string' ? read(input) : undefined))
}

/** The sentence for a value that is missing or of another type than expected. */
export function mismatch(input: unknown, expects: string): string {
  if (input === undefined) return `missing; give ${expects}`
  if (input === null) return `empty; give ${expects}`
  return `found ${describe(input)}; give ${expects}`
}

function describe(input: unknown): string {
  if (Array.isArray(input)) return 'a list'
  switch (typeof input) {
    case 'string':
      return quote(input)
    case 'number':
    case 'bigint':
      return `the number ${input}`
    case 'boolean':
      return String(input)
    case 'object':
      return input === null ? 'nothing' : 'a map'
    default:
      return `a ${typeof input}`
  }
}

/** In double quotes, on one line, at most 80 characters. */
export function quote(text: string): string {
  return oneLine(JSON.stringify(text.length > 80 ? `${text.slice(0, 79)}…` : text))
}

/** Without what moves the cursor or turns the direction of writing: nothing in a file can forge a line of the output. */
export function oneLine(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const DURATION_UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
const DURATION = /^(0|[1-9][0-9]{0,9})(ms|s|m|h)$/

/** Whole milliseconds. The bounds are written like the value, and so is what it must be a multiple of. */
export function duration(shortest: string, longest: string, step = '1ms'): z.ZodType<number, string> {
  const kind = {
    name: `duration, ${shortest} to ${longest}`,
    expects: 'a duration such as 250ms, 5s, 2m or 1h',
    json: { type: 'string', pattern: DURATION.source },
  }
  return textScalar(kind, (text): Reading<number> => {
    const ms = durationMs(text)
    if (ms === null) return { wrong: `${quote(text)} is not a duration; write one such as 250ms, 5s, 2m or 1h` }
    if (ms < durationMs(shortest)! || ms > durationMs(longest)!) {
      return { wrong: `${text} is out of bounds; give from ${shortest} to ${longest}` }
    }
    if (ms % durationMs(step)! !== 0) return { wrong: `${text} is not a multiple of ${step}; give one` }
    return { value: ms }
  })
}

function durationMs(text: string): number | null {
  const match = DURATION.exec(text)
  return match && Number(match[1]) * DURATION_UNITS_MS[match[2] as keyof typeof DURATION_UNITS_MS]
}

const SIZE_UNITS_BYTES = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }
const SIZE = /^(0|[1-9][0-9]{0,9})(B|KiB|MiB|GiB)$/

/** Bytes. */
export function size(smallest: string, largest: string): z.ZodType<number, string> {
  const kind = {
    name: `size, ${smallest} to ${largest}`,
    expects: 'a size such as 512B, 8KiB or 1MiB',
    json: { type: 'string', pattern: SIZE.source },
  }
  return textScalar(kind, (text) => readSize(text, smallest, largest))
}

function readSize(text: string, smallest: string, largest: string): Reading<number> {
  const bytes = sizeBytes(text)
  if (bytes === null) return { wrong: `${quote(text)} is not a size; write one such as 512B, 8KiB or 1MiB` }
  if (bytes < sizeBytes(smallest)! || bytes > sizeBytes(largest)!) {
    return { wrong: `${text} is out of bounds; give from ${smallest} to ${largest}` }
  }
  return { value: bytes }
}

function sizeBytes(text: string): number | null {
  const match = SIZE.exec(text)
  return match && Number(match[1]) * SIZE_UNITS_BYTES[match[2] as keyof typeof SIZE_UNITS_BYTES]
}

/** Bytes; `off` is 0, which stands for no limit. */
export function sizeOrOff(smallest: string, largest: string): z.ZodType<number, string> {
  const kind = {
    name: `off, or size, ${smallest} to ${largest}`,
    expects: 'off, or a size such as 10MiB',
    json: { type: 'string', pattern: `^off$|${SIZE.source}` },
  }
  return textScalar(kind, (text) => (text === 'off' ? { value: 0 } : readSize(text, smallest, largest)))
}

/** From 0 to `most`. */
export function percent(most = 100): z.ZodType<number, string> {
  const pattern = /^(0|[1-9][0-9]{0,3})%$/
  const kind = {
    name: most === 100 ? 'percent' : `percent, 0% to ${most}%`,
    expects: 'a percentage such as 20%',
    json: { type: 'string', pattern: most === 100 ? '^(0|[1-9][0-9]?|100)%$' : pattern.source },
  }
  return textScalar(kind, (text): Reading<number> => {
    const value = Number(text.slice(0, -1))
    if (pattern.test(text) && value <= most) return { value }
    return { wrong: `${quote(text)} is not a percentage; write a whole one from 0% to ${most}%, such as 20%` }
  })
}

/** A whole number. */
export function count(least: number, most: number): z.ZodType<number, number> {
  const kind = {
    name: `whole number, ${least} to ${most}`,
    expects: `a whole number from ${least} to ${most}`,
    json: { type: 'integer', minimum: least, maximum: most },
  }
  return scalar(kind, (input) => {
    if (typeof input !== 'number' || !Number.isInteger(input) || input < least || input > most) return undefined
    return { value: input }
  })
}

/** A whole number, or the word that leaves the choice to the router. */
export function wordOrCount<const Word extends string>(
  word: Word,
  least: number,
  most: number,
): z.ZodType<Word | number, Word | number> {
  const kind = {
    name: `${word}, or whole number, ${least} to ${most}`,
    expects: `${word}, or a whole number from ${least} to ${most}`,
    json: { anyOf: [{ const: word }, { type: 'integer', minimum: least, maximum: most }] },
  }
  return scalar(kind, (input): Reading<Word | number> | undefined => {
    if (input === word) return { value: word }
    if (typeof input !== 'number' || !Number.isInteger(input) || input < least || input > most) return undefined
    return { value: input }
  })
}

export function flag(): z.ZodType<boolean, boolean> {
  const kind = { name: 'true or false', expects: 'true or false', json: { type: 'boolean' } }
  return scalar(kind, (input) => (typeof input === 'boolean' ? { value: input } : undefined))
}

export function choice<const Word extends string>(...words: readonly Word[]): z.ZodType<Word, Word> {
  const listed = orList(words)
  const kind = { name: listed, expects: listed, json: { enum: words } }
  return scalar(kind, (input): Reading<Word> | undefined => {
    if (typeof input !== 'string') return undefined
    const word = words.find((known) => known === input)
    if (word !== undefined) return { value: word }
    const near = nearest(input, words)
    return { wrong: `${quote(input)} is not known here; write ${listed}${near ? ` (did you mean ${near}?)` : ''}` }
  })
}

/** A digest, in lower case. */
export function sha256(): z.ZodType<string, string> {
  const pattern = /^[0-9a-fA-F]{64}$/
  const kind = {
    name: 'SHA-256 in hex',
    expects: 'a SHA-256 digest of 64 hex digits',
    json: { type: 'string', pattern: pattern.source },
  }
  return textScalar(kind, (text): Reading<string> => {
    if (pattern.test(text)) return { value: text.toLowerCase() }
    // Not the value: it may be the token itself.
    return { wrong: `${text.length} characters that are no ${kind.name}; give ${kind.expects}` }
  })
}

/** Text on one line. */
export function text(what: string, mostChars: number): z.ZodType<string, string> {
  const kind = { name: 'text', expects: what, json: { type: 'string', minLength: 1, maxLength: mostChars } }
  return textScalar(kind, (input): Reading<string> => {
    if (/[\u0000-\u001f\u007f]/.test(input)) return { wrong: `${quote(input)} has a control character; write one line` }
    return readText(input, what, 1, mostChars)
  })
}

/** Text of any number of lines, for the environment and arguments of a process: all but NUL may be in it. */
export function longText(what: string, leastChars: number, mostChars: number): z.ZodType<string, string> {
  const kind = { name: 'text', expects: what, json: { type: 'string', minLength: leastChars, maxLength: mostChars } }
  return textScalar(kind, (input): Reading<string> => {
    if (input.includes('\0')) return { wrong: `${quote(input)} has a NUL; write it without` }
    return readText(input, what, leastChars, mostChars)
  })
}

function readText(input: string, what: string, leastChars: number, mostChars: number): Reading<string> {
  if (input.trim().length < leastChars) return { wrong: `empty text; give ${what}` }
  if (input.length > mostChars) return { wrong: `${input.length} characters; give at most ${mostChars}` }
  return { value: input }
}

/** `a, b or c` */
export function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
