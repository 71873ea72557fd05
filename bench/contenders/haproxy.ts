import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Facts } from '../facts.ts'
import { findProgram, programVersion } from '../programs.ts'
import type { Contender } from './contender.ts'

export const haproxy: Contender = {
  name: 'haproxy',
  version: () => programVersion('haproxy', '-v'),
  missing: () => (findProgram('haproxy') === null ? 'apt-get install haproxy' : null),
  cannot: [],
  configure(facts) {
    const file = (name: string, lines: readonly string[]) =>
      writeFileSync(path.join(facts.directory, name), `${lines.join('\n')}\n`)
    file('trusted.lst', facts.trustedCidrs)
    file(
      'hosts.map',
      facts.apps.flatMap((app) => app.hosts.map((host) => `${host} ${app.name}`)),
    )
    file('haproxy.cfg', [configuration(facts)])
    const args = ['-db', '-C', facts.directory, '-f', 'haproxy.cfg']
    return { command: findProgram('haproxy')!, args, logsToOutput: true }
  },
}

/**
 * Its own ways where it has them: the source is checked once per connection, against a tree; the host is looked up in a tree. It logs to
 * standard output (a file here), which costs it less than a datagram to a syslog socket does.
 */
function configuration(facts: Facts): string {
  return `
global
  nbthread 1
  maxconn ${Math.floor(Math.min(20_000, (facts.openFiles - 200) / 2))}
  ${facts.accessLog === null ? '' : 'log stdout format raw daemon'}
defaults
  mode http
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout http-request 30s
  timeout http-keep-alive 60s
  timeout tunnel 60s
frontend public
  bind 127.0.0.1:${facts.port} backlog 4096
  ${facts.accessLog === null ? '' : 'log global'}
  unique-id-format %[uuid()]
  log-format "%tr method=%HM path=\\"%HU\\" host=%[var(txn.host)] request_id=%ID fwd=\\"%ci\\" dyno=%s connect=%Tc service=%Tr status=%ST bytes=%B"
  tcp-request connection reject unless { src -f trusted.lst }
  http-request set-var(txn.host) req.hdr(host),field(1,:),lower
  http-request set-header X-Request-Id %[unique-id]
  http-request set-header X-Request-Start %[date(0,ms)]
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Port %[dst_port]
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header Via "1.1 haproxy"
  http-response set-header Via "1.1 haproxy"
  use_backend %[var(txn.host),map_str(hosts.map,no-such-app)]
backend no-such-app
  http-request deny deny_status 404
${facts.apps
  .map(
    (app) => `backend ${app.name}
  balance random(2)
${app.dynos.map((dyno, i) => `  server web.${i + 1} ${dyno.address}:${dyno.port}`).join('\n')}`,
  )
  .join('\n')}
`
}
