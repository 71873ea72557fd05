// A web dyno for tests: upgrades whoever asks, and sends back what comes.
import { createServer } from 'node:http'

const { PORT, HEROKU_PRIVATE_IP } = process.env

const server = createServer((_request, response) => response.end('chat'))
const sockets = new Set()
server.on('upgrade', (_request, socket) => {
  sockets.add(socket)
  socket.on('close', () => sockets.delete(socket))
  socket.on('error', () => {})
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
  socket.pipe(socket)
})
server.listen(Number(PORT), HEROKU_PRIVATE_IP)
process.on('SIGTERM', () => {
  for (const socket of sockets) socket.destroy()
  server.close(() => process.exit(0))
})
