// A web dyno for tests of health: not well at its first checks, and from a request to /fail on never again.
import { createServer } from 'node:http'

const { PORT, DYNO, HEROKU_PRIVATE_IP } = process.env
let checks = 0
let fails = false

const server = createServer((request, response) => {
  if (request.url === '/up' && ++checks < 3) response.statusCode = 503
  if (fails) response.statusCode = 500
  if (request.url === '/fail') fails = true
  response.end(request.url === '/fail' ? DYNO : `${DYNO}, checked before: ${checks}`)
})
server.keepAliveTimeout = 95_000
server.listen(Number(PORT), HEROKU_PRIVATE_IP)
