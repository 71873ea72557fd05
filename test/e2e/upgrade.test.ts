import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t from 'tap'
import { gone, isAlive } from '../control/processes.ts'
import { RawClient } from '../support/raw-client.ts'
import { RouterProcess } from '../support/router-process.ts'

// The promise: a new version that is no good is noticed before it has replaced anything that works.

const DYNO = `node ${resolve(import.meta.dirname, '../support/dyno.js')}`
const APPS = `  shop: { domains: [shop.example.com], formation: { web: { quantity: 2, command: ${DYNO} } } }\n`

t.test('an upgrade to a program that does not start leaves what runs, and one to a better program works', async (t) => {
  const copy = mkdtempSync(join(tmpdir(), 'postern-'))
  t.teardown(() => rmSync(copy, { recursive: true, force: true }))
  const root = resolve(import.meta.dirname, '../..')
  cpSync(join(root, 'src'), join(copy, 'src'), { recursive: true })
  cpSync(join(root, 'package.json'), join(copy, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  const cli = join(copy, 'src/cli.ts')
  const router = await RouterProcess.start(APPS, { more: 'workers: 1', cidr: '127.43.0.0/16', cli })
  t.teardown(() => router.stop())
  const upgraded = async () => {
    await router.admin('/upgrade', 'POST')
    await router.until(async () => !['', 'running'].includes((await router.table()).upgrade))
    return (await router.table()).upgrade
  }
  const pids = async () => (await router.processes()).filter(({ state }) => state === 'up').map(({ pid }) => pid)

  const before = await pids()
  for (const file of ['src/process/control.ts', 'src/process/worker.ts']) {
    const path = join(copy, file)
    const good = readFileSync(path)
    appendFileSync(path, '\nthrow new Error("a mistake in the new version")\n')
    t.equal(await upgraded(), 'failed', file)
    writeFileSync(path, good)
    const after = await pids()
    t.equal(after.length, before.length)
    t.ok(after.includes(before.at(-1)!), 'the worker is the same')
    const client = await RawClient.connect(router.port)
    t.equal((await client.get()).status, 200)
    client.close()
  }
  const running = await pids()
  const messages = join(copy, 'src/process/messages.ts')
  const spoken = readFileSync(messages, 'utf8')
  writeFileSync(messages, spoken.replace(/PROTOCOL = \d+/, 'PROTOCOL = 1000'))
  t.equal(await upgraded(), 'failed', 'a version that the supervisor cannot talk to')
  t.match(router.log, /cannot talk to the supervisor that runs.*"postern upgrade --supervisor"/)
  t.strictSame(await pids(), running)
  writeFileSync(messages, spoken)
  t.equal(await upgraded(), 'done')
  t.notOk((await pids()).includes(before.at(-1)!))
})

t.test('a supervisor that is killed takes everything along', async (t) => {
  const router = await RouterProcess.start(APPS, {
    more: 'workers: 1\nshutdown: { dynoGrace: 1s }',
    cidr: '127.42.0.0/16',
  })
  t.teardown(() => router.stop())
  const client = await RawClient.connect(router.port)
  const dyno = Number((await client.get('/pid')).body.split(' ')[1])
  const pids = (await router.processes()).map(({ pid }) => pid)
  router.child.kill('SIGKILL')
  await Promise.all([...pids, dyno].map(gone))
  t.notOk([...pids, dyno].some(isAlive))
  client.close()
})
