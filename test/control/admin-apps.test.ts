import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { AdminServer } from '../../src/control/admin/admin-server.ts'
import type { DynoRow } from '../../src/control/admin/dyno-rows.ts'
import { EventLog } from '../../src/control/events.ts'
import { askAdmin, type Method } from '../support/ask-admin.ts'
import { scriptedAdmin } from '../support/scripted-admin.ts'
import { ScriptedDeploys } from '../support/scripted-deploys.ts'

// Formation, dynos, releases, deploys, registered dynos and zones, over a socket to an API whose deploys follow a script.

const row: DynoRow = {
  app: 'shop',
  dyno: 'web.1',
  state: 'up',
  az: 'a',
  address: '127.35.1.1:5000',
  release: 'v3',
  inFlight: 7,
  health: '',
  healthReason: '',
  since: '2026-01-01T00:00:00.000Z',
}

async function open(t: { teardown(end: () => unknown): void }) {
  const folder = await mkdtemp(join(tmpdir(), 'postern-'))
  const events = new EventLog()
  const deploys = new ScriptedDeploys(events)
  const file = {
    apps: {
      shop: { formation: { web: { command: 'node server.js', quantity: 4 } } },
      billing: { formation: { web: { registered: { ttl: '30s' } } } },
    },
  }
  const dynos = () => [
    row,
    { ...row, dyno: 'web.2', state: 'draining' as const },
    { ...row, app: 'billing', release: '' },
  ]
  const source = await scriptedAdmin({ events, deploys, dynos }, file)
  const server = await AdminServer.create(source, '1.2.3')
  await server.listen({ socket: join(folder, 'postern.sock') })
  t.teardown(async () => {
    await server.close()
    await rm(folder, { recursive: true })
  })
  const ask = (method: Method, path: string, body?: unknown) =>
    askAdmin(join(folder, 'postern.sock'), method, path, body)
  const trail = async () => (await source.state.trail(100)).map(({ action, app, change }) => ({ action, app, change }))
  return { deploys, ask, trail }
}

t.test('the formation is Heroku’s, and is scaled by a batch or by type', async (t) => {
  const { deploys, ask, trail } = await open(t)
  t.match((await ask('GET', '/apps/shop/formation')).body, [
    { app: { name: 'shop' }, type: 'web', quantity: 4, command: 'node server.js' },
  ])
  t.match((await ask('GET', '/apps/billing/formation/web')).body, { type: 'web', quantity: null, command: '' })
  t.equal((await ask('PATCH', '/apps/shop/formation', { updates: [{ type: 'web', quantity: 6 }] })).status, 200)
  t.equal((await ask('PATCH', '/apps/shop/formation/web', { quantity: 2 })).status, 200)
  t.same(deploys.calls, [
    ['scale', 'shop', 'web', 6, 'socket'],
    ['scale', 'shop', 'web', 2, 'socket'],
  ])
  t.match(await ask('PATCH', '/apps/shop/formation', { updates: [{ type: 'worker', quantity: 1 }] }), {
    status: 404,
    body: { message: 'shop has no process type worker' },
  })
  t.match(await ask('PATCH', '/apps/shop/formation/web', { quantity: '3' }), {
    status: 422,
    body: { message: 'body.quantity must be integer' },
  })
  t.match(await ask('PATCH', '/apps/shop/formation/web', { quantity: -1 }), { status: 422 })
  t.match(await ask('PATCH', '/apps/shop/formation/web', { quantity: 999 }), { status: 409, body: { id: 'conflict' } })
  t.same(
    (await trail()).map(({ change }) => change),
    [{ quantities: { web: 6 } }, { quantities: { web: 2 } }],
  )
})

t.test('dynos of an app are Heroku’s, and are restarted one by one', async (t) => {
  const { deploys, ask, trail } = await open(t)
  t.match((await ask('GET', '/apps/shop/dynos')).body, [
    {
      app: { name: 'shop' },
      name: 'web.1',
      type: 'web',
      state: 'up',
      release: { version: 3, name: 'v3' },
      updated_at: '2026-01-01T00:00:00.000Z',
      az: 'a',
      address: '127.35.1.1:5000',
      in_flight: 7,
    },
    { name: 'web.2', state: 'draining' },
  ])
  t.match((await ask('GET', '/apps/billing/dynos/web.1')).body, { release: { version: null, name: '' } })
  t.match(await ask('GET', '/apps/shop/dynos/web.9'), { status: 404, body: { message: 'shop has no dyno web.9' } })
  t.equal((await ask('DELETE', '/apps/shop/dynos/web.1')).status, 202)
  t.match(await ask('DELETE', '/apps/shop/dynos/web.9'), { status: 404 })
  t.same(deploys.calls[0], ['restart', 'shop', 'web.1', 'socket'])
  t.same(await trail(), [{ action: 'restart', app: 'shop', change: { dyno: 'web.1' } }])
})

