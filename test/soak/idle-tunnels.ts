import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { RouterProcess } from '../support/router-process.ts'

/**
 * Opens thousands of tunnels (and then as many idle keep-alive connections) and prints what each costs the router in resident memory.
 * Exit code 1 when a tunnel costs more than 16 KB.
 *
 *     node test/soak/idle-tunnels.ts [--count 5000]
 */
const { values } = parseArgs({ options: { count: { type: 'string', default: '5000' } } })
const count = Number(values.count)
const LIMIT_BYTES = 16 * 1024
/** So many connects at once. */
const BATCH = 100

const dyno = createServer((socket) => {
  socket.on('error', () => {})
  socket.on('data', (request: Buffer) => {
    const upgrade = request.latin1Slice().includes('Upgrade: websocket')
    socket.write(
      upgrade
        ? 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'
        : 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    )
  })
}).listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
await once(dyno, 'listening')

async function open(port: number, headers: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`GET / HTTP/1.1\r\nHost: shop.localhost\r\n${headers}\r\n`)
  await once(socket, 'data')
  return socket
}

async function openMany(port: number, headers: string, wanted = count): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < wanted) {
    const batch = Math.min(BATCH, wanted - sockets.length)
    sockets.push(...(await Promise.all(Array.from({ length: batch }, () => open(port, headers)))))
  }
  return sockets
}

const { port } = dyno.address() as AddressInfo
const SPACE = `  shop:
    domains: [shop.localhost]
    timeouts: { idle: 10m }
    maxInFlightPerDyno: 100000
    formation: { web: { dynos: [{ address: "127.0.0.1:${port}" }] } }
`

/** Each in a router of its own: memory that another kind of connection gave back would hide the cost. */
async function bytesEach(headers: string): Promise<number> {
  const router = await RouterProcess.start(SPACE)
  try {
    // What is allocated once, for the first connections of all, is no cost of one.
    for (const socket of await openMany(router.port, '', BATCH)) socket.destroy()
    await settled()
    const before = router.residentBytes()
    const sockets = await openMany(router.port, headers)
    await settled()
    const after = router.residentBytes()
    for (const socket of sockets) socket.destroy()
    return (after - before) / count
  } finally {
    await router.stop()
  }
}

const tunnel = await bytesEach('Connection: upgrade\r\nUpgrade: websocket\r\n')
console.log(`${count} × idle tunnel: ${(tunnel / 1024).toFixed(1)} KiB each`)
const idle = await bytesEach('')
console.log(`${count} × idle keep-alive connection: ${(idle / 1024).toFixed(1)} KiB each`)
dyno.close()
process.exit(tunnel > LIMIT_BYTES ? 1 : 0)

/** Until the router has nothing more to do about what happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2000))
}
