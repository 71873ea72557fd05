import { spawnSync } from 'node:child_process'
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join, relative, resolve } from 'node:path'
import t from 'tap'
import { configFromObject, loadConfig, parseConfig } from '../../src/config/load.ts'
import { formatProblem } from '../../src/config/problems.ts'
import { configWith, LEAST, problemsOf, withApp } from './checked.ts'

const TEN_MISTAKES = `space:
  name: Acme Inc
  cidr: 10.0.0.5/16
listeners:
  - { name: public, address: 127.1:8080, exposure: public }
  - name: internal
    address: 10.0.0.5:8080
    exposure: internal
apps:
  shop:
    domains: [shop.example.com]
    healtCheck: { path: /up }
    timeouts:
      firstByte: 30
    formation:
      web: { quantity: 4, comand: node server.js }
  billing:
    domains:
      - billing.example.com
      - SHOP.example.com
    formation:
      web:
        command: node server.js
        dynos: []
trustedIpRanges:
log: { format: xml }
`

t.test('a file whose last line has no end may be half of one', async (t) => {
  const least = 'space: { name: a }\nlisteners: [{ name: p, address: "127.0.0.1:0", exposure: public }]\n'
  const problems = async (text: string) => {
    const result = await loadConfig(join(t.testdir({ 'space.yml': text }), 'space.yml'))
    return result.ok ? [] : result.problems.map(({ line, column, message }) => `${line}:${column} ${message}`)
  }
  const said = 'the last line has no end, so this may be half of a file; end it with a newline'
  t.strictSame(await problems(`${least}apps: {}\n`), [])
  t.strictSame(await problems(`${least}apps: {}`), [`3:9 ${said}`])
  t.match(await problems(`${least}nonsense: 1`), [/^3:1 unknown key/, `3:12 ${said}`])
  t.strictSame(await problems(JSON.stringify(LEAST)), [], 'JSON cannot be cut unnoticed')
  t.match(await problems(''), [/the file is empty/])
})

t.test('ten mistakes get ten messages, each with its line and column', async (t) => {
  t.strictSame(problemsOf(TEN_MISTAKES), [
    't.yml:2:9: space.name: "Acme Inc" is not a name; write up to 30 of a-z, 0-9 and -, a letter first and no - at the end, such as acme-inc',
    't.yml:3:9: space.cidr: 10.0.0.5/16 has bits set after its prefix; the network is 10.0.0.0/16, this one address is 10.0.0.5/32',
    't.yml:5:30: listeners[0].address: "127.1:8080" is not an address and port: 127.1 is not four numbers from 0 to 255 without leading zeros; write all four',
    't.yml:12:5: apps.shop.healtCheck: unknown key; did you mean healthCheck?',
    't.yml:14:18: apps.shop.timeouts.firstByte: found the number 30; give a duration such as 250ms, 5s, 2m or 1h',
    't.yml:16:27: apps.shop.formation.web.comand: unknown key; did you mean command?',
    't.yml:20:9: apps.billing.domains[1]: shop.example.com is already at apps.shop.domains[0] (line 11); a domain leads to one app, once',
    't.yml:24:9: apps.billing.formation.web.dynos: command says already where the dynos are; give only one of command, exec, dynos, registered or dns',
    't.yml:25:1: trustedIpRanges: empty; give a list, or leave the key out',
    't.yml:26:16: log.format: "xml" is not known here; write logfmt or json',
  ])
})

