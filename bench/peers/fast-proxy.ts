/** `node bench/peers/fast-proxy.ts FACTS.json`: the space's work around fast-proxy. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { Space } from './space.ts'

/** What is used of the package: it is installed on demand and has no types that fit. */
type FastProxy = (options: object) => {
  proxy(request: IncomingMessage, response: ServerResponse, source: string, options: object): void
}
const fastProxy = createRequire(import.meta.url)('fast-proxy') as FastProxy

const space = new Space(process.argv[2]!)
const proxies = new Map(
  space.dynos.map((dyno) => [
    dyno,
    fastProxy({ base: dyno.origin, undici: { connections: 256, pipelining: 1 }, cacheURLs: 1000 }),
  ]),
)

function rewriteHeaders(headers: Record<string, string | string[]>): Record<string, string | string[]> {
  headers.via = '1.1 node'
  return headers
}

space.serve(
  createServer((request, response) => {
    const visit = space.admit(request, response)
    if (visit === null) return
    proxies.get(visit.dyno)!.proxy(request, response, request.url!, {
      rewriteHeaders,
      rewriteRequestHeaders: (original: IncomingMessage, headers: Record<string, string>) => {
        Object.assign(headers, space.forwardedHeaders(original, visit))
        headers.host = original.headers.host!
        // Of one connection only (RFC 9110 §7.6.1), and undici refuses them.
        for (const name of ['connection', 'keep-alive', 'transfer-encoding']) delete headers[name]
        return headers
      },
    })
  }),
)
