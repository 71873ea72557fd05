import { execFileSync, spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import path from 'node:path'

/** Servers are often in sbin, which is not on everyone's PATH. */
const EXTRA_DIRECTORIES = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/opt/homebrew/bin']

/** Absolute path of an installed program, or null. */
export function findProgram(name: string): string | null {
  const directories = [...(process.env.PATH ?? '').split(path.delimiter), ...EXTRA_DIRECTORIES]
  for (const directory of directories) {
    const candidate = path.join(directory, name)
    try {
      accessSync(candidate, constants.X_OK)
      return candidate
    } catch {}
  }
  return null
}

/** The first version number in what `program args` prints; 'unknown' when there is none. */
export function programVersion(program: string, ...args: string[]): string {
  const { stdout, stderr } = spawnSync(findProgram(program) ?? program, args, { encoding: 'utf8', timeout: 5_000 })
  return /\d+\.\d+(\.\d+)?/.exec(`${stdout ?? ''}${stderr ?? ''}`)?.[0] ?? 'unknown'
}

/** `{ version }` of an installed npm package below `directory`, or null. */
export function packageVersion(directory: string, name: string): string | null {
  try {
    const manifest = JSON.parse(readFileSync(path.join(directory, 'node_modules', name, 'package.json'), 'utf8'))
    return String(manifest.version)
  } catch {
    return null
  }
}

/** What a command prints, trimmed; '' when it cannot be run or fails. */
export function outputOf(command: string, ...args: string[]): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 5_000 }).trim()
  } catch {
    return ''
  }
}