t.test('the least file gives every default', async (t) => {
  const config = configWith(withApp({}))
  t.strictSame(config, {
    file: '',
    space: { name: 'acme', region: 'local', cidr: '10.0.0.0/16' },
    listeners: [
      { name: 'public', exposure: 'public', forwardedFor: 'replace', host: '127.0.0.1', port: 0, proxyProtocol: null },
    ],
    trustedIpRanges: null,
    onUntrusted: 'reset',
    trustedProxies: [],
    networks: [],
    apps: [
      {
        name: 'shop',
        domains: [],
        internalRouting: false,
        maintenance: null,
        trustedIpRanges: null,
        balance: { algorithm: 'least-in-flight', hashOn: 'client', hashName: '' },
        healthCheck: null,
        slowStartMs: 0,
        timeouts: { connectMs: 5000, firstByteMs: 30_000, idleMs: 55_000 },
        maxInFlightPerDyno: 200,
        queue: { limit: 1000, timeoutMs: 30_000 },
        maxBodyBytes: 0,
        expectContinue: 'router',
        env: {},
        formation: [
          {
            processType: 'web',
            source: { kind: 'command', quantity: null, command: 'node server.js', cwd: process.cwd(), exec: null },
          },
        ],
      },
    ],
    dns: { host: '127.0.0.1', port: 5300, zone: 'app.localspace', ttlMs: 5000, forwarders: [], emptyAfter: 2 },
    admin: { socket: resolve('postern.sock'), tokens: [] },
    log: { access: 'stdout', format: 'logfmt', level: 'info' },
    limits: {
      connections: 50_000,
      connectionsPerAddress: 0,
      requestsPerConnection: 0,
      requestLineBytes: 8192,
      headerLineBytes: 8192,
      headerNameBytes: 1000,
      headerCount: 1000,
      headBytes: 65_536,
      chunkExtensionBytes: 4096,
      trailerBytes: 8192,
      connectAttempts: 10,
      retryBudgetPercent: 20,
      idleConnectionsPerDyno: 256,
      trustedIpRanges: 20,
    },
    timeouts: {
      requestFirstByteMs: 10_000,
      requestHeadMs: 30_000,
      requestBodyMs: 55_000,
      clientKeepAliveMs: 60_000,
      dynoKeepAliveMs: 90_000,
      proxyHeaderMs: 5000,
      bootWaitMs: 75_000,
      quarantineMs: 5000,
    },
    headers: { via: 'postern', forwarded: false, traceparent: false, requestIdToClient: false },
    shutdown: { noticeMs: 0, drainMs: 30_000, tunnelsMs: 3_600_000, dynoGraceMs: 30_000 },
    deploy: {
      batchPercent: 25,
      drainTimeoutMs: 30_000,
      bootTimeoutMs: 60_000,
      shutdownGraceMs: 30_000,
      holdMs: 10_000,
      maxErrorRateIncreasePercent: 5,
      maxP95IncreasePercent: 100,
      minRequests: 20,
      keepReleases: 20,
    },
    state: null,
    workers: availableParallelism(),
  })
})

