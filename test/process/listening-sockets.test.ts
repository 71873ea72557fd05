import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import t from 'tap'
import type { ListenerConfig } from '../../src/config/config.ts'
import { ListeningSockets } from '../../src/process/listening-sockets.ts'

function listener(name: string, host: string, port = 0): ListenerConfig {
  return { name, host, port, exposure: 'public', forwardedFor: 'replace', proxyProtocol: null }
}

function portOf({ address }: { address: string }): number {
  return Number(address.split(':').at(-1))
}

t.test('others listen on the socket that was bound for them', async (t) => {
  const sockets = new ListeningSockets()
  t.teardown(() => sockets.close())
  sockets.prepare([listener('public', '127.0.0.1')]).commit()
  const [bound] = sockets.all()
  // A second handle of the same socket stands for another process.
  const first = createServer().listen(bound!.handle)
  await once(first, 'listening')
  t.match(first.address(), { port: portOf(bound!) })
  const socket = connect(portOf(bound!), '127.0.0.1')
  await once(socket, 'connect')
  socket.destroy()
})

t.test('a listener that stays where it is may change in all else', async (t) => {
  const sockets = new ListeningSockets()
  t.teardown(() => sockets.close())
  sockets.prepare([listener('public', '127.0.0.1')]).commit()
  const [before] = sockets.all()
  const prepared = sockets.prepare([{ ...listener('public', '127.0.0.1'), exposure: 'internal' }])
  t.strictSame(prepared.fresh, [])
  prepared.commit()
  const [after] = sockets.all()
  t.equal(after!.handle, before!.handle)
  t.equal(after!.listener.exposure, 'internal')
})

t.test('an address that is in use is told in one line, and nothing else was bound', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as { port: number }
  const sockets = new ListeningSockets()
  t.throws(
    () => sockets.prepare([listener('one', '127.0.0.1'), listener('two', '127.0.0.1', port)]),
    new Error(`listener two: 127.0.0.1:${port} cannot be bound: EADDRINUSE`),
  )
  t.throws(
    () => sockets.prepare([listener('six', '2001:db8::1', 80)]),
    new Error('listener six: [2001:db8::1]:80 cannot be bound: EADDRNOTAVAIL'),
  )
  t.strictSame(sockets.all(), [])
})

t.test('what stays where it is keeps its socket; what moves, comes and goes does so at the commit', async (t) => {
  const sockets = new ListeningSockets()
  t.teardown(() => sockets.close())
  sockets.prepare([listener('a', '127.0.0.1'), listener('b', '127.0.0.1')]).commit()
  const [a, b] = sockets.all()
  const discarded = sockets.prepare([listener('a', '127.0.0.1'), listener('b', '127.0.0.2')])
  t.strictSame(
    discarded.fresh.map(({ listener }) => listener.name),
    ['b'],
  )
  discarded.discard()
  t.same(sockets.all(), [a, b])
  sockets.prepare([listener('b', '127.0.0.2'), listener('c', '127.0.0.1')]).commit()
  t.match(sockets.all(), [
    { listener: { name: 'b', host: '127.0.0.2' } },
    { listener: { name: 'c', host: '127.0.0.1' } },
  ])
})
