import { fork } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { constants, setPriority } from 'node:os'
import { parseArgs } from 'node:util'
import { RouterProcess } from '../support/router-process.ts'

/**
 * What thousands of slow and silent clients cost the others: in turns without and with them, in one run, requests at a steady rate are measured. Then waits
 * until all of the crowd was closed, and compares when. Exit code 1 when the p99 of the others is more than twice as long with the crowd, when the router's memory
 * grows by more than 64 MiB, or when one of the crowd was closed at another time than its own.
 *
 *     node test/soak/slow-clients.ts [--slow 2000] [--idle 2000] [--seconds 10] [--rounds 3] [--rate 400]
 */
const { values } = parseArgs({
  options: {
    role: { type: 'string', default: 'measure' },
    port: { type: 'string', default: '0' },
    slow: { type: 'string', default: '2000' },
    idle: { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '3' },
    rate: { type: 'string', default: '400' },
  },
})
const slow = Number(values.slow)
const idle = Number(values.idle)
const seconds = Number(values.seconds)

/** The router's timeouts: long enough for the crowd to be whole before its first one is closed, and to be measured with. */
const HEAD_MS = (seconds + 20) * 1000
const KEEP_ALIVE_MS = (seconds + 25) * 1000
const WRITE_MS = (seconds + 15) * 1000
/** Two ticks of the router's timers, and what two busy processes and the kernel add. */
const LATE_MS = 2000
/** Where the time begins with an answer of the router, the crowd sees it begin this much later. */
const EARLY_MS = 500
const LIMIT_RATIO = 2
const LIMIT_BYTES = 64 * 1024 * 1024
/** The crowd came all at once; what that cost is over after this. */
const SETTLE_MS = 2000
/** So many connects at once. */
const BATCH = 100
const CONNECTIONS = 32

/** How long after its last word (or, slow ones, its first) each of a kind was closed, in ms; and how many otherwise than they should. */
interface Closings {
  readonly kind: string
  readonly dueMs: number
  readonly afterMs: number[]
  strange: number
}

// --- The crowd: a process of its own -----------------------------------------------------------------------------------

async function crowd(port: number): Promise<void> {
  // What is asked is what the router makes the others pay, not what the crowd's own work takes from them where both share a core.
  setPriority(constants.priority.PRIORITY_LOW)
  const closings: Record<'slow' | 'idle' | 'deaf', Closings> = {
    slow: { kind: 'slow heads', dueMs: HEAD_MS, afterMs: [], strange: 0 },
    idle: { kind: 'idle connections', dueMs: KEEP_ALIVE_MS, afterMs: [], strange: 0 },
    deaf: { kind: 'never reading', dueMs: WRITE_MS, afterMs: [], strange: 0 },
  }
  const open: Socket[] = []
  const ended: Promise<unknown>[] = []

  /** `expected`: the beginning of what it must have got by the end. */
  async function join(closing: Closings, words: string, expected: string): Promise<Socket> {
    const socket = connect(port, '127.0.0.1')
    let got = ''
    let sinceMs = performance.now()
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.on('data', (chunk: Buffer) => {
      if (got === '' && expected.startsWith('HTTP/1.1 200')) sinceMs = performance.now()
      got += chunk.latin1Slice(0, 20)
    })
    ended.push(
      once(socket, 'close').then(() => {
        closing.afterMs.push(performance.now() - sinceMs)
        if (!got.startsWith(expected)) closing.strange++
      }),
    )
    socket.write(words)
    open.push(socket)
    return socket
  }

  const slowOnes: Socket[] = []
  for (let i = 0; i < Math.max(slow, idle); i += BATCH) {
    const joining: Promise<unknown>[] = []
    for (let j = i; j < i + BATCH; j++) {
      if (j < slow) {
        const head = 'GET / HTTP/1.1\r\nHost: shop.localhost\r\nX-Slow: '
        joining.push(join(closings.slow, head, 'HTTP/1.1 408').then((socket) => slowOnes.push(socket)))
      }
      if (j < idle)
        joining.push(join(closings.idle, 'GET /ok HTTP/1.1\r\nHost: shop.localhost\r\n\r\n', 'HTTP/1.1 200'))
    }
    await Promise.all(joining)
  }
  const deaf = await join(closings.deaf, 'GET /stream HTTP/1.1\r\nHost: shop.localhost\r\n\r\n', '')
  deaf.pause()
  // Each says one byte a second, evenly over it.
  let turn = 0
  const beganMs = performance.now()
  const drip = setInterval(() => {
    const end = ((performance.now() - beganMs) / 1000) * slowOnes.length
    for (; turn < end; turn++) slowOnes[turn % slowOnes.length]?.write('x')
  }, 2)
  process.send!({ kind: 'whole' })
  // One that never reads never hears of its end: what it has not read stands before that.
  const deafEnds = setInterval(() => deaf.write('x', (error) => error && deaf.destroy()), 100)
  await Promise.all(ended)
  clearInterval(drip)
  clearInterval(deafEnds)
  process.send!({ kind: 'gone', closings: Object.values(closings) })
}

// --- The dyno: a process of its own too --------------------------------------------------------------------------------

async function dyno(): Promise<void> {
  const piece = Buffer.alloc(65_536, 'x')
  const server = createServer((socket) => {
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('data', (request: Buffer) => {
      if (request.latin1Slice(0, 11) !== 'GET /stream') {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        return
      }
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      const stream = () => {
        while (!socket.destroyed && socket.write(`10000\r\n${piece}\r\n`));
      }
      socket.on('drain', stream)
      stream()
    })
  }).listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
  await once(server, 'listening')
  process.send!({ kind: 'listening', port: (server.address() as AddressInfo).port })
}

