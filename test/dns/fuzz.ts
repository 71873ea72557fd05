/**
 * Sends packets that no one should send through the responder: all through its packet handler, one in ten over a UDP socket and one
 * in a hundred over TCP connections. Ends with 1 at the first crash or answer that is larger than allowed.
 *
 *   node test/dns/fuzz.ts [--packets 1000000] [--seed 1]
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { decodeMessage } from '../../src/dns/message.ts'
import { QueryHandler } from '../../src/dns/query-handler.ts'
import { Responder } from '../../src/dns/responder.ts'
import type { ServerAddress } from '../../src/dns/server-address.ts'
import { faultOf, type Random, seededChoice, wildPacket } from './packets.ts'
import { APEX, sampleZones } from './sample-zone.ts'
import { queryBytes, TcpClient } from './wire-client.ts'

const { values } = parseArgs({
  options: { packets: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
})
const packets = Number(values.packets)
const seed = Number(values.seed)
if (!Number.isSafeInteger(packets) || packets < 1 || !Number.isSafeInteger(seed)) {
  console.error('usage: node test/dns/fuzz.ts [--packets NUMBER] [--seed NUMBER]')
  process.exit(2)
}

const zones = sampleZones(100)
const random = seededChoice(seed)

function check(packet: Buffer, answer: Buffer | null): void {
  const fault = faultOf(packet, answer)
  if (fault === null) return
  console.error(`FAILED: ${fault}\npacket ${packet.toString('hex')}\nanswer ${answer?.toString('hex') ?? 'none'}`)
  process.exit(1)
}

function throughHandler(): void {
  const rcodes = new Map<string, number>()
  const handler = new QueryHandler(zones, false, (_type, rcode) => rcodes.set(rcode, (rcodes.get(rcode) ?? 0) + 1))
  const startedAt = performance.now()
  let malformed = 0
  let silent = 0
  let largest = 0
  // Largest answer to what is malformed, beyond the size of the packet: it must not be above zero.
  let gain = Number.NEGATIVE_INFINITY
  for (let n = 0; n < packets; n++) {
    const packet = wildPacket(random)
    const answer = handler.handle(packet, true, 'udp') as Buffer | null
    check(packet, answer)
    if (answer === null) {
      silent++
      continue
    }
    largest = Math.max(largest, answer.length)
    if (decodeMessage(packet) !== null) continue
    malformed++
    gain = Math.max(gain, answer.length - packet.length)
  }
  const seconds = (performance.now() - startedAt) / 1000
  const counts = [...rcodes].sort().map(([rcode, count]) => `${rcode} ${count}`)
  console.log(`handler  ${packets} packets in ${seconds.toFixed(1)} s, seed ${seed}: no crash`)
  console.log(`         answers: ${counts.join(', ')}; none: ${silent}; largest ${largest} bytes`)
  console.log(`         malformed and answered: ${malformed}, with at most ${gain} bytes more than they had`)
}

const PATIENCE_MS = 2000
const BATCH = 50

/** A query behind each batch: its answer says that the batch has been worked off. */
const SENTINEL = queryBytes(`1.web.shop.${APEX}`, 'TXT', 0)

async function overUdp(server: ServerAddress, count: number): Promise<void> {
  const socket = createSocket('udp4')
  socket.connect(server.port, server.host)
  await once(socket, 'connect')
  let answered = 0
  for (let sent = 0; sent < count; sent += BATCH) {
    // Sixteen bits of id tell one packet of a batch from another; those that are too short for one get no answer.
    const batch = Array.from({ length: Math.min(BATCH, count - sent) }, () => wildPacket(random))
    for (const [index, packet] of batch.entries()) if (packet.length >= 2) packet.writeUInt16BE(index + 1, 0)
    const answers = await collect(socket, batch)
    for (const [index, packet] of batch.entries()) {
      const answer = answers.get(index + 1) ?? null
      check(packet, answer)
      if (answer !== null) answered++
    }
  }
  socket.close()
  console.log(`UDP      ${count} packets over a socket: ${answered} answers as they should be, no crash`)
}

/** Answers by id, up to that of the sentinel. */
function collect(socket: ReturnType<typeof createSocket>, batch: readonly Buffer[]): Promise<Map<number, Buffer>> {
  const answers = new Map<number, Buffer>()
  const { promise, resolve, reject } = Promise.withResolvers<Map<number, Buffer>>()
  const timer = setTimeout(() => reject(new Error('the responder does not answer any more')), PATIENCE_MS)
  const take = (answer: Buffer): void => {
    const id = answer.readUInt16BE(0)
    if (id === 0) resolve(answers)
    else answers.set(id, answer)
  }
  socket.on('message', take)
  for (const packet of batch) socket.send(packet)
  socket.send(SENTINEL)
  return promise.finally(() => {
    clearTimeout(timer)
    socket.off('message', take)
  })
}

/** What is no query ends a connection: each begins with a new one, and a good query must still be answered on the next. */
async function overTcp(server: ServerAddress, count: number, choose: Random): Promise<void> {
  let connections = 0
  for (let sent = 0; sent < count; ) {
    const client = await TcpClient.connect(server)
    const batch = Array.from({ length: Math.min(1 + choose(20), count - sent) }, () => wildPacket(choose))
    client.send(...batch)
    client.socket.resume()
    client.socket.end()
    await client.closed
    connections++
    sent += batch.length
  }
  const client = await TcpClient.connect(server)
  client.send(SENTINEL)
  await client.receive()
  client.socket.destroy()
  console.log(`TCP      ${count} packets over ${connections} connections, no crash`)
}

throughHandler()
const responder = new Responder({ host: '127.0.0.1', port: 0, zones, allow: () => true })
const server = await responder.start()
await overUdp(server, Math.ceil(packets / 10))
await overTcp(server, Math.ceil(packets / 100), random)
await responder.stop()
