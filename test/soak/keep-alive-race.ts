import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { parseArgs } from 'node:util'
import type { RawClient } from '../support/raw-client.ts'
import { RouterProcess } from '../support/router-process.ts'

/**
 * The keep-alive race: a dyno that closes idle connections after a random short time, which is often just when the router sends the next request on one.
 * Clients pause between their requests for times of the same order, so that every rest of a connection is met. Exit code 1 when a GET fails, when a request runs
 * twice, or when more than 1 % of the POSTs fail.
 *
 *     node test/soak/keep-alive-race.ts [--requests 5000]
 */
const { values } = parseArgs({ options: { requests: { type: 'string', default: '5000' } } })
/** Of each method, in each round. */
const requests = Number(values.requests)
const MOST_FAILED_POSTS = 0.01

interface Round {
  readonly name: string
  readonly clients: number
  /** The dyno closes after a random time between these. */
  readonly closeMs: readonly [number, number]
  /** A client pauses for a random time up to this. */
  readonly pauseMs: number
}

const ROUNDS: readonly Round[] = [
  { name: 'few clients', clients: 4, closeMs: [1, 40], pauseMs: 20 },
  { name: 'many clients', clients: 64, closeMs: [1, 40], pauseMs: 60 },
  { name: 'busy clients', clients: 16, closeMs: [1, 20], pauseMs: 2 },
  { name: 'long rests', clients: 64, closeMs: [100, 400], pauseMs: 600 },
]

const between = (from: number, to: number) => from + Math.random() * (to - from)

/** What the dyno has done. */
class Work {
  /** Request number to how often it ran. */
  readonly runs = new Map<number, number>()
  connections = 0
  closed = 0

  ran(number: number): void {
    this.runs.set(number, (this.runs.get(number) ?? 0) + 1)
  }
}

let work = new Work()
let closeMs: readonly [number, number] = [1, 1]

/** Answers at once; closes a connection that is idle for a random time, as node:http does: whatever comes then is lost. */
function serve(socket: Socket): void {
  let text = ''
  let timer: NodeJS.Timeout | undefined
  work.connections++
  socket.setNoDelay(true)
  socket.on('error', () => {})
  socket.on('close', () => clearTimeout(timer))
  socket.on('data', (chunk: Buffer) => {
    text += chunk.latin1Slice()
    for (;;) {
      const end = text.indexOf('\r\n\r\n')
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0)
      if (end === -1 || text.length < end + 4 + length) return
      clearTimeout(timer)
      const number = Number(/^\w+ \/(\d+) /.exec(text)![1])
      text = text.slice(end + 4 + length)
      work.ran(number)
      const body = String(number)
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
      timer = setTimeout(
        () => {
          work.closed++
          socket.destroy()
        },
        between(...closeMs),
      )
    }
  })
}

const dyno = createServer(serve).listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
await once(dyno, 'listening')
const { port } = dyno.address() as AddressInfo

const failures = { GET: 0, POST: 0 }
const wrong: string[] = []

async function client(router: RouterProcess, numbers: () => number, pauseMs: number): Promise<void> {
  let connection: RawClient | null = null
  for (let number = numbers(); number >= 0; number = numbers()) {
    const method = number % 2 === 0 ? 'GET' : 'POST'
    if (connection === null || connection.ending !== '') connection = await router.client()
    const body = method === 'POST' ? 'Content-Length: 5\r\n\r\nhello' : '\r\n'
    connection.send(`${method} /${number} HTTP/1.1\r\nHost: shop.localhost\r\n${body}`)
    const answer = await connection.answer().catch((error: Error) => ({ status: 0, body: error.message }))
    if (answer.status !== 200) failures[method]++
    else if (answer.body !== String(number)) wrong.push(`${method} ${number} was answered ${answer.body}`)
    await new Promise((resolve) => setTimeout(resolve, between(0, pauseMs)))
  }
  connection?.close()
}

let failed = false
for (const round of ROUNDS) {
  const router = await RouterProcess.start(
    `  shop: { domains: [shop.localhost], formation: { web: { dynos: [{ address: "127.0.0.1:${port}" }] } } }\n`,
  )
  work = new Work()
  closeMs = round.closeMs
  failures.GET = 0
  failures.POST = 0
  let next = 0
  const numbers = () => (next < 2 * requests ? next++ : -1)
  try {
    await Promise.all(Array.from({ length: round.clients }, () => client(router, numbers, round.pauseMs)))
    const log = router.accessLog()
    const retries = [...log.matchAll(/ retries=1/g)].length
    const twice = [...work.runs].filter(([number, runs]) => number % 2 === 1 && runs > 1).length
    const getsTwice = [...work.runs].filter(([number, runs]) => number % 2 === 0 && runs > 1).length
    const bad = failures.GET > 0 || twice > 0 || wrong.length > 0 || failures.POST > MOST_FAILED_POSTS * requests
    failed ||= bad
    console.log(
      `${round.name} (${round.clients}, closed after ${round.closeMs.join(' to ')} ms, pauses up to ${round.pauseMs} ms): ` +
        `GET ${failures.GET} of ${requests} failed, POST ${failures.POST} (${((100 * failures.POST) / requests).toFixed(2)} %); ` +
        `POSTs run twice ${twice}, GETs run twice ${getsTwice}; retries ${retries}; ` +
        `${work.connections} connections for ${2 * requests} requests, ${work.closed} closed by the dyno${bad ? ' — NOT as promised' : ''}`,
    )
    for (const line of wrong.splice(0, 5)) console.log(line)
  } finally {
    await router.stop()
  }
}
dyno.close()
process.exit(failed ? 1 : 0)
