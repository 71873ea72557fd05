import { app, space } from '../support/loopback-space.ts'
import { OK } from './recording-dyno.ts'
import { rule } from './rule.ts'
import { get, HOST, post, Stage } from './stage.ts'

/** Nobody listens on these, which only root may bind: one that was just let go may soon be another test's. */
const DEAF_PORTS = [1, 2, 3]

/**
 * A dyno that closes a kept connection without a byte when a request for `/it` comes on it, as if it had been about to: the race that every
 * keep-alive connection may lose. On a fresh connection it answers.
 */
async function staleStage(): Promise<Stage> {
  const stage = await Stage.open()
  const used = new Set()
  stage.dyno.answer = ({ connection, target }) => {
    if (target === '/it' && used.has(connection)) return void connection.socket.destroy()
    used.add(connection)
    return OK
  }
  return stage
}

/** Sends the request on a connection that was just used, which its dyno closes. */
async function onStale(stage: Stage, request: string) {
  const client = await stage.client()
  client.send(get('/warm-up'))
  await client.answer()
  const before = stage.dyno.requests.length
  client.send(request)
  const answer = await client.answer(request.startsWith('HEAD') ? 'HEAD' : 'GET')
  client.close()
  return { status: answer.status, seen: stage.dyno.requests.slice(before), line: stage.lastLine }
}

const bodyless = (method: string, lines = '') => `${method} /it HTTP/1.1\r\nHost: ${HOST}\r\n${lines}\r\n`

rule(
  'retry/stale-connection',
  'RFC 9112 §9.3.1',
  'GET, HEAD, OPTIONS, TRACE, and PUT and DELETE without a body, are sent once more when a kept connection ends before a byte of the answer',
  async (t) => {
    const stage = await staleStage()
    for (const request of [
      bodyless('GET'),
      bodyless('HEAD'),
      bodyless('OPTIONS'),
      bodyless('TRACE'),
      bodyless('PUT'),
      bodyless('PUT', 'Content-Length: 0\r\n'),
      bodyless('DELETE'),
      post('body', 'Content-Length: 4\r\nIdempotency-Key: "8e03978e"\r\n', '/it'),
      post('4\r\nbody\r\n0\r\n\r\n', 'Transfer-Encoding: chunked\r\nIdempotency-Key: x\r\n', '/it'),
    ]) {
      const { status, seen, line } = await onStale(stage, request)
      t.equal(status, 200, request)
      t.match(line, / retries=1\n$/)
      t.equal(seen.length, 2)
      t.equal(seen[0]?.raw, seen[1]?.raw, 'the same request')
      t.not(seen[0]?.connection, seen[1]?.connection)
    }
  },
)

