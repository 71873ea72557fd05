// An internal app: only clients in the space, and in networks connected to it, can tell that it exists.
import { createServer } from 'node:http'

const { PORT, DYNO, HEROKU_APP_NAME, HEROKU_PRIVATE_IP } = process.env

const server = createServer((request, response) => {
  const invoices = [
    { number: 1, amount: '12.00 EUR' },
    { number: 2, amount: '7.50 EUR' },
  ]
  response.setHeader('Content-Type', 'application/json')
  response.end(
    `${JSON.stringify({ app: HEROKU_APP_NAME, dyno: DYNO, client: request.headers['x-forwarded-for'], invoices })}\n`,
  )
})

server.listen(Number(PORT), HEROKU_PRIVATE_IP)

process.on('SIGTERM', () => server.close(() => process.exit(0)))
