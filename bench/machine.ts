import { cpus, release, totalmem, type } from 'node:os'
import path from 'node:path'
import { outputOf } from './programs.ts'
import type { Machine } from './results.ts'

export function describeMachine(): Machine {
  const processors = cpus()
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    node: process.version,
  }
}

/** Short id of the commit that is measured, with a `+` when the checkout differs from it; 'unknown' outside a checkout. */
export function describeCommit(): string {
  const git = (...args: string[]) => outputOf('git', '-C', path.join(import.meta.dirname, '..'), ...args)
  const commit = git('rev-parse', '--short=12', 'HEAD')
  if (commit === '') return 'unknown'
  return git('status', '--porcelain', '--', 'src', 'bench') === '' ? commit : `${commit}+`
}
