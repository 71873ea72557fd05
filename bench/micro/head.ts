/**
 * What a head costs: parse, and parse with the head for the dyno written as bytes, against Node's own parser where it can be had. A typical
 * request (8 headers, about 400 bytes), one of a browser, an answer; whole and byte by byte. `node bench/micro/head.ts`
 */
import {
  type AnswerFields,
  type ForwardFields,
  writeRequestHead,
  writeResponseHead,
} from '../../src/wire/head-writer.ts'
import { DEFAULT_LIMITS } from '../../src/wire/limits.ts'
import { parseRequestHead, RequestHead } from '../../src/wire/request-head.ts'
import { parseResponseHead, ResponseHead } from '../../src/wire/response-head.ts'
import { describeMachine, nanosecondsPer, report } from './measure.ts'

const typical = request('GET /api/v1/items?page=2&per_page=50&sort=-created_at HTTP/1.1', [
  'Host: shop.example.com',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'Accept: application/json, text/plain, */*',
  'Accept-Language: en-US,en;q=0.5',
  'Accept-Encoding: gzip, deflate, br',
  'Referer: https://shop.example.com/',
  'Cookie: session=0a1b2c3d4e5f60718293a4b5c6d7e8f9; theme=dark',
  'Connection: keep-alive',
])
const browser = request('GET /products/1234/a-rather-long-name-of-a-product HTTP/1.1', [
  'Host: shop.example.com',
  'Connection: keep-alive',
  'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
  'sec-ch-ua-mobile: ?0',
  'sec-ch-ua-platform: "Linux"',
  'Upgrade-Insecure-Requests: 1',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8',
  'Sec-Fetch-Site: same-origin',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-User: ?1',
  'Sec-Fetch-Dest: document',
  'Referer: https://shop.example.com/products',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Accept-Language: en-US,en;q=0.9,de;q=0.8',
  'Cookie: session=0a1b2c3d4e5f60718293a4b5c6d7e8f9; theme=dark; _ga=GA1.1.1234567890.1234567890; consent=all',
])
const answer = request('HTTP/1.1 200 OK', [
  'Content-Type: application/json; charset=utf-8',
  'Content-Length: 1234',
  'ETag: W/"4d2-abcdefghijklmnopqrstuvwxyz"',
  'Vary: Accept-Encoding',
  'Date: Mon, 23 Nov 2026 18:00:00 GMT',
  'Connection: keep-alive',
  'Keep-Alive: timeout=5',
])

const forward: ForwardFields = {
  forwardedFor: '203.0.113.9',
  proto: 'http',
  port: '80',
  host: 'shop.example.com',
  requestId: '6903a168-b79b-4c27-83c8-b8f64d8d8792',
  requestStartMs: 1_795_000_000_000,
  forwarded: '',
  traceparent: '',
  via: 'postern',
  expectContinue: false,
  connection: 'keep-alive',
  chunkedBody: false,
  contentLength: -1,
}
const relay: AnswerFields = {
  clientMinorVersion: 1,
  framing: 'length',
  keepAlive: true,
  requestId: '',
  date: 'Mon, 23 Nov 2026 18:00:00 GMT',
  via: 'postern',
  upgrade: false,
}

const head = new RequestHead()
const answerHead = new ResponseHead()
const out = Buffer.allocUnsafeSlow(65_536)

describeMachine()
for (const [what, bytes] of [
  ['typical request', typical],
  ['request of a browser', browser],
] as const) {
  const name = `${what}, ${bytes.length} B`
  report(
    `${name}: parse`,
    nanosecondsPer(() => parse(bytes)),
  )
  report(
    `${name}: parse, rewrite`,
    nanosecondsPer(() => parse(bytes) + writeRequestHead(head, forward).length),
  )
  report(
    `${name}: parse, rewrite, bytes in a buffer`,
    nanosecondsPer(() => parse(bytes) + out.latin1Write(writeRequestHead(head, forward))),
  )
}
report(
  `typical request byte by byte: parse`,
  nanosecondsPer(() => parseByteByByte(typical)),
)
const answerName = `answer, ${answer.length} B`
report(
  `${answerName}: parse`,
  nanosecondsPer(() => parseAnswer()),
)
report(
  `${answerName}: parse, rewrite, bytes in a buffer`,
  nanosecondsPer(() => parseAnswer() + out.latin1Write(writeResponseHead(answerHead, relay))),
)

function request(line: string, headers: string[]): Buffer {
  return Buffer.from(`${[line, ...headers].join('\r\n')}\r\n\r\n`, 'latin1')
}

function parse(bytes: Buffer): number {
  head.reset()
  const result = parseRequestHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS)
  if (result !== bytes.length) throw new Error(`the head did not parse: ${result}`)
  return head.host.length
}

function parseByteByByte(bytes: Buffer): number {
  head.reset()
  for (let end = 1; end < bytes.length; end++) parseRequestHead(bytes, 0, end, head, DEFAULT_LIMITS)
  return parseRequestHead(bytes, 0, bytes.length, head, DEFAULT_LIMITS)
}

function parseAnswer(): number {
  answerHead.reset()
  const result = parseResponseHead(answer, 0, answer.length, answerHead, DEFAULT_LIMITS, 'GET')
  if (result !== answer.length) throw new Error(`the answer did not parse: ${result}`)
  return answerHead.status
}
