import t, { type Test } from 'tap'
import type { Message } from '../../src/dns/message.ts'
import type { ResourceRecord } from '../../src/dns/record.ts'
import { Resolver } from '../../src/dns/resolver.ts'
import { Responder } from '../../src/dns/responder.ts'
import { resolveService } from '../../src/dns/service-lookup.ts'
import { answering, type FakeServer, fakeServer } from './fake-server.ts'
import { APEX, apexRecords, sampleAddress, sampleZones } from './sample-zone.ts'

const SERVICES = `_http._tcp.web.shop.${APEX}`

/** The embedded responder, and a list of what it was asked. */
async function embedded(t: Test, dynos: number): Promise<{ resolver: Resolver; heard: string[] }> {
  const heard: string[] = []
  const onQuery = (type: string, rcode: string): void => void heard.push(`${type} ${rcode}`)
  const responder = new Responder({ host: '127.0.0.1', port: 0, zones: sampleZones(dynos), allow: () => true, onQuery })
  const server = await responder.start()
  t.teardown(() => responder.stop())
  return { resolver: new Resolver({ server }), heard }
}

function service(target: string, port: number = 5000, ttlSeconds: number = 5): ResourceRecord {
  return { name: SERVICES, ttlSeconds, type: 'SRV', priority: 1, weight: 2, port, target }
}

/** A server that knows these answers by `type name`; everything else is NODATA. */
async function knowing(
  t: Test,
  answers: Record<string, Partial<Message>>,
  options: { tcp?: boolean } = {},
): Promise<{ resolver: Resolver; server: FakeServer; heard: () => string[] }> {
  const server = await fakeServer(
    t,
    ({ message, reply }) => {
      const { type, name } = message.questions[0]!
      reply(answering(message, answers[`${type} ${name}`] ?? { authorities: [apexRecords(APEX)[0]!] }))
    },
    options,
  )
  const heard = (): string[] =>
    server.asked.map(
      ({ message, transport }) => `${message.questions[0]!.type} ${message.questions[0]!.name} ${transport}`,
    )
  return { resolver: new Resolver({ server: server.address, timeoutMs: 300, attempts: 2 }), server, heard }
}

const byTarget = (a: { target: string }, b: { target: string }): number =>
  Number.parseInt(a.target, 10) - Number.parseInt(b.target, 10)

t.test('the embedded responder tells everything in one answer', async (t) => {
  const { resolver, heard } = await embedded(t, 3)
  const { rcode, endpoints, ttlSeconds } = await resolveService(resolver, SERVICES)
  t.equal(rcode, 'NOERROR')
  t.equal(ttlSeconds, 5)
  t.strictSame(heard, ['SRV NOERROR'])
  t.strictSame(
    [...endpoints].sort(byTarget),
    [1, 2, 3].map((n) => ({
      target: `${n}.web.shop.${APEX}`,
      address: sampleAddress(n),
      port: 5000 + n,
      priority: 0,
      weight: 0,
      ttlSeconds: 5,
      txt: new Map([
        ['az', 'a'],
        ['release', 'v7'],
        ['state', 'up'],
      ]),
    })),
  )
})

for (const dynos of [16, 100, 400]) {
  t.test(`${dynos} dynos take one more question, over TCP`, async (t) => {
    const { resolver, heard } = await embedded(t, dynos)
    const { endpoints } = await resolveService(resolver, SERVICES)
    t.equal(new Set(endpoints.map(({ port }) => port)).size, dynos)
    t.ok(endpoints.every(({ txt, port, address }) => txt.get('az') === 'a' && address === sampleAddress(port - 5000)))
    t.strictSame(heard, ['SRV NOERROR', 'SRV NOERROR'])
  })
}

t.test('a service without endpoints, and one that is not there', async (t) => {
  const { resolver } = await embedded(t, 3)
  t.strictSame(await resolveService(resolver, `_http._tcp.web.idle.${APEX}`), {
    rcode: 'NXDOMAIN',
    endpoints: [],
    ttlSeconds: 5,
  })
  t.strictSame(await resolveService(resolver, `web.idle.${APEX}`), { rcode: 'NOERROR', endpoints: [], ttlSeconds: 5 })
})

t.test('what the additional section lacks is asked for, each target by itself', async (t) => {
  const { resolver, heard } = await knowing(t, {
    [`SRV ${SERVICES}`]: { answers: [service('1.web', 5001), service('2.web', 5002), service('gone', 5003)] },
    'A 1.web': { answers: [{ name: '1.web', ttlSeconds: 3, type: 'A', address: '10.0.0.1' }] },
    'AAAA 2.web': { answers: [{ name: '2.web', ttlSeconds: 5, type: 'AAAA', address: 'fd00::2' }] },
    'TXT 1.web': {
      answers: [{ name: '1.web', ttlSeconds: 5, type: 'TXT', strings: ['AZ=b', 'az=c', 'flag', '=x', 'k=v=w'] }],
    },
    'A gone': { rcode: 3 },
    'AAAA gone': { rcode: 3 },
  })
  const { endpoints, ttlSeconds } = await resolveService(resolver, SERVICES)
  t.strictSame(
    endpoints.map(({ target, address, port, ttlSeconds }) => ({ target, address, port, ttlSeconds })),
    [
      { target: '1.web', address: '10.0.0.1', port: 5001, ttlSeconds: 3 },
      { target: '2.web', address: 'fd00::2', port: 5002, ttlSeconds: 5 },
    ],
    'a target without an address is left out',
  )
  t.equal(ttlSeconds, 3, 'the least of all')
  t.strictSame(
    endpoints[0]?.txt,
    new Map([
      ['az', 'b'],
      ['flag', ''],
      ['k', 'v=w'],
    ]),
  )
  t.equal(endpoints[1]?.txt.size, 0)
  t.strictSame(heard().slice(0, 2), [`SRV ${SERVICES} udp`, `SRV ${SERVICES} tcp`])
  t.notOk(heard().includes('AAAA 1.web udp'), 'one address is enough')
})

