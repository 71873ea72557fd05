import type { AdminConfig, Problem } from './config.ts'
import { parseConfig } from './load.ts'
import { readBounded } from './read-file.ts'

export type AdminResult =
  | { readonly ok: true; readonly admin: AdminConfig }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** From this size on the whole file takes a person's patience to check: half a second, and 13 s for 10,000 apps. */
const LARGE_TEXT = 256 * 1024

/** What makes files large, and has no say in where the admin API is. */
const BULK = /^(?:apps|trustedIpRanges)[ \t]*:/

/**
 * Where the router of this file has its admin API. What is wrong with the file is said as `loadConfig` says it, but that in a large one
 * nobody looks at the apps and trusted ranges unless something else is wrong: the router that runs has checked them.
 */
export async function loadAdmin(file: string): Promise<AdminResult> {
  const read = await readBounded(file)
  if ('problem' in read) return { ok: false, problems: [read.problem] }
  if (read.text.length > LARGE_TEXT) {
    // Where the cut was wrong (everything in braces, an alias of what is gone) this is no configuration, and the whole is read.
    const brief = parseConfig(withoutBulk(read.text), file)
    if (brief.ok) return { ok: true, admin: brief.config.admin }
  }
  const whole = parseConfig(read.text, file)
  return whole.ok ? { ok: true, admin: whole.config.admin } : whole
}

/** In a block map at the left margin an entry ends where the next one begins: all of its own lines are indented (YAML 1.2 §8.2.2), or list items or comments. */
function withoutBulk(text: string): string {
  let inBulk = false
  const kept: string[] = []
  for (const line of text.split('\n')) {
    if (/^[^\s#-]/.test(line) || line.startsWith('---')) inBulk = BULK.test(line)
    if (!inBulk) kept.push(line)
  }
  return kept.join('\n')
}
