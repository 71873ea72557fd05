import { stat } from 'node:fs/promises'
import type { AppConfig } from './config.ts'
import type { Path } from './path.ts'

/** Something that the file names and that is not there. */
export interface Missing {
  readonly path: Path
  readonly message: string
}

/** Folders in which commands of these apps would run on this machine, and could not. */
export async function missingFolders(apps: readonly AppConfig[]): Promise<Missing[]> {
  const missing: Missing[] = []
  const known = new Map<string, boolean>()
  for (const { name, formation } of apps) {
    for (const { processType, source } of formation) {
      if (source.kind !== 'command') continue
      const { cwd } = source
      if (!known.has(cwd)) known.set(cwd, await isFolder(cwd))
      if (known.get(cwd)) continue
      const message = `${cwd} is no folder on this machine; make it, then reload`
      missing.push({ path: ['apps', name, 'formation', processType, 'cwd'], message })
    }
  }
  return missing
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch {
    return false
  }
}
