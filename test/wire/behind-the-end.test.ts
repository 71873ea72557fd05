import t from 'tap'
import { ChunkedDecoder } from '../../src/wire/chunked-decoder.ts'
import { DEFAULT_LIMITS } from '../../src/wire/limits.ts'
import { parseRequestHead, RequestHead } from '../../src/wire/request-head.ts'
import { parseResponseHead, ResponseHead } from '../../src/wire/response-head.ts'
import { bytesOf, everyByte, get, message } from './wire-cases.ts'

// Threat: sockets are read into one shared buffer, in which the bytes of somebody else lie behind those that came.

const BEHIND = ['\r\r\r\r', '\n\n\n\n', '\r\n\r\n', '    ', '::::', '0000', 'aaaa', ',,,,', '\0\0\0\0']

/** What `parse` says of the first bytes is 0 for every place to cut them and whatever lies behind, and then what it says of all. */
function cutAnywhere(text: string, parserOf: () => (bytes: Buffer, end: number) => number): void {
  const whole = bytesOf(text)
  const result = parserOf()(whole, whole.length)
  for (const cut of everyByte(whole)) {
    for (const behind of BEHIND) {
      const parse = parserOf()
      const first = parse(Buffer.concat([whole.subarray(0, cut), bytesOf(behind)]), cut)
      const then = first === 0 ? parse(whole, whole.length) : first
      if (then !== result) {
        throw new Error(`${then}, not ${result}: ${JSON.stringify([text.slice(0, cut), behind])}`)
      }
    }
  }
}

t.test('a request head is not read beyond what came', async (t) => {
  for (const text of [
    `\r\n\r\n${get('X-A: b', 'X-B:c ', 'X-C:', 'Content-Length: 12')}`,
    get('Transfer-Encoding: chunked', 'Connection: keep-alive, X-A', 'X-A: b', 'TE: trailers'),
    message('OPTIONS * HTTP/1.0', 'Host: a.example:80'),
    message('PROPFIND http://[::1]:80/a HTTP/1.1', 'Host: [::1]'),
    get('Connection: upgrade', 'Upgrade: websocket, a/1'),
    'GET / HTTP/1.1 ',
    'GET /a\nb',
    'GE@',
    '\r\n\r\n\r',
  ]) {
    cutAnywhere(text, () => {
      const head = new RequestHead()
      return (bytes, end) => parseRequestHead(bytes, 0, end, head, DEFAULT_LIMITS)
    })
    t.pass(JSON.stringify(text))
  }
})

t.test('the head of an answer is not read beyond what came', async (t) => {
  for (const text of [
    message('HTTP/1.1 200 OK', 'Content-Length: 12', 'Keep-Alive: timeout=5, max=10'),
    message('HTTP/1.0 404', 'Connection: close, x-a', 'X-A: b'),
    message('HTTP/1.1 204 ', 'Set-Cookie: a=b'),
    'HTTP/1.1 2000',
    'HTTP/1.1 200 a\0',
    'HTTP/1.1 200\n',
  ]) {
    cutAnywhere(text, () => {
      const head = new ResponseHead()
      return (bytes, end) => parseResponseHead(bytes, 0, end, head, DEFAULT_LIMITS, 'GET')
    })
    t.pass(JSON.stringify(text))
  }
})

t.test('a chunked body is not read beyond what came', async (t) => {
  for (const text of [
    '5\r\nhello\r\na;b=c;d="e"\r\n0123456789\r\n0\r\n\r\n',
    '0;a\r\nX: a\r\nY:\r\n\r\n',
    '5\r\nhellox',
    '1x',
  ]) {
    cutAnywhere(text, () => {
      const decoder = new ChunkedDecoder()
      decoder.reset(DEFAULT_LIMITS)
      let from = 0
      return (bytes, end) => {
        const result = decoder.decode(bytes, from, end)
        from = result
        return result < 0 || decoder.done ? result : 0
      }
    })
    t.pass(JSON.stringify(text))
  }
})
