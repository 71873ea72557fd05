// A public app: says which dyno served.
import { createServer } from 'node:http'

const { PORT, DYNO, HEROKU_APP_NAME, HEROKU_PRIVATE_IP, HEROKU_RELEASE_VERSION, GREETING } = process.env

const server = createServer((request, response) => {
  if (request.url === '/headers') {
    response.setHeader('Content-Type', 'application/json')
    response.end(`${JSON.stringify(request.headers, null, 2)}\n`)
    return
  }
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end(
    `${GREETING}. Served by ${HEROKU_APP_NAME} ${DYNO} ${HEROKU_RELEASE_VERSION} on ${HEROKU_PRIVATE_IP}:${PORT}\n`,
  )
})

server.listen(Number(PORT), HEROKU_PRIVATE_IP)

// Requests in flight are answered; idle connections are closed.
process.on('SIGTERM', () => server.close(() => process.exit(0)))
