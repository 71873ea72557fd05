import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
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

/** A test file that holds on the whole code: how long it takes and which code it comes through. */
export class Reach {
  readonly test: string
  readonly ms: number
  /** Of its tests. */
  readonly names: ReadonlySet<string>
  /** By source file; what V8 counts, whole functions and the blocks in them. */
  readonly #ranges = new Map<string, Range[]>()

  constructor(test: string, ms: number, names: readonly string[]) {
    this.test = test
    this.ms = ms
    this.names = new Set(names)
  }

  /** Throws when a test fails though nothing was taken out. */
  static async of(test: string, tree: Tree): Promise<Reach> {
    const folder = mkdtempSync(join(tmpdir(), 'reach-'))
    try {
      const beganMs = performance.now()
      const verdict = await tree.run([test], folder)
      if (verdict.outcome !== 'passed') throw new Error(`${test} does not hold as it is: ${verdict.names.at(-1)}`)
      const reach = new Reach(test, performance.now() - beganMs, verdict.names)
      for (const file of readdirSync(folder)) reach.#read(readFileSync(join(folder, file), 'utf8'), tree)
      return reach
    } finally {
      rmSync(folder, { recursive: true })
    }
  }

  #read(report: string, tree: Tree): void {
    const base = `${pathToFileURL(tree.path)}/`
    for (const { url, functions } of (JSON.parse(report) as { result: Script[] }).result) {
      if (!url.startsWith(`${base}src/`)) continue
      const file = url.slice(base.length)
      const ranges = this.#ranges.get(file) ?? []
      for (const { ranges: found } of functions) ranges.push(...found)
      this.#ranges.set(file, ranges)
    }
  }

  /** Whether the code at the offset ran: types are blanked, not cut, so that offsets are those of the source. */
  comesTo(file: string, offset: number): boolean {
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
    return innermost !== undefined && innermost.count > 0
  }
}
