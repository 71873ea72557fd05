import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { main } from '../../src/cli/main.ts'

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

export interface Run {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

/** Starts `postern ARGS`. */
export function postern(args: readonly string[], cwd = process.cwd()) {
  const child = spawn(process.execPath, [CLI, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  let wake = () => {}
  child.stdout.on('data', (chunk) => {
    out += chunk
    wake()
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
    wake()
  })
  const ended = new Promise<Run>((resolve) => {
    child.on('close', (status) => {
      resolve({ status, out, err })
      wake()
    })
  })
  /** Until it has printed something that matches; gives the first group, or all of the match. */
  const printed = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const match = pattern.exec(out + err)
      if (match) return match[1] ?? match[0]
      if (child.exitCode !== null) throw new Error(`it ended before it printed ${pattern}: ${out}${err}`)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return { child, ended, printed }
}

/** Runs `postern ARGS` to its end. */
export function run(...args: string[]): Promise<Run> {
  return postern(args).ended
}

type Tap = { capture: Test['capture'] }

/** Runs `postern ARGS` in this process, which is quicker. One at a time. */
export async function call(t: Tap, ...args: string[]): Promise<Run> {
  const out = t.capture(console, 'log')
  const err = t.capture(console, 'error')
  const status = await main(args)
  const text = (calls: readonly { args: unknown[] }[]) => calls.map(({ args: [line] }) => `${line}\n`).join('')
  const said = { status, out: text(out()), err: text(err()) }
  out.restore()
  err.restore()
  return said
}
