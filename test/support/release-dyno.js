// A web dyno for tests of deploys. MOOD says what is wrong with its release: nothing; `no-boot` ends at once; `unhealthy` fails its health check;
// `errors` answers 500 to every fifth request; `slow` takes three times as long; `crash` ends after 5 s. It echoes on WebSockets, and says at SIGTERM
// what it had in flight.
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const { PORT, HEROKU_PRIVATE_IP, MOOD = '', CRASH_MS = '5000', TAKES_MS = '0' } = process.env
if (MOOD === 'no-boot') process.exit(3)
if (MOOD === 'crash') setTimeout(() => process.exit(4), Number(CRASH_MS))
const takesMs = Number(TAKES_MS) * (MOOD === 'slow' ? 3 : 1)
let inFlight = 0
let requests = 0

const server = createServer((request, response) => {
  inFlight++
  response.once('close', () => inFlight--)
  if (request.url === '/up') {
    response.statusCode = MOOD === 'unhealthy' ? 503 : 200
    response.end('up')
    return
  }
  requests++
  let bytes = 0
  request.on('data', (chunk) => {
    bytes += chunk.length
  })
  request.on('end', () => {
    if (MOOD === 'errors' && requests % 5 === 0) response.statusCode = 500
    const afterMs = request.url.startsWith('/slow/') ? Number(request.url.slice('/slow/'.length)) : takesMs
    if (afterMs === 0) response.end(String(bytes))
    else setTimeout(() => response.end(String(bytes)), afterMs)
  })
})
server.keepAliveTimeout = 95_000
const webSockets = new WebSocketServer({ server })
webSockets.on('connection', (webSocket) => {
  webSocket.on('message', (message) => webSocket.send(message))
  webSocket.on('error', () => {})
})
server.listen(Number(PORT), HEROKU_PRIVATE_IP)
process.on('SIGTERM', () => {
  console.log(`told to end with ${inFlight} requests and ${webSockets.clients.size} WebSockets`)
  for (const webSocket of webSockets.clients) webSocket.terminate()
  server.close(() => process.exit(0))
  server.closeIdleConnections()
})
