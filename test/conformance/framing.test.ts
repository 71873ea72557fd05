import { rule } from './rule.ts'
import { get, HOST, post, Stage } from './stage.ts'

// Threat: two parties that read the end of a message differently take the rest of it for another message (RFC 9112 §11.2).

const SMUGGLED = get('/smuggled')

/** A request that is framed by these lines, with a body that is a request to whoever reads it otherwise. */
const framed = (lines: string, body = `0\r\n\r\n${SMUGGLED}`, version = '1.1') =>
  `POST / HTTP/${version}\r\nHost: ${HOST}\r\n${lines}\r\n${body}`

rule(
  'framing/length',
  'RFC 9112 §6.3',
  'A body of Content-Length bytes is forwarded with that length, and what follows is the next request',
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    client.send(
      post('hello', 'content-LENGTH: 5\r\n', '/1') +
        post('', 'Content-Length: 0\r\n', '/2') +
        post(SMUGGLED, undefined, '/3') +
        get('/4'),
    )
    for (let i = 0; i < 4; i++) t.equal((await client.answer()).status, 200)
    t.strictSame(
      stage.dyno.requests.map(({ target, body, headers }) => [target, body, headers.get('content-length')]),
      [
        ['/1', 'hello', ['5']],
        ['/2', '', ['0']],
        ['/3', SMUGGLED, [String(SMUGGLED.length)]],
        ['/4', '', undefined],
      ],
    )
  },
)

rule(
  'framing/any-method-may-have-a-body',
  'RFC 9110 §9.3.1',
  'A body belongs to its request whatever the method',
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'PURGE']) {
      client.send(`${method} / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`)
      t.equal((await client.answer(method)).status, 200)
      t.match(stage.dyno.requests.at(-1), { method, body: SMUGGLED })
      if (method === 'HEAD') break // the body of OK would be unsolicited
    }
    t.ok(stage.dyno.requests.every(({ target }) => target === '/'))
  },
)

rule(
  'framing/same-lengths',
  'RFC 9110 §8.6',
  'Content-Length that comes more than once with one value is merged',
  async (t) => {
    const stage = await Stage.open()
    t.equal(
      (await stage.ask(post('0123456789', 'Content-Length: 10\r\nX: y\r\ncontent-length: 10\r\nContent-Length:10\r\n')))
        .status,
      200,
    )
    t.match(stage.dyno.requests[0], { body: '0123456789' })
    t.strictSame(stage.dyno.requests[0]?.headers.get('content-length'), ['10'])
  },
)

rule(
  'framing/differing-lengths',
  'RFC 9112 §6.3',
  'Content-Length that comes with different values is refused',
  async (t) => {
    const stage = await Stage.open()
    for (const [one, other] of [
      ['5', '11'],
      ['0', '5'],
      ['5', '0'],
      ['44', String(SMUGGLED.length)],
    ]) {
      await stage.refused(
        t,
        framed(`Content-Length: ${one}\r\nContent-Length: ${other}\r\n`),
        400,
        'differing Content-Length',
      )
    }
    stage.untouched(t)
  },
)

rule(
  'framing/bad-lengths',
  'RFC 9110 §8.6',
  'A Content-Length that is not 1 to 16 digits up to 2^53-1 is refused',
  async (t) => {
    const stage = await Stage.open()
    for (const length of [
      '',
      ' ',
      '+5',
      '-5',
      '-0',
      '5,5',
      '5, 5',
      '5,',
      ',5',
      '5;5',
      '5 5',
      '0 5',
      '0x5',
      '5h',
      '5.0',
      '5e0',
      '1_0',
      '"5"',
      '٥',
      'NaN',
      'chunked',
      '9007199254740992',
      '18446744073709551616',
      '9'.repeat(400),
    ]) {
      await stage.refused(t, framed(`Content-Length: ${length}\r\n`), 400, 'bad Content-Length')
    }
    stage.untouched(t)
  },
)

