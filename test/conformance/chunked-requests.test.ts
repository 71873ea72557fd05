import { rule } from './rule.ts'
import { get, HOST, post, Stage } from './stage.ts'

const CHUNKED = 'Transfer-Encoding: chunked\r\n'
const chunked = (body: string, lines = '') => post(body, CHUNKED + lines)

rule(
  'chunked/decoded',
  'RFC 9112 §7.1',
  'A chunked body reaches the dyno with the same payload, framed anew',
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    for (const [body, payload] of [
      ['0\r\n\r\n', ''],
      ['3\r\nabc\r\n5\r\ndefgh\r\ne\r\nijklmnopqrstuv\r\n0\r\n\r\n', 'abcdefghijklmnopqrstuv'],
      ['A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n', '01234567890123456789'],
      ['00000005\r\nhello\r\n000\r\n\r\n', 'hello'],
      ['5\r\n\r\n0\r\n\r\n0\r\n\r\n', '\r\n0\r\n'],
      [`ff\r\n${'x'.repeat(255)}\r\n0\r\n\r\n`, 'x'.repeat(255)],
      [`${'1\r\nz\r\n'.repeat(500)}0\r\n\r\n`, 'z'.repeat(500)],
    ] as const) {
      client.send(chunked(body))
      t.equal((await client.answer()).status, 200)
      t.equal(stage.dyno.requests.at(-1)?.body, payload)
      t.strictSame(stage.dyno.requests.at(-1)?.headers.get('transfer-encoding'), ['chunked'])
    }
    t.equal(stage.dyno.connections.length, 1)
  },
)

rule(
  'chunked/as-it-comes',
  'RFC 9112 §7.1',
  'A chunk is passed on when it comes, not when the body is whole',
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    client.send(chunked('3\r\nabc\r\n'))
    const connection = await stage.dyno.connection()
    await connection.until('3\r\nabc\r\n')
    client.send('2\r\nd')
    await connection.until('d')
    client.send('e\r\n')
    await connection.until('e')
    client.send('0\r\n\r\n')
    t.equal((await client.answer()).status, 200)
    t.match(stage.dyno.requests[0], { body: 'abcde' })
  },
)

rule(
  'chunked/bad-size',
  'RFC 9112 §7.1',
  'A chunk size is 1 to 16 hexadecimal digits up to 2^53-1: anything else is refused',
  async (t) => {
    const stage = await Stage.open()
    for (const size of [
      '',
      ' 5',
      '5 ',
      '\t5',
      '5\t',
      '+5',
      '-5',
      '0x5',
      '5h',
      'x',
      'g',
      '5,5',
      '5.0',
      '"5"',
      '5\x00',
      '\xb5',
      '20000000000000',
      'ffffffffffffffff',
      '10000000000000005',
      `${'0'.repeat(16)}5`,
      '00000000000000000',
      '8000000000000000',
    ]) {
      await stage.refused(t, chunked(`${size}\r\nhello\r\n0\r\n\r\n${get('/smuggled')}`), 400)
    }
    stage.untouched(t)
  },
)

rule(
  'chunked/line-ends',
  'RFC 9112 §7.1',
  'Size, payload and end of a chunk are ended by CRLF: anything else is refused',
  async (t) => {
    const stage = await Stage.open()
    for (const body of [
      '5\nhello\r\n0\r\n\r\n',
      '5\rhello\r\n0\r\n\r\n',
      '5\r\rhello\r\n0\r\n\r\n',
      '5\n\nhello\r\n0\r\n\r\n',
      '5\r\nhello\n0\r\n\r\n',
      '5\r\nhello\r0\r\n\r\n',
      '5\r\nhello0\r\n\r\n',
      '5\r\nhelloX\r\n0\r\n\r\n',
      '5\r\nhello\r\n\r\n0\r\n\r\n',
      '5\r\nhell\r\n0\r\n\r\n',
      '3\r\nabcde\r\n0\r\n\r\n',
      '5\r\nhello\r\n0\n\r\n',
      '5\r\nhello\r\n0\r\n\n',
      '5\r\nhello\r\n0\r\r\n',
      '5\r\nhello\r\n0\r\n\rX',
      '5\r\nhello\r\n0\r\nX\r\n\r\n',
      '3\r\nabc\r\n0\r\n5\r\ndefgh\r\n0\r\n\r\n',
      '\r\n5\r\nhello\r\n0\r\n\r\n',
      'GET /smuggled HTTP/1.1\r\n\r\n',
    ]) {
      await stage.refused(t, chunked(body + get('/smuggled')), 400)
    }
    stage.untouched(t)
  },
)

rule('chunked/extensions', 'RFC 9112 §7.1.1', 'Chunk extensions are read and go no further', async (t) => {
  const stage = await Stage.open()
  const client = await stage.client()
  for (const extension of [';a', ';a=b', ';a=b;c;d=e', ';a="b c"', ';a="b\\"c;d\\\\"', `;a="${'x'.repeat(4000)}"`]) {
    client.send(
      chunked(`5${extension}\r\nhello\r\n0${extension.slice(0, 40).split('"')[0]?.replace(/=$/, '')}\r\n\r\n`),
    )
    t.equal((await client.answer()).status, 200, extension)
    t.match(stage.dyno.requests.at(-1), { body: 'hello' })
    t.notMatch(stage.dyno.requests.at(-1)?.raw, ';a')
  }
})

