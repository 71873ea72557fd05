import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { findProgram, programVersion } from '../programs.ts'
import type { DnsServer } from './server.ts'
import { SERVICE_PORT, TTL_SECONDS, ZONE, zoneApps } from './zone.ts'

/** It answers SRV without the addresses of the targets, which makes that answer smaller than the others'. */
export const unbound: DnsServer = {
  name: 'unbound',
  version: () => programVersion('unbound', '-V'),
  missing: () => (findProgram('unbound') === null ? 'apt-get install unbound' : null),
  configure(directory, port) {
    const file = path.join(directory, 'unbound.conf')
    const records = zoneApps().flatMap(({ set, service, dynos }) =>
      dynos.flatMap(({ name, address, text }) => [
        `${set}. ${TTL_SECONDS} IN A ${address}`,
        `${name}. ${TTL_SECONDS} IN A ${address}`,
        `${name}. ${TTL_SECONDS} IN TXT "${text}"`,
        `${service}. ${TTL_SECONDS} IN SRV 0 0 ${SERVICE_PORT} ${name}.`,
      ]),
    )
    writeFileSync(
      file,
      `
server:
  interface: 127.0.0.1
  port: ${port}
  num-threads: 1
  do-daemonize: no
  chroot: ""
  username: ""
  directory: "${directory}"
  pidfile: "${path.join(directory, 'unbound.pid')}"
  use-syslog: no
  module-config: "iterator"
  access-control: 127.0.0.0/8 allow
  rrset-roundrobin: yes
  local-zone: "${ZONE}." static
${records.map((record) => `  local-data: '${record}'`).join('\n')}
remote-control:
  control-enable: no
`,
    )
    return { command: findProgram('unbound')!, args: ['-d', '-c', file] }
  },
}
