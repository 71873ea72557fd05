import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { findProgram, programVersion } from '../programs.ts'
import type { DnsServer } from './server.ts'
import { SERVICE_PORT, TTL_SECONDS, ZONE, zoneApps } from './zone.ts'

export const dnsmasq: DnsServer = {
  name: 'dnsmasq',
  version: () => programVersion('dnsmasq', '-v'),
  missing: () => (findProgram('dnsmasq') === null ? 'apt-get install dnsmasq-base' : null),
  configure(directory, port) {
    const hosts = path.join(directory, 'hosts')
    const file = path.join(directory, 'dnsmasq.conf')
    const apps = zoneApps()
    const addresses = apps.flatMap(({ set, dynos }) => dynos.map(({ address, name }) => `${address} ${name} ${set}`))
    writeFileSync(hosts, `${addresses.join('\n')}\n`)
    writeFileSync(
      file,
      [
        `port=${port}`,
        'listen-address=127.0.0.1',
        'bind-interfaces',
        'no-resolv',
        'no-hosts',
        'cache-size=10000',
        `addn-hosts=${hosts}`,
        `local=/${ZONE}/`,
        `local-ttl=${TTL_SECONDS}`,
        ...apps.flatMap(({ service, dynos }) => dynos.map(({ name }) => `srv-host=${service},${name},${SERVICE_PORT}`)),
        ...apps.flatMap(({ dynos }) => dynos.map(({ name, text }) => `txt-record=${name},"${text}"`)),
        '',
      ].join('\n'),
    )
    const asRoot = process.getuid?.() === 0 ? ['--user=root'] : []
    const args = [
      '--keep-in-foreground',
      `--conf-file=${file}`,
      `--pid-file=${path.join(directory, 'dnsmasq.pid')}`,
      ...asRoot,
    ]
    return { command: findProgram('dnsmasq')!, args }
  },
}
