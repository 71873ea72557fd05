import type { RawClient } from '../support/raw-client.ts'
import { rule } from './rule.ts'
import { get, HOST, post, Stage, turns } from './stage.ts'

/** Bytes in which every place differs from its neighbours, so that nothing can be lost, doubled or moved unseen. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < length; i += 4) bytes.writeUInt32BE((i * 2654435761) >>> 0, Math.min(i, length - 4))
  return bytes
}

const BODY = pattern(3_000_000)
const TEXT = BODY.toString('latin1')

function chunks(body: Buffer, size: number): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < body.length; at += size) {
    const part = body.subarray(at, at + size)
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'))
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')])
}

rule(
  'large-body/request',
  'RFC 9110 §8.6',
  'Large request bodies arrive whole and in order, by length and in chunks of any size',
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    client.send(Buffer.concat([Buffer.from(post('', `Content-Length: ${BODY.length}\r\n`)), BODY]))
    t.equal((await client.answer()).status, 200)
    for (const size of [65_536, 1000, 333_333]) {
      client.send(Buffer.concat([Buffer.from(post('', 'Transfer-Encoding: chunked\r\n')), chunks(BODY, size)]))
      t.equal((await client.answer()).status, 200)
    }
    const small = BODY.subarray(0, 20_000)
    client.send(Buffer.concat([Buffer.from(post('', 'Transfer-Encoding: chunked\r\n')), chunks(small, 3)]))
    t.equal((await client.answer()).status, 200)
    t.ok(stage.dyno.requests.slice(0, 4).every(({ body }) => body === TEXT))
    t.ok(stage.dyno.requests[4]?.body === small.toString('latin1'))
  },
)

rule(
  'large-body/response',
  'RFC 9112 §6.3',
  'Large answers arrive whole and in order, by length, in chunks and until close',
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    for (const [framing, body] of [
      [`Content-Length: ${BODY.length}`, BODY],
      ['Transfer-Encoding: chunked', chunks(BODY, 65_536)],
      ['Transfer-Encoding: chunked', chunks(BODY, 7001)],
      ['X-Framing: none', BODY],
    ] as const) {
      const head = Buffer.from(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`)
      stage.dyno.answer = ({ connection }) => {
        connection.send(Buffer.concat([head, body]))
        if (framing.startsWith('X')) connection.end()
        return undefined
      }
      client.send(get())
      t.ok((await client.answer()).body === TEXT, framing)
      t.match(stage.lastLine, ` bytes=${BODY.length} `)
    }
  },
)

rule(
  'large-body/both-ways',
  'RFC 9110 §7.5',
  'A dyno may answer while it reads: both bodies arrive whole',
  async (t) => {
    const stage = await Stage.open({ answer: () => undefined })
    const client = await stage.client()
    client.send(post('', `Content-Length: ${BODY.length}\r\n`))
    const connection = await stage.dyno.connection()
    await connection.until('\r\n\r\n')
    connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\n\r\n`)
    for (let at = 0; at < BODY.length; at += 50_000) {
      connection.send(BODY.subarray(at, at + 50_000))
      client.send(BODY.subarray(at, at + 50_000))
    }
    t.ok((await client.answer()).body === TEXT)
  },
)

rule(
  'large-body/back-pressure',
  'Postern limits',
  'A dyno that does not read stops the client, and a client that does not read stops the dyno',
  async (t) => {
    const stage = await Stage.open({ answer: () => undefined })
    const flood = Buffer.alloc(64 * 1024 * 1024)
    const uploader = await stage.client()
    uploader.send(`POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${flood.length}\r\n\r\n`)
    const uploaded = await stage.dyno.connection(0)
    await uploaded.until('\r\n\r\n')
    uploaded.socket.pause()
    uploader.send(flood)
    const downloader = await stage.client()
    downloader.send(get())
    const downloaded = (await stage.dyno.request()).connection
    downloader.socket.pause()
    downloaded.send(`HTTP/1.1 200 OK\r\nContent-Length: ${flood.length}\r\n\r\n`)
    downloaded.send(flood)
    // Both stand still; the kernel's buffers are a few megabytes, the router's own below one.
    const before = process.memoryUsage()
    for (let i = 0; i < 50; i++) await stage.ask('GET / HTTP/1.1\r\nHost: nobody.example.com\r\n\r\n')
    const after = process.memoryUsage()
    t.ok(uploader.socket.writableLength > 0, 'the upload stands')
    t.ok(downloaded.socket.writableLength > 0, 'the download stands')
    const grown = after.arrayBuffers + after.external - before.arrayBuffers - before.external
    t.ok(grown < 4 * 1024 * 1024, `nothing gathers in the router (${grown} B)`)
  },
)

rule(
  'large-body/limit',
  'Postern limits',
  'A body over maxBodySize is 413: by its length at once, in chunks as soon as it is too long',
  async (t) => {
    const stage = await Stage.open({ app: { maxBodyBytes: 10 } })
    t.equal((await stage.ask(post('0123456789'))).status, 200)
    t.equal(
      (await stage.ask(post('5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n', 'Transfer-Encoding: chunked\r\n'))).status,
      200,
    )
    t.equal((await stage.ask(post('0123456789X'))).status, 413)
    await stage.refused(t, post('', 'Content-Length: 9007199254740991\r\n'), 413, 'body too large')
    t.equal((await stage.ask(post('b\r\n0123456789X\r\n0\r\n\r\n', 'Transfer-Encoding: chunked\r\n'))).status, 413)
    await stage.refused(t, post('b\r\n0123456789X\r\n', 'Transfer-Encoding: chunked\r\n'), 413, 'body too large')
    t.equal(stage.dyno.requests.length, 2)
    const client = await stage.client()
    client.send(post('5\r\n01234\r\n', 'Transfer-Encoding: chunked\r\n'))
    await stage.dyno.when(() => stage.dyno.everything.endsWith('01234\r\n'))
    client.send('6\r\n56789X\r\n')
    t.equal((await client.answer()).status, 413)
    t.equal(await client.ended(), 'end')
    t.equal(stage.dyno.requests.length, 2, 'the dyno has half of it, and a connection that ended')
  },
)

rule(
  'large-body/slow-end',
  'RFC 9112 §9.6',
  'The last of an answer reaches a slow client before the connection closes',
  async (t) => {
    const body = 'e'.repeat(100_000)
    const stage = await Stage.open({
      answer: () => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    })
    /** Answers until the buffers of the kernel and a part of the router's are full, `most` at most. */
    const fill = async (client: RawClient, most: number): Promise<number> => {
      for (let count = 0; count < most; count++) {
        const { length } = stage.router.lines
        client.send(get())
        for (let i = 0; i < 30 && stage.router.lines.length === length; i++) await turns()
        if (stage.router.lines.length === length) return count
      }
      return most
    }
    const measured = await stage.client()
    measured.socket.pause()
    const room = await fill(measured, 1000)
    t.ok(room > 2 && room < 1000)
    measured.close()
    const client = await stage.client()
    client.socket.pause()
    const answers = (await fill(client, room - 2)) + 1
    const { length } = stage.router.lines
    client.send(get('/last', 'Connection: close\r\n'))
    await stage.router.line(length)
    // Longer than the router waits for a client that has everything.
    await stage.router.pass(3000)
    client.socket.resume()
    for (let i = 0; i < answers; i++) t.ok((await client.answer()).body === body)
    t.equal(await client.ended(), 'end')
  },
)
