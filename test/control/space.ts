import type { Config } from '../../src/config/config.ts'
import { configFromObject } from '../../src/config/load.ts'

/** A checked configuration in the shape of the file, with what every test needs filled in. */
export function space(file: Record<string, unknown>): Config {
  const result = configFromObject({
    space: { name: 'test', cidr: '127.35.0.0/16' },
    listeners: [{ name: 'public', address: '127.0.0.1:0', exposure: 'public' }],
    dns: { address: '127.0.0.1:0' },
    ...file,
  })
  if (!result.ok) throw new Error(result.problems.map(({ path, message }) => `${path}: ${message}`).join('\n'))
  return result.config
}
