import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import t from 'tap'
import { RawClient } from '../support/raw-client.ts'
import { RouterProcess } from '../support/router-process.ts'

// The promise: a changed file is in use a moment later, whole or not at all, and whoever it does not concern never notices.

const DYNO = `node ${resolve(import.meta.dirname, '../support/dyno.js')}`
const TUNNELS = `node ${resolve(import.meta.dirname, '../support/tunnel-dyno.js')}`
const app = (name: string, more = '') =>
  `  ${name}: { domains: [${name}.example.com], ${more}formation: { web: { quantity: 1, command: ${name === 'chat' ? TUNNELS : DYNO} } } }\n`

const SHOP = app('shop')
const UPGRADE = 'GET / HTTP/1.1\r\nHost: chat.example.com\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n'

t.test('a configuration that changes while the router runs', async (t) => {
  const router = await RouterProcess.start(SHOP + app('chat'), { more: 'workers: 2', cidr: '127.44.0.0/16' })
  t.teardown(() => router.stop())
  const bystander = await RawClient.connect(router.port)
  const reloads = () => router.log.split('reloaded (').length - 1

  /** What the host is answered on a new connection. */
  const status = async (host: string, port = router.port) => {
    const client = await RawClient.connect(port)
    const answer = await client.get('/', host, 'Connection: close\r\n')
    client.close()
    return answer.status
  }
  const maintained = (on: boolean) => router.text(app('shop', `maintenance: ${on}, `) + app('chat'), 'workers: 2')
  const untilStatus = (wanted: number) => router.until(async () => (await status('shop.example.com')) === wanted)

  t.test('another file that is moved there is noticed', async () => {
    writeFileSync(`${router.file}.new`, maintained(true))
    renameSync(`${router.file}.new`, router.file)
    await untilStatus(503)
  })

  t.test('so is one that is written in place', async () => {
    writeFileSync(router.file, maintained(false))
    await untilStatus(200)
  })

  t.test('so is another target of a link on the way', async () => {
    // As Kubernetes mounts it: space.yml → data/space.yml, data → v1, and then data → v2 at once.
    for (const [version, on] of [
      ['v1', false],
      ['v2', true],
    ] as const) {
      mkdirSync(join(router.directory, version))
      writeFileSync(join(router.directory, version, 'space.yml'), maintained(on))
    }
    symlinkSync('v1', join(router.directory, 'data'))
    symlinkSync('data/space.yml', `${router.file}.new`)
    renameSync(`${router.file}.new`, router.file)
    symlinkSync('v2', join(router.directory, 'data.new'))
    renameSync(join(router.directory, 'data.new'), join(router.directory, 'data'))
    await untilStatus(503)
  })

  t.test('SIGHUP and postern reload take it over at once and say what came of it', async (t) => {
    unlinkSync(router.file)
    writeFileSync(router.file, maintained(false))
    const { status: code, text } = await router.admin('/reload', 'POST')
    t.equal(code, 200)
    t.match(JSON.parse(text), { ok: true, problems: [] })
    t.equal(await status('shop.example.com'), 200)
    const before = reloads()
    router.child.kill('SIGHUP')
    await router.until(() => router.log.slice(-2000).includes('SIGHUP'))
    t.ok(reloads() > before)
  })

  t.test('what is equal in effect changes nothing', async (t) => {
    // Metrics come once in a second. Who has answered a plan has confirmed before it whatever came before it.
    const versions = async () => {
      await router.admin('/plan')
      return (await router.table()).processes.map(({ snapshotVersion }) => snapshotVersion)
    }
    const before = await versions()
    writeFileSync(router.file, `# a remark\n${maintained(false)}`)
    t.match(JSON.parse((await router.admin('/reload', 'POST')).text), { ok: true, changed: false, changes: [] })
    t.strictSame(await versions(), before)
  })

  t.test(
    'a broken file leaves the good one in use and says why in every place; the next good one mends it',
    async (t) => {
      const good = maintained(false)
      const taken = createServer().listen(0, '127.0.0.1')
      await new Promise((resolve) => taken.once('listening', resolve))
      t.teardown(() => taken.close())
      const { port } = taken.address() as { port: number }
      const other = `  - { name: other, address: "127.0.0.1:${port}", exposure: public }\n`
      const cases: [string, string, RegExp][] = [
        ['bad YAML', `${good}apps: [`, /space\.yml:\d+:\d+: .*YAML/],
        ['an unknown key', `${good}\nnonsense: 1\n`, /space\.yml:\d+:1: nonsense: /],
        [
          'a port that is taken',
          good.replace('dns:', `${other}dns:`),
          /listener other: 127\.0\.0\.1:\d+ cannot be bound: EADDRINUSE/,
        ],
        [
          'a domain that two apps have',
          good.replace('[chat.example.com]', '[shop.example.com]'),
          /space\.yml:\d+:\d+: apps\.chat\.domains\[0\]: .*shop/,
        ],
        [
          'a CIDR that is none',
          `${good}\ntrustedIpRanges: [10.0.0.0/33]\n`,
          /space\.yml:\d+:\d+: trustedIpRanges\[0\]: /,
        ],
        [
          'a folder that is not there',
          good.replace('quantity: 1', 'quantity: 1, cwd: ./lost'),
          /space\.yml:\d+:\d+: apps\.shop\.formation\.web\.cwd: .*\/lost is no folder/,
        ],
        ['an empty file', '', /the file is empty/],
        ['half of it', good.slice(0, good.length / 2), /space\.yml:\d+/],
        ['what takes a restart', good.replace('127.44.0.0/16', '127.45.0.0/16'), /a change of space needs a restart/],
      ]
      for (const [what, text, message] of cases) {
        writeFileSync(router.file, text)
        const answer = await router.admin('/reload', 'POST')
        t.equal(answer.status, 422, what)
        t.match(JSON.parse(answer.text).problems.join('\n'), message, what)
        t.equal(await status('shop.example.com'), 200, what)
        t.equal(await router.metric('postern_config_last_reload_success'), 0)
        const ready = await router.admin('/readyz')
        t.equal(ready.status, 200)
        t.match(JSON.parse(ready.text).warnings, [/the last reload failed: /])
      }
      rmSync(router.file)
      t.match((await router.admin('/reload', 'POST')).text, /no such file/)
      mkdirSync(router.file)
      t.match((await router.admin('/reload', 'POST')).text, /is a folder/)
      rmSync(router.file, { recursive: true })
      writeFileSync(router.file, good)
      // Root may read what nobody may.
      if (process.getuid?.() !== 0) {
        chmodSync(router.file, 0)
        t.match((await router.admin('/reload', 'POST')).text, /may not be read|permission/)
        chmodSync(router.file, 0o600)
      }
      t.equal((await router.admin('/reload', 'POST')).status, 200)
      t.equal(await router.metric('postern_config_last_reload_success'), 1)
      t.match(JSON.parse((await router.admin('/readyz')).text), { warnings: [] })
    },
  )

  t.test('listeners come, move and go, and open connections stay', async (t) => {
    const where = async (name: string) => {
      const row = (await router.table()).listeners.find((listener) => listener.name === name)
      return row === undefined ? 0 : Number(row.address.split(':').at(-1))
    }
    const good = maintained(false)
    const extra = (host: string) =>
      good.replace('dns:', `  - { name: extra, address: "${host}:0", exposure: public }\ndns:`)
    writeFileSync(router.file, extra('127.0.0.1'))
    await router.admin('/reload', 'POST')
    const first = await where('extra')
    const client = await RawClient.connect(first)
    t.equal((await client.get()).status, 200)
    writeFileSync(router.file, extra('127.0.0.2'))
    t.match((await router.admin('/reload', 'POST')).text, /listener extra: 127\.0\.0\.1:0 → 127\.0\.0\.2:0/)
    const moved = await RawClient.connect(await where('extra'), '127.0.0.1', '127.0.0.2')
    t.equal((await moved.get()).status, 200)
    await t.rejects(RawClient.connect(first))
    t.equal((await client.get()).status, 200, 'a connection of the old place')
    writeFileSync(router.file, good)
    await router.admin('/reload', 'POST')
    t.equal(await where('extra'), 0)
    t.equal((await moved.get()).status, 200)
    client.close()
    moved.close()
  })

  t.test(
    'a range that is taken away ends the tunnels of who came by it, no other; the plan says so before',
    async (t) => {
      const tunnel = async (from: string) => {
        const client = await RawClient.connect(router.port, from)
        client.send(UPGRADE)
        await client.until('101 Switching Protocols')
        return client
      }
      const ranges = (...cidrs: string[]) => `workers: 2\ntrustedIpRanges: [${cidrs.join(', ')}]`
      const apps = SHOP + app('chat')
      router.write(apps, ranges('127.0.0.1/32', '127.0.9.0/24'))
      await router.admin('/reload', 'POST')
      const [leaves, stays] = [await tunnel('127.0.9.9'), await tunnel('127.0.0.1')]
      router.write(apps, ranges('127.0.0.1/32'))
      t.match(JSON.parse((await router.admin('/plan')).text), {
        ok: true,
        changes: ['- trustedIpRanges: 127.0.9.0/24'],
        endedTunnels: [{ app: 'chat', tunnels: 1 }],
      })
      // The router may have noticed by itself meanwhile.
      if (!router.log.includes('(the file changed): - trustedIpRanges')) {
        t.equal(leaves.ending, '', 'a plan changes nothing')
      }
      await router.admin('/reload', 'POST')
      await leaves.ended()
      stays.send('still there')
      await stays.until('still there')
      stays.close()
    },
  )

  t.test('who was not concerned has noticed nothing', async (t) => {
    t.equal((await bystander.get()).status, 200)
    bystander.close()
  })
})

t.test('a stop is announced first, and spreads the end of the tunnels', async (t) => {
  const router = await RouterProcess.start(app('chat'), {
    more: 'workers: 1\nshutdown: { notice: 500ms, drain: 2s }',
    cidr: '127.46.0.0/16',
  })
  t.teardown(() => router.stop())
  const endedAtMs: number[] = []
  const tunnels = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const client = await RawClient.connect(router.port)
      client.send(UPGRADE)
      await client.until('101 Switching Protocols')
      return client
    }),
  )
  const ends = tunnels.map(async (client) => {
    await client.ended()
    endedAtMs.push(performance.now())
  })
  router.child.kill('SIGTERM')
  await router.until(async () => (await router.admin('/readyz')).status === 503)
  t.match(JSON.parse((await router.admin('/readyz')).text), { reasons: ['the router is stopping'] })
  const late = await RawClient.connect(router.port)
  t.match((await late.get('/', 'unknown.example.com')).status, 404, 'it still takes connections')
  late.close()
  await Promise.all(ends)
  t.equal(await router.stop(), 0)
  const instants = new Set(endedAtMs.map((ms) => Math.round(ms / 100)))
  t.ok(instants.size > 3, `ended in ${instants.size} different tenths of a second`)
})
