import * as z from 'zod'
import { adminAddress, cidr, folder, localEndpoint, logTarget, remoteEndpoint } from './addresses.ts'
import { key, mapOf, optional, required } from './keys.ts'
import { NAME, name, pseudonym, zone } from './names.ts'
import { choice, count, duration, flag, percent, sha256, size, wordOrCount } from './scalars.ts'
import { app, trustedRange } from './schema-app.ts'

/**
 * The space file: every key once, with its type, bounds, default, whether a change needs a restart, and one sentence.
 * What holds between keys is in cross-checks.ts.
 */
const space = z.strictObject({
  name: required(name('the name of the space'), 'acme', 'restart', 'Name of the space.'),
  region: key(name('the name of a region'), 'local', 'restart', 'Where the space is, for people.'),
  cidr: key(
    cidr(),
    '10.0.0.0/16',
    'restart',
    'The network of the space: clients in it are inside, and dynos that run here get their addresses from it.',
  ),
})

const listener = z.strictObject({
  name: required(name('the name of a listener'), 'public', 'live', 'Name of the listener, for logs and metrics.'),
  address: required(localEndpoint(), '0.0.0.0:8080', 'live', 'Where it listens; port 0 lets the system choose.'),
  exposure: required(
    choice('public', 'internal'),
    'public',
    'live',
    'public: inside clients and trusted ones; internal: inside clients only.',
  ),
  forwardedFor: key(
    choice('replace', 'append'),
    'replace',
    'live',
    'What becomes of the X-Forwarded-For that an untrusted peer sends.',
  ),
  proxyProtocol: optional(
    z.strictObject({
      from: required(
        z.array(cidr()).min(1),
        ['10.0.0.0/24'],
        'live',
        'Peers that must send a PROXY header; from any other it is an error.',
      ),
    }),
    { from: ['10.0.0.0/24'] },
    'live',
    'Load balancers in front that tell the client address by the PROXY protocol (v1 or v2).',
  ),
})

const network = z.strictObject({
  name: required(name('the name of a network'), 'data-centre', 'live', 'Name of the network.'),
  kind: required(choice('vpn', 'peering', 'other'), 'vpn', 'live', 'How it is connected, for people.'),
  cidrs: required(z.array(cidr()).min(1), ['172.20.0.0/16'], 'live', 'Its addresses.'),
  state: key(
    choice('pending', 'provisioning', 'active', 'deprovisioning', 'failed'),
    'active',
    'live',
    'Only the sources of an active network are inside.',
  ),
})

const dns = z.strictObject({
  address: key(localEndpoint(), '127.0.0.1:5300', 'restart', 'Where the embedded DNS answers, by UDP and TCP.'),
  zone: key(zone(), 'app.localspace', 'restart', 'The domain that dynos are found in: `web.shop.app.localspace`.'),
  ttl: key(duration('1s', '1h', '1s'), '5s', 'restart', 'How long an answer may be kept, in whole seconds.'),
  forwarders: key(
    z.array(remoteEndpoint()),
    [],
    'restart',
    'DNS servers that are asked for names outside the zone; none: such queries are refused.',
  ),
  emptyAfter: key(count(1, 100), 2, 'restart', 'So many answers in a row without a dyno are believed.'),
})

const admin = z.strictObject({
  address: key(
    adminAddress(),
    'unix:postern.sock',
    'restart',
    'Where commands and metrics are served: a Unix socket, or a loopback address and port.',
  ),
  tokens: key(
    z.array(
      z.strictObject({
        name: required(name('the name of a token'), 'ci', 'restart', 'Whom the audit trail names.'),
        sha256: required(
          sha256(),
          '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
          'restart',
          'SHA-256 of the token in hex: `printf %s TOKEN | sha256sum`.',
        ),
      }),
    ),
    [],
    'restart',
    'Who may ask over TCP, with `Authorization: Bearer TOKEN`; at least one where the address is no socket.',
  ),
})