rule(
  'framing/cl-te',
  'RFC 9112 §6.1',
  'CL.TE and TE.CL: Content-Length together with Transfer-Encoding is refused, in either order',
  async (t) => {
    const stage = await Stage.open()
    for (const length of ['0', '4', '5', String(SMUGGLED.length + 5)]) {
      const lines = [`Content-Length: ${length}\r\n`, 'Transfer-Encoding: chunked\r\n']
      await stage.refused(t, framed(lines.join('')), 400, 'Content-Length with Transfer-Encoding')
      await stage.refused(t, framed(lines.reverse().join('X: y\r\n')), 400, 'Content-Length with Transfer-Encoding')
    }
    stage.untouched(t)
  },
)

rule(
  'framing/te-te',
  'RFC 9112 §6.1',
  'TE.TE: of all ways to write Transfer-Encoding only one `chunked` is accepted; the others are refused',
  async (t) => {
    const stage = await Stage.open()
    const values = [
      '',
      ' ',
      ',',
      ', chunked',
      'chunked,',
      'chunked, chunked',
      'chunked,chunked',
      'chunked, identity',
      'identity, chunked',
      'identity',
      'gzip',
      'gzip, chunked',
      'chunked, gzip',
      'gzip\r\nTransfer-Encoding: chunked',
      'deflate, gzip, chunked',
      'compress',
      'x-gzip',
      'br',
      'cow',
      'xchunked',
      'chunkedx',
      'x chunked',
      'chunked x',
      'chunke',
      'chunked;',
      'chunked;q=1',
      'chunked; foo=bar',
      'chunked;foo',
      '"chunked"',
      "'chunked'",
      'chunked"',
      '\\chunked',
      '[chunked]',
      '{chunked}',
      'chun ked',
      'chun-ked',
      'chunked/1',
      'chunked=1',
      'chunked:',
      ':chunked',
      '=chunked',
      'chunked\x0b',
      '\x0bchunked',
      'chunked\x0c',
      '\x00chunked',
      'chunked\x00',
      'chunked\x7f',
      '\x01chunked',
      '\xa0chunked',
      'chunked\xa0',
      '\x85chunked',
      'chun\xadked',
      'chunKed\x80',
      '\xefchunked',
      'ch\xfcnked',
      '\xe2\x84\xaachunked',
      'chun\xe2\x84\xaaed',
      'chunked\r\n\x20',
      'chunked ',
      'chunked\t',
      '\r\n chunked',
      '\r\n\tchunked',
      'chunked\r\nTransfer-Encoding: chunked',
      'chunked\r\nTransfer-Encoding: identity',
      'identity\r\nTransfer-Encoding: chunked',
      'chunked\r\nTransfer-Encoding:',
      'chunked\r\nTransfer-encoding: cow',
      'chunked\n',
      'chunked\nX: y',
      '\nchunked',
      'chunked\rX: y',
      '\rchunked',
      'chunked, , chunked',
      'trailers, chunked',
      '*',
      '0',
    ]
    const names = [
      'Transfer-Encoding ',
      'Transfer-Encoding\t',
      ' Transfer-Encoding',
      '\tTransfer-Encoding',
      'Transfer-Encoding\x00',
      'Transfer-Encoding\x0b',
      'Transfer-Encoding\xa0',
      'Transfer\x01Encoding',
      'Transfer Encoding',
      '"Transfer-Encoding"',
      'Transfer-Encoding;',
      'Trans\r\n fer-Encoding',
      'X: y\nTransfer-Encoding',
      'X: y\rTransfer-Encoding',
      '\rTransfer-Encoding',
      '\nTransfer-Encoding',
    ]
    t.ok(values.length + names.length >= 60)
    const body = `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`
    for (const value of values) await stage.refused(t, framed(`Transfer-Encoding: ${value}\r\n`, body), 400)
    for (const name of names) await stage.refused(t, framed(`${name}: chunked\r\n`, body), 400)
    stage.untouched(t)
  },
)

