import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLError,
  type YAMLMap,
} from 'yaml'
import type { Problem } from './config.ts'
import { type Path, pathText } from './path.ts'
import { oneLine } from './scalars.ts'

/** What is at fault: the key itself, or what it was given. */
export type Fault = 'key' | 'value'

/** 1-based; 0 when there is no text to point into. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** A configuration as plain data, and where each part of it was written. */
export interface Source {
  readonly file: string
  readonly value: unknown
  placeOf(path: Path, fault: Fault): Place
}

/** The schema nests eight deep. The parser recurses, so that a file of brackets would exhaust its stack. */
const MAX_DEPTH = 32

/** Aliases are paid for by what they stand for, else nine lines can stand for a billion values. */
const MAX_VALUES = 100_000

export function objectSource(value: unknown): Source {
  return { file: '', value, placeOf: () => ({ line: 0, column: 0 }) }
}

/** `problems` that leave the rest readable come together with a source; syntax errors come alone. */
export function yamlSource(text: string, file: string): { source: Source | null; problems: Problem[] } {
  const lines = lineStarts(text)
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(Math.min(offset, text.length))
    return { line, column: col }
  }
  const problem = (offset: number, message: string): Problem => ({
    file,
    ...placeAt(offset),
    path: '',
    message: oneLine(message),
  })

  const deepAt = tooDeepAt(text)
  if (deepAt !== -1) return { source: null, problems: [problem(deepAt, TOO_DEEP)] }

  const document = parseDocument(text, {
    prettyErrors: false,
    // Every key is a name here; `1:` and `true:` are the names "1" and "true".
    stringKeys: true,
    // Found below, with the place of the other one and in linear time.
    uniqueKeys: false,
    // Whatever a %YAML directive says: `no` is a word, `<<` a key.
    schema: 'core',
    resolveKnownTags: false,
    logLevel: 'error',
  })
  const errors = [...document.errors, ...document.warnings]
  if (errors.length > 0) {
    return { source: null, problems: errors.map((error) => problem(error.pos[0], syntaxMessage(error))) }
  }

  const reader = new NodeReader(document)
  const value = reader.read(document.contents, [])
  const placeOf = (path: Path, fault: Fault) => placeAt(reader.offsetOf(path, fault))
  const problems = reader.faults.map(({ offset, path, message }) => ({
    ...problem(offset, message(placeAt)),
    path: pathText(path),
  }))
  return { source: { file, value, placeOf }, problems }
}

/** Counted here and not by the parser, which does not see the lines behind the place where it gives up. */
function lineStarts(text: string): LineCounter {
  const lines = new LineCounter()
  lines.addNewLine(0)
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines.addNewLine(at + 1)
  return lines
}

const TOO_DEEP = `nested more than ${MAX_DEPTH} deep; no key needs that`

/** Offset of the first bracket or dash that opens more levels than any configuration has, or -1. */
function tooDeepAt(text: string): number {
  let flowDepth = 0
  let dashesInLine = 0
  let offset = 0
  let inScalar = false
  for (const lexeme of new Lexer().lex(text)) {
    const isText = inScalar
    inScalar = lexeme === '\x1f'
    // Marks that the lexer puts between the pieces of the text: scalar, document, end of flow, each without width.
    if (inScalar || lexeme === '\x02' || lexeme === '\x18') continue
    if (!isText) {
      if (lexeme === '[' || lexeme === '{') flowDepth++
      else if (lexeme === ']' || lexeme === '}') flowDepth--
      else if (lexeme === '-' || lexeme === '?') dashesInLine++
      else if (lexeme.endsWith('\n')) dashesInLine = 0
      if (flowDepth > MAX_DEPTH || dashesInLine > MAX_DEPTH) return offset
    }
    offset += lexeme.length
  }
  return -1
}

function syntaxMessage(error: YAMLError): string {
  switch (error.code) {
    case 'MULTIPLE_DOCS':
      return 'YAML: a second document; a file holds one, so take out the second ---'
    case 'TAB_AS_INDENT':
      return 'YAML: a tab in the indentation; indent with spaces'
    case 'NON_STRING_KEY':
      return 'YAML: a list or a map as a key; keys are words'
    case 'TAG_RESOLVE_FAILED':
      return 'YAML: a tag that is not known; take it out'
    case 'RESOURCE_EXHAUSTION':
      return TOO_DEEP
    default:
      return `YAML: ${error.message.split('\n', 1)[0]}`
  }
}