const log = z.strictObject({
  access: key(logTarget(), 'stdout', 'restart', 'Where the access log goes: stdout, off, or the path of a file.'),
  format: key(choice('logfmt', 'json'), 'logfmt', 'restart', 'Form of the access log.'),
  level: key(choice('debug', 'info', 'warn', 'error'), 'info', 'restart', 'Least level of the application log.'),
})

const limits = z.strictObject({
  connections: key(count(0, 10_000_000), 50_000, 'live', 'Client connections at once per process; 0: no limit (H22).'),
  connectionsPerAddress: key(count(0, 10_000_000), 0, 'live', 'The same for one client address; 0: no limit.'),
  requestsPerConnection: key(
    count(0, 1_000_000_000),
    0,
    'live',
    'Requests on a client connection before it is closed; 0: no limit.',
  ),
  requestLine: key(size('64B', '64KiB'), '8KiB', 'live', 'Request line; over it 414.'),
  headerLine: key(size('64B', '64KiB'), '8KiB', 'live', 'One header line of a request; over it 431.'),
  headerName: key(size('16B', '8KiB'), '1000B', 'live', 'Name of a header; over it 431.'),
  headerCount: key(count(1, 10_000), 1000, 'live', 'Header lines of a request; over it 431.'),
  head: key(size('1KiB', '1MiB'), '64KiB', 'live', 'Whole head of a request; over it 431.'),
  chunkExtension: key(size('0B', '64KiB'), '4KiB', 'live', 'Chunk extensions of a request body in all; over it 400.'),
  trailers: key(size('0B', '64KiB'), '8KiB', 'live', 'Trailers of a request body; over it 400.'),
  connectAttempts: key(count(1, 100), 10, 'live', 'Dynos tried for one request while connects fail (H19, H21).'),
  retryBudget: key(percent(), '20%', 'live', 'Retries of an app, in percent of its recent requests.'),
  idleConnectionsPerDyno: key(count(0, 65_535), 256, 'live', 'Idle connections kept open to one dyno.'),
  trustedIpRanges: key(count(1, 10_000), 20, 'live', 'Entries of one list of trusted ranges.'),
})

const timeouts = z.strictObject({
  requestFirstByte: key(duration('1ms', '24h'), '10s', 'live', 'First byte of a request on a new connection.'),
  requestHead: key(duration('1ms', '24h'), '30s', 'live', 'Whole head of a request, from its first byte (408).'),
  requestBody: key(duration('1ms', '24h'), '55s', 'live', 'Between two bytes of a request body (408, H28).'),
  clientKeepAlive: key(duration('1ms', '24h'), '60s', 'live', 'Idle connection of a client.'),
  dynoKeepAlive: key(duration('1ms', '24h'), '90s', 'live', 'Idle connection to a dyno.'),
  proxyHeader: key(duration('1ms', '1m'), '5s', 'live', 'PROXY header where one is required.'),
  bootWait: key(
    duration('1ms', '1h'),
    '75s',
    'live',
    'A request waits so long for a dyno that boots (H20), or for one that can be connected to.',
  ),
  quarantine: key(
    duration('1ms', '1h'),
    '5s',
    'live',
    'How long a dyno that could not be connected to is passed over.',
  ),
})

const headers = z.strictObject({
  via: key(pseudonym(), 'postern', 'live', 'Name of the router in Via.'),
  forwarded: key(flag(), false, 'live', 'Send `Forwarded` (RFC 7239) to dynos as well as X-Forwarded-*.'),
  traceparent: key(flag(), false, 'live', 'Continue or begin a trace (W3C Trace Context).'),
  requestIdToClient: key(flag(), false, 'live', 'Send `X-Request-Id` to clients too.'),
})

const shutdown = z.strictObject({
  notice: key(
    duration('0s', '1h'),
    '0s',
    'live',
    'How long /readyz says that the router will stop before it takes no more connections.',
  ),
  drain: key(duration('0s', '1h'), '30s', 'live', 'How long requests in flight may take once the router stops.'),
  tunnels: key(
    duration('0s', '168h'),
    '1h',
    'live',
    'How long tunnels go on in a worker that was replaced by another.',
  ),
  dynoGrace: key(duration('0s', '1h'), '30s', 'live', 'Between SIGTERM and SIGKILL of a dyno when the router stops.'),
})

