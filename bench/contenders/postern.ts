import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { stringify } from 'yaml'
import type { Facts } from '../facts.ts'
import type { Contender } from './contender.ts'

const ROOT = path.join(import.meta.dirname, '../..')

export const postern: Contender = {
  name: 'postern',
  version: () => JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).version,
  missing: () => null,
  cannot: [],
  configure(facts) {
    const file = path.join(facts.directory, 'space.yml')
    writeFileSync(file, stringify(configuration(facts)))
    return { command: process.execPath, args: [path.join(ROOT, 'src/cli.ts'), 'start', '--config', file] }
  },
}

/** Five thousand tunnels over four dynos are in flight all at once; no other contender has a cap. */
const MAX_IN_FLIGHT_PER_DYNO = 10_000

/** Defaults wherever there is one. The space's CIDR leaves 127.0.0.0/8 outside, so that the load's source is checked against every range. */
function configuration(facts: Facts): object {
  return {
    space: { name: 'bench', region: 'local', cidr: '10.0.0.0/16' },
    listeners: [{ name: 'public', address: `127.0.0.1:${facts.port}`, exposure: 'public' }],
    trustedIpRanges: facts.trustedCidrs,
    limits: { trustedIpRanges: facts.trustedCidrs.length, idleConnectionsPerDyno: 1024 },
    apps: Object.fromEntries(
      facts.apps.map((app) => [
        app.name,
        {
          domains: app.hosts,
          maxInFlightPerDyno: MAX_IN_FLIGHT_PER_DYNO,
          formation: { web: { dynos: app.dynos.map((dyno) => ({ address: `${dyno.address}:${dyno.port}` })) } },
        },
      ]),
    ),
    dns: { address: `127.0.0.1:${facts.sparePort}` },
    admin: { address: 'unix:postern.sock' },
    // The scenarios compare per core.
    workers: 1,
    log: { access: facts.accessLog ?? 'off' },
  }
}
