import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import { RouterProcess } from '../support/router-process.ts'

/**
 * Streams many gigabytes through a router in each direction, with a reader on the far side that stops now and then, and prints by how much
 * the router's resident memory grew. Exit code 1 when that is 50 MB or more, or when a byte is missing.
 *
 *     node test/soak/streaming.ts [--gigabytes 10]
 */
const { values } = parseArgs({ options: { gigabytes: { type: 'string', default: '10' } } })
const total = Number(values.gigabytes) * 1e9
const PIECE = Buffer.alloc(256 * 1024, 'x')
/** The reader stops for STOP_MS after so many bytes. */
const STOP_EVERY_BYTES = 16 * 1024 * 1024
const STOP_MS = 5
const LIMIT_BYTES = 50e6

/** Writes `total` bytes as fast as they are taken. */
async function write(socket: Socket): Promise<void> {
  for (let sent = 0; sent < total; sent += PIECE.length) {
    const piece = total - sent < PIECE.length ? PIECE.subarray(0, total - sent) : PIECE
    if (!socket.write(piece)) await once(socket, 'drain')
  }
}

/** Counts what comes after the head, stopping now and then. Resolves with the count once `total` is reached or the connection ends. */
function read(socket: Socket, onWhole: (count: number) => void): void {
  let head = ''
  let count = -1
  let sinceStop = 0
  const done = () => onWhole(count)
  socket.on('data', (chunk: Buffer) => {
    let size = chunk.length
    if (count === -1) {
      head += chunk.latin1Slice()
      const end = head.indexOf('\r\n\r\n')
      if (end === -1) return
      size = head.length - end - 4
      count = 0
    }
    count += size
    sinceStop += size
    if (count >= total) return done()
    if (sinceStop < STOP_EVERY_BYTES) return
    sinceStop = 0
    socket.pause()
    setTimeout(() => socket.resume(), STOP_MS)
  })
  socket.on('error', () => {})
  socket.on('close', done)
}

const uploads: ((count: number) => void)[] = []
const dyno = createServer((socket) => {
  socket.once('data', (first: Buffer) => {
    if (first.latin1Slice(0, 3) === 'GET') {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`)
      void write(socket).catch(() => {}) // the warm-up leaves early
      return
    }
    read(socket, (count) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
      uploads.shift()?.(count)
    })
    socket.emit('data', first)
  })
  socket.on('error', () => {})
}).listen(0, '127.0.0.1')
await once(dyno, 'listening')
const { port } = dyno.address() as AddressInfo

const router = await RouterProcess.start(
  `  shop: { domains: [shop.localhost], formation: { web: { dynos: [{ address: "127.0.0.1:${port}" }] } } }\n`,
)
let failed = false
try {
  for (const direction of ['warm-up', 'download', 'upload'] as const) {
    const before = router.residentBytes()
    let peak = before
    const watch = setInterval(() => {
      peak = Math.max(peak, router.residentBytes())
    }, 50)
    const began = performance.now()
    const client = connect(router.port, '127.0.0.1')
    client.on('error', () => {})
    await once(client, 'connect')
    let count: number
    if (direction === 'upload') {
      const whole = new Promise<number>((resolve) => uploads.push(resolve))
      client.write(`POST / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: ${total}\r\n\r\n`)
      void write(client).catch(() => {})
      count = await whole
    } else {
      const whole = new Promise<number>((resolve) => read(client, resolve))
      client.write('GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n')
      if (direction === 'warm-up') await new Promise((resolve) => setTimeout(resolve, 500))
      else await whole
      count = direction === 'warm-up' ? total : await whole
    }
    client.destroy()
    clearInterval(watch)
    if (direction === 'warm-up') continue
    const seconds = (performance.now() - began) / 1000
    const grown = peak - before
    const bad = count !== total || grown >= LIMIT_BYTES
    failed ||= bad
    console.log(
      `${direction}: ${(count / 1e9).toFixed(1)} GB in ${seconds.toFixed(1)} s, ${(count / 1e6 / seconds).toFixed(0)} MB/s; ` +
        `resident memory ${(before / 1e6).toFixed(0)} MB, at most ${(grown / 1e6).toFixed(1)} MB more${bad ? ' — NOT as promised' : ''}`,
    )
  }
} finally {
  await router.stop()
  dyno.close()
}
process.exit(failed ? 1 : 0)
