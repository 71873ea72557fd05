import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { DynoAddress } from './facts.ts'
import type { LoadGenerator } from './load/load.ts'
import { onCores, type Pinning } from './pin.ts'
import { type Running, startUntilReady } from './processes.ts'

const READY_MS = 30_000

/** What all contenders have in common while they are measured: the dyno, the cores, the load generator, the length of a round. */
export interface Stage {
  readonly directory: string
  readonly pinning: Pinning
  readonly dyno: Running
  readonly dynos: readonly DynoAddress[]
  readonly durationMs: number
  /** Of the scenario's own load, before its first round. */
  readonly warmUpMs: number
  /** Of small requests, once for each process. */
  readonly settleMs: number
  /** null: the best that is installed and can do it. */
  readonly preferredGenerator: LoadGenerator | null
  /** null: no profiles. */
  readonly profileDirectory: string | null
}

export type StageSettings = Omit<Stage, 'directory' | 'dyno' | 'dynos'>

export async function setStage(settings: StageSettings): Promise<Stage> {
  const directory = mkdtempSync(path.join(tmpdir(), 'postern-bench-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  const { process: dyno, line } = await startUntilReady(
    ...onCores(settings.pinning.dyno, settings.pinning.pinned, process.execPath, [
      path.join(import.meta.dirname, 'dyno.ts'),
    ]),
    path.join(directory, 'dyno.errors'),
    READY_MS,
  )
  return { ...settings, directory, dyno, dynos: JSON.parse(line) }
}

export function makeDirectory(stage: Stage, name: string): string {
  const directory = path.join(stage.directory, name)
  mkdirSync(directory, { recursive: true })
  return directory
}