rule(
  'framing/te-twin',
  'RFC 3875 §4.1.18',
  'Transfer_Encoding and Content_Length frame nothing and never reach a dyno, which might think otherwise',
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    for (const [name, value] of [
      ['Transfer_Encoding', 'chunked'],
      ['TRANSFER_ENCODING', 'chunked'],
      ['Content_Length', '100'],
      ['content_length', '0'],
    ]) {
      client.send(post('hello', `${name}: ${value}\r\nContent-Length: 5\r\n`))
      t.equal((await client.answer()).status, 200)
      t.match(stage.dyno.requests.at(-1), { body: 'hello' })
      t.notMatch(stage.dyno.requests.at(-1)?.head, /_/)
    }
  },
)

rule(
  'framing/te-spellings',
  'RFC 9112 §7',
  '`chunked` in any case, with white space before it, is chunked; behind it parsers differ, so there it is refused',
  async (t) => {
    const stage = await Stage.open()
    const lines = [
      'Transfer-Encoding: chunked',
      'transfer-ENCODING:CHUNKED',
      'Transfer-Encoding:\t chUNked',
      'Transfer-Encoding:chunked',
    ]
    for (const line of lines) {
      t.equal((await stage.ask(framed(`${line}\r\n`, '5\r\nhello\r\n0\r\n\r\n'))).status, 200)
      t.match(stage.dyno.requests.at(-1), { body: 'hello' })
      t.strictSame(stage.dyno.requests.at(-1)?.headers.get('transfer-encoding'), ['chunked'])
    }
  },
)

rule('framing/te-in-http-1.0', 'RFC 9112 §6.1', 'Transfer-Encoding in HTTP/1.0 is refused', async (t) => {
  const stage = await Stage.open()
  for (const value of ['chunked', 'identity', 'gzip, chunked', '']) {
    await stage.refused(
      t,
      framed(`Transfer-Encoding: ${value}\r\n`, undefined, '1.0'),
      400,
      'Transfer-Encoding in HTTP/1.0',
    )
    await stage.refused(
      t,
      framed(`Content-Length: 4\r\nTransfer-Encoding: ${value}\r\n`, undefined, '1.0'),
      400,
      'Transfer-Encoding in HTTP/1.0',
    )
  }
  stage.untouched(t)
})

rule(
  'framing/bare-lf',
  'RFC 9112 §2.2',
  'A bare LF or CR that could end the head for somebody else is refused',
  async (t) => {
    const stage = await Stage.open()
    for (const bytes of [
      `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\n${SMUGGLED}`,
      `GET / HTTP/1.1\r\nHost: ${HOST}\n\r\n${SMUGGLED}`,
      `GET / HTTP/1.1\r\nHost: ${HOST}\n\n${SMUGGLED}`,
      `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r${SMUGGLED}`,
      `GET / HTTP/1.1\r\nHost: ${HOST}\r\r\n\r\n${SMUGGLED}`,
      `GET / HTTP/1.1\r\nHost: ${HOST}\r\nX: y\nContent-Length: 5\r\n\r\n${SMUGGLED}`,
      `GET / HTTP/1.1\r\nHost: ${HOST}\r\nX: y\rContent-Length: 5\r\n\r\n${SMUGGLED}`,
      `GET / HTTP/1.1\r\nHost: ${HOST}\r\nX: y\n\nGET /smuggled HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
    ]) {
      await stage.refused(t, bytes, 400)
    }
    stage.untouched(t)
  },
)

rule(
  'framing/after-refusal',
  'RFC 9112 §9.3',
  'After a refusal nothing more of the connection is read as a request',
  async (t) => {
    const stage = await Stage.open()
    const client = await stage.client()
    client.send(get('/first'))
    t.equal((await client.answer()).status, 200)
    client.send(`${framed('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')}${SMUGGLED}`)
    t.equal((await client.answer()).status, 400)
    client.send(SMUGGLED)
    t.equal(await client.ended(), 'end')
    t.equal(client.text, '')
    t.strictSame(
      stage.dyno.requests.map(({ target }) => target),
      ['/first'],
    )
  },
)
