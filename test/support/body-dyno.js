// A web dyno for tests: GET /N is answered with N bytes, a POST with how many came.
import { createServer } from 'node:http'

const { PORT, HEROKU_PRIVATE_IP } = process.env

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.end('x'.repeat(Number(request.url.slice(1)) || 0))
    return
  }
  let bytes = 0
  request.on('data', (chunk) => {
    bytes += chunk.length
  })
  request.on('end', () => response.end(String(bytes)))
})
server.keepAliveTimeout = 95_000
server.listen(Number(PORT), HEROKU_PRIVATE_IP)
process.on('SIGTERM', () => server.close(() => process.exit(0)))
