import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { packageVersion } from '../programs.ts'
import type { Ability, Contender } from './contender.ts'

const PEERS = path.join(import.meta.dirname, '../peers')

/** A proxy that is written with an npm package: a server in `bench/peers/` of the same name, which gets the facts as they are. */
export function nodePeer(name: string, packageName: string, cannot: readonly Ability[]): Contender {
  const version = () => packageVersion(PEERS, packageName)
  return {
    name,
    version: () => version() ?? 'unknown',
    missing: () => (version() === null ? 'npm ci --prefix bench/peers' : null),
    cannot,
    configure(facts) {
      const file = path.join(facts.directory, 'facts.json')
      writeFileSync(file, JSON.stringify(facts))
      return { command: process.execPath, args: [path.join(PEERS, `${name}.ts`), file] }
    },
  }
}
