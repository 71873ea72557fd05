import t from 'tap'
import { RawClient } from '../support/raw-client.ts'
import { RouterProcess } from '../support/router-process.ts'
import { RunningRouter } from '../support/running-router.ts'

// The promise: what operators set while the router runs is in force whole or not at all, is lost to nobody, and lasts.

const RULESET = '/space/inbound-ruleset'
const EDITORS = 3
const EDITS = 8

type Rules = { rules: { source: string }[] }

t.test(
  'edits of the inbound ruleset at the same time lose nothing, and at no instant it is empty or open',
  async (t) => {
    const router = await RunningRouter.start(`
space: { name: acme, cidr: 127.20.0.0/16 }
listeners: [{ name: public, address: "127.0.0.1:0", exposure: public }]
limits: { trustedIpRanges: 100 }
apps: { shop: { domains: [shop.example.com] } }
`)
    t.teardown(() => router.stop())
    const visit = async (from: string) => {
      const client = await RawClient.connect(router.port(), from).catch(() => null)
      if (client === null) return 'reset'
      client.send('GET / HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n')
      await client.ended()
      return client.received.length === 0 ? 'reset' : client.text.slice(9, 12)
    }
    t.equal(await visit('127.66.0.1'), '503', 'the file leaves them out: everyone may come')
    const { status } = await router.change(
      'PUT',
      RULESET,
      { rules: [{ source: '127.0.0.0/16' }] },
      { 'if-match': '"0"' },
    )
    t.equal(status, 200)

    let refused = 0
    /** Reads, adds a range, and begins anew when somebody else was faster. */
    const edit = async (source: string): Promise<void> => {
      for (;;) {
        const { etag, body } = await router.change('GET', RULESET)
        const rules = (body as Rules).rules.map((rule) => ({ ...rule }))
        const answer = await router.change('PUT', RULESET, { rules: [...rules, { source }] }, { 'if-match': etag })
        if (answer.status === 200) return
        t.equal(answer.status, 412)
        refused++
      }
    }
    let editing = true
    const visits = new Map<string, Set<string>>()
    const visitors = ['127.0.0.1', '127.66.0.1'].map(async (from) => {
      const seen = new Set<string>()
      visits.set(from, seen)
      while (editing) seen.add(await visit(from))
    })
    const sources = Array.from({ length: EDITORS }, (_, editor) =>
      Array.from({ length: EDITS }, (_, number) => `198.51.${editor}.${number}/32`),
    )
    await Promise.all(
      sources.map(async (own) => {
        for (const source of own) await edit(source)
      }),
    )
    editing = false
    await Promise.all(visitors)
    t.same([...visits.get('127.0.0.1')!], ['503'], 'who was always trusted always came in')
    t.same([...visits.get('127.66.0.1')!], ['reset'], 'who never was never did')
    const { body } = await router.change('GET', RULESET)
    t.same((body as Rules).rules.map(({ source }) => source).sort(), ['127.0.0.0/16', ...sources.flat()].sort())
    t.ok(refused > 0, `${refused} edits were made anew`)
  },
)

t.test('what was set outlives a control process that is killed', async (t) => {
  const apps = '  shop: { domains: [shop.example.com] }\n  chat: { domains: [chat.example.com] }\n'
  const router = await RouterProcess.start(apps)
  t.teardown(() => router.stop())
  const status = async (host: string) => {
    const client = await router.client()
    const answer = await client.get('/', host)
    client.close()
    return { status: answer.status, code: /H\d\d/.exec(answer.body)?.[0] }
  }
  t.match(await status('shop.example.com'), { code: 'H81' })
  t.equal((await router.change('PATCH', '/apps/shop', { maintenance: true })).status, 200)
  await router.until(async () => (await status('shop.example.com')).code === 'H80')
  await router.change('PUT', RULESET, { rules: [{ source: '127.0.0.0/8', label: 'here' }] }, { 'if-match': '*' })

  const pid = await router.pid('control')
  process.kill(pid, 'SIGKILL')
  await router.until(async () => (await router.pid('control')) !== pid)
  await router.until(async () => (await router.admin('/readyz')).status === 200)
  t.match((await router.change('GET', '/apps/shop')).body, { maintenance: true })
  t.match((await router.change('GET', RULESET)).body, {
    set_by: 'api',
    rules: [{ source: '127.0.0.0/8', label: 'here' }],
  })
  t.match((await router.change('GET', '/audit')).body, [{ action: 'maintenance' }, { action: 'inbound-ruleset' }])
  t.match(await status('shop.example.com'), { code: 'H80' })
  t.match(await status('chat.example.com'), { code: 'H81' })

  // Now the file says it, and what was set does not count.
  router.write(`${apps.replace('shop: {', 'shop: { maintenance: false,')}`)
  await router.admin('/reload', 'POST')
  await router.until(async () => (await status('shop.example.com')).code === 'H81')
  t.match(await router.change('PATCH', '/apps/shop', { maintenance: true }), {
    status: 409,
    text: /the maintenance of shop is set in space\.yml; change it there/,
  })
})