t.test('a server without TCP is asked for each target', async (t) => {
  const { resolver } = await knowing(
    t,
    {
      [`SRV ${SERVICES}`]: { answers: [service('1.web')] },
      'A 1.web': { answers: [{ name: '1.web', ttlSeconds: 5, type: 'A', address: '10.0.0.1' }] },
    },
    { tcp: false },
  )
  t.match((await resolveService(resolver, SERVICES)).endpoints, [{ address: '10.0.0.1' }])
})

t.test('TXT is not asked for when no one wants it', async (t) => {
  const { resolver, heard } = await knowing(t, {
    [`SRV ${SERVICES}`]: {
      answers: [service('1.web')],
      additionals: [{ name: '1.WEB', ttlSeconds: 2, type: 'A', address: '10.0.0.1' }],
    },
  })
  const { endpoints } = await resolveService(resolver, SERVICES, { txt: false })
  t.match(endpoints, [{ address: '10.0.0.1', ttlSeconds: 2 }])
  t.strictSame(heard(), [`SRV ${SERVICES} udp`])
})

t.test('several addresses of a target are several endpoints, IPv6 only in place of IPv4', async (t) => {
  const additionals: ResourceRecord[] = [
    { name: '1.web', ttlSeconds: 5, type: 'A', address: '10.0.0.1' },
    { name: '1.web', ttlSeconds: 5, type: 'A', address: '10.0.0.2' },
    { name: '1.web', ttlSeconds: 5, type: 'AAAA', address: 'fd00::1' },
    { name: '2.web', ttlSeconds: 5, type: 'AAAA', address: 'fd00::2' },
  ]
  const { resolver } = await knowing(t, {
    [`SRV ${SERVICES}`]: { answers: [service('1.web'), service('2.web')], additionals },
  })
  const { endpoints } = await resolveService(resolver, SERVICES, { txt: false })
  t.strictSame(
    endpoints.map(({ address }) => address),
    ['10.0.0.1', '10.0.0.2', 'fd00::2'],
  )
})

t.test('the target “.” means that there is no such service (RFC 2782)', async (t) => {
  const { resolver } = await knowing(t, { [`SRV ${SERVICES}`]: { answers: [service('')] } })
  t.match(await resolveService(resolver, SERVICES), { rcode: 'NOERROR', endpoints: [] })
})

t.test('when the server cannot say, nothing is known', async (t) => {
  const broken = await knowing(t, { [`SRV ${SERVICES}`]: { rcode: 2 } })
  await t.rejects(resolveService(broken.resolver, SERVICES), { name: 'DnsError', code: 'failed', message: /SERVFAIL/ })
  const half = await knowing(t, {
    [`SRV ${SERVICES}`]: { answers: [service('1.web'), service('2.web')] },
    'A 1.web': { answers: [{ name: '1.web', ttlSeconds: 5, type: 'A', address: '10.0.0.1' }] },
    'A 2.web': { rcode: 5 },
  })
  await t.rejects(resolveService(half.resolver, SERVICES), { code: 'failed', message: /A 2.web.*REFUSED/ })
})

t.test('a lookup can be aborted at every stage', async (t) => {
  for (const stage of ['SRV', 'A']) {
    const abort = new AbortController()
    const reason = new Error('no longer wanted')
    const server = await fakeServer(t, ({ message, reply }) => {
      if (message.questions[0]!.type === stage) abort.abort(reason)
      else reply(answering(message, { answers: [service('1.web')] }))
    })
    const resolver = new Resolver({ server: server.address, timeoutMs: 60_000 })
    await t.rejects(resolveService(resolver, SERVICES, { signal: abort.signal }), reason)
  }
})

t.test('no more than sixteen questions about targets are under way at once', async (t) => {
  let open = 0
  let most = 0
  const server = await fakeServer(t, ({ message, reply }) => {
    const { type, name } = message.questions[0]!
    if (type === 'SRV') {
      reply(answering(message, { answers: Array.from({ length: 60 }, (_, n) => service(`${n}.web`, 5000 + n)) }))
      return
    }
    most = Math.max(most, ++open)
    setImmediate(() => {
      open--
      reply(answering(message, { answers: [{ name, ttlSeconds: 5, type: 'A', address: '10.0.0.1' }] }))
    })
  })
  const resolver = new Resolver({ server: server.address, timeoutMs: 5000 })
  t.equal((await resolveService(resolver, SERVICES, { txt: false })).endpoints.length, 60)
  t.ok(most <= 16)
  t.ok(most > 1)
})
