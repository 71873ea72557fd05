import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Facts } from '../facts.ts'
import { findProgram, programVersion } from '../programs.ts'
import type { Contender } from './contender.ts'

export const nginx: Contender = {
  name: 'nginx',
  version: () => programVersion('nginx', '-v'),
  missing: () => (findProgram('nginx') === null ? 'apt-get install nginx' : null),
  cannot: [],
  configure(facts) {
    const file = path.join(facts.directory, 'nginx.conf')
    writeFileSync(file, configuration(facts))
    return { command: findProgram('nginx')!, args: ['-p', facts.directory, '-e', 'nginx.error', '-c', file] }
  },
}

/**
 * Its own ways where it has them: `geo` is a radix tree, names are a hash, the log is written in blocks. Limits that would make it
 * close connections during a run are lifted; bodies are kept in memory, never in files.
 */
function configuration(facts: Facts): string {
  // One pool per app and worker, for all dynos of the app; it is allocated up front.
  const idleConnections = facts.apps.length > 100 ? 64 : 1024
  return `
daemon off;
worker_processes 1;
worker_rlimit_nofile ${facts.openFiles};
pid nginx.pid;
error_log nginx.error;
${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections ${Math.min(20_000, facts.openFiles - 100)}; }
http {
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  log_format line '$time_iso8601 method=$request_method path="$request_uri" host=$host request_id=$request_id fwd="$remote_addr" '
    'dyno=$upstream_addr connect=$upstream_connect_time service=$upstream_response_time status=$status bytes=$body_bytes_sent';
  access_log ${facts.accessLog === null ? 'off' : `${facts.accessLog} line buffer=64k flush=1s`};

  keepalive_timeout 60s;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  server_names_hash_max_size 131072;
  server_names_hash_bucket_size 128;

  geo $trusted { default 0; ${facts.trustedCidrs.map((cidr) => `${cidr} 1;`).join(' ')} }
  map $http_upgrade $connection_to_dyno { default upgrade; '' ''; }

  proxy_http_version 1.1;
  proxy_buffers 8 64k;
  proxy_buffer_size 8k;
  proxy_busy_buffers_size 128k;
  proxy_max_temp_file_size 0;
  proxy_request_buffering off;
  proxy_set_header Host $http_host;
  proxy_set_header Connection $connection_to_dyno;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header X-Request-Id $request_id;
  proxy_set_header X-Request-Start $msec;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Port $server_port;
  proxy_set_header X-Forwarded-Host $http_host;
  proxy_set_header Via "1.1 nginx";
  add_header Via "1.1 nginx";

  server { listen 127.0.0.1:${facts.port} default_server backlog=4096; return 404; }
${facts.apps
  .map(
    (app) => `
  upstream ${app.name} {
    random two least_conn;
    ${app.dynos.map((dyno) => `server ${dyno.address}:${dyno.port};`).join(' ')}
    keepalive ${idleConnections};
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${facts.port};
    server_name ${app.hosts.join(' ')};
    if ($trusted = 0) { return 403; }
    location / { proxy_pass http://${app.name}; }
  }`,
  )
  .join('')}
}
`
}
