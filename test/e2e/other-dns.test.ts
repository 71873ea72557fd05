import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { decode, encode } from 'dns-packet'
import t from 'tap'
import { RunningRouter } from '../support/running-router.ts'
import { answering, ScriptedDyno } from '../support/scripted-dyno.ts'

// The promise: the router learns from any DNS server, and a DNS server that fails takes nothing with it.

const NAME = '_http._tcp.shop.service.consul'

/** A DNS server that knows one service on loopback; `ports` may change. */
async function startDns(ports: () => readonly number[]): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.on('message', (packet, peer) => {
    const query = decode(packet)
    const asked = query.questions![0]!
    const answers =
      asked.type === 'SRV' && asked.name === NAME
        ? ports().map((port) => ({
            type: 'SRV' as const,
            name: NAME,
            ttl: 1,
            data: { port, target: `node-${port}.node.consul`, priority: 0, weight: 1 },
          }))
        : asked.type === 'A'
          ? [{ type: 'A' as const, name: asked.name, ttl: 1, data: '127.0.0.1' }]
          : []
    socket.send(
      encode({ type: 'response', id: query.id, flags: 0x8180, questions: query.questions, answers }),
      peer.port,
      peer.address,
    )
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

t.test('dynos are learned from another DNS server, and its silence leaves the last answer in use', async (t) => {
  const named = (name: string) => answering(`HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n\r\n${name}`)
  const one = await ScriptedDyno.start(named('one'))
  const two = await ScriptedDyno.start(named('two'))
  let ports: readonly number[] = [one.port]
  const dns = await startDns(() => ports)
  const router = await RunningRouter.start(`
space: { name: acme, cidr: 127.22.0.0/16 }
listeners:
  - { name: public, address: "127.0.0.1:0", exposure: public }
apps:
  shop:
    domains: [shop.example.com]
    formation: { web: { dns: { name: ${NAME}, server: "127.0.0.1:${dns.address().port}" } } }
`)
  t.teardown(() => Promise.all([router.stop(), one.stop(), two.stop()]))
  const client = await router.client()
  t.equal((await client.get()).body, 'one')

  ports = [one.port, two.port]
  await router.until(async () => (await router.dynos()).length === 2)
  const seen = new Set<string>()
  for (let i = 0; i < 100 && seen.size < 2; i++) seen.add((await client.get()).body)
  t.strictSame([...seen].sort(), ['one', 'two'])

  dns.close()
  await router.until(async () => /postern_discovery_failing\{app="shop"\} 1\n/.test(await router.admin('/metrics')))
  t.equal((await client.get()).status, 200)
  t.equal((await router.dynos()).length, 2)
  client.close()
})