t.test('what is written comes out in canonical form', async (t) => {
  const config = configWith({
    listeners: [
      {
        name: 'a',
        address: '[2001:DB8:0::1]:80',
        exposure: 'internal',
        proxyProtocol: { from: ['::ffff:10.0.0.0/104'] },
      },
      { name: 'b', address: '[::ffff:10.0.0.1]:81', exposure: 'public', forwardedFor: 'append' },
    ],
    trustedIpRanges: ['203.0.113.0/24', { cidr: '2001:DB8::/32', action: 'deny', label: 'theirs' }],
    networks: [{ name: 'dc', kind: 'vpn', cidrs: ['172.20.0.0/16'], state: 'failed' }],
    dns: { address: '[::1]:53', zone: 'Dynos.Example', forwarders: ['[2001:db8::53]:53', '10.0.0.2:53'] },
    admin: { address: '127.0.0.1:9900', tokens: [{ name: 'ci', sha256: 'AB'.repeat(32) }] },
    apps: {
      shop: {
        domains: ['Shop.Example.com', '*.Shop.example.com'],
        trustedIpRanges: [],
        balance: { algorithm: 'hash', on: 'header:X-User' },
        maxBodySize: '5MiB',
        formation: {
          web: { dynos: [{ address: '10.0.1.4:5000', az: 'a' }, { address: '[2001:db8::4]:5000' }] },
          worker: { dns: { name: '_http._TCP.Worker.example.', server: '10.0.0.2:8600', port: 7000 } },
        },
      },
    },
  })
  t.match(config, {
    listeners: [
      { host: '2001:db8::1', port: 80, proxyProtocol: { from: ['10.0.0.0/8'] } },
      { host: '10.0.0.1', port: 81, forwardedFor: 'append' },
    ],
    trustedIpRanges: [
      { cidr: '203.0.113.0/24', action: 'allow', label: '' },
      { cidr: '2001:db8::/32', action: 'deny', label: 'theirs' },
    ],
    networks: [{ name: 'dc', kind: 'vpn', cidrs: ['172.20.0.0/16'], state: 'failed' }],
    dns: { host: '::1', port: 53, zone: 'dynos.example', forwarders: ['[2001:db8::53]:53', '10.0.0.2:53'] },
    admin: { host: '127.0.0.1', port: 9900, tokens: [{ name: 'ci', sha256: 'ab'.repeat(32) }] },
  })
  t.strictSame(config.apps[0]?.domains, ['shop.example.com', '*.shop.example.com'])
  t.strictSame(config.apps[0]?.trustedIpRanges, [])
  t.strictSame(config.apps[0]?.balance, { algorithm: 'hash', hashOn: 'header', hashName: 'x-user' })
  t.equal(config.apps[0]?.maxBodyBytes, 5 * 2 ** 20)
  t.strictSame(config.apps[0]?.formation, [
    {
      processType: 'web',
      source: {
        kind: 'dynos',
        dynos: [
          { address: '10.0.1.4', port: 5000, az: 'a' },
          { address: '2001:db8::4', port: 5000, az: '' },
        ],
      },
    },
    {
      processType: 'worker',
      source: { kind: 'dns', name: '_http._tcp.worker.example', host: '10.0.0.2', port: 8600, servicePort: 7000 },
    },
  ])
})

t.test('an empty list of trusted ranges is kept apart from none', async (t) => {
  t.strictSame(configWith({ trustedIpRanges: [] }).trustedIpRanges, [])
  t.equal(configWith({}).trustedIpRanges, null)
})

t.test('relative paths are relative to the folder of the file', async (t) => {
  const text = JSON.stringify({
    ...LEAST,
    ...withApp({ formation: { web: { command: 'x', cwd: '../app' } } }),
    log: { access: 'log/access.log' },
    admin: { address: 'unix:run/p.sock' },
  })
  const result = parseConfig(text, '/srv/space/acme.json')
  if (!result.ok) throw new Error('must be right')
  t.equal(result.config.file, '/srv/space/acme.json')
  t.match(result.config.apps[0]?.formation[0]?.source, { cwd: '/srv/app' })
  t.equal(result.config.log.access, '/srv/space/log/access.log')
  t.equal(result.config.state, '/srv/space/state')
  t.strictSame(result.config.admin, { socket: '/srv/space/run/p.sock', tokens: [] })
})

t.test('a file is loaded with problems under the name that was given', async (t) => {
  const dir = t.testdir({ 'good.yml': JSON.stringify(LEAST), 'bad.yml': 'space: { name: acme }\nlisteners: 5\n' })
  const good = await loadConfig(relative(process.cwd(), join(dir, 'good.yml')))
  t.ok(good.ok)
  t.equal(good.ok && good.config.file, join(dir, 'good.yml'))
  const bad = await loadConfig(join(dir, 'bad.yml'))
  t.strictSame(bad, {
    ok: false,
    problems: [
      {
        file: join(dir, 'bad.yml'),
        line: 2,
        column: 12,
        path: 'listeners',
        message: 'found the number 5; give a list',
      },
    ],
  })
})

t.test('a file with a byte order mark and Windows line ends keeps its places', async (t) => {
  const file = join(t.testdir({ 'dos.yml': '\ufeffspace:\r\n  nme: acme\r\n' }), 'dos.yml')
  const result = await loadConfig(file)
  t.match(result, {
    problems: [
      { line: 1, column: 1, path: 'listeners' },
      { line: 2, column: 3, path: 'space.nme' },
    ],
  })
})

