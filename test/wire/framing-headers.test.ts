/**
 * Request smuggling: two servers that do not agree where a request ends. So whatever says it in a way that anybody could read
 * otherwise is refused (RFC 9112 §11.2).
 */
import t from 'tap'
import { accepted, get, message, verdict } from './wire-cases.ts'

function post(...headers: string[]): string {
  return message('POST / HTTP/1.1', 'Host: a.example', ...headers)
}

/** Each as the lines of a head, without what is around. */
const TRANSFER_ENCODINGS: readonly string[] = [
  'Transfer-Encoding: identity',
  'Transfer-Encoding: gzip',
  'Transfer-Encoding: deflate',
  'Transfer-Encoding: compress',
  'Transfer-Encoding: trailers',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunkedx',
  'Transfer-Encoding: chunke',
  'Transfer-Encoding: hunked',
  'Transfer-Encoding: cow',
  'Transfer-Encoding: c',
  'Transfer-Encoding: "chunked"',
  "Transfer-Encoding: 'chunked'",
  'Transfer-Encoding: `chunked`',
  'Transfer-Encoding: (chunked)',
  'Transfer-Encoding: [chunked]',
  'Transfer-Encoding: chunked(a)',
  'Transfer-Encoding: chunked;',
  'Transfer-Encoding: chunked;q=1',
  'Transfer-Encoding: chunked;a="b"',
  'Transfer-Encoding: chunked ;a=b',
  'Transfer-Encoding: ;chunked',
  'Transfer-Encoding: chunked,',
  'Transfer-Encoding: ,chunked',
  'Transfer-Encoding: , chunked',
  'Transfer-Encoding: chunked , ',
  'Transfer-Encoding: ,,chunked',
  'Transfer-Encoding: chunked,chunked',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: identity, chunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: gzip,chunked',
  'Transfer-Encoding: chunked, gzip',
  'Transfer-Encoding: chunked, cow',
  'Transfer-Encoding: cow, chunked',
  'Transfer-Encoding: chunked identity',
  'Transfer-Encoding: identity chunked',
  'Transfer-Encoding: chunked chunked',
  'Transfer-Encoding: chunked\tchunked',
  'Transfer-Encoding: chun ked',
  'Transfer-Encoding: chun\tked',
  'Transfer-Encoding: chunked\x00',
  'Transfer-Encoding: \x00chunked',
  'Transfer-Encoding: \x0bchunked',
  'Transfer-Encoding: \x0cchunked',
  'Transfer-Encoding: chunked\x0b',
  'Transfer-Encoding: chunked\t',
  'Transfer-Encoding: chunked \t',
  'Transfer-Encoding: chunked ',
  'Transfer-Encoding: chunked\x0c',
  'Transfer-Encoding: chunked\x1f',
  'Transfer-Encoding: chunked\x7f',
  'Transfer-Encoding: chunked\x85',
  'Transfer-Encoding: \xa0chunked',
  'Transfer-Encoding: chunked\xa0',
  'Transfer-Encoding: \xffchunked',
  'Transfer-Encoding: chun\xadked',
  'Transfer-Encoding: \xefchunked',
  'Transfer-Encoding: %63hunked',
  'Transfer-Encoding: =chunked',
  'Transfer-Encoding: :chunked',
  'Transfer-Encoding:: chunked',
  'Transfer-Encoding: chunked:',
  'Transfer-Encoding: chunked\\',
  'Transfer-Encoding: /chunked',
  'Transfer-Encoding: 1',
  'Transfer-Encoding: 0',
  'Transfer-Encoding: *',
  'Transfer-Encoding: ,',
  'Transfer-Encoding:',
  'Transfer-Encoding: ',
  'Transfer-Encoding:\t',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding\t: chunked',
  'Transfer-Encoding\x0b: chunked',
  'Transfer-Encoding\x00: chunked',
  'Transfer-Encoding\xa0: chunked',
  ' Transfer-Encoding: chunked',
  '\tTransfer-Encoding: chunked',
  '\x0bTransfer-Encoding: chunked',
  'Transfer-Encoding:\n chunked',
  'Transfer-Encoding:\r\n chunked',
  'Transfer-Encoding:\r\n\tchunked',
  'Transfer-Encoding: chunked\r\n ',
  'Transfer-Encoding: chunked\r\n , identity',
  'Transfer-Encoding: chunked\n',
  'Transfer-Encoding: chunked\r',
  'Transfer-Encoding: chunked\r\r\nX: a',
  '\nTransfer-Encoding: chunked',
  '\rTransfer-Encoding: chunked',
  'X: a\nTransfer-Encoding: chunked',
  'X: a\rTransfer-Encoding: chunked',
  'X: a\x00\r\nTransfer-Encoding: identity',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
  'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\ntransfer-encoding: cow',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding:',
  'Transfer-Encoding:\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nContent-Length: 5',
  'Content-Length: 5\r\nTransfer-Encoding: chunked',
  'Content-Length: 0\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nContent-Length: 0',
  'Content-Length: 5\r\nTransfer-Encoding: identity',
  'Transfer-Encoding chunked',
  'Transfer Encoding: chunked',
]

