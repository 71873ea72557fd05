import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import type { DynoEntry } from '../../src/model/snapshot.ts'

/** Listens and then stands still, so that its backlog fills up and the kernel drops whoever wants to connect. */
const LISTENER = `
const { workerData, parentPort } = require('node:worker_threads')
const server = require('node:net').createServer()
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  parentPort.postMessage(server.address().port)
  Atomics.wait(workerData, 0, 0)
  server.close()
  process.exit()
})`

/** A port on which a connect is neither accepted nor refused, as with a machine that is gone or a network that drops packets. */
export class SilentPort {
  readonly port: number
  readonly #worker: Worker
  readonly #gate: Int32Array
  readonly #fillers: Socket[]

  private constructor(port: number, worker: Worker, gate: Int32Array, fillers: Socket[]) {
    this.port = port
    this.#worker = worker
    this.#gate = gate
    this.#fillers = fillers
  }

  static async open(): Promise<SilentPort> {
    const gate = new Int32Array(new SharedArrayBuffer(4))
    const worker = new Worker(LISTENER, { eval: true, workerData: gate })
    const [port] = (await once(worker, 'message')) as [number]
    // Linux keeps one more than the backlog.
    const fillers = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
    for (const socket of fillers) socket.on('error', () => {})
    await Promise.all(fillers.map((socket) => once(socket, 'connect')))
    return new SilentPort(port, worker, gate, fillers)
  }

  /** So many dynos, all of them here. */
  dynos(count: number): Partial<DynoEntry>[] {
    return Array.from({ length: count }, (_, i) => ({ id: `silent ${i}`, address: '127.0.0.1', port: this.port }))
  }

  async close(): Promise<void> {
    for (const socket of this.#fillers) socket.destroy()
    Atomics.store(this.#gate, 0, 1)
    Atomics.notify(this.#gate, 0)
    await once(this.#worker, 'exit')
  }
}