rule(
  'chunked/bad-extensions',
  'RFC 9112 §7.1.1',
  'An extension that could hide a line end, or is none, is refused',
  async (t) => {
    const stage = await Stage.open()
    for (const extension of [
      ';',
      ';;',
      ';a=',
      ';=b',
      ';a=b c',
      ';a b',
      ' ;a',
      '; a',
      ';a =b',
      ';a= b',
      ';a\n',
      ';a\nx',
      ';a=\n',
      ';a\rb',
      ';\n',
      ';a="b\r\nc"',
      ';a="b\nc"',
      ';a="b\\\nc"',
      ';a="b\\\r\nc"',
      ';a="b"c',
      ';a="b',
      ';a=\x00',
      ';a="\x00"',
      ';a="\x7f"',
      ';a=b\x0b',
      ';\xe9',
      ';a;\r',
    ]) {
      await stage.refused(t, chunked(`5${extension}\r\nhello\r\n0\r\n\r\n${get('/smuggled')}`), 400)
    }
    stage.untouched(t)
  },
)

rule(
  'chunked/extensions-size',
  'Postern limits',
  'Extensions of 4 KiB in one body are read, one more byte is refused, however they are spread',
  async (t) => {
    const stage = await Stage.open()
    const spread = (bytes: number) => {
      const one = `1;${'x'.repeat(99)}\r\na\r\n`
      return chunked(`${one.repeat(Math.floor(bytes / 100))}1;${'y'.repeat((bytes % 100) - 1)}\r\nb\r\n0\r\n\r\n`)
    }
    t.equal((await stage.ask(spread(4096))).status, 200)
    await stage.refused(t, spread(4097), 400, 'chunk extensions too long')
    await stage.refused(t, chunked(`1;${'x'.repeat(5000)}`), 400, 'chunk extensions too long')
    t.equal(stage.dyno.requests.length, 1)
  },
)

rule(
  'chunked/cut-when-bad',
  'RFC 9112 §8',
  'When a body turns bad on its way the client gets 400 and the dyno a connection that ends in the middle',
  async (t) => {
    const stage = await Stage.open({ answer: () => undefined })
    for (const bad of ['zz\r\n', '5\r\nhelloX', '1;\n', '0\r\nbad trailer\r\n\r\n', '0\r\nContent-Length: 5\r\n\r\n']) {
      const number = stage.dyno.connections.length
      const client = await stage.client()
      client.send(chunked('3\r\nabc\r\n'))
      const connection = await stage.dyno.connection(number)
      await connection.until('3\r\nabc\r\n')
      client.send(bad + get('/smuggled'))
      const answer = await client.answer()
      t.equal(answer.status, 400, bad)
      t.strictSame(answer.headers.get('connection'), ['close'])
      t.equal(await client.ended(), 'end')
      await connection.untilClosed()
      t.notMatch(connection.text, '0\r\n\r\n')
      t.match(stage.lastLine, / code=H26 .* dyno=web\.1 .* status=400 /)
    }
    t.equal(stage.dyno.requests.length, 0, 'no dyno saw a whole request')
  },
)

rule(
  'chunked/interrupted-client',
  'RFC 9112 §8',
  'A client that leaves in the middle of its body leaves the dyno with half a request and a closed connection',
  async (t) => {
    const stage = await Stage.open({ answer: () => undefined })
    for (const [number, half] of [
      '3\r\nabc\r\n5\r\ndefg',
      '3\r\nabc\r\n0\r\n',
      '3\r\nabc\r\n0\r\nX: y\r\n',
    ].entries()) {
      const client = await stage.client()
      client.send(chunked(half))
      const connection = await stage.dyno.connection(number)
      await connection.until('abc')
      client.close()
      await connection.untilClosed()
      t.notMatch(connection.text, '\r\n0\r\n')
      t.match(await stage.router.line(number), / sock=client at=warning code=H27 .* status=499 /)
    }
    t.equal(stage.dyno.requests.length, 0)
  },
)

rule('chunked/short-end', 'RFC 9112 §7.1', 'Without its last empty line a body is not over', async (t) => {
  const stage = await Stage.open()
  const client = await stage.client()
  client.send(chunked('3\r\nabc\r\n0\r\n'))
  const connection = await stage.dyno.connection()
  await connection.until('3\r\nabc\r\n')
  t.equal((await stage.ask(`GET /other HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)).status, 200)
  t.strictSame(
    stage.dyno.requests.map(({ target }) => target),
    ['/other'],
  )
  client.send('\r\n')
  t.equal((await client.answer()).status, 200)
})

rule(
  'chunked/large-sizes',
  'RFC 9112 §7.1',
  'A chunk may be announced up to 2^53-1 bytes and is streamed',
  async (t) => {
    const stage = await Stage.open({ answer: () => undefined })
    const client = await stage.client()
    client.send(chunked('1fffffffffffff\r\nonly the beginning of it'))
    const connection = await stage.dyno.connection()
    await connection.until('only the beginning of it')
    client.close()
    await connection.untilClosed()
    t.equal(stage.dyno.requests.length, 0)
  },
)
