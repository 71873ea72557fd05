import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { AdminServer } from '../../src/control/admin/admin-server.ts'
import type { AdminSource } from '../../src/control/admin/admin-source.ts'
import { StateStore } from '../../src/control/state/state-store.ts'
import { askAdmin, type Method } from '../support/ask-admin.ts'
import { scriptedAdmin } from '../support/scripted-admin.ts'

type Tap = { teardown(end: () => unknown): void }

/** The API of a router that runs nothing, and how to ask it. */
async function open(t: Tap, file: Record<string, unknown> = {}, parts: Partial<AdminSource> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'postern-'))
  const source = await scriptedAdmin(parts, { apps: { shop: {}, chat: { maintenance: true } }, ...file })
  const server = await AdminServer.create(source, '1.2.3')
  await server.listen({ socket: join(folder, 'postern.sock') })
  t.teardown(async () => {
    await server.close()
    await rm(folder, { recursive: true })
  })
  const ask = (method: Method, path: string, body?: unknown, headers = {}) =>
    askAdmin(join(folder, 'postern.sock'), method, path, body, headers)
  return { source, ask }
}

const RULESET = '/space/inbound-ruleset'

t.test('maintenance is set where the file leaves it out, and is told', async (t) => {
  const { source, ask } = await open(t)
  const { id: before } = source.events.since(0).at(-1) ?? { id: 0 }
  t.match(await ask('PATCH', '/apps/shop', { maintenance: true }), {
    status: 200,
    body: { name: 'shop', maintenance: true },
  })
  t.match(await ask('GET', '/apps'), {
    body: [
      { name: 'shop', maintenance: true, internal_routing: false, space: { name: 'test' } },
      { name: 'chat', maintenance: true },
    ],
  })
  await ask('PATCH', '/apps/shop', { maintenance: true })
  t.match(await ask('PATCH', '/apps/shop', { maintenance: false }), { body: { maintenance: false } })
  t.match(
    source.events.since(before),
    [
      { kind: 'maintenance', app: 'shop', maintenance: true, by: 'socket' },
      { kind: 'maintenance', maintenance: false },
    ],
    'what changes nothing is no event',
  )
  t.equal(source.state.app('shop').maintenance, false)
})

t.test('what the file sets belongs to the file', async (t) => {
  const { ask } = await open(t, { trustedIpRanges: ['198.51.100.0/24'] })
  t.match(await ask('PATCH', '/apps/chat', { maintenance: false }), {
    status: 409,
    body: { id: 'conflict', message: 'the maintenance of chat is set in the configuration; change it there' },
  })
  const { etag, body } = await ask('GET', RULESET)
  t.match(body, { set_by: 'file', rules: [{ action: 'allow', source: '198.51.100.0/24', label: '' }] })
  t.match(await ask('PUT', RULESET, { rules: [] }, { 'if-match': etag }), {
    status: 409,
    body: { message: 'trustedIpRanges is set in the configuration; change it there' },
  })
})

t.test('the inbound ruleset is replaced whole, by those who have seen the one before', async (t) => {
  const { source, ask } = await open(t)
  const first = await ask('GET', RULESET)
  t.match(first, { etag: '"0"', body: { set_by: 'default', rules: [{ source: '0.0.0.0/0' }, { source: '::/0' }] } })
  const rules = [
    { source: '198.51.100.0/24', label: 'office' },
    { source: '198.51.100.7/32', action: 'deny' },
  ]
  t.match(await ask('PUT', RULESET, { rules }), { status: 428, body: { id: 'precondition_required' } })
  t.match(await ask('PUT', RULESET, { rules }, { 'if-match': '"7"' }), { status: 412 })
  t.match(await ask('PUT', RULESET, { rules }, { 'if-match': 'W/"0"' }), { status: 412 }, 'weak tags match nothing')
  const second = await ask('PUT', RULESET, { rules }, { 'if-match': first.etag })
  t.match(second, {
    status: 200,
    etag: /^"1-\d+"$/,
    body: {
      set_by: 'api',
      created_by: 'socket',
      rules: [
        { action: 'allow', source: '198.51.100.0/24', label: 'office' },
        { action: 'deny', source: '198.51.100.7/32', label: '' },
      ],
    },
  })
  t.match(await ask('PUT', RULESET, { rules: [] }, { 'if-match': first.etag }), {
    status: 412,
    body: { id: 'precondition_failed', message: 'the inbound ruleset is another one by now; read it again' },
  })
  t.same((await ask('GET', RULESET)).body, second.body)
  t.equal(source.config().trustedIpRanges?.length, 2)
  t.match(await ask('PUT', RULESET, { rules: [] }, { 'if-match': `"5", ${second.etag}` }), {
    status: 200,
    body: { rules: [] },
  })
  t.same(source.config().trustedIpRanges, [], 'no rule: no one may come')
  t.match(await ask('PUT', RULESET, { rules }, { 'if-match': '*' }), { status: 200, etag: /^"3-/ })
})

t.test('of edits at the same time one is made, the others are told', async (t) => {
  const { source, ask } = await open(t)
  const { etag } = await ask('GET', RULESET)
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, number) =>
      ask('PUT', RULESET, { rules: [{ source: `198.51.100.${number}/32` }] }, { 'if-match': etag }),
    ),
  )
  t.same(answers.map(({ status }) => status).sort(), [200, 412, 412, 412, 412, 412, 412, 412])
  const winner = answers.findIndex(({ status }) => status === 200)
  t.match(source.config().trustedIpRanges, [{ cidr: `198.51.100.${winner}/32` }])
})

