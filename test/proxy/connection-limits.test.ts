import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { settled, type TestDataPlane } from '../support/data-plane.ts'
import type { RawClient } from '../support/raw-client.ts'
import { RouterProcess } from '../support/router-process.ts'
import { answering, OK, ScriptedDyno } from '../support/scripted-dyno.ts'
import { openStage, type StageParts } from '../support/stage.ts'

// The promise: there are never more client connections than the limits allow, those above hear why, and whoever fits in is served at any time.

const serving = { script: answering(OK) }
const open = (router: TestDataPlane) => router.metric('postern_client_connections{listener="public"}')

/** The client was turned away: told so, then closed. */
async function turnedAway(t: Test, client: RawClient): Promise<void> {
  const answer = await client.answer()
  t.equal(answer.status, 503)
  t.match(answer.body, /Code: H22/)
  t.strictSame(answer.headers.get('connection'), ['close'])
  t.equal(await client.ended(), 'end')
}

function limited(t: Test, limits: NonNullable<StageParts['space']>['limits'], more: Partial<StageParts> = {}) {
  return openStage(t, { ...serving, ...more, space: { ...more.space, limits } })
}

t.test(
  'one connection more than limits.connections is answered H22 without being read, and the others go on',
  async (t) => {
    const { router } = await limited(t, { connections: 3 })
    const clients = await Promise.all([router.client(), router.client(), router.client()])
    await settled()
    await turnedAway(t, await router.client())
    t.match(
      await router.line(),
      / postern\[router\]: at=error code=H22 desc="Connection limit reached" method= path="" host= .* fwd="127\.0\.0\.1" .* status=503 /,
    )
    for (const client of clients) t.equal((await client.get()).status, 200)
  },
)

t.test('a connection that closes makes room for the next one', async (t) => {
  const { router } = await limited(t, { connections: 1 })
  for (let i = 0; i < 5; i++) {
    const client = await router.client()
    t.equal((await client.get()).status, 200)
    client.close()
    await settled()
  }
  t.equal(await open(router), 0)
})

t.test('clients that were turned away and do not leave keep nobody out', async (t) => {
  const { router } = await limited(t, { connections: 1 })
  const holder = await router.client()
  await settled()
  const crowd = await Promise.all(Array.from({ length: 50 }, () => router.client()))
  for (const client of crowd) t.equal((await client.answer()).status, 503)
  holder.close()
  await settled()
  t.equal((await (await router.client()).get()).status, 200)
})

t.test('of a crowd that is turned away only the first thousand are waited for, the others are reset', async (t) => {
  // It may take longer to come than the first of them are waited for.
  const { router } = await limited(t, { connections: 1 }, { time: 'stopped' })
  await router.client()
  await settled()
  let reset = 0
  for (let i = 0; i < 1200; i++) {
    await new Promise<void>((resolve) => {
      const socket = connect({ port: router.port, host: '127.0.0.1', allowHalfOpen: true })
      t.teardown(() => socket.destroy())
      socket.on('error', () => {
        reset++
        resolve()
      })
      socket.on('data', () => resolve())
    })
  }
  await settled()
  t.equal(reset, 200)
  t.equal(await open(router), 1001)
  t.equal(router.lines.length, 1200)
  t.equal(await router.metric('postern_requests_total{app="",status="5xx",code="H22"}'), 1000)
  t.equal(await router.metric('postern_requests_total{app="",status="none",code="H22"}'), 200)
})

t.test('each address has limits.connectionsPerAddress of its own', async (t) => {
  const { router } = await limited(t, { connectionsPerAddress: 2 })
  const clients = await Promise.all([router.client('127.0.0.2'), router.client('127.0.0.2')])
  await settled()
  await turnedAway(t, await router.client('127.0.0.2'))
  t.match(await router.line(), / code=H22 .* fwd="127\.0\.0\.2" /)
  t.equal((await (await router.client('127.0.0.3')).get()).status, 200)
  clients[0]!.close()
  await settled()
  t.equal((await (await router.client('127.0.0.2')).get()).status, 200)
})

t.test('behind a PROXY header it is the address in it that counts', async (t) => {
  const { router } = await limited(t, { connectionsPerAddress: 1 }, { listener: { proxyHeaderFrom: ['127.0.0.1/32'] } })
  const from = async (address: string) => {
    const client = await router.client()
    client.send(`PROXY TCP4 ${address} 127.0.0.1 4711 80\r\n`)
    await settled()
    return client
  }
  const first = await from('203.0.113.1')
  await turnedAway(t, await from('203.0.113.1'))
  t.equal((await (await from('203.0.113.2')).get()).status, 200)
  t.equal((await first.get()).status, 200)
})

t.test('a trusted proxy comes for many clients: its connections are not those of one address', async (t) => {
  const { router } = await limited(t, { connectionsPerAddress: 1 }, { space: { trustedProxies: ['127.0.0.1/32'] } })
  for (let i = 0; i < 3; i++) t.equal((await (await router.client()).get()).status, 200)
})

t.test('a connection is closed after limits.requestsPerConnection, said with the last answer', async (t) => {
  const { router } = await limited(t, { requestsPerConnection: 3 })
  const client = await router.client()
  for (const connection of [undefined, undefined, ['close']]) {
    t.strictSame((await client.get()).headers.get('connection'), connection)
  }
  t.equal(await client.ended(), 'end')
  t.equal(router.lines.length, 3)
})

t.test('answers of the router count too, and what was sent ahead of the last one is not served', async (t) => {
  const { router, dyno } = await limited(t, { requestsPerConnection: 2 })
  const client = await router.client()
  const ask = (host: string) => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`
  client.send(ask('nobody.example.com') + ask('nobody.example.com') + ask('shop.example.com'))
  t.equal((await client.answer()).headers.get('connection'), undefined)
  t.strictSame((await client.answer()).headers.get('connection'), ['close'])
  t.equal(await client.ended(), 'end')
  t.equal(client.text, '')
  t.equal(dyno.connections.length, 0)
})

t.test(
  'out of descriptors: clients that are in are answered, no dyno is blamed, and all is well when there are some again',
  async (t) => {
    const dyno = await ScriptedDyno.start(answering(OK))
    const router = await RouterProcess.start(
      `  shop: { domains: [shop.example.com], formation: { web: { dynos: [{ address: "127.0.0.1:${dyno.port}" }] } } }\n`,
      { descriptors: 64 },
    )
    t.teardown(() => Promise.all([router.stop(), dyno.stop()]))
    const inside = await router.client()
    const crowd = Array.from({ length: 100 }, () => {
      const socket = connect(router.port, '127.0.0.1')
      socket.on('error', () => {})
      return socket
    })
    // What the router cannot take it closes, so the last one tells that all were looked at.
    await new Promise((resolve) => crowd.at(-1)!.on('close', resolve))
    t.equal((await inside.get()).status, 503)
    for (const socket of crowd) socket.destroy()
    let status = 0
    // The router sees them close one after the other.
    for (let i = 0; i < 200 && status !== 200; i++) {
      const client = await router.client()
      status = await client.get().then(
        (answer) => answer.status,
        () => 0,
      )
      client.close()
    }
    t.equal(status, 200)
    t.match(await router.metrics(), /\npostern_quarantines_total\{app="shop"\} 0\n/)
    // Lines are written in batches.
    for (let i = 0; i < 200 && !router.accessLog().includes(' code=H99 '); i++) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    t.match(router.accessLog(), / code=H99 desc="Platform error" cause="no descriptor or memory left" .* status=503 /)
  },
)
