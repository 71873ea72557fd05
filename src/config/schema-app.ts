import * as z from 'zod'
import { cidr, folder, remoteEndpoint } from './addresses.ts'
import { requestPath, statusRange } from './http-scalars.ts'
import { alternative, key, mapOf, optional, required } from './keys.ts'
import { dnsName, domain, hashKey, NAME, name, VARIABLE } from './names.ts'
import { choice, count, duration, flag, longText, sizeOrOff, text } from './scalars.ts'

/** `198.51.100.0/24`, or a map that says more about it. */
export const trustedRange = z.union([
  cidr(),
  z.strictObject({
    cidr: required(cidr(), '198.51.100.0/24', 'live', 'The addresses of the range.'),
    action: key(choice('allow', 'deny'), 'allow', 'live', 'Whether clients from it may come; deny beats allow.'),
    label: optional(text('a few words', 200), 'head office', 'live', 'What the range is, for people.'),
  }),
])

const algorithm = () => choice('least-in-flight', 'round-robin', 'random', 'hash')

const balance = z.union([
  algorithm(),
  z.strictObject({
    algorithm: required(algorithm(), 'least-in-flight', 'live', 'How a dyno is chosen for a request.'),
    on: optional(hashKey(), 'cookie:session', 'live', 'What `hash` looks at; left out: the address of the client.'),
  }),
])

const listedDyno = z.strictObject({
  address: required(remoteEndpoint(), '10.0.1.4:5000', 'live', 'Where the dyno listens.'),
  az: optional(name('the name of a zone'), 'a', 'live', 'The zone that it is in.'),
})

const dnsSource = z.strictObject({
  name: required(dnsName(), '_http._tcp.web.example.com', 'live', 'The name to ask for: SRV first, then A and AAAA.'),
  server: required(remoteEndpoint(), '10.0.0.2:53', 'live', 'The DNS server to ask.'),
  port: optional(
    count(1, 65_535),
    5000,
    'live',
    'Where the dynos listen when the name has no SRV records; left out: it must have some.',
  ),
})

const exec = z.strictObject({
  start: required(
    longText('a command line', 1, 8192),
    'docker run -d --name $POSTERN_INSTANCE shop',
    'live',
    'Starts a dyno somewhere, and ends.',
  ),
  stop: required(
    longText('a command line', 1, 8192),
    'docker stop -t $POSTERN_GRACE_SECONDS $POSTERN_INSTANCE',
    'live',
    'Ends a dyno; when this has ended, the dyno has.',
  ),
  status: optional(
    longText('a command line', 1, 8192),
    'docker inspect $POSTERN_INSTANCE',
    'live',
    'Ends with status 0 while the dyno runs; left out: it runs until it is stopped.',
  ),
})

const registered = z.strictObject({
  ttl: key(duration('1s', '24h'), '30s', 'live', 'A dyno that was not renewed for so long is gone.'),
})

export const processType = z.strictObject({
  command: alternative(
    longText('a command line such as node server.js', 1, 8192),
    'node server.js',
    'live',
    'Run the dynos here, with this command.',
  ),
  exec: alternative(
    exec,
    { start: 'docker run -d --name $POSTERN_INSTANCE shop', stop: 'docker stop $POSTERN_INSTANCE' },
    'live',
    'Run the dynos by commands of your own: containers, units of systemd, other machines.',
  ),
  quantity: optional(
    count(0, 1000),
    4,
    'live',
    'How many dynos run, with command or exec; left out: 1, or what `postern scale` says.',
  ),
  cwd: key(folder(), '.', 'live', 'Folder in which the command runs.'),
  dynos: alternative(z.array(listedDyno), [{ address: '10.0.1.4:5000', az: 'a' }], 'live', 'Dynos that run elsewhere.'),
  registered: alternative(
    registered,
    { ttl: '30s' },
    'live',
    'Whoever runs the dynos announces them through the admin API.',
  ),
  dns: alternative(
    dnsSource,
    { name: '_http._tcp.web.example.com', server: '10.0.0.2:53' },
    'live',
    'Learn the dynos from another DNS server.',
  ),
})

