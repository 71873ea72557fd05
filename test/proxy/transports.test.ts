import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { HANDLES_USABLE, HandleTransport } from '../../src/proxy/handle-transport.ts'
import { SocketTransport } from '../../src/proxy/socket-transport.ts'
import type { Transport, TransportOwner } from '../../src/proxy/transport.ts'

/** Far more than the kernel keeps for a peer that does not read. */
const MUCH_BYTES = 32 * 1024 * 1024

/** What happened to a transport, as text, in its order. */
class Recorder implements TransportOwner {
  readonly events: string[] = []
  read = ''
  #wake: () => void = () => {}

  onRead(bytes: Buffer, start: number, end: number): void {
    this.read += bytes.latin1Slice(start, end)
    this.#wake()
  }
  onConnect(): void {
    this.#happened('connect')
  }
  onEnd(): void {
    this.#happened('end')
  }
  onDrain(): void {
    this.#happened('drain')
  }
  onClose(error: string): void {
    this.#happened(error === '' ? 'close' : `close ${error}`)
  }
  #happened(event: string): void {
    this.events.push(event)
    this.#wake()
  }
  async until(happened: () => boolean): Promise<void> {
    while (!happened()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
  has(event: string): Promise<void> {
    return this.until(() => this.events.includes(event))
  }
}

const kinds = { handle: HandleTransport, socket: SocketTransport }

t.test('the Node that runs this has what handles need', async (t) => {
  t.ok(HANDLES_USABLE)
})

t.test(
  'handle: texts of one turn go to the kernel together, at its end, and before anything else that is written',
  async (t) => {
    const server = await listening(t)
    const accepted = once(server, 'connection') as Promise<[Socket]>
    const owner = new Recorder()
    const transport = HandleTransport.connect('127.0.0.1', portOf(server))
    transport.start(owner)
    const [peer] = await accepted
    t.teardown(() => peer.destroy())
    await owner.has('connect')
    transport.writeText('a')
    transport.writeText('b')
    t.equal(transport.writtenBytes, 2)
    t.equal(transport.unsentBytes, 2)
    t.equal(transport.takenBytes, 0)
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    t.equal(transport.takenBytes, 2)
    t.equal(transport.unsentBytes, 0)
    transport.writeText('c')
    transport.writeBytes(Buffer.from('d'))
    t.equal(transport.takenBytes, 4)
    transport.writeText('e'.repeat(16_384))
    t.equal(transport.takenBytes, 4)
    transport.writeText('f')
    t.equal(transport.takenBytes, 4 + 16_385, 'no more than 16 KiB wait')
    transport.writeText('g')
    transport.close()
    t.equal(Buffer.concat(await peer.toArray()).latin1Slice(), `abcd${'e'.repeat(16_384)}fg`)
  },
)

t.test('handle: of many connections that are written to in one turn none is forgotten', async (t) => {
  const server = await listening(t)
  const got: Promise<Buffer[]>[] = []
  server.on('connection', (peer) => got.push(peer.toArray()))
  const owners = Array.from({ length: 200 }, () => new Recorder())
  const transports = owners.map((owner) => {
    const transport = HandleTransport.connect('127.0.0.1', portOf(server))
    transport.start(owner)
    return transport
  })
  await Promise.all(owners.map((owner) => owner.has('connect')))
  while (got.length < transports.length) await once(server, 'connection')
  for (const transport of transports) transport.writeText('x')
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  t.ok(transports.every((transport) => transport.takenBytes === 1))
  for (const transport of transports) transport.closeSoon()
  await Promise.all(owners.map((owner) => owner.has('close')))
  t.equal(Buffer.concat((await Promise.all(got)).flat()).length, 200)
})

for (const [name, kind] of Object.entries(kinds)) {
  /** A transport to a server of ours, and the server's end of it. */
  const opened = async (t: Test) => {
    const server = await listening(t)
    const accepted = once(server, 'connection') as Promise<[Socket]>
    const owner = new Recorder()
    const transport = kind.connect('127.0.0.1', portOf(server))
    transport.start(owner)
    const [peer] = await accepted
    peer.on('error', () => {})
    t.teardown(() => {
      peer.destroy()
      transport.close()
    })
    await owner.has('connect')
    return { transport, owner, peer }
  }

  /** A transport of a connection that was accepted, and the other end. */
  const accepted = async (t: Test) => {
    const server = await listening(t)
    const handles = (server as unknown as { _handle: { onconnection: (error: number, handle: unknown) => void } })
      ._handle
    const transports = Promise.withResolvers<Transport>()
    handles.onconnection = (_error, handle) => transports.resolve(kind.accepted(handle))
    const peer = connect({ port: portOf(server), host: '127.0.0.1', allowHalfOpen: true })
    peer.on('error', () => {})
    const transport = await transports.promise
    const owner = new Recorder()
    transport.start(owner)
    t.teardown(() => {
      peer.destroy()
      transport.close()
    })
    return { transport, owner, peer }
  }

  t.test(`${name}: what is written arrives, from text, bytes and pieces, in its order`, async (t) => {
    const { transport, owner, peer } = await accepted(t)
    peer.write('ping')
    await owner.until(() => owner.read === 'ping')
    t.ok(transport.writeText('caf\u00e9 '))
    t.ok(transport.writeBytes(Buffer.from('bytes ')))
    t.ok(transport.writeGathered('head ', Buffer.from('payload'), ' tail'))
    t.ok(transport.writeGathered('', Buffer.from('.'), ''))
    transport.end()
    const text = Buffer.concat(await peer.toArray()).latin1Slice()
    t.equal(text, 'caf\u00e9 bytes head payload tail.')
    t.equal(transport.writtenBytes, text.length)
    t.equal(transport.takenBytes, text.length)
    t.notOk(transport.writable)
  })

  t.test(`${name}: one that is closed soon says first what was written, and is gone`, async (t) => {
    const { transport, owner, peer } = await accepted(t)
    transport.writeText('last')
    transport.closeSoon()
    t.notOk(transport.writable)
    transport.writeText('dropped')
    t.equal(Buffer.concat(await peer.toArray()).latin1Slice(), 'last')
    await owner.has('close')
    t.strictSame(owner.events, ['close'])
  })

  t.test(`${name}: one that is closed soon waits for a peer that is slow to take what was written`, async (t) => {
    const { transport, owner, peer } = await accepted(t)
    peer.pause()
    t.notOk(transport.writeBytes(Buffer.alloc(MUCH_BYTES, 'a')))
    transport.closeSoon()
    t.equal(Buffer.concat(await peer.toArray()).length, MUCH_BYTES)
    await owner.has('close')
    t.strictSame(
      owner.events.filter((event) => event !== 'drain'),
      ['close'],
    )
  })

  t.test(`${name}: what the kernel does not take waits, in its order, until the peer reads`, async (t) => {
    const { transport, owner, peer } = await accepted(t)
    peer.pause()
    t.notOk(transport.writeBytes(Buffer.alloc(MUCH_BYTES, 'a')))
    t.notOk(transport.writeText('b'))
    t.ok(transport.unsentBytes > 0)
    t.ok(transport.takenBytes < MUCH_BYTES)
    let ended = false
    transport.end(() => {
      ended = true
    })
    const received = Buffer.concat(await peer.toArray())
    t.equal(received.length, MUCH_BYTES + 1)
    t.equal(received.latin1Slice(MUCH_BYTES - 1), 'ab')
    await owner.has('drain')
    t.equal(transport.unsentBytes, 0)
    t.equal(owner.events.filter((event) => event === 'drain').length, 1)
    peer.end()
    await owner.has('close')
    t.ok(ended)
  })

  t.test(`${name}: while it is paused nothing is read, and nothing is lost`, async (t) => {
    const { transport, owner, peer } = await accepted(t)
    peer.write('a')
    await owner.until(() => owner.read === 'a')
    transport.pause()
    peer.write('b')
    const other = await accepted(t)
    other.peer.write('c')
    await other.owner.until(() => other.owner.read === 'c')
    t.equal(owner.read, 'a')
    transport.resume()
    await owner.until(() => owner.read === 'ab')
  })

  t.test(`${name}: either side may end first, and the other goes on`, async (t) => {
    const { transport, owner, peer } = await accepted(t)
    peer.end('last')
    await owner.has('end')
    t.equal(owner.read, 'last')
    transport.writeText('still here')
    transport.closeSoon()
    t.equal(Buffer.concat(await peer.toArray()).latin1Slice(), 'still here')
    await owner.has('close')
    t.strictSame(owner.events, ['end', 'close'])
  })

  t.test(`${name}: closed soon, what waits goes out first`, async (t) => {
    const { transport, owner, peer } = await accepted(t)
    peer.pause()
    transport.writeBytes(Buffer.alloc(MUCH_BYTES))
    transport.closeSoon()
    t.equal(Buffer.concat(await peer.toArray()).length, MUCH_BYTES)
    await owner.has('close')
  })

  t.test(`${name}: a reset is one, with bytes that wait and while it ends`, async (t) => {
    for (const before of ['nothing', 'bytes']) {
      const { transport, owner, peer } = await accepted(t)
      const broken = new Promise<boolean>((resolve) => peer.once('close', resolve))
      peer.resume()
      if (before === 'bytes') {
        peer.pause()
        transport.writeBytes(Buffer.alloc(MUCH_BYTES))
        peer.resume()
      }
      transport.reset()
      await owner.has('close')
      const hadError = await broken
      // A socket sends out what waits before it resets.
      if (before === 'nothing' || name === 'handle') t.ok(hadError, before)
      t.notOk(transport.writable)
    }
    const { transport, owner } = await accepted(t)
    transport.end()
    transport.reset()
    await owner.has('close')
  })

  t.test(`${name}: a port that nobody listens at is told by the end, never while it is made`, async (t) => {
    const server = await listening(t)
    const port = portOf(server)
    server.close()
    await once(server, 'close')
    const owner = new Recorder()
    const transport = kind.connect('127.0.0.1', port)
    transport.start(owner)
    t.strictSame(owner.events, [])
    await owner.until(() => owner.events.length > 0)
    t.strictSame(owner.events, ['close ECONNREFUSED'])
    t.notOk(transport.writable)
  })

  t.test(`${name}: what a dyno said before it hung up is read, though a write found that out`, async (t) => {
    const { transport, owner, peer } = await opened(t)
    transport.pause()
    peer.write('no thank you', () => peer.resetAndDestroy())
    await once(peer, 'close')
    transport.resume()
    while (transport.writable) {
      transport.writeText('more')
      await new Promise(setImmediate)
    }
    await owner.until(() => owner.events.length > 1)
    t.match(owner.events[1]!, /^close (ECONNRESET|EPIPE)$/)
    t.equal(owner.read, 'no thank you')
  })

  t.test(`${name}: after it was closed nothing is told but that, and nothing is written`, async (t) => {
    const { transport, owner, peer } = await opened(t)
    peer.write('x')
    transport.close()
    transport.close()
    t.ok(transport.writeText('y'))
    transport.end()
    transport.pause()
    transport.resume()
    await owner.has('close')
    t.strictSame(owner.events, ['connect', 'close'])
    t.equal(owner.read, '')
    t.equal(transport.unsentBytes, 0)
  })
}

async function listening(t: Test): Promise<Server> {
  const server = createServer({ allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
