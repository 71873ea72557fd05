import type { Config } from '../../src/config/config.ts'
import { configFromObject, parseConfig } from '../../src/config/load.ts'
import { formatProblem } from '../../src/config/problems.ts'

/** The least that a space file must say. */
export const LEAST = {
  space: { name: 'acme' },
  listeners: [{ name: 'public', address: '127.0.0.1:0', exposure: 'public' }],
}

/** Of a text called t.yml: one line for each problem. */
export function problemsOf(text: string): string[] {
  const result = parseConfig(text, 't.yml')
  return result.ok ? [] : result.problems.map(formatProblem)
}

/** Of the least configuration with these keys over it: `path: message` for each problem. */
export function problemsWith(keys: Record<string, unknown>): string[] {
  const result = configFromObject({ ...LEAST, ...keys })
  return result.ok ? [] : result.problems.map(formatProblem)
}

/** The least configuration with these keys over it, which must be right. */
export function configWith(keys: Record<string, unknown>): Config {
  const result = configFromObject({ ...LEAST, ...keys })
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'))
  return result.config
}

/** The least configuration with one app of one web dyno and these keys over it. */
export function withApp(keys: Record<string, unknown>): Record<string, unknown> {
  return { apps: { shop: { formation: { web: { command: 'node server.js' } }, ...keys } } }
}
