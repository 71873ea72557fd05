import { createServer, type Server } from 'node:http'
import { resolve } from 'node:path'
import t from 'tap'
import { address, CIDR } from '../control/loopback.ts'
import { RouterProcess } from '../support/router-process.ts'

// The promise: a dyno that is not well gets no requests, whoever runs it, for as long as that takes, and whatever becomes of control meanwhile.

/** A dyno that is well or not, and says which one it is. */
async function dyno(name: string): Promise<{ server: Server; port: number; status: { now: number } }> {
  const status = { now: 200 }
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/up' ? status.now : 200
    response.end(name)
  }).listen(0, '127.0.0.1')
  await new Promise((done) => server.once('listening', done))
  t.teardown(() => server.closeAllConnections())
  t.teardown(() => server.close())
  return { server, port: (server.address() as { port: number }).port, status }
}

async function bodies(router: RouterProcess, host: string, count = 12): Promise<Set<string>> {
  const client = await router.client()
  const seen = new Set<string>()
  for (let i = 0; i < count; i++) {
    client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    const { status, body } = await client.answer()
    seen.add(status === 200 ? body : `${status}`)
  }
  client.socket.destroy()
  return seen
}

const check = 'healthCheck: { path: /up, interval: 100ms, unhealthyAfter: 2 }'

t.test(
  'a listed dyno that fails its checks leaves the balance, over a restart of control too, and comes back',
  async (t) => {
    const [one, two] = [await dyno('one'), await dyno('two')]
    const dynos = [one, two].map(({ port }) => `{ address: "127.0.0.1:${port}" }`).join(', ')
    const router = await RouterProcess.start(
      `  shop:\n    domains: [shop.example.com]\n    balance: round-robin\n    ${check}\n    formation: { web: { dynos: [${dynos}] } }\n`,
    )
    t.teardown(() => router.stop())
    const health = async () => (await router.dynos()).map(({ health }) => health).join(' ')
    const served = async (...names: string[]) => {
      const seen = await bodies(router, 'shop.example.com')
      return [...seen].sort().join() === names.join()
    }
    await router.until(async () => (await health()) === 'passing passing')
    await router.until(() => served('one', 'two'))
    one.status.now = 500
    await router.until(async () => (await health()) === 'failing passing')
    await router.until(() => served('two'))
    t.equal((await router.dynos())[0]?.healthReason, 'GET /up answered 500')
    t.equal(await router.metric('postern_dynos_health{app="shop",health="failing"}'), 1)

    const before = await router.pid('control')
    process.kill(before, 'SIGKILL')
    const seen = new Set<string>()
    await router.until(async () => {
      for (const each of await bodies(router, 'shop.example.com')) seen.add(each)
      const now = await router.pid('control')
      return now !== -1 && now !== before && (await health()) === 'failing passing'
    })
    t.strictSame([...seen], ['two'], 'nobody has sent anything to the other meanwhile')

    two.status.now = 500
    await router.until(async () => (await health()) === 'failing failing')
    await router.until(() => served('one', 'two'))
    two.status.now = 200
    await router.until(() => served('two'))
    one.status.now = 200
    await router.until(() => served('one', 'two'))
  },
)

t.test(
  'a dyno that runs here is up when its check passes; failed requests of clients hasten the next one',
  async (t) => {
    const program = resolve(import.meta.dirname, '../support/moody-dyno.js')
    const command = `${process.execPath} ${program}`
    const router = await RouterProcess.start(
      `  shop:
    domains: [shop.example.com]
    healthCheck: { path: /up, interval: 1h, unhealthyAfter: 1 }
    formation: { web: { quantity: 2, command: "${command}" } }
  closed:
    domains: [closed.example.com]
    healthCheck: { path: /never, interval: 100ms, failClosed: true }
    formation: { web: { dynos: [{ address: "${address(0, 9)}:1" }] } }
`,
      { cidr: CIDR },
    )
    t.teardown(() => router.stop())
    const shop = async () => (await router.dynos()).filter(({ app }) => app === 'shop')
    const passing = async () => (await shop()).map(({ state, health }) => `${state} ${health}`).join()
    await router.until(async () => (await passing()) === 'up passing,up passing')
    const client = await router.client()
    client.send('GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n')
    t.match((await client.answer()).body, /checked before: [1-9]/, 'it had not been up before its check passed')
    // From now on it answers 500 to everything, and nobody has asked /up since.
    client.send('GET /fail HTTP/1.1\r\nHost: shop.example.com\r\n\r\n')
    const failed = (await client.answer()).body
    await router.until(async () => {
      for (let i = 0; i < 4; i++) {
        client.send('GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n')
        await client.answer()
      }
      return (await shop()).some(({ dyno, health }) => dyno === failed && health === 'failing')
    })
    // The workers hear of it a moment after control knows.
    await router.until(async () => {
      for (let i = 0; i < 10; i++) {
        client.send('GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n')
        if ((await client.answer()).status !== 200) return false
      }
      return true
    })
    await router.until(async () => (await bodies(router, 'closed.example.com', 1)).has('503'))
    await router.until(() => /code=H10 .*host=closed\.example\.com/.test(router.accessLog()))
  },
)
