/** `node bench/peers/node-undici.ts FACTS.json`: the space's work around undici's lowest door, `dispatch`. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Dispatcher, Pool } from 'undici'
import { Space } from './space.ts'

const space = new Space(process.argv[2]!)
const pools = new Map(
  space.dynos.map((dyno) => [dyno, new Pool(dyno.origin, { connections: 256, pipelining: 1, allowH2: false })]),
)

/** Of one connection only (RFC 9110 §7.6.1). */
const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']

/** Passes an answer on as it comes, and waits for a client that reads slowly. */
class Relay implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse

  constructor(response: ServerResponse) {
    this.#response = response
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#response.once('close', () => {
      if (!this.#response.writableFinished) controller.abort(new Error('the client went away'))
    })
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return
    for (const name of HOP_BY_HOP) delete headers[name]
    headers.via = '1.1 node'
    this.#response.writeHead(status, headers)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#response.write(chunk)) return
    controller.pause()
    this.#response.once('drain', () => controller.resume())
  }

  onResponseEnd(): void {
    this.#response.end()
  }

  onResponseError(): void {
    if (!this.#response.headersSent) this.#response.writeHead(503).end()
    else this.#response.destroy()
  }
}

function hasBody(request: IncomingMessage): boolean {
  return request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined
}

space.serve(
  createServer((request, response) => {
    const visit = space.admit(request, response)
    if (visit === null) return
    const headers = { ...request.headers, ...space.forwardedHeaders(request, visit) }
    for (const name of HOP_BY_HOP) delete headers[name]
    pools.get(visit.dyno)!.dispatch(
      {
        path: request.url!,
        method: request.method as Dispatcher.HttpMethod,
        headers,
        body: hasBody(request) ? request : null,
      },
      new Relay(response),
    )
  }),
)