t.test('a deploy is begun, seen and acted on; the trail has names of variables, not what is in them', async (t) => {
  const { deploys, ask, trail } = await open(t)
  deploys.script = 'stands still'
  t.match(await ask('GET', '/apps/shop/deploy'), { status: 404, body: { message: 'shop was never deployed' } })
  const env = { SECRET: 'sesame', OLD: null }
  const begun = await ask('POST', '/apps/shop/deploy', {
    env,
    commands: { worker: 'node worker.js' },
    label: 'x',
    canary: 1,
  })
  t.match(begun, { status: 202, body: { app: 'shop', release: 'v1', phase: 'replacing', underWay: true, dynos: 4 } })
  t.match((await ask('GET', '/apps/shop/deploy')).body, { release: 'v1' })
  t.match((await ask('GET', '/deploys')).body, [{ app: 'shop', release: 'v1' }])
  t.match(await ask('POST', '/apps/shop/deploy', {}), { status: 409, body: { message: 'shop is being deployed' } })
  for (const action of ['pause', 'abort']) {
    t.equal((await ask('POST', `/apps/shop/deploy/${action}`)).status, 202, action)
  }
  t.match(await ask('POST', '/apps/billing/deploy/abort'), { status: 409 })
  t.same(await trail(), [
    {
      action: 'deploy',
      app: 'shop',
      change: { commands: { worker: 'node worker.js' }, label: 'x', canary: 1, env: ['SECRET', 'OLD'] },
    },
    ...['pause', 'abort'].map((action) => ({ action: `deploy ${action}`, app: 'shop', change: {} })),
  ])
  const cases: [body: object, message: RegExp][] = [
    [{ env: { PORT: '1' } }, /^PORT is set by the router for each dyno/],
    [{ env: { 'A-B': '1' } }, /^"A-B" is not the name of a variable/],
    [{ env: { A: 1 } }, /^body\.env\.A must be string,null$/],
    [{ env: { A: 'a\0' } }, /has a NUL/],
    [{ commands: { Web: 'x' } }, /^'Web' is not the name of a process type$/],
    [{ commands: { web: ' ' } }, /^the command of web is empty$/],
    [{ canary: 1.5 }, /^body\.canary must be integer$/],
    [{ cannary: 1 }, /^body has a key 'cannary' that is not known$/],
  ]
  for (const [body, message] of cases) {
    t.match(await ask('POST', '/apps/shop/deploy', body), { status: 422, body: { id: 'invalid_params', message } })
  }
})

t.test('releases are Heroku’s; one is rolled back to by version or id', async (t) => {
  const { deploys, ask } = await open(t)
  await ask('POST', '/apps/shop/deploy', { env: { SECRET: 'sesame' }, label: 'first' })
  const { text } = await ask('GET', '/apps/shop/releases')
  t.notMatch(text, 'sesame')
  const [release] = JSON.parse(text)
  t.match(release, {
    version: 1,
    status: 'pending',
    current: false,
    description: 'Deploy',
    label: 'first',
    user: { name: 'socket' },
    commands: { web: 'node server.js' },
    config_vars: ['SECRET'],
  })
  for (const name of ['v1', '1', release.id]) {
    t.match((await ask('GET', `/apps/shop/releases/${name}`)).body, { id: release.id })
    t.match(await ask('POST', '/apps/shop/releases', { release: name }), {
      status: 201,
      body: { description: 'Rollback to v1' },
    })
    t.same(deploys.calls.at(-1), ['rollback', 'shop', 1, 'socket'])
  }
  await ask('POST', '/apps/shop/releases', {})
  t.same(deploys.calls.at(-1), ['rollback', 'shop', null, 'socket'])
  t.match(await ask('POST', '/apps/shop/releases', { release: 'v99' }), {
    status: 404,
    body: { message: 'shop has no release v99' },
  })
})

t.test('dynos that others run are announced, renewed and withdrawn; a heartbeat is no change', async (t) => {
  const { ask, trail } = await open(t)
  const dyno = { address: '10.0.1.4', port: 5000, az: 'a', release: 'r7' }
  const path = '/apps/billing/registered-dynos'
  t.match(await ask('POST', path, dyno), { status: 201, body: { name: 'web.1', expiresAt: /^20.*Z$/ } })
  t.match(await ask('POST', path, dyno), { status: 201, body: { name: 'web.1' } })
  t.match(await ask('PUT', `${path}/web.1`), { status: 200, body: { name: 'web.1' } })
  t.match(await ask('PUT', `${path}/web.2`), { status: 404 })
  t.match(await ask('POST', path, { ...dyno, address: 'here' }), { status: 422 })
  t.match(await ask('POST', '/apps/shop/registered-dynos', dyno), { status: 409 })
  t.equal((await ask('DELETE', `${path}/web.1`)).status, 202)
  t.match(await ask('DELETE', `${path}/web.1`), { status: 404 })
  t.same(await trail(), [
    { action: 'register', app: 'billing', change: dyno },
    { action: 'withdraw', app: 'billing', change: { dyno: 'web.1' } },
  ])
})

t.test('a zone is marked down and up', async (t) => {
  const { ask, trail } = await open(t)
  t.match(await ask('PATCH', '/space/zones/b', { state: 'down' }), {
    status: 200,
    body: { zone: 'b', state: 'down', by: 'socket' },
  })
  t.match((await ask('GET', '/space/zones')).body, [
    { zone: 'a', state: 'up' },
    { zone: 'b', state: 'down' },
    { zone: 'c' },
  ])
  t.match(await ask('PATCH', '/space/zones/z', { state: 'up' }), { status: 404 })
  t.match(await ask('PATCH', '/space/zones/b', { state: 'gone' }), {
    status: 422,
    body: { message: 'body.state must be one of up, down' },
  })
  t.same(await trail(), [{ action: 'zone', app: '', change: { zone: 'b', state: 'down' } }])
})
