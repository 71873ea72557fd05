/** `node bench/peers/http-proxy-3.ts FACTS.json`: the space's work around http-proxy-3. */
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { Duplex } from 'node:stream'
import { Space } from './space.ts'

/** What is used of the package: it is installed on demand, so its own types are not always there. */
interface ProxyServer {
  web(request: IncomingMessage, response: ServerResponse, options: object): void
  ws(request: IncomingMessage, socket: Duplex, head: Buffer, options: object): void
  on(event: 'proxyRes', listener: (answer: IncomingMessage) => void): void
  on(event: 'error', listener: (error: Error, request: IncomingMessage, client: ServerResponse | Duplex) => void): void
}
const { createProxyServer } = createRequire(import.meta.url)('http-proxy-3') as {
  createProxyServer(options: object): ProxyServer
}

const space = new Space(process.argv[2]!)
const agent = new Agent({ keepAlive: true, maxFreeSockets: 1024 })
const proxy = createProxyServer({ agent })
const targets = new Map(space.dynos.map((dyno) => [dyno, new URL(dyno.origin)]))

proxy.on('proxyRes', (answer) => {
  answer.headers.via = '1.1 node'
})
proxy.on('error', (_error, _request, client) => {
  if ('writeHead' in client && !client.headersSent) client.writeHead(503).end()
  else client.destroy()
})

const server = createServer((request, response) => {
  const visit = space.admit(request, response)
  if (visit === null) return
  proxy.web(request, response, { target: targets.get(visit.dyno), headers: space.forwardedHeaders(request, visit) })
})
server.on('upgrade', (request, socket, head) => {
  const dyno = space.dynos[Math.floor(Math.random() * space.dynos.length)]!
  proxy.ws(request, socket, head, { target: targets.get(dyno) })
})
space.serve(server)
