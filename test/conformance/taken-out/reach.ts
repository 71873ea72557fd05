import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Removal } from './removals.ts'
import type { Tree } from './tree.ts'

interface Range {
  readonly startOffset: number
  readonly endOffset: number
  readonly count: number
}
interface Script {
  readonly url: string
  readonly functions: readonly { readonly ranges: readonly Range[] }[]
}

/** Which code ran in some stretch of time: what V8 counts, whole functions and the blocks in them, by source file. */
class Coverage {
  readonly #ranges = new Map<string, Range[]>()

  /** A report of V8 of what ran in a tree. */
  constructor(report: string, tree: Tree) {
    const base = `${pathToFileURL(tree.path)}/`
    for (const { url, functions } of (JSON.parse(report) as { result: Script[] }).result) {
      if (!url.startsWith(`${base}src/`)) continue
      this.#ranges.set(
        url.slice(base.length),
        functions.flatMap(({ ranges }) => ranges),
      )
    }
  }

  /** Whether it would have made a difference that the code was gone: types are blanked, not cut, so that offsets are those of the source. */
  concerns({ file, matters: { at, than } }: Removal): boolean {
    return this.#count(file, at) > (than === -1 ? 0 : this.#count(file, than))
  }

  /** How often what is at the offset ran. */
  #count(file: string, offset: number): number {
    let innermost: Range | undefined
    for (const range of this.#ranges.get(file) ?? []) {
      if (range.startOffset > offset || range.endOffset <= offset) continue
      if (
        innermost === undefined ||
        range.endOffset - range.startOffset <= innermost.endOffset - innermost.startOffset
      ) {
        innermost = range
      }
    }
    return innermost?.count ?? 0
  }
}

/** A test at the top of a file. */
export interface NamedTest {
  readonly file: string
  readonly name: string
  /** Whether it comes through the code, with the processes that it starts, so that it could tell the difference. */
  comesTo(removal: Removal): boolean
}

/** A test file that holds on the whole code: how long it takes, which tests it has and which code it comes through. */
export class Reach {
  readonly test: string
  readonly ms: number
  readonly tests: readonly NamedTest[]
  readonly #load: Coverage

  constructor(test: string, ms: number, tests: readonly NamedTest[], load: Coverage) {
    this.test = test
    this.ms = ms
    this.tests = tests
    this.#load = load
  }

  /** Throws when a test fails though nothing was taken out, and again: with sockets it may have failed for another reason. */
  static async of(test: string, tree: Tree, again = true): Promise<Reach> {
    const folder = mkdtempSync(join(tmpdir(), 'reach-'))
    try {
      const beganMs = performance.now()
      const { outcome, names, pid } = await tree.run([test], { coverage: folder })
      if (outcome !== 'passed' && again) return Reach.of(test, tree, false)
      if (outcome !== 'passed') throw new Error(`${test} does not hold as it is: ${names.at(-1)}`)
      const ms = performance.now() - beganMs
      const [load, ...stretches] = coverages(folder, pid, tree)
      const tests = names.map((name, i) => {
        const coverages = stretches[i]!
        return { file: test, name, comesTo: (removal: Removal) => coverages.some((one) => one.concerns(removal)) }
      })
      return new Reach(test, ms, tests, load![0]!)
    } finally {
      rmSync(folder, { recursive: true })
    }
  }

  /** Code that runs when files are loaded, such as a table. */
  loads(removal: Removal): boolean {
    return this.#load.concerns(removal)
  }

  comesTo(removal: Removal): boolean {
    return this.loads(removal) || this.tests.some((test) => test.comesTo(removal))
  }
}

/** What the runner reported, in its order; a report of a thread or process that it started belongs to the next of its own. */
function coverages(folder: string, pid: number, tree: Tree): Coverage[][] {
  const reports = readdirSync(folder)
    .map((name) => /^coverage-(\d+)-(\d+)-(\d+)\.json$/.exec(name)!)
    .map(([name, by, ms, thread]) => ({ name, own: Number(by) === pid && thread === '0', ms: Number(ms) }))
    .sort((one, other) => one.ms - other.ms)
  const stretches: Coverage[][] = []
  let present: Coverage[] = []
  for (const { name, own } of reports) {
    present.push(new Coverage(readFileSync(join(folder, name), 'utf8'), tree))
    if (!own) continue
    stretches.push(present)
    present = []
  }
  return stretches
}