/** Something wrong that only shows while nodes become values. */
interface NodeFault {
  readonly offset: number
  readonly path: Path
  message(placeAt: (offset: number) => Place): string
}

interface Anchor {
  readonly node: Node
  /** undefined while the node itself is being read: an alias in there would contain itself. */
  done: { readonly value: unknown; readonly values: number } | undefined
}

class NodeReader {
  readonly faults: NodeFault[] = []
  readonly #document: Document
  readonly #anchors = new Map<string, Anchor>()
  readonly #aliased = new Map<Alias, Node>()
  /** A file may have as many problems as keys: each must find its place without a search. */
  readonly #pairs = new Map<YAMLMap, ReadonlyMap<string, Pair>>()
  #values = 0

  constructor(document: Document.Parsed) {
    this.#document = document
  }

  read(node: unknown, path: Path): unknown {
    if (isAlias(node)) return this.#readAlias(node, path)
    if (path.length > MAX_DEPTH) return this.#fault(node as Node, path, TOO_DEEP)
    const before = this.#values++
    const name = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined
    const anchor: Anchor = { node: node as Node, done: undefined }
    if (name !== undefined) this.#anchors.set(name, anchor)
    const value = this.#readPlain(node, path)
    anchor.done = { value, values: this.#values - before }
    return value
  }

  #readPlain(node: unknown, path: Path): unknown {
    if (isMap(node)) return this.#readMap(node, path)
    if (isSeq(node)) return node.items.map((item, index) => this.read(item, [...path, index]))
    return isScalar(node) ? node.value : null
  }

  #readMap(map: YAMLMap, path: Path): Record<string, unknown> {
    const value: Record<string, unknown> = {}
    const pairs = new Map<string, Pair>()
    this.#pairs.set(map, pairs)
    for (const pair of map.items) {
      const key = keyText(pair.key)
      const here = [...path, key]
      const other = pairs.get(key)
      if (other !== undefined) {
        this.#fault(
          pair.key as Node,
          here,
          (placeAt) => `given twice; keep this one or the one in line ${placeAt(startOf(other.key) ?? 0).line}`,
        )
        continue
      }
      pairs.set(key, pair)
      // Assigning it would set the prototype and lose the value.
      if (key === '__proto__') this.#fault(pair.key as Node, here, 'a key cannot have this name; take it out')
      else value[key] = this.read(pair.value, here)
    }
    return value
  }

  #readAlias(alias: Alias, path: Path): unknown {
    const anchor = this.#anchors.get(alias.source)
    if (anchor === undefined)
      return this.#fault(alias, path, `*${alias.source} stands for nothing; write &${alias.source} before it`)
    if (anchor.done === undefined)
      return this.#fault(alias, path, `*${alias.source} would contain itself; write it out`)
    this.#values += anchor.done.values
    if (this.#values > MAX_VALUES) {
      return this.#fault(
        alias,
        path,
        `aliases make more than ${MAX_VALUES} values of this file; write out what is needed`,
      )
    }
    this.#aliased.set(alias, anchor.node)
    return anchor.done.value
  }

  #fault(node: Node, path: Path, message: string | NodeFault['message']): null {
    const offset = startOf(node) ?? 0
    this.faults.push({ offset, path, message: typeof message === 'string' ? () => message : message })
    return null
  }

  /** Where the path leads, or as far along it as there is something. */
  offsetOf(path: Path, fault: Fault): number {
    let node: unknown = this.#document.contents
    let named = startOf(node) ?? 0
    let value = named
    for (const [index, step] of path.entries()) {
      if (isAlias(node)) node = this.#aliased.get(node)
      const isLast = index === path.length - 1
      if (isMap(node)) {
        const pair = this.#pairs.get(node)?.get(String(step))
        // A key that is missing is the fault of the map, which people find by its own key.
        if (pair === undefined) return named
        named = startOf(pair.key) ?? value
        if (isLast && fault === 'key') return named
        node = pair.value
        value = isEmpty(node) ? named : (startOf(node) ?? named)
      } else if (isSeq(node) && typeof step === 'number' && step < node.items.length) {
        node = node.items[step]
        value = startOf(node) ?? value
        named = value
      } else {
        return value
      }
    }
    return value
  }
}

function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value ?? '') : String(key ?? '')
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null)?.range?.[0]
}

/** `key:` with nothing after it: the parser places the null that this means behind the colon. */
function isEmpty(node: unknown): boolean {
  return isScalar(node) && node.value === null && node.range?.[0] === node.range?.[1]
}