rule(
  'retry/never-twice',
  'RFC 9110 §9.2.2',
  'POST, PATCH, other methods, and PUT and DELETE with a body, are never sent twice',
  async (t) => {
    const stage = await staleStage()
    for (const request of [
      bodyless('POST'),
      post('body', undefined, '/it'),
      bodyless('PATCH'),
      bodyless('PURGE'),
      bodyless('get'),
      `PUT /it HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 4\r\n\r\nbody`,
      `DELETE /it HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ]) {
      const { status, seen, line } = await onStale(stage, request)
      t.equal(seen.length, 1, request)
      // A connection that has rested is left alone for such a request, so it may as well have got a fresh one.
      if (status === 200) t.match(line, / retries=0\n$/)
      else t.match(line, / code=H13 .* status=503 .* retries=0 not_retried="not idempotent"\n$/)
    }
  },
)

rule(
  'retry/fresh-connection',
  'RFC 9110 §9.2.2',
  'Nothing is sent again when a fresh connection ends: that dyno may have begun',
  async (t) => {
    const stage = await Stage.open({ answer: ({ connection }) => void connection.socket.destroy() })
    t.equal((await stage.ask(get())).status, 503)
    t.equal(stage.dyno.requests.length, 1)
    t.match(stage.lastLine, / code=H13 .* retries=0 not_retried="fresh connection"\n$/)
  },
)

rule('retry/once', 'Postern retries', 'The second try is on a fresh connection, and there is no third', async (t) => {
  const stage = await Stage.open({ answer: () => undefined })
  const clients = await Promise.all([stage.client(), stage.client(), stage.client()])
  for (const client of clients) client.send(get('/warm-up'))
  await stage.dyno.request(2)
  for (const { connection } of stage.dyno.requests) connection.send(OK)
  for (const client of clients) await client.answer()
  stage.dyno.answer = ({ connection }) => void connection.socket.destroy()
  const answer = await stage.ask(get('/it'))
  t.equal(answer.status, 503)
  const tries = stage.dyno.requests.filter(({ target }) => target === '/it').map(({ connection }) => connection.number)
  t.equal(tries.length, 2)
  t.ok(tries[0]! < 3)
  t.equal(tries[1], 3, 'not on one of the two that were kept')
  t.match(stage.lastLine, / code=H13 .* retries=1 not_retried="fresh connection"\n$/)
})

rule(
  'retry/body-consumed',
  'RFC 9110 §9.2.2',
  'A request whose body was streamed is not sent again, Idempotency-Key or not',
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    t.equal((await client.get()).status, 200)
    stage.dyno.answer = () => undefined
    client.send(post('part', 'Content-Length: 10\r\nIdempotency-Key: x\r\n'))
    const [connection] = stage.dyno.connections
    await connection?.until('part')
    connection?.socket.resetAndDestroy()
    t.equal((await client.answer()).status, 503)
    t.equal(stage.dyno.connections.length, 1)
    t.match(stage.lastLine, / code=H18 .* retries=0 not_retried="body consumed"\n$/)
  },
)

rule('retry/answer-begun', 'RFC 9110 §9.2.2', 'Nothing is sent again once a byte of the answer has come', async (t) => {
  const stage = await Stage.open()
  const client = await stage.client()
  for (const part of ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc', 'HTTP/1.1 200 OK\r\nConte', 'H']) {
    stage.dyno.answer = () => OK
    const before = stage.dyno.requests.length
    const fresh = await stage.client()
    t.equal((await fresh.get()).status, 200)
    stage.dyno.answer = ({ connection }) => void connection.end(part)
    fresh.send(get('/it'))
    await fresh.when(() => fresh.received.length > 0)
    t.equal(stage.dyno.requests.length, before + 2, part)
    t.match(
      stage.lastLine === '' ? await stage.router.line() : await stage.router.line(stage.router.lines.length - 1),
      / retries=0/,
    )
    fresh.close()
  }
  client.close()
})

rule(
  'retry/refused-connect',
  'Postern retries',
  'A refused connect leads to another dyno, whatever the method, and quarantines the first',
  async (t) => {
    const stage = await Stage.open()
    stage.router.plane.apply(space({ apps: [app({ dynos: [DEAF_PORTS[0]!, stage.dyno.port] })] }))
    const client = await stage.client()
    let retries = 0
    for (let i = 0; i < 4; i++) {
      client.send(post('body'))
      t.equal((await client.answer()).status, 200)
      retries += Number(/ retries=(\d)/.exec(stage.lastLine)?.[1])
    }
    t.equal(retries, 1, 'only the first of them met the dyno that is gone')
    t.equal(stage.dyno.requests.length, 4)
  },
)

rule('retry/all-refused', 'Heroku H21', 'When every dyno refuses: 503, H21, after each was tried once', async (t) => {
  const stage = await Stage.open()
  stage.router.plane.apply(space({ apps: [app({ dynos: DEAF_PORTS })] }))
  t.equal((await stage.ask(post('body'))).status, 503)
  t.match(stage.lastLine, / code=H21 desc="Backend connection refused" .* status=503 .* retries=2\n$/)
})

rule(
  'retry/budget',
  'Postern retries',
  'Retries of an app are a share of its requests: beyond it a stale connection is H13',
  async (t) => {
    const stage = await Stage.open({ space: { limits: { retryBudgetPercent: 0 } } })
    const client = await stage.client()
    t.equal((await client.get()).status, 200)
    stage.dyno.answer = ({ connection }) => void connection.socket.destroy()
    client.send(get())
    t.equal((await client.answer()).status, 503)
    t.match(stage.lastLine, / code=H13 .* retries=0 not_retried="retry budget"\n$/)
  },
)