t.test(`of ${TRANSFER_ENCODINGS.length} spellings of Transfer-Encoding none is taken`, async (t) => {
  t.ok(TRANSFER_ENCODINGS.length >= 60)
  for (const lines of TRANSFER_ENCODINGS) t.match(verdict(post(lines)), /^400 /, JSON.stringify(lines))
})

t.test('the one good coding is chunked, in any case and with white space before', async (t) => {
  for (const line of [
    'Transfer-Encoding: chunked',
    'transfer-encoding:chunked',
    'TRANSFER-ENCODING: CHUNKED',
    'tRANSFER-eNCODING: Chunked',
    'Transfer-Encoding: \t chunked',
  ]) {
    const head = accepted(post(line))
    t.equal(head.chunked, true, line)
    t.equal(head.contentLength, -1)
  }
})

t.test('names that only look like Transfer-Encoding frame nothing', async (t) => {
  for (const line of [
    'Transfer_Encoding: chunked',
    'Transfer-Encodings: chunked',
    'X-Transfer-Encoding: chunked',
    'TransferEncoding: chunked',
    'Transfer.Encoding: chunked',
    'ransfer-Encoding: chunked',
    'Transfer-Encodinf: chunked',
    'Transfer--Encoding: chunked',
  ]) {
    const head = accepted(post(line, 'Content-Length: 3'))
    t.equal(head.chunked, false, line)
    t.equal(head.contentLength, 3, line)
  }
})

t.test('HTTP/1.0 has no Transfer-Encoding', async (t) => {
  for (const value of ['chunked', 'identity', '', 'gzip, chunked']) {
    t.equal(
      verdict(message('POST / HTTP/1.0', 'Host: a.example', `Transfer-Encoding: ${value}`)),
      '400 Transfer-Encoding in HTTP/1.0',
      value,
    )
  }
})

t.test('Content-Length with Transfer-Encoding is refused in either order', async (t) => {
  const both = '400 Content-Length with Transfer-Encoding'
  t.equal(verdict(post('Content-Length: 5', 'Transfer-Encoding: chunked')), both)
  t.equal(verdict(post('Transfer-Encoding: chunked', 'Content-Length: 5')), both)
  t.equal(verdict(post('Transfer-Encoding: chunked', 'X: a', 'content-length: 0')), both)
})

t.test('Content-Length is digits up to 2^53 - 1', async (t) => {
  for (const [value, length] of [
    ['0', 0],
    ['5', 5],
    ['0005', 5],
    ['\t5 ', 5],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    [`${'0'.repeat(100)}1`, 1],
  ] as const) {
    t.equal(accepted(post(`Content-Length: ${value}`)).contentLength, length, value)
  }
  for (const value of [
    '',
    ' ',
    '-1',
    '+1',
    '-0',
    '1.0',
    '1e3',
    '0x10',
    '10 0',
    'a',
    '1a',
    'a1',
    '1,',
    ',1',
    '1;',
    '"1"',
    '9007199254740992',
    '9007199254740993',
    '9007199254740999',
    '10000000000000000',
    '18446744073709551616',
    `1${'0'.repeat(100)}`,
    '1_000',
    "1'000",
    '\xb2',
    '1\x00',
    '0b1',
    '0o7',
    'Infinity',
    'NaN',
    '1\t1',
  ]) {
    t.match(verdict(post(`Content-Length: ${value}`)), /^400 (bad Content-Length|control byte)/, JSON.stringify(value))
  }
})

t.test('identical Content-Length lines are one, others are refused, and so is a list', async (t) => {
  t.equal(accepted(post('Content-Length: 5', 'content-length: 5', 'Content-Length:5')).contentLength, 5)
  t.equal(verdict(post('Content-Length: 5', 'Content-Length: 6')), '400 differing Content-Length')
  t.equal(verdict(post('Content-Length: 0', 'Content-Length: 5')), '400 differing Content-Length')
  t.equal(verdict(post('Content-Length: 5', 'Content-Length: ')), '400 bad Content-Length')
  t.equal(verdict(post('Content-Length: 5, 5')), '400 bad Content-Length')
  t.equal(verdict(post('Content-Length: 5,5')), '400 bad Content-Length')
  t.equal(verdict(post('Content-Length: 5, 6')), '400 bad Content-Length')
})

t.test('names that only look like Content-Length frame nothing', async (t) => {
  for (const line of ['Content_Length: 5', 'Content-Lengths: 5', 'X-Content-Length: 5', 'ContentLength: 5']) {
    t.equal(accepted(post(line)).contentLength, -1, line)
  }
})

t.test('a request without either has no body', async (t) => {
  const head = accepted(get())
  t.equal(head.contentLength, -1)
  t.equal(head.chunked, false)
})