// --- The others, and what they see: once more a process of its own -----------------------------------------------------

/** Requests at a steady rate for `seconds`; each is measured from when it was due. */
async function others(port: number): Promise<void> {
  const latencies: number[] = []
  const free: Socket[] = []
  const due: number[] = []
  const began = new Map<Socket, number>()
  const send = (socket: Socket, dueMs: number) => {
    began.set(socket, dueMs)
    socket.write('GET /ok HTTP/1.1\r\nHost: shop.localhost\r\n\r\n')
  }
  const sockets = await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true })
      await once(socket, 'connect')
      socket.on('data', (answer: Buffer) => {
        if (!answer.latin1Slice().startsWith('HTTP/1.1 200')) throw new Error(`answered ${answer.latin1Slice()}`)
        latencies.push(performance.now() - began.get(socket)!)
        const next = due.shift()
        if (next === undefined) free.push(socket)
        else send(socket, next)
      })
      free.push(socket)
      return socket
    }),
  )
  const startMs = performance.now()
  const total = seconds * Number(values.rate)
  const gapMs = 1000 / Number(values.rate)
  for (let i = 0; i < total; ) {
    const nowMs = performance.now()
    for (; i < total && startMs + i * gapMs <= nowMs; i++) {
      const socket = free.pop()
      if (socket === undefined) due.push(startMs + i * gapMs)
      else send(socket, startMs + i * gapMs)
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  while (latencies.length < total) await new Promise((resolve) => setTimeout(resolve, 5))
  for (const socket of sockets) socket.destroy()
  process.send!(latencies)
}

async function measure(port: number): Promise<number[]> {
  const process = child('others', port)
  const [latencies] = (await once(process, 'message')) as [number[]]
  process.disconnect()
  return latencies
}

function quantile(latencies: readonly number[], share: number): number {
  const sorted = [...latencies].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
}

function describe(name: string, latencies: readonly number[]): string {
  const [p50, p99, worst] = [0.5, 0.99, 1].map((share) => quantile(latencies, share).toFixed(2))
  return `${name}: p50 ${p50} ms, p99 ${p99} ms, worst ${worst} ms`
}

function child(role: string, port = 0) {
  return fork(import.meta.filename, [...process.argv.slice(2), '--role', role, '--port', String(port)])
}

async function main(): Promise<boolean> {
  const backend = child('dyno')
  const [{ port }] = (await once(backend, 'message')) as [{ port: number }]
  const router = await RouterProcess.start(
    `  shop:
    domains: [shop.localhost]
    timeouts: { idle: ${WRITE_MS}ms }
    formation: { web: { dynos: [{ address: "127.0.0.1:${port}" }] } }
`,
    {
      more: `workers: 1\ntimeouts: { requestHead: ${HEAD_MS}ms, clientKeepAlive: ${KEEP_ALIVE_MS}ms, requestBody: ${WRITE_MS}ms }`,
    },
  )
  let good = true
  try {
    await measure(router.port) // warms up
    const without: number[] = []
    const withCrowd: number[] = []
    for (let round = 1; round <= Number(values.rounds); round++) {
      const calm = await measure(router.port)
      without.push(...calm)
      console.log(describe(`round ${round} without`, calm))

      const before = router.residentBytes()
      let peak = before
      const watch = setInterval(() => {
        peak = Math.max(peak, router.residentBytes())
      }, 1000)
      const slowOnes = child('crowd', router.port)
      await once(slowOnes, 'message')
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
      const busy = await measure(router.port)
      withCrowd.push(...busy)
      const open = /^postern_client_connections\{listener="public"\} (\d+)$/m.exec(await router.metrics())![1]
      console.log(describe(`round ${round} with ${open} others`, busy))

      const [{ closings }] = (await once(slowOnes, 'message')) as [{ closings: Closings[] }]
      slowOnes.kill()
      clearInterval(watch)
      for (const { kind, dueMs, afterMs, strange } of closings) {
        const [first, last] = [Math.min(...afterMs), Math.max(...afterMs)]
        // Who never reads is given up when nothing was taken for so long, which is seen at the latest after twice as long.
        const latest = kind === 'never reading' ? 2 * dueMs : dueMs
        const bad = strange > 0 || first < dueMs - EARLY_MS || last > latest + LATE_MS
        good &&= !bad
        console.log(
          `  ${afterMs.length} ${kind}: due after ${dueMs} ms, closed after ${first.toFixed(0)} to ${last.toFixed(0)} ms` +
            `${strange > 0 ? `, ${strange} in another way` : ''}${bad ? ' — NOT as promised' : ''}`,
        )
      }
      const grown = peak - before
      if (grown > LIMIT_BYTES) good = false
      console.log(`  resident memory ${(before / 1e6).toFixed(0)} MB, at most ${(grown / 1e6).toFixed(1)} MB more`)
    }
    const ratio = quantile(withCrowd, 0.99) / quantile(without, 0.99)
    if (ratio > LIMIT_RATIO) good = false
    console.log(describe('all rounds without', without))
    console.log(describe('all rounds with', withCrowd))
    console.log(`p99 with / without: ${ratio.toFixed(2)}${good ? '' : ' — NOT as promised'}`)
  } finally {
    await router.stop()
    backend.kill()
  }
  return good
}

if (values.role === 'crowd') await crowd(Number(values.port))
else if (values.role === 'others') await others(Number(values.port))
else if (values.role === 'dyno') await dyno()
else process.exit((await main()) ? 0 : 1)
