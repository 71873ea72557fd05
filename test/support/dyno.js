// A web dyno for tests: says who it is, and does what the path asks for.
import { createServer } from 'node:http'

const { PORT, DYNO, HEROKU_PRIVATE_IP, HEROKU_RELEASE_VERSION } = process.env

const server = createServer((request, response) => {
  if (request.url === '/env') {
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(process.env))
  } else if (request.url === '/pid') {
    response.end(`${DYNO} ${process.pid}`)
  } else if (request.url?.startsWith('/slow')) {
    setTimeout(() => response.end(DYNO), Number(request.url.slice('/slow/'.length)))
  } else {
    response.setHeader('X-Release', HEROKU_RELEASE_VERSION ?? '')
    response.end(DYNO)
  }
})
server.keepAliveTimeout = 95_000
server.listen(Number(PORT), HEROKU_PRIVATE_IP)
process.on('SIGTERM', () => server.close(() => process.exit(0)))
