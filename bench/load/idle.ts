/**
 * Connections that do nothing: `node bench/load/idle.ts '{"port":…,"host":…,"connections":5000,"kind":"tunnel"}'`. Each asks once, for a
 * small answer or for an upgrade, and stays. Says `ready` when all have, and ends when its standard input does.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { TUNNEL_HEADERS } from '../dyno.ts'

export interface Idle {
  readonly port: number
  readonly host: string
  readonly connections: number
  readonly kind: 'keep-alive' | 'tunnel'
}

/** At once while they are being opened: fewer than any listen backlog. */
const OPENING = 64

async function open(idle: Idle): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port: idle.port })
  socket.on('close', () => fail(`connection closed by the contender`))
  const headers = { Host: idle.host, ...(idle.kind === 'tunnel' ? TUNNEL_HEADERS : {}) }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const path = idle.kind === 'tunnel' ? '/tunnel' : '/bytes/100'
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  const expected = idle.kind === 'tunnel' ? 'HTTP/1.1 101' : 'HTTP/1.1 200'
  if (!answer.latin1Slice().startsWith(expected)) fail(`got ${answer.latin1Slice(0, 40)}`)
}

function fail(why: string): never {
  process.stderr.write(`${why}\n`)
  process.exit(1)
}

const idle = JSON.parse(process.argv[2]!) as Idle
let opened = 0
await Promise.all(
  Array.from({ length: OPENING }, async () => {
    while (opened++ < idle.connections) await open(idle)
  }),
)
process.stdout.write('ready\n')
process.stdin.on('end', () => process.exit()).resume()
