import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { postern } from '../cli/postern.ts'
import { CIDR } from '../control/loopback.ts'
import { RouterProcess } from '../support/router-process.ts'

// The promise: what operators type is what becomes of real dynos, also when the control process dies meanwhile.

const PROGRAM = `
const { CRASH, GREETING = 'none', HEROKU_PRIVATE_IP, PORT } = process.env
if (CRASH) throw new Error('as it was told')
const answer = (request, response) => response.end(GREETING)
require('http').createServer(answer).listen(PORT, HEROKU_PRIVATE_IP)
`

t.test('scale, deploy, a deploy that fails, rollback and restart of real dynos', async (t) => {
  const router = await RouterProcess.start('  shop: { domains: [shop.example.com] }\n', {
    cidr: CIDR,
    more: 'workers: 1\ndeploy: { hold: 50ms }',
  })
  t.teardown(() => router.stop())
  writeFileSync(join(router.directory, 'dyno.cjs'), PROGRAM)
  const begin = (...args: string[]) => postern([...args, '--config', router.file])
  const run = (...args: string[]) => begin(...args).ended
  const greeting = async () => {
    const client = await router.client()
    const { body } = await client.get('/')
    client.close()
    return body
  }
  const dynos = async () => (await router.dynos()).map(({ dyno, state, release }) => `${dyno} ${release} ${state}`)

  const first = await run('deploy', 'shop', '--command', `${process.execPath} dyno.cjs`)
  t.match(first, { status: 0, out: /^v1 of shop runs$/m, err: '' })
  t.match(await run('scale', 'shop', 'web=2'), { status: 0, out: /^web +2 +.*dyno\.cjs$/m })
  await router.until(async () => (await dynos()).filter((dyno) => dyno.endsWith('v1 up')).length === 2)
  t.match((await run('apps')).out, /^shop +public +v1 +2\/2 +off/m)

  const second = await run('deploy', 'shop', '--env', 'GREETING=Hello', '--label', 'polite')
  t.match(second, { status: 0, out: /^shop v1 → v2: 2 dynos in 2 batches\nbatch 1 of 2: web\.1 replaced\n/ })
  t.match(second.out, /^batch 2 of 2: gate passed.*\nv2 of shop runs$/m)
  t.same((await dynos()).sort(), ['web.1 v2 up', 'web.2 v2 up'])
  t.equal(await greeting(), 'Hello')

  const third = await run('deploy', 'shop', '--env', 'CRASH=1')
  t.match(third, { status: 1, out: /^rolling back: web\.1 did not come up/m })
  t.match(third.err, /^postern deploy: v3 of shop failed, and v2 runs again: web\.1 did not come up.*\n$/)
  t.same((await dynos()).sort(), ['web.1 v2 up', 'web.2 v2 up'])

  const back = begin('rollback', 'shop', 'v1')
  await back.printed(/batch 1 of 2: web\.1 replaced/)
  process.kill(await router.pid('control'), 'SIGKILL')
  t.match(await back.ended, { status: 0, out: /v4 of shop runs\n$/, err: '' }, 'over the end of a control process')
  t.equal(await greeting(), 'none')
  const releases = JSON.parse((await run('releases', 'shop', '--json')).out)
  t.match(releases, [
    { version: 1, status: 'succeeded', current: false, description: 'Deploy' },
    { version: 2, status: 'succeeded', label: 'polite', config_vars: ['GREETING'] },
    { version: 3, status: 'failed', config_vars: ['CRASH', 'GREETING'] },
    { version: 4, status: 'succeeded', current: true, description: 'Rollback to v1', config_vars: [] },
  ])

  const since = async () => (await router.dynos()).find(({ dyno }) => dyno === 'web.2')
  const before = await since()
  t.equal((await router.change('DELETE', '/apps/shop/dynos/web.2')).status, 202)
  await router.until(async () => {
    const now = await since()
    return now?.state === 'up' && now.since !== before!.since
  })
  const { body } = await router.change('GET', '/audit')
  t.match(
    (body as { action: string }[]).map(({ action }) => action),
    ['deploy', 'formation', 'deploy', 'deploy', 'rollback', 'restart'],
  )
})
