import cluster from 'node:cluster'
import { createServer, type Server } from 'node:net'

/** Accepts, answers one line and closes: what is measured is who accepts, and how fast. */
const [mode, port] = process.argv.slice(2)
const sockets = new Set<{ end(): void }>()
let accepted = 0

const server: Server = createServer((socket) => {
  accepted++
  sockets.add(socket)
  socket.on('error', () => {})
  socket.on('close', () => sockets.delete(socket))
  socket.once('data', () => socket.end(`${process.pid}\n`))
})
server.listen(
  {
    host: '127.0.0.1',
    port: Number(port),
    backlog: 4096,
    exclusive: mode === 'reuse-port',
    reusePort: mode === 'reuse-port',
  },
  () => process.send!({ kind: 'up' }),
)

process.on('message', (message: { kind: string }) => {
  if (message.kind === 'count') process.send!({ kind: 'count', accepted })
  if (message.kind === 'stop') {
    // As a worker does that is replaced: no more connections, those that are open to their end.
    server.close(() => {
      if (cluster.worker) cluster.worker.disconnect()
      else process.disconnect!()
    })
  }
})
