import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t from 'tap'
import { ExecRuntime } from '../../src/control/runtimes/exec.ts'
import { LaunchError } from '../../src/control/runtimes/runtime.ts'
import { RunningRouter } from '../support/running-router.ts'
import { CIDR } from './loopback.ts'
import { gone, isAlive } from './processes.ts'

const folder = await mkdtemp(join(tmpdir(), 'postern-'))
t.teardown(() => rm(folder, { recursive: true }))

const facts = {
  app: 'shop',
  processType: 'web',
  number: 2,
  release: 'v3',
  az: 'a',
  address: '127.35.1.1',
  port: 5007,
  cwd: folder,
  env: { PORT: '5007', GREETING: 'hello' },
}
/** Begins a program that nobody waits for, as `docker run -d` does, and says which one it is. */
const START = 'sleep 1000 >/dev/null 2>&1 & echo "started"; echo $!'
const STOP = 'echo $POSTERN_INSTANCE $POSTERN_GRACE_SECONDS >>stopped; kill $POSTERN_HANDLE 2>/dev/null || true'
const STATUS = 'kill -0 $POSTERN_HANDLE 2>/dev/null'

t.test('the commands of the operator start and stop a dyno; its handle is what start said last', async (t) => {
  const runtime = new ExecRuntime()
  const lines: string[] = []
  const command = `echo "$GREETING $PORT" >&2; ${START} | tee handle`
  const launch = { ...facts, command, exec: { stop: STOP, status: '' } }
  const instance = await runtime.launch(launch, (line) => lines.push(line))
  const pid = Number((await readFile(join(folder, 'handle'), 'utf8')).trim().split('\n').at(-1))
  t.ok(isAlive(pid))
  t.strictSame(lines, ['hello 5007'])
  t.equal(await instance.stop(12_000), 'stopped')
  t.equal(await instance.ended, 'stopped')
  await gone(pid)
  t.equal(await readFile(join(folder, 'stopped'), 'utf8'), 'postern-shop-web-2-v3-5007 12\n')
})

t.test('a dyno whose status says no has ended, and what is left of it is removed', async (t) => {
  await rm(join(folder, 'stopped'))
  const runtime = new ExecRuntime({ statusIntervalMs: 20 })
  const launch = { ...facts, command: `${START} | tee handle`, exec: { stop: STOP, status: STATUS } }
  const instance = await runtime.launch(launch, () => {})
  const pid = Number((await readFile(join(folder, 'handle'), 'utf8')).trim().split('\n').at(-1))
  let ended = false
  void instance.ended.then(() => {
    ended = true
  })
  await new Promise((done) => setTimeout(done, 200))
  t.notOk(ended)
  process.kill(pid, 'SIGKILL')
  t.equal(await instance.ended, 'its status command ended with status 1')
  t.equal(await readFile(join(folder, 'stopped'), 'utf8'), 'postern-shop-web-2-v3-5007 0\n')
})

t.test('a start that fails is a failed launch, in words', async (t) => {
  const runtime = new ExecRuntime()
  const exec = { stop: 'true', status: '' }
  const launch = (command: string) => runtime.launch({ ...facts, command, exec }, () => {})
  await t.rejects(launch('exit 3'), new LaunchError('its start command ended with status 3'))
  await t.rejects(launch('no-such-program-here'), new LaunchError('its start command cannot be started: ENOENT'))
  await t.rejects(launch("'"), new LaunchError('its start command cannot be read: a single quote does not end'))
})

t.test('a router runs an app by such commands, and a change to them is a release like any other', async (t) => {
  const program = `${process.execPath} ${resolve(import.meta.dirname, '../support/dyno.js')}`
  const file = (web: string) => `
space: { name: test, cidr: ${CIDR} }
listeners: [{ name: public, address: "127.0.0.1:0", exposure: public }]
deploy: { hold: 0s }
apps:
  shop:
    domains: [shop.example.com]
    formation:
      web:
        quantity: 2
        ${web}
`
  const router = await RunningRouter.start(file(`command: ${program}`))
  const seen = async () => {
    const client = await router.client()
    const pids = new Set<string>()
    while (pids.size < 2) {
      client.send('GET /pid HTTP/1.1\r\nHost: shop.example.com\r\n\r\n')
      const { status, body } = await client.answer()
      t.equal(status, 200)
      pids.add(body)
    }
    client.socket.destroy()
    t.strictSame([...pids].map((each) => each.split(' ')[0]).sort(), ['web.1', 'web.2'])
    return [...pids].map((each) => Number(each.split(' ')[1]))
  }
  const before = await seen()
  const exec = `exec: { start: ${program} >/dev/null 2>&1 & echo $!, stop: kill $POSTERN_HANDLE }`
  await router.apply(file(exec))
  await router.until(async () => {
    const dynos = await router.dynos()
    return dynos.length === 2 && dynos.every(({ state, release }) => state === 'up' && release === 'v2')
  })
  await Promise.all(before.map(gone))
  const pids = await seen()
  await router.router.stop()
  await Promise.all(pids.map(gone))
  await router.stop()
})