const appTimeouts = z.strictObject({
  connect: key(duration('1ms', '75s'), '5s', 'live', 'Connect to a dyno; then another one is tried (H19).'),
  firstByte: key(duration('1ms', '24h'), '30s', 'live', 'First byte of the answer, from the end of the request (H12).'),
  idle: key(
    duration('1ms', '24h'),
    '55s',
    'live',
    'Between two bytes after that, on either side and in tunnels (H15, H28).',
  ),
})

const queue = z.strictObject({
  limit: key(count(0, 1_000_000), 1000, 'live', 'How many requests may wait; one more is answered H11.'),
  timeout: key(duration('1ms', '1h'), '30s', 'live', 'How long a request may wait; then H11.'),
})

const healthCheck = z.strictObject({
  path: key(requestPath(), '/', 'live', 'What is asked for, by GET.'),
  status: key(statusRange(), '200-399', 'live', 'The statuses of a dyno that is well.'),
  interval: key(duration('100ms', '1h'), '5s', 'live', 'Between the checks of a dyno.'),
  timeout: key(duration('10ms', '5m'), '2s', 'live', 'How long one may take, to the head of the answer.'),
  unhealthyAfter: key(count(1, 100), 2, 'live', 'So many that fail in a row take a dyno out of the balance.'),
  healthyAfter: key(count(1, 100), 1, 'live', 'So many that pass in a row bring it back.'),
  failClosed: key(flag(), false, 'live', 'When no dyno passes, none gets requests; otherwise all do.'),
})

export const app = z.strictObject({
  domains: key(
    z.array(domain()),
    [],
    'live',
    'Host names that lead to the app; `*.example.com` stands for everything below example.com.',
  ),
  internalRouting: key(flag(), false, 'live', 'The app exists for inside clients only.'),
  maintenance: optional(
    flag(),
    true,
    'live',
    'Answer every request 503 (H80) without asking a dyno; left out: false, or what `postern maintenance` says.',
  ),
  trustedIpRanges: optional(
    z.array(trustedRange),
    ['198.51.100.0/24'],
    'live',
    'Outside clients must be in these ranges as well as in those of the space; left out: not narrowed.',
  ),
  balance: key(balance, 'least-in-flight', 'live', 'How a dyno is chosen for a request, as a word or a map.'),
  healthCheck: optional(
    healthCheck,
    { path: '/up' },
    'live',
    'Ask every web dyno whether it is well; left out: one that accepts connections is.',
  ),
  slowStart: key(
    duration('0s', '1h'),
    '0s',
    'live',
    'How long the share of a dyno that comes into the balance grows to that of the others.',
  ),
  timeouts: key(appTimeouts, {}, 'live', 'How long the app may take.'),
  maxInFlightPerDyno: key(count(1, 100_000), 200, 'live', 'Requests at once per dyno and router process; more wait.'),
  queue: key(queue, {}, 'live', 'Requests that wait for a dyno with room.'),
  maxBodySize: key(sizeOrOff('1B', '1024GiB'), 'off', 'live', 'Largest request body; over it 413.'),
  expectContinue: key(
    choice('router', 'end-to-end'),
    'router',
    'live',
    'Who answers `Expect: 100-continue`: the router at once, or the dyno.',
  ),
  env: key(
    mapOf(
      { placeholder: 'VARIABLE', example: 'GREETING', pattern: VARIABLE.source },
      longText('text, in quotes where it could be read as a number or a flag', 0, 100_000),
    ),
    {},
    'live',
    'Environment of the dynos that run here.',
  ),
  formation: key(
    mapOf({ placeholder: 'TYPE', example: 'web', pattern: NAME.source }, processType),
    {},
    'live',
    'Its process types; only `web` gets requests; left out: no release yet (H81).',
  ),
})
