import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { call, run } from './postern.ts'

t.test('the program runs, with the version of the package', async (t) => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8'))
  t.same(await run('--version'), { status: 0, out: `${version}\n`, err: '' })
})

t.test('an older Node is told in one line', async (t) => {
  const old = 'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } })'
  const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
  const { status, stderr } = spawnSync(process.execPath, ['--import', `data:text/javascript,${old}`, cli, 'start'], {
    encoding: 'utf8',
  })
  t.equal(status, 1)
  t.equal(stderr, 'postern: needs Node 22.19 or newer; this is 20.20.2\n')
})

t.test('--help lists the commands, each of which has its own with an example', async (t) => {
  const { status, out } = await call(t, '--help')
  t.equal(status, 0)
  const commands = [...out.matchAll(/^ {2}([\w-]+) {2,}/gm)].map(([, name]) => name!)
  t.same(commands, [
    'start',
    'check',
    'plan',
    'reload',
    'upgrade',
    'top',
    'ps',
    'apps',
    'scale',
    'deploy',
    'releases',
    'rollback',
    'maintenance',
    'trusted-ips',
    'topology',
  ])
  for (const name of commands) {
    const help = await call(t, name, '--help')
    t.equal(help.status, 0)
    t.match(help.out, new RegExp(`^usage: postern ${name} .*\\n[^]*\\nexample: postern ${name}`))
  }
})

t.test('a call without a command is a wrong call', async (t) => {
  t.match(await call(t), { status: 2, out: '', err: /^usage: postern COMMAND/ })
})

t.test('an unknown command is told with the one that was probably meant', async (t) => {
  const { status, err } = await call(t, 'strat')
  t.equal(status, 2)
  t.equal(err, "postern: there is no command 'strat'; is it 'start'? (postern --help lists them)\n")
  t.match(await call(t, 'constructor'), { status: 2, err: /^postern: there is no command 'constructor' \(/ })
})

t.test('a wrong call is told in one line', async (t) => {
  const cases: [string[], string][] = [
    [['ps', '--jason'], "postern ps: Unknown option '--jason' (postern ps --help)\n"],
    [['ps', 'shop', 'chat'], "postern ps: 'chat' is one word too many (postern ps --help)\n"],
    [
      ['topology', '--admin', 'nowhere'],
      'postern topology: --admin nowhere is neither unix:PATH nor ADDRESS:PORT (postern topology --help)\n',
    ],
  ]
  for (const [args, err] of cases) t.same(await call(t, ...args), { status: 2, out: '', err })
})

t.test('a router that is not there is told in one line', async (t) => {
  t.same(await call(t, 'ps', '--admin', 'unix:/no/such/postern.sock'), {
    status: 1,
    out: '',
    err: 'postern ps: no router answers on unix:/no/such/postern.sock; postern start starts one\n',
  })
})
