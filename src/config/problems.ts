import type * as z from 'zod'
import type { Problem } from './config.ts'
import { byDistance, nearest } from './nearest-key.ts'
import { allKeys, keysAt, type Outline } from './outline.ts'
import { type Path, pathText, valueAt } from './path.ts'
import { mismatch, oneLine } from './scalars.ts'
import type { Fault, Source } from './source.ts'

/** More would not be read; what is beyond is counted. */
const MAX_PROBLEMS = 200

/** `file:line:column: path: message`, on one line; parts that are not there are left out. */
export function formatProblem({ file, line, column, path, message }: Problem): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`
  return [place, path, message].filter((part) => part !== '').join(': ')
}

/** In the order of the file; at most MAX_PROBLEMS and one that counts the rest. */
export function limited(problems: readonly Problem[]): Problem[] {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
  const shown = sorted.slice(0, MAX_PROBLEMS)
  const first = sorted[MAX_PROBLEMS]
  if (first !== undefined) {
    shown.push({ ...first, path: '', message: `${sorted.length - MAX_PROBLEMS} more problems from here on` })
  }
  return shown
}

/** Takes down what is wrong, and knows where it was written. */
export class ProblemList {
  readonly all: Problem[]
  readonly #source: Source
  readonly #outline: Outline
  /** Paths of keys that were written, only not quite as they are called. */
  readonly #meant = new Set<string>()

  constructor(source: Source, outline: Outline, known: readonly Problem[]) {
    this.#source = source
    this.#outline = outline
    this.all = [...known]
  }

  add(path: Path, fault: Fault, message: string): void {
    const place = this.#source.placeOf(path, fault)
    this.all.push({ file: this.#source.file, ...place, path: pathText(path), message: oneLine(message) })
  }

  /** For a sentence that names another place: `apps.shop.domains[0] (line 12)`. */
  where(path: Path): string {
    if (this.#valueAt(path) === undefined) return `${pathText(path)} (its default)`
    const { line } = this.#source.placeOf(path, 'value')
    return line === 0 ? pathText(path) : `${pathText(path)} (line ${line})`
  }

  /** Whether the key is there under a name that is nearly right: then it is not missing as well. */
  wasMeant(path: Path): boolean {
    return this.#meant.has(pathText(path))
  }

  /** What the schema found, in sentences of our own. */
  addIssues(issues: readonly z.core.$ZodIssue[]): void {
    const found = issues.flatMap((issue) => this.#expand(issue, issue.path))
    for (const { issue, path } of found) {
      if (issue.code !== 'unrecognized_keys') continue
      for (const key of issue.keys) this.#addUnknownKey(path, key)
    }
    for (const { issue, path } of found) {
      if (issue.code !== 'unrecognized_keys' && !this.wasMeant(path))
        this.add(path, 'value', this.#sentence(issue, path))
    }
  }

  /** Each union is of a single value and of a map (short-or-long): what was not written has nothing to say. */
  #expand(issue: z.core.$ZodIssue, path: Path): { issue: z.core.$ZodIssue; path: Path }[] {
    if (issue.code !== 'invalid_union') return [{ issue, path }]
    const branch = issue.errors.at(isMap(this.#valueAt(path)) ? -1 : 0) ?? []
    return branch.flatMap((inner) => this.#expand(inner, [...path, ...inner.path]))
  }

  #sentence(issue: z.core.$ZodIssue, path: Path): string {
    const value = this.#valueAt(path)
    const sentence =
      issue.code === 'invalid_type'
        ? mismatch(value, issue.expected === 'array' ? 'a list' : this.#mapWithKeys(path))
        : issue.code === 'too_small'
          ? 'empty list; give at least one entry'
          : issue.message
    const key = keysAt(this.#outline, path.slice(0, -1)).find((known) => known.key === path.at(-1))
    const mayGo = value === null && key !== undefined && key.info.presence !== 'required'
    return mayGo ? `${sentence}, or leave the key out` : sentence
  }

  #addUnknownKey(path: Path, key: string): void {
    const known = this.#keysAt(path)
    const near = nearest(key, known)
    if (near !== undefined) {
      this.#meant.add(pathText([...path, near]))
      this.add([...path, key], 'key', `unknown key; did you mean ${near}?`)
      return
    }
    const elsewhere = [...allKeys(this.#outline)].find((entry) => entry.key.key === key)
    const hint = elsewhere ? `${elsewhere.path} is a key, so check the indentation; ` : ''
    this.add([...path, key], 'key', `unknown key; ${hint}known here: ${byDistance(key, known).join(', ')}`)
  }

  #mapWithKeys(path: Path): string {
    const known = this.#keysAt(path)
    if (known.length === 0) return 'a map'
    return `a map with the keys ${known.slice(0, 4).join(', ')}${known.length > 4 ? ' …' : ''}`
  }

  #keysAt(path: Path): string[] {
    return keysAt(this.#outline, path).map((entry) => entry.key)
  }

  #valueAt(path: Path): unknown {
    return valueAt(this.#source.value, path)
  }
}

function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
