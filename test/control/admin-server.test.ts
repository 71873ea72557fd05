import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises'
import type { Server } from 'node:net'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Client, request } from 'undici'
import { AdminServer } from '../../src/control/admin/admin-server.ts'
import { announcedRow, byName, discoveredRow } from '../../src/control/admin/dyno-rows.ts'
import { topology } from '../../src/control/admin/topology.ts'
import { scriptedAdmin } from '../support/scripted-admin.ts'

const dyno = {
  app: 'shop',
  processType: 'web',
  number: 1,
  address: '127.35.1.1',
  port: 5000,
  az: 'a',
  release: 'v3',
  state: 'up' as const,
  sinceMs: Date.UTC(2026, 0, 1),
}
const row = announcedRow(dyno, {
  inFlight: (id) => (id === 'shop/web.1/v3@127.35.1.1:5000' ? 7 : 0),
  healthOf: () => ({ health: 'failing', reason: 'GET /up answered 503' }),
})
const shown = topology('test', 'app.localspace', [
  {
    name: 'shop',
    domains: ['shop.example.com'],
    processTypes: ['web', 'worker'],
    dynos: [
      { id: 'two', processType: 'web', number: 2, address: '127.35.2.1' },
      { id: 'one', processType: 'web', number: 1, address: '127.35.1.1' },
    ],
  },
])

async function admin(reasons: string[] = []): Promise<AdminServer> {
  const server = await AdminServer.create(
    await scriptedAdmin({
      notReady: () => reasons,
      dynos: () => [row],
      topology: () => shown,
      exposition: async () => 'postern_up 1\n',
    }),
    '1.2.3',
    [{ name: 'ci', sha256: createHash('sha256').update('sesame').digest('hex') }],
  )
  t.teardown(() => server.close())
  return server
}

async function folder(t: Tap): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'postern-'))
  t.teardown(() => rm(path, { recursive: true }))
  return path
}

async function get(socketPath: string, path: string) {
  const client = new Client('http://postern', { socketPath })
  try {
    const { statusCode, headers, body } = await client.request({ method: 'GET', path })
    return { status: statusCode, type: headers['content-type'], text: await body.text() }
  } finally {
    await client.destroy()
  }
}

type Tap = { teardown(end: () => unknown): void }

t.test('what a router shows, over a socket that only its owner may use', async (t) => {
  const socket = join(await folder(t), 'postern.sock')
  const server = await admin()
  await server.listen({ socket })
  t.equal(server.address, `unix:${socket}`)
  t.equal((await stat(socket)).mode & 0o777, 0o600)

  t.match(await get(socket, '/healthz'), { status: 200, text: '{"status":"ok","reasons":[],"warnings":[]}' })
  t.match(await get(socket, '/readyz'), { status: 200 })
  t.match(await get(socket, '/metrics'), { type: /^text\/plain; version=0\.0\.4/, text: 'postern_up 1\n' })
  t.same(JSON.parse((await get(socket, '/dynos')).text), [
    {
      app: 'shop',
      dyno: 'web.1',
      state: 'up',
      az: 'a',
      address: '127.35.1.1:5000',
      release: 'v3',
      inFlight: 7,
      health: 'failing',
      healthReason: 'GET /up answered 503',
      since: '2026-01-01T00:00:00.000Z',
    },
  ])
  t.same(JSON.parse((await get(socket, '/topology')).text), shown)

  await server.close()
  await t.rejects(stat(socket), { code: 'ENOENT' })
})

t.test('a router that is not ready says why', async (t) => {
  const socket = join(await folder(t), 'postern.sock')
  const server = await admin(['the router is stopping'])
  await server.listen({ socket })
  const answer = await get(socket, '/readyz')
  t.equal(answer.status, 503)
  t.same(JSON.parse(answer.text), { status: 'not ready', reasons: ['the router is stopping'], warnings: [] })
})

