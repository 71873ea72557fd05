import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { AdminServer } from '../../src/control/admin/admin-server.ts'
import { EventLog } from '../../src/control/events.ts'
import { scriptedAdmin } from '../support/scripted-admin.ts'
import { ScriptedDeploys } from '../support/scripted-deploys.ts'
import { call, run } from './postern.ts'

// Every command over a real socket to an API whose deploys follow a script.

const folder = await mkdtemp(join(tmpdir(), 'postern-'))
const events = new EventLog()
const deploys = new ScriptedDeploys(events)
const file = {
  apps: {
    shop: { domains: ['shop.example.com'], formation: { web: { command: 'node server.js', quantity: 4 } } },
    chat: { maintenance: true, internalRouting: true },
  },
}
const source = await scriptedAdmin({ events, deploys }, file)
const server = await AdminServer.create(source, '1.2.3')
const socket = join(folder, 'postern.sock')
await server.listen({ socket })
t.teardown(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

/** Most run in this process, which is quicker. */
const postern = (...args: string[]) => call(t, ...args, '--admin', `unix:${socket}`)
const spawned = (...args: string[]) => run(...args, '--admin', `unix:${socket}`)

t.test('apps shows where they are and how they do', async (t) => {
  const { status, out } = await postern('apps')
  t.equal(status, 0)
  t.match(out.split('\n'), [
    /^APP +EXPOSURE +RELEASE +DYNOS UP +MAINTENANCE +DOMAINS$/,
    /^shop +public +0\/0 +off +shop\.example\.com$/,
    /^chat +internal +0\/0 +on$/,
  ])
  t.match(JSON.parse((await postern('apps', '--json')).out), [{ name: 'shop', release: null }, { name: 'chat' }])
})

t.test('a deploy is shown batch by batch, and ends with 0 when the release runs', async (t) => {
  deploys.script = 'succeeds'
  const args = ['shop', '--env', 'GREETING=a=b', '--env', 'OLD', '--label', 'new greeting', '--surge']
  const { status, out, err } = await spawned('deploy', ...args)
  t.equal(err, '')
  t.equal(status, 0)
  t.same(out.split('\n'), [
    'shop v1: 4 dynos in 2 batches',
    'batch 1 of 2: web.1, web.2 replaced',
    'batch 1 of 2: web.1, web.2 up, and watched',
    'batch 1 of 2: gate passed',
    'batch 2 of 2: web.3, web.4 replaced',
    'batch 2 of 2: web.3, web.4 up, and watched',
    'batch 2 of 2: gate passed',
    'v1 of shop runs',
    '',
  ])
  t.strictSame(deploys.calls.at(-1), [
    'deploy',
    'shop',
    { env: { GREETING: 'a=b', OLD: null }, label: 'new greeting', surge: true, by: 'socket' },
  ])
  t.match(await postern('deploy', 'shop', '--status'), {
    status: 0,
    out: /^v1 of shop: succeeded \ds ago, by socket, "new greeting"\n$/,
  })
  t.match((await source.state.trail(1))[0], { action: 'deploy', change: { env: ['GREETING', 'OLD'] } })
})

t.test('a deploy that fails ends with 1 and says why', async (t) => {
  deploys.script = 'fails'
  const { status, out, err } = await spawned('deploy', 'shop')
  t.equal(status, 1)
  t.match(out, 'batch 1 of 2: gate failed (21 % of 240 requests failed)\nrolling back: 21 % of 240 requests failed\n')
  t.equal(err, 'postern deploy: v2 of shop failed, and v1 runs again: 21 % of 240 requests failed\n')
  const json = await postern('deploy', 'shop', '--json')
  t.match(json, { status: 1, err: /^postern deploy: v3 of shop failed/ })
  t.match(JSON.parse(json.out), { release: 'v3', phase: 'failed' })
})

t.test('a canary is waited for; then it is resumed or aborted', async (t) => {
  deploys.script = 'is paused'
  t.match(await postern('deploy', 'shop', '--canary', '1'), {
    status: 0,
    out: /paused: canary\nv4 of shop is paused \(canary\): --resume goes on, --abort takes it back\n$/,
  })
  t.match(await postern('deploy', 'shop', '--status'), {
    out: /^shop v1 → v4 \[#{10}\.{10}\] 2\/4 {2}batch 1 of 2: web\.1, web\.2 paused \(canary\)\n$/,
  })
  t.match(await postern('deploy', 'shop', '--resume'), { status: 0, out: /v4 of shop runs\n$/ })
  await postern('deploy', 'shop', '--canary', '1')
  t.match(await postern('deploy', 'shop', '--abort'), { status: 0, out: /v5 of shop: aborted/ })
  t.match(await postern('deploy', 'shop', '--pause'), {
    status: 1,
    err: 'postern deploy: no deploy of shop is under way\n',
  })
})

t.test('a deploy whose place another one takes ends with 1', async (t) => {
  deploys.script = 'is superseded'
  t.match(await postern('deploy', 'shop'), {
    status: 1,
    err: 'postern deploy: another deploy took the place of v6 of shop\n',
  })
  await postern('deploy', 'shop', '--abort')
})

t.test('releases are listed, and one is rolled back to', async (t) => {
  deploys.script = 'succeeds'
  t.match(await postern('rollback', 'shop', 'v1'), { status: 0, out: /v8 of shop runs\n$/ })
  t.strictSame(deploys.calls.at(-1), ['rollback', 'shop', 1, 'socket'])
  t.match(await postern('rollback', 'shop', '--no-wait'), { status: 0, out: 'v9 of shop: Rollback to v7\n' })
  t.strictSame(deploys.calls.at(-1), ['rollback', 'shop', null, 'socket'])
  t.match(await postern('rollback', 'shop', 'v77'), { status: 1, err: 'postern rollback: shop has no release v77\n' })
  const { out } = await postern('releases', 'shop')
  t.match(out.split('\n')[0], /^RELEASE +STATUS +AGE +BY +WHAT +LABEL$/)
  t.match(out, /^v8.* +\d+s +socket +Rollback to v1$/m)
  t.match(out, /^v1 +succeeded +\d+s +socket +Deploy +new greeting$/m)
  const shown = JSON.parse((await postern('releases', 'shop', '--json')).out)
  t.match(shown[0], {
    version: 1,
    commands: { web: 'node server.js' },
    config_vars: ['GREETING'],
    user: { name: 'socket' },
  })
  t.match(await postern('releases', 'chat'), { out: 'no releases\n' })
})

t.test('scale says how many there are to be', async (t) => {
  t.match(await postern('scale', 'shop', 'web=6'), {
    status: 0,
    out: /^TYPE +QUANTITY +COMMAND\nweb +\d +node server\.js\n$/,
  })
  t.strictSame(deploys.calls.at(-1), ['scale', 'shop', 'web', 6, 'socket'])
  t.match(await postern('scale', 'shop', 'web=999'), {
    status: 1,
    err: 'postern scale: the quantity of web of shop is set in space.yml\n',
  })
  t.match(await postern('scale', 'shop', 'worker=1'), {
    status: 1,
    err: 'postern scale: shop has no process type worker\n',
  })
})

t.test('maintenance is turned on and off', async (t) => {
  t.match(await postern('maintenance', 'on', 'shop'), { status: 0, out: 'maintenance of shop is on\n' })
  t.match(await postern('maintenance', 'shop'), { status: 0, out: 'maintenance of shop is on\n' })
  t.match(JSON.parse((await postern('maintenance', 'off', 'shop', '--json')).out), { maintenance: false })
  t.match(await postern('maintenance', 'off', 'chat'), {
    status: 1,
    err: 'postern maintenance: the maintenance of chat is set in the configuration; change it there\n',
  })
})

t.test('trusted ranges are added, removed and set', async (t) => {
  t.match(await postern('trusted-ips'), {
    status: 0,
    out: /everyone may come, for 0\.0\.0\.0\/0 and ::\/0 are among them\n$/,
  })
  await postern('trusted-ips', 'add', '203.0.113.0/24', '--label', 'head office')
  await postern('trusted-ips', 'remove', '0.0.0.0/0')
  t.match(await postern('trusted-ips', 'remove', '::/0'), {
    status: 0,
    out: 'ACTION  RANGE           LABEL\nallow   203.0.113.0/24  head office\n',
  })
  t.match(await postern('trusted-ips', 'add', '203.0.113.0/24'), {
    status: 1,
    err: /there is a rule for 203\.0\.113\.0\/24 already/,
  })
  t.match(await postern('trusted-ips', 'remove', '10.9.0.0/16'), {
    status: 1,
    err: /there is no rule for 10\.9\.0\.0\/16/,
  })
  t.match(await postern('trusted-ips', 'add', '203.0.113.5/24'), { status: 2, err: /has bits set after its prefix/ })

  const both = ['198.51.100.1/32', '198.51.100.2/32', '198.51.100.3/32']
  const added = await Promise.all(both.map((range) => spawned('trusted-ips', 'add', range)))
  t.same(
    added.map(({ status }) => status),
    [0, 0, 0],
  )
  const { rules } = JSON.parse((await postern('trusted-ips', '--json')).out)
  t.same(rules.map((rule: { source: string }) => rule.source).sort(), [...both, '203.0.113.0/24'], 'none was lost')

  const list = join(folder, 'ranges.yml')
  await writeFile(list, '- 198.51.100.0/24\n- { cidr: 198.51.100.7/32, action: deny, label: theirs }\n')
  t.match(await postern('trusted-ips', 'set', list), {
    status: 0,
    out: /allow +198\.51\.100\.0\/24\ndeny +198\.51\.100\.7\/32 +theirs\n$/,
  })
  await writeFile(list, '- { cidr: 198.51.100.0/24, lable: x }\n')
  t.match(await postern('trusted-ips', 'set', list), {
    status: 1,
    err: /body\.rules\[0\] has a key 'lable' that is not known/,
  })
  await writeFile(list, 'none\n')
  t.match(await postern('trusted-ips', 'set', list), { status: 1, err: /is no list of ranges/ })
  t.match(await postern('trusted-ips', 'set', '/no/such/file'), { status: 1, err: /cannot be read: ENOENT/ })
  await writeFile(list, '[]\n')
  t.match(await postern('trusted-ips', 'set', list), { status: 0, out: 'no one may come: there is no trusted range\n' })
})

t.test('a wrong call is one line and exit code 2', async (t) => {
  const cases: [args: string[], says: string][] = [
    [['deploy'], 'give the app'],
    [['deploy', 'shop', '--pause', '--abort'], 'give only one of --pause and --abort'],
    [['deploy', 'shop', '--status', '--label', 'x'], '--label is for the next deploy; it does not go with --status'],
    [['deploy', 'shop', '--canary', 'one'], '--canary one: give a whole number from 1'],
    [['deploy', 'shop', '--env', '=x'], '--env =x: give KEY=VALUE'],
    [['releases'], 'give the app'],
    [['rollback', 'shop', 'yesterday'], "'yesterday' is no release such as v5"],
    [['scale', 'shop', 'web'], "'web' is not TYPE=QUANTITY, such as web=6"],
    [['maintenance', 'on'], 'give the app'],
    [['maintenance', 'maybe', 'shop'], "'maybe' is neither on nor off"],
    [['trusted-ips', 'drop'], "'drop' is none of list, add, remove and set"],
    [['trusted-ips', 'add'], 'give the CIDR'],
    [['trusted-ips', '--label', 'x'], '--label goes with add'],
  ]
  for (const [args, says] of cases) {
    const { status, out, err } = await postern(...args)
    t.same([status, out, err], [2, '', `postern ${args[0]}: ${says} (postern ${args[0]} --help)\n`])
  }
  const message = "there is no app 'shpo'; there are: shop, chat"
  for (const args of [
    ['deploy', 'shpo'],
    ['maintenance', 'on', 'shpo'],
    ['scale', 'shpo', 'web=1'],
  ]) {
    t.match(await postern(...args), { status: 1, out: '', err: `postern ${args[0]}: ${message}\n` })
  }
})

t.test('over TCP a token is needed, from the option or the environment', async (t) => {
  const tokens = [{ name: 'ci', sha256: createHash('sha256').update('sesame').digest('hex') }]
  const tcp = await AdminServer.create(source, '1.2.3', tokens)
  t.teardown(() => tcp.close())
  await tcp.listen({ host: '127.0.0.1', port: 0 })
  const without = await call(t, 'apps', '--admin', tcp.address)
  t.match(without, {
    status: 1,
    err: 'postern apps: the router wants a token that it knows: give --token, or set POSTERN_TOKEN\n',
  })
  t.match(await call(t, 'maintenance', 'on', 'shop', '--admin', tcp.address, '--token', 'sesame'), { status: 0 })
  t.match((await source.state.trail(1))[0], { by: 'ci', action: 'maintenance', change: { maintenance: true } })
  process.env.POSTERN_TOKEN = 'sesame'
  t.teardown(() => delete process.env.POSTERN_TOKEN)
  t.match(await call(t, 'apps', '--admin', tcp.address), { status: 0 })
})