const deploy = z.strictObject({
  batch: key(
    percent(),
    '25%',
    'live',
    'Dynos that are replaced at once, in percent of their process type, rounded up.',
  ),
  drainTimeout: key(
    duration('0s', '1h'),
    '30s',
    'live',
    'How long a dyno that is to end, or that vanished, keeps what it has in flight; then that is cut (H24).',
  ),
  bootTimeout: key(
    duration('1s', '1h'),
    '60s',
    'live',
    'A web dyno that runs here has to accept on its port within this, or it is killed.',
  ),
  shutdownGrace: key(duration('0s', '1h'), '30s', 'live', 'Between SIGTERM and SIGKILL of a dyno that is replaced.'),
  hold: key(duration('0s', '24h'), '10s', 'live', 'How long a batch is watched before the next one begins.'),
  maxErrorRateIncrease: key(
    percent(),
    '5%',
    'live',
    'The failed share of the requests of the new release may be so many points over that of the old one.',
  ),
  maxP95Increase: key(
    percent(9999),
    '100%',
    'live',
    'The time to the first byte that 95 % of the requests keep may be so much longer than with the old release.',
  ),
  minRequests: key(
    count(1, 1_000_000),
    20,
    'live',
    'With fewer requests than this to the new dynos of a batch nothing is said about errors and times.',
  ),
  keepReleases: key(count(1, 1000), 20, 'live', 'Releases of an app that are kept to roll back to.'),
})

export const spaceFile = z.strictObject({
  space: required(space, { name: 'acme' }, 'restart', 'The isolated network that the router guards.'),
  listeners: required(
    z.array(listener).min(1),
    [{ name: 'public', address: '0.0.0.0:8080', exposure: 'public' }],
    'live',
    'Sockets that take requests.',
  ),
  trustedIpRanges: optional(
    z.array(trustedRange),
    ['198.51.100.0/24', { cidr: '203.0.113.66/32', action: 'deny', label: 'lost laptop' }],
    'live',
    'From where outside clients may come; left out: from everywhere; []: from nowhere.',
  ),
  onUntrusted: key(
    choice('reset', 'forbid'),
    'reset',
    'live',
    'What a client that may not come gets: a TCP reset, or 403.',
  ),
  trustedProxies: key(z.array(cidr()), [], 'live', 'Peers whose X-Forwarded-For is believed.'),
  networks: key(z.array(network), [], 'live', 'Networks whose sources are inside, beside the space itself.'),
  apps: key(mapOf({ placeholder: 'APP', example: 'shop', pattern: NAME.source }, app), {}, 'live', 'Apps by name.'),
  dns: key(dns, {}, 'restart', 'The embedded DNS, which the router itself learns the dynos from.'),
  admin: key(admin, {}, 'restart', 'The door for operators.'),
  log: key(log, {}, 'restart', 'What is written where.'),
  limits: key(limits, {}, 'live', 'Bounds on what clients and dynos may use.'),
  timeouts: key(timeouts, {}, 'live', 'Waits of the router as a whole; those of an app are at the app.'),
  headers: key(headers, {}, 'live', 'Headers beyond those that always go.'),
  shutdown: key(shutdown, {}, 'live', 'How the router stops.'),
  state: optional(
    folder(),
    './state',
    'restart',
    'Folder for what has to last: releases, settings made through the API, the audit trail; left out: `state` beside the file.',
  ),
  deploy: key(deploy, {}, 'live', 'How the dynos that run here are replaced, and how all dynos drain.'),
  workers: key(
    wordOrCount('auto', 1, 512),
    'auto',
    'live',
    'Processes that serve requests; auto: as many as there are processors.',
  ),
})

/** What may be written: for programs that give a configuration as an object. */
export type ConfigInput = z.input<typeof spaceFile>

/** What was written, read and with defaults, still in the shape of the file. */
export type SpaceFile = z.output<typeof spaceFile>