t.test('errors are one line of JSON', async (t) => {
  const socket = join(await folder(t), 'postern.sock')
  const server = await AdminServer.create(
    await scriptedAdmin({
      exposition: async () => {
        throw new Error('the collector\n  failed')
      },
    }),
    '1.2.3',
  )
  t.teardown(() => server.close())
  await server.listen({ socket })
  t.match(await get(socket, '/nothing'), {
    status: 404,
    text: '{"id":"not_found","message":"there is no GET /nothing"}',
  })
  t.match(await get(socket, '/metrics'), {
    status: 500,
    text: '{"id":"internal_error","message":"the collector failed"}',
  })
})

t.test('the API describes itself', async (t) => {
  const socket = join(await folder(t), 'postern.sock')
  const server = await admin()
  await server.listen({ socket })
  const description = JSON.parse((await get(socket, '/openapi.json')).text)
  t.match(description, { openapi: /^3\./, info: { title: 'Postern', version: '1.2.3' } })
  t.same(Object.keys(description.paths).sort(), [
    '/apps',
    '/apps/{app}',
    '/apps/{app}/deploy',
    '/apps/{app}/deploy/abort',
    '/apps/{app}/deploy/pause',
    '/apps/{app}/deploy/resume',
    '/apps/{app}/dynos',
    '/apps/{app}/dynos/{dyno}',
    '/apps/{app}/formation',
    '/apps/{app}/formation/{type}',
    '/apps/{app}/registered-dynos',
    '/apps/{app}/registered-dynos/{dyno}',
    '/apps/{app}/releases',
    '/apps/{app}/releases/{release}',
    '/audit',
    '/deploys',
    '/dynos',
    '/events',
    '/healthz',
    '/metrics',
    '/readyz',
    '/space',
    '/space/inbound-ruleset',
    '/space/zones',
    '/space/zones/{zone}',
    '/topology',
  ])
})

t.test('a socket that a killed router left is replaced', async (t) => {
  const socket = join(await folder(t), 'postern.sock')
  await abandon(socket)
  const server = await admin()
  await server.listen({ socket })
  t.equal((await get(socket, '/healthz')).status, 200)
})

t.test('a socket that a router still answers on is left alone', async (t) => {
  const socket = join(await folder(t), 'postern.sock')
  const first = await admin()
  await first.listen({ socket })
  const second = await admin()
  await t.rejects(second.listen({ socket }), /a router is running already: it answers on .*postern\.sock/)
  t.equal((await get(socket, '/healthz')).status, 200)
})

t.test('a file that is no socket is left alone', async (t) => {
  const socket = join(await folder(t), 'postern.sock')
  await writeFile(socket, 'precious')
  await t.rejects((await admin()).listen({ socket }), /exists and is not a socket/)
})

t.test('a folder that is missing, and a path that no socket can have, are said in a line', async (t) => {
  const path = await folder(t)
  await t.rejects(
    (await admin()).listen({ socket: join(path, 'missing', 'postern.sock') }),
    /postern\.sock cannot be made: (EACCES|ENOENT)/,
  )
  const long = join(path, 'x'.repeat(120))
  await t.rejects((await admin()).listen({ socket: long }), /too long for a socket/)
})

t.test('over TCP a web page that had a name of its own point here gets nothing', async (t) => {
  const server = await admin()
  await server.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://${server.address}/dynos`
  const headers = { authorization: 'Bearer sesame' }
  t.equal((await request(url, { headers })).statusCode, 200)
  const rebound = await request(url, { headers: { ...headers, host: 'attacker.example.com' } })
  t.equal(rebound.statusCode, 421)
  t.match(await rebound.body.json(), { id: 'misdirected' })
  const posted = await request(url, { method: 'POST', headers: { ...headers, origin: 'http://attacker.example.com' } })
  t.equal(posted.statusCode, 403)
})

