import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Removal } from './removals.ts'

/** Tests that say nothing for so long do not end: what was taken out is missed. */
const SILENCE_MS = 20_000
/** Of the heap of a trial, for code that gathers without end. */
const HEAP_MIB = 1_024

const RUNNER = 'test/conformance/taken-out/runner.ts'
const SUBTEST = '# Subtest: '

/** What the tests said. */
export interface Verdict {
  readonly outcome: 'passed' | 'failed' | 'crashed' | 'endless'
  /** Names of the tests at the top of a file that began: unless all passed, the last one is the one that missed something. */
  readonly names: readonly string[]
  readonly pid: number
}

export interface RunOptions {
  /** A folder for what V8 saw. */
  readonly coverage?: string
  /** Names of the tests that run; all when left out. */
  readonly only?: readonly string[]
  /** Tests that have nothing to do for so long fail. */
  readonly mostIdleMs?: number
}

/** A copy of the project outside of it, in which code may be broken. */
export class Tree {
  readonly path = mkdtempSync(join(tmpdir(), 'taken-out-'))
  #running = 0

  constructor(root: string) {
    for (const part of ['src', 'test', 'config', 'docs', 'package.json', 'tsconfig.json']) {
      cpSync(join(root, part), join(this.path, part), { recursive: true })
    }
    symlinkSync(join(root, 'node_modules'), join(this.path, 'node_modules'))
  }

  /** Runs `trials` on the code without the piece, which is put back whatever happens. */
  async without<T>(removal: Removal, trials: () => Promise<T>): Promise<T> {
    const path = join(this.path, removal.file)
    const whole = readFileSync(path, 'utf8')
    writeFileSync(path, whole.slice(0, removal.start) + removal.replacement + whole.slice(removal.end))
    try {
      return await trials()
    } finally {
      writeFileSync(path, whole)
    }
  }

  /** Runs test files up to the first failure. */
  async run(
    tests: readonly string[],
    { coverage = '', only = [], mostIdleMs = Infinity }: RunOptions = {},
  ): Promise<Verdict> {
    const env = {
      ...process.env,
      NODE_COMPILE_CACHE: join(this.path, '.cache'),
      NODE_V8_COVERAGE: coverage,
      TAP_GREP: only.map((name) => `^${name.replaceAll(/\W/g, '\\$&')}$`).join('|'),
      TAP_FILTER_QUIETLY: '1',
      MOST_IDLE_MS: String(mostIdleMs),
    }
    const args = [`--max-old-space-size=${HEAP_MIB}`, RUNNER, ...tests.map((test) => join(this.path, test))]
    // A group of its own: some tests start processes.
    const child = spawn(process.execPath, args, {
      cwd: this.path,
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    })
    this.#running = child.pid!
    const names: string[] = []
    let outcome: Verdict['outcome'] = 'passed'
    const stop = (why: Verdict['outcome']): void => {
      outcome = why
      clearTimeout(timer)
      this.#kill()
    }
    const timer = setTimeout(() => stop('endless'), SILENCE_MS)
    let rest = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (outcome !== 'passed') return
      timer.refresh()
      const lines = (rest + text).split('\n')
      rest = lines.pop()!
      for (const line of lines) {
        // TAP escapes these in names.
        if (line.startsWith(SUBTEST)) names.push(line.slice(SUBTEST.length).replaceAll(/\\([#\\])/g, '$1'))
        if (/^ *not ok /.test(line)) return stop('failed')
      }
    })
    const [code] = (await once(child, 'close')) as [number | null]
    this.#running = 0
    clearTimeout(timer)
    if (outcome === 'passed' && code !== 0) outcome = 'crashed'
    return { outcome, names, pid: child.pid! }
  }

  #kill(): void {
    if (this.#running !== 0) process.kill(-this.#running, 'SIGKILL')
  }

  remove(): void {
    this.#kill()
    rmSync(this.path, { recursive: true, force: true })
  }
}
