import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { AdminServer } from '../../src/control/admin/admin-server.ts'
import type { DynoRow } from '../../src/control/admin/dyno-rows.ts'
import { topology } from '../../src/control/admin/topology.ts'
import { scriptedAdmin } from '../support/scripted-admin.ts'
import { run } from './postern.ts'

const since = new Date(Date.now() - 3_700_000).toISOString()
const rows: DynoRow[] = [
  {
    app: 'chat',
    dyno: 'web.1',
    state: 'crashed',
    az: 'b',
    address: '127.10.2.1:5001',
    release: 'v2',
    inFlight: 0,
    health: '',
    healthReason: '',
    since,
  },
  {
    app: 'shop',
    dyno: 'web.1',
    state: 'up',
    az: 'a',
    address: '127.10.1.1:5000',
    release: 'v1',
    inFlight: 12,
    health: 'failing',
    healthReason: 'GET /up answered 503',
    since,
  },
]
const shown = topology('test', 'app.localspace', [
  {
    name: 'shop',
    domains: ['shop.example.com', '*.shop.example.com'],
    processTypes: ['web'],
    dynos: [1, 2].map((number) => ({ id: `${number}`, processType: 'web', number, address: `127.10.${number}.1` })),
  },
  { name: 'empty', domains: [], processTypes: [], dynos: [] },
])

const folder = await mkdtemp(join(tmpdir(), 'postern-'))
const socket = join(folder, 'postern.sock')
const file = join(folder, 'space.yml')
await writeFile(
  file,
  `space: { name: test }\nlisteners: [{ name: public, address: "127.0.0.1:0", exposure: public }]\nadmin: { address: "unix:postern.sock" }\n`,
)
const server = await AdminServer.create(await scriptedAdmin({ dynos: () => rows, topology: () => shown }), '1.2.3')
await server.listen({ socket })
t.teardown(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

t.test('ps shows the dynos, found by the file', async (t) => {
  const { status, out, err } = await run('ps', '--config', file)
  t.equal(err, '')
  t.equal(status, 0)
  t.match(out.split('\n'), [
    /^APP {3}DYNO {3}STATE {9}AZ {2}ADDRESS {10}RELEASE {2}IN FLIGHT {2}FOR$/,
    /^chat {2}web\.1 {2}crashed {7}b {3}127\.10\.2\.1:5001 {2}v2 {7}0 {10}1h1m$/,
    /^shop {2}web\.1 {2}up \(failing\) {2}a {3}127\.10\.1\.1:5000 {2}v1 {7}12 {9}1h1m$/,
    '',
  ])
})

t.test('ps shows one app, found by the address', async (t) => {
  const { out } = await run('ps', 'shop', '--json', '--admin', `unix:${socket}`)
  t.same(JSON.parse(out), [rows[1]])
})

t.test('ps tells an app without dynos from one that does not exist', async (t) => {
  t.match(await run('ps', 'empty', '--config', file), { status: 0, out: 'no dynos\n' })
  t.match(await run('ps', 'shpo', '--config', file), {
    status: 1,
    out: '',
    err: "postern ps: there is no app 'shpo'; there are: shop, empty\n",
  })
})

t.test('topology shows where each dyno runs', async (t) => {
  const { out } = await run('topology', '--config', file)
  t.match(out.split('\n'), [
    /^APP +DOMAINS +PROCESS TYPE +DYNO +PRIVATE IP +HOSTNAME$/,
    /^shop +shop\.example\.com \*\.shop\.example\.com +web +web\.1 +127\.10\.1\.1 +1\.web\.shop\.app\.localspace$/,
    /^ +web +web\.2 +127\.10\.2\.1 +2\.web\.shop\.app\.localspace$/,
    /^empty$/,
    '',
  ])
  t.same(JSON.parse((await run('topology', '--json', '--config', file)).out), shown)
})

t.test('a file that is wrong is told with its places', async (t) => {
  const wrong = join(folder, 'wrong.yml')
  await writeFile(wrong, 'space: { nmae: test }\n')
  const { status, err } = await run('ps', '--config', wrong)
  t.equal(status, 1)
  t.match(err, /wrong\.yml:1:\d+: space\.nmae: /)
})