t.test('over TCP only who has a token is answered, but for what load balancers ask', async (t) => {
  const server = await admin()
  await server.listen({ host: '127.0.0.1', port: 0 })
  const status = async (path: string, authorization?: string) => {
    const answer = await request(`http://${server.address}${path}`, authorization ? { headers: { authorization } } : {})
    return [answer.statusCode, answer.headers['www-authenticate'], await answer.body.text()]
  }
  const needed = '{"id":"unauthorized","message":"a token is needed: Authorization: Bearer TOKEN"}'
  for (const path of ['/dynos', '/metrics', '/events', '/openapi.json', '/audit', '/nothing']) {
    t.same(await status(path), [401, 'Bearer', needed], path)
  }
  for (const path of ['/healthz', '/readyz']) t.match(await status(path), [200])
  for (const wrong of ['Bearer sesam', 'Bearer', 'Basic sesame', 'sesame', 'Bearer  ', 'Bearer sesame sesame']) {
    t.match(await status('/dynos', wrong), [401, 'Bearer', /no such token/], wrong)
  }
  t.match(await status('/dynos', 'Bearer sesame'), [200])
  t.match(await status('/dynos', 'bearer sesame'), [200])
})

t.test('without tokens nobody is answered over TCP', async (t) => {
  const server = await AdminServer.create(await scriptedAdmin(), '1.2.3')
  t.teardown(() => server.close())
  await server.listen({ host: '127.0.0.1', port: 0 })
  const empty = { headers: { authorization: 'Bearer ' } }
  t.equal((await request(`http://${server.address}/dynos`, empty)).statusCode, 401)
})

t.test('an address that is taken is said in a line', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as { port: number }
  await t.rejects((await admin()).listen({ host: '127.0.0.1', port }), /^127\.0\.0\.1:\d+ cannot be bound: EADDRINUSE$/)
})

t.test('the topology is Heroku’s, with ids that stay the same', async (t) => {
  t.match(shown, {
    version: 1,
    apps: [
      {
        name: 'shop',
        domains: ['shop.example.com'],
        formations: [
          {
            process_type: 'web',
            dynos: [
              { number: 1, private_ip: '127.35.1.1', hostname: '1.web.shop.app.localspace' },
              { number: 2, private_ip: '127.35.2.1', hostname: '2.web.shop.app.localspace' },
            ],
          },
          { process_type: 'worker', dynos: [] },
        ],
      },
    ],
  })
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
  const [app] = shown.apps
  t.match(app?.id, uuid)
  t.match(app?.formations[0]?.dynos[0]?.id, uuid)
  const again = topology('test', 'app.localspace', [{ name: 'shop', domains: [], processTypes: [], dynos: [] }])
  t.equal(again.apps[0]?.id, app?.id)
  t.not(
    topology('other', 'app.localspace', [{ name: 'shop', domains: [], processTypes: [], dynos: [] }]).apps[0]?.id,
    app?.id,
  )
})

t.test('dynos are shown by app, process type and number', async (t) => {
  const names = ['web.10', 'web.9', 'worker.1', 'web.1'].map((name) => ({ ...row, dyno: name }))
  const rows = [...names, { ...row, app: 'chat', dyno: 'web.2' }].sort(byName)
  t.same(
    rows.map(({ app, dyno }) => `${app} ${dyno}`),
    ['chat web.2', 'shop web.1', 'shop web.9', 'shop web.10', 'shop worker.1'],
  )
})

t.test('a dyno that only DNS knows is shown with what DNS tells', async (t) => {
  const entry = {
    id: 'x',
    name: 'web.1',
    address: 'fd00::1',
    port: 80,
    az: '',
    release: '',
    draining: true,
    ready: true,
  }
  t.match(discoveredRow('legacy', entry, { inFlight: () => 3, healthOf: () => null }), {
    app: 'legacy',
    dyno: 'web.1',
    state: 'draining',
    address: '[fd00::1]:80',
    inFlight: 3,
    since: '',
  })
})

/** Leaves a socket file behind that nobody listens on, as a process does that is killed. */
async function abandon(path: string): Promise<void> {
  const server: Server = createServer()
  server.listen(path)
  await once(server, 'listening')
  // Node removes the file when it closes the server; a killed process does not get to that.
  await rename(path, `${path}.kept`)
  server.close()
  await once(server, 'close')
  await rename(`${path}.kept`, path)
  await chmod(path, 0o600)
  const socket = connect(path)
  const [error] = await once(socket, 'error')
  if (error.code !== 'ECONNREFUSED') throw error
}
