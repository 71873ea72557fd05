import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { AppFacts, Facts } from '../facts.ts'
import { findProgram, programVersion } from '../programs.ts'
import type { Contender } from './contender.ts'

export const caddy: Contender = {
  name: 'caddy',
  version: () => programVersion('caddy', 'version'),
  missing: () => (findProgram('caddy') === null ? 'apt-get install caddy' : null),
  cannot: [],
  configure(facts) {
    const file = path.join(facts.directory, 'caddy.json')
    writeFileSync(file, JSON.stringify(configuration(facts), null, 2))
    return { command: findProgram('caddy')!, args: ['run', '--config', file] }
  },
}

/** A list of more than 100 hosts is a binary search in Caddy, which is why an app has 250. It sets the X-Forwarded-* headers by itself. */
function configuration(facts: Facts): object {
  const accessLog = {
    writer: { output: 'file', filename: facts.accessLog, roll: false },
    include: ['http.log.access.bench'],
  }
  const untrusted = [{ not: [{ remote_ip: { ranges: facts.trustedCidrs } }] }]
  const routes = [
    { match: untrusted, handle: [{ handler: 'static_response', abort: true }], terminal: true },
    ...facts.apps.map((app) => ({ match: [{ host: app.hosts }], handle: [forward(app, facts.port)], terminal: true })),
    { handle: [{ handler: 'static_response', status_code: 404 }] },
  ]
  return {
    admin: { disabled: true },
    logging: { logs: { default: { level: 'WARN' }, ...(facts.accessLog === null ? {} : { access: accessLog }) } },
    apps: {
      http: {
        servers: {
          public: {
            listen: [`127.0.0.1:${facts.port}`],
            protocols: ['h1'],
            automatic_https: { disable: true },
            ...(facts.accessLog === null ? {} : { logs: { default_logger_name: 'bench' } }),
            routes,
          },
        },
      },
    },
  }
}

function forward(app: AppFacts, port: number): object {
  return {
    handler: 'reverse_proxy',
    upstreams: app.dynos.map((dyno) => ({ dial: `${dyno.address}:${dyno.port}` })),
    load_balancing: { selection_policy: { policy: 'random_choose', choose: 2 } },
    transport: { protocol: 'http', keep_alive: { max_idle_conns_per_host: 1024 } },
    headers: {
      request: {
        set: {
          'X-Request-Id': ['{http.request.uuid}'],
          'X-Request-Start': ['{time.now.unix_ms}'],
          'X-Forwarded-Port': [String(port)],
          Via: ['1.1 caddy'],
        },
      },
      response: { set: { Via: ['1.1 caddy'] } },
    },
  }
}