t.test('rules that the file could not have are refused in one line', async (t) => {
  const { ask } = await open(t, { limits: { trustedIpRanges: 2 } })
  const rule = (source: string, more = {}) => ({ source, ...more })
  const cases: [rules: unknown, message: RegExp][] = [
    [[rule('198.51.100.5/24')], /198\.51\.100\.5\/24 has bits set after its prefix/],
    [[rule('office')], /"office" is not a CIDR/],
    [[rule('10.1.0.0/16'), rule('10.1.0.0/16', { action: 'deny' })], /two rules for 10\.1\.0\.0\/16/],
    [[rule('10.1.0.0/16', { action: 'deny' })], /only deny: no one may come/],
    [[rule('10.1.0.0/16'), rule('10.2.0.0/16'), rule('10.3.0.0/16')], /3 rules where at most 2 may be/],
    [[rule('10.1.0.0/16', { action: 'drop' })], /^body\.rules\[0\]\.action must be one of allow, deny$/],
    [[rule('10.1.0.0/16', { lable: 'x' })], /^body\.rules\[0\] has a key 'lable' that is not known$/],
    [[rule('10.1.0.0/16', { label: 'a\nb' })], /^body\.rules\[0\]\.label must match/],
    [[{}], /^body\.rules\[0\] must have required property 'source'$/],
    ['0.0.0.0/0', /^body\.rules must be array$/],
  ]
  for (const [rules, message] of cases) {
    const { status, body } = await ask('PUT', RULESET, { rules }, { 'if-match': '*' })
    t.equal(status, 422)
    t.match(body, { id: 'invalid_params', message }, String(message))
  }
  t.match(await ask('GET', RULESET), { etag: '"0"' })
})

t.test('each change is in the audit trail: who, what, when; what was refused is not', async (t) => {
  const { ask } = await open(t)
  const before = Date.now()
  await ask('PATCH', '/apps/shop', { maintenance: true })
  await ask('PATCH', '/apps/chat', { maintenance: true })
  await ask('PATCH', '/apps/none', { maintenance: true })
  await ask('PATCH', '/apps/shop', { maintenance: 1 })
  await ask('PUT', RULESET, { rules: [{ source: '10.1.0.0/16' }] }, { 'if-match': '*' })
  const { body } = await ask('GET', '/audit')
  t.match(body, [
    { by: 'socket', action: 'maintenance', app: 'shop', change: { maintenance: true } },
    { by: 'socket', action: 'inbound-ruleset', app: '', change: { rules: [{ source: '10.1.0.0/16' }] } },
  ])
  const [entry] = body as { at: string }[]
  t.ok(Date.parse(entry!.at) >= before && Date.parse(entry!.at) <= Date.now())
  t.equal(((await ask('GET', '/audit?limit=1')).body as unknown[]).length, 1)
  t.match(await ask('GET', '/audit?limit=x'), { status: 422 })
})

t.test('a change that the audit trail cannot take is answered so', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const { source, ask } = await open(t, {}, { state: await StateStore.open(folder) })
  await mkdir(join(folder, 'audit.jsonl'))
  t.match(await ask('PATCH', '/apps/shop', { maintenance: true }), {
    status: 503,
    body: {
      id: 'unavailable',
      message: /^it is done, but not in the audit trail: .*audit\.jsonl cannot be written: EISDIR$/,
    },
  })
  t.equal(source.state.app('shop').maintenance, true)
})

t.test('a change that the disk refuses is answered so, and is not made', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const { source, ask } = await open(t, {}, { state: await StateStore.open(folder) })
  await mkdir(join(folder, 'apps', 'shop.json.new'))
  await mkdir(join(folder, 'space.json.new'))
  t.match(await ask('PATCH', '/apps/shop', { maintenance: true }), {
    status: 503,
    body: { id: 'unavailable', message: /shop\.json cannot be written: EISDIR$/ },
  })
  t.match(await ask('PUT', RULESET, { rules: [] }, { 'if-match': '"0"' }), { status: 503 })
  t.match(source.config(), { trustedIpRanges: null, apps: [{ name: 'shop', maintenance: null }, {}] })
  t.same((await ask('GET', '/audit')).body, [])
})

t.test('an app that is not there is told with those that are', async (t) => {
  const { ask } = await open(t)
  const message = "there is no app 'shpo'; there are: shop, chat"
  t.same((await ask('GET', '/apps/shpo')).body, { id: 'not_found', message })
  t.match(await ask('PATCH', '/apps/shpo', { maintenance: true }), { status: 404, body: { message } })
})
