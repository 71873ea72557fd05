import t from 'tap'
import { TestDataPlane } from '../support/data-plane.ts'
import { app, space } from '../support/loopback-space.ts'
import { answering, OK, ScriptedDyno } from '../support/scripted-dyno.ts'

t.test('a request reaches the dyno and its answer the client', async (t) => {
  const dyno = await ScriptedDyno.start()
  const router = await TestDataPlane.start(space({ apps: [app({ dynos: [dyno.port] })] }))
  t.teardown(() => Promise.all([router.stop(), dyno.stop()]))
  const client = await router.client()
  client.send('GET /a?b=c HTTP/1.1\r\nHost: shop.example.com\r\nX-Custom: Kept As It Is\r\nCookie: a=b\r\n\r\n')
  const connection = await dyno.connection()
  const request = await connection.until('\r\n\r\n')
  t.match(request, /^GET \/a\?b=c HTTP\/1\.1\r\nHost: shop\.example\.com\r\nX-Custom: Kept As It Is\r\nCookie: a=b\r\n/)
  t.match(request, /\r\nX-Forwarded-For: 127\.0\.0\.1\r\n/)
  t.match(request, /\r\nX-Forwarded-Proto: http\r\n/)
  t.match(request, new RegExp(`\r\nX-Forwarded-Port: ${router.port}\r\n`))
  t.match(request, /\r\nX-Request-Start: \d{13}\r\n/)
  t.match(request, /\r\nX-Request-Id: [0-9a-f-]{36}\r\n/)
  t.match(request, /\r\nVia: 1\.1 postern\r\n/)
  connection.send('HTTP/1.1 201 Made\r\nContent-Length: 5\r\nX-Answer: yes\r\n\r\nhello')
  const answer = await client.answer()
  t.equal(answer.status, 201)
  t.equal(answer.body, 'hello')
  t.strictSame(answer.headers.get('x-answer'), ['yes'])
  t.strictSame(answer.headers.get('via'), ['1.1 postern'])
  t.match(
    await router.line(),
    /at=info method=GET path="\/a\?b=c" host=shop\.example\.com request_id=[0-9a-f-]{36} fwd="127\.0\.0\.1" dyno=web\.1 connect=\d+ms service=\d+ms status=201 bytes=5 protocol=http1\.1 tls=false app=shop az= release=v1 retries=0\n$/,
  )
})

t.test('both connections are used again', async (t) => {
  const dyno = await ScriptedDyno.start(answering(OK))
  const router = await TestDataPlane.start(space({ apps: [app({ dynos: [dyno.port] })] }))
  t.teardown(() => Promise.all([router.stop(), dyno.stop()]))
  const client = await router.client()
  for (let i = 0; i < 5; i++) t.equal((await client.get()).body, 'ok')
  t.equal(dyno.connections.length, 1)
})

t.test('a chunked answer is framed anew with its trailers', async (t) => {
  const dyno = await ScriptedDyno.start(
    answering('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n'),
  )
  const router = await TestDataPlane.start(space({ apps: [app({ dynos: [dyno.port] })] }))
  t.teardown(() => Promise.all([router.stop(), dyno.stop()]))
  const client = await router.client()
  const answer = await client.get()
  t.equal(answer.body, 'abcde')
  t.match(answer.raw, /\r\n\r\n5\r\nabcde\r\n0\r\nX-Sum: 5\r\n\r\n$/)
  t.equal((await client.get()).body, 'abcde')
  t.equal(dyno.connections.length, 1)
})

t.test('an answer without length ends with the connection, on both sides', async (t) => {
  const dyno = await ScriptedDyno.start((connection) => {
    void connection.until('\r\n\r\n').then(() => {
      connection.send('HTTP/1.1 200 OK\r\n\r\nall of it')
      connection.socket.end()
    })
  })
  const router = await TestDataPlane.start(space({ apps: [app({ dynos: [dyno.port] })] }))
  t.teardown(() => Promise.all([router.stop(), dyno.stop()]))
  const client = await router.client()
  const answer = await client.get()
  t.equal(answer.body, 'all of it')
  t.strictSame(answer.headers.get('connection'), ['close'])
  t.equal(await client.ended(), 'end')
})

t.test('a request body arrives whole, by length and in chunks', async (t) => {
  const dyno = await ScriptedDyno.start()
  const router = await TestDataPlane.start(space({ apps: [app({ dynos: [dyno.port] })] }))
  t.teardown(() => Promise.all([router.stop(), dyno.stop()]))
  const client = await router.client()
  client.send('POST /up HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 10\r\n\r\n01234')
  const connection = await dyno.connection()
  await connection.until('01234')
  client.send('56789')
  await connection.until('\r\n\r\n0123456789')
  connection.send(OK)
  t.equal((await client.answer()).status, 200)
  connection.forget()
  client.send('POST /up HTTP/1.1\r\nHost: shop.example.com\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n')
  const second = dyno.connections.length > 1 ? await dyno.connection(1) : connection
  await second.until('5\r\nabcde\r\n')
  client.send('1\r\nf\r\n0\r\n\r\n')
  await second.until('1\r\nf\r\n0\r\n\r\n')
  second.send(OK)
  t.equal((await client.answer()).status, 200)
})

t.test('requests that come together are answered in order', async (t) => {
  const dyno = await ScriptedDyno.start(
    answering((request) => {
      const path = request.split(' ')[1]!
      return `HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`
    }),
  )
  const router = await TestDataPlane.start(space({ apps: [app({ dynos: [dyno.port] })] }))
  t.teardown(() => Promise.all([router.stop(), dyno.stop()]))
  const client = await router.client()
  client.send(['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\nHost: shop.example.com\r\n\r\n`).join(''))
  for (const path of ['/1', '/2', '/3']) t.equal((await client.answer()).body, path)
})

t.test('a tunnel carries bytes both ways after a 101', async (t) => {
  const dyno = await ScriptedDyno.start()
  const router = await TestDataPlane.start(space({ apps: [app({ dynos: [dyno.port] })] }))
  t.teardown(() => Promise.all([router.stop(), dyno.stop()]))
  const client = await router.client()
  client.send('GET /ws HTTP/1.1\r\nHost: shop.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  const connection = await dyno.connection()
  t.match(await connection.until('\r\n\r\n'), /\r\nUpgrade: websocket\r\n/i)
  connection.send('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nfrom the dyno')
  await client.until('from the dyno')
  client.send('from the client')
  await connection.until('from the client')
  connection.socket.end()
  t.equal(await client.ended(), 'end')
  t.match(await router.line(), /status=101 bytes=13 /)
})

t.test('a large answer arrives whole at a slow reader', async (t) => {
  const bytes = 8 * 1024 * 1024
  const dyno = await ScriptedDyno.start((connection) => {
    void connection.until('\r\n\r\n').then(() => {
      connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`)
      connection.send(Buffer.alloc(bytes, 'x'))
    })
  })
  const router = await TestDataPlane.start(space({ apps: [app({ dynos: [dyno.port] })] }))
  t.teardown(() => Promise.all([router.stop(), dyno.stop()]))
  const client = await router.client()
  client.socket.pause()
  client.send('GET / HTTP/1.1\r\nHost: shop.example.com\r\n\r\n')
  await dyno.connection()
  client.socket.resume()
  t.equal((await client.answer()).body.length, bytes)
})