t.test('what is no readable file is a problem, not an exception', async (t) => {
  const dir = t.testdir({
    'space.yml': '',
    'large.yml': `#${'x'.repeat(32 * 2 ** 20)}`,
    'latin1.yml': Buffer.from('a: 1\nb: \xe9\n', 'latin1'),
  })
  await mkdir(join(dir, 'folder'))
  await symlink('itself', join(dir, 'itself'))
  const said = async (name: string) => {
    const result = await loadConfig(join(dir, name))
    return result.ok ? 'ok' : result.problems.map((problem) => formatProblem(problem).replace(`${dir}/`, ''))
  }
  t.strictSame(await said('none.yml'), ['none.yml: no such file; give the path of a space file'])
  t.strictSame(await said('folder'), ['folder: is a folder; give the file in it'])
  t.strictSame(await said('space.yml/x'), [
    'space.yml/x: a part of this path is not a folder; give the path of a space file',
  ])
  t.strictSame(await said('itself'), ['itself: cannot be read: ELOOP'])
  t.strictSame(await said('large.yml'), ['large.yml: is larger than 32 MiB; a space file is not'])
  t.strictSame(await said('latin1.yml'), ['latin1.yml:2:4: is not UTF-8 from here on; save it as UTF-8'])
  t.strictSame(await said('space.yml'), ['space.yml:1:1: the file is empty; give at least space and listeners'])
  t.match(await loadConfig('/dev/zero'), { problems: [{ message: 'is not a regular file; give the path of one' }] })
})

t.test('a pipe is not waited for', async (t) => {
  const pipe = join(t.testdir(), 'pipe.yml')
  const { status } = spawnSync('mkfifo', [pipe])
  if (status !== 0) return t.comment('there is no mkfifo here')
  t.match(await loadConfig(pipe), { problems: [{ message: 'is not a regular file; give the path of one' }] })
})

t.test('a file cannot write to the terminal of who checks it', async (t) => {
  const values = 'trustedProxies: ["10.0.0.0/\\e[2J\\n"]\n"a\\e[31m": 1\n? "\\u202e"\n: 1\n'
  for (const text of [values, `${values}b: *\u001b[5m\n`, '>\r']) {
    const lines = problemsOf(text)
    t.not(lines.length, 0)
    t.notMatch(lines.join(''), /[\u0000-\u001f\u202e]/)
  }
})

t.test(
  'a file that may not be read says so',
  { skip: process.getuid?.() === 0 && 'root may read everything' },
  async (t) => {
    const file = join(t.testdir({ 'space.yml': 'space:' }), 'space.yml')
    await chmod(file, 0o000)
    t.match(await loadConfig(file), { problems: [{ message: 'may not be read; give its reader the right to' }] })
  },
)

t.test('the largest file that is allowed is read', async (t) => {
  const text = JSON.stringify(LEAST)
  const file = join(t.testdir(), 'space.yml')
  await writeFile(file, `${text}\n#${'x'.repeat(32 * 2 ** 20 - text.length - 2)}`)
  t.ok((await loadConfig(file)).ok)
})

t.test('an object may be anything', async (t) => {
  const circular: Record<string, unknown> = { ...LEAST }
  circular.apps = circular
  for (const value of [undefined, null, 5, 'text', [], () => 1, new Map(), new Date(), circular, { space: null }]) {
    const result = configFromObject(value)
    t.notOk(result.ok, String(value))
    t.ok(!result.ok && result.problems.every(({ line, message }) => line === 0 && message !== ''))
  }
})

t.test('at most 200 problems are shown, and how many more there are', async (t) => {
  const text = `space: { name: acme }\n${Array.from({ length: 500 }, (_, index) => `key${index}: 1\n`).join('')}`
  const problems = problemsOf(text)
  t.equal(problems.length, 201)
  t.equal(problems.at(-1), 't.yml:201:1: 301 more problems from here on')
})
