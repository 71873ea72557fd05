/** What the oracles found once, kept as it was found: `node test/oracle/fuzz.ts` prints such inputs. */
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { judge as judgeAnswers } from './answers.ts'
import { judge as judgeMutated } from './differential.ts'
import { judge as judgeValid } from './grammar.ts'
import { Lane } from './lane.ts'
import { NodeReader } from './node-reader.ts'
import { judge as judgeStreams } from './round-trip.ts'
import { STRICTER } from './stricter.ts'

const HOST = 'Host: shop.example.com\r\n'

t.test('valid requests that did not arrive as they were sent', async (t) => {
  const lane = await Lane.start()
  t.teardown(() => lane.stop())
  const reader = new NodeReader()
  // The second time there is a kept connection for it, which is looked at while the body comes.
  const pieces = [
    `GET / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n8\r\nabc`,
    'defgh\r\n0;a="\t\x80"\r\n\r\n',
  ]
  for (let i = 0; i < 3; i++)
    t.equal(await judgeValid(lane, reader, pieces), '', 'a body that comes while a connection is taken')
})

t.test('requests that Node refuses, or reads otherwise', async (t) => {
  const lane = await Lane.start()
  t.teardown(() => lane.stop())
  const reader = new NodeReader()
  const chunked = (value: string) =>
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked${value}\r\n\r\n1\r\nx\r\n0\r\n\r\n`
  for (const [what, text] of [
    ['a tab after chunked is part of the coding to llhttp', chunked('\t')],
    ['a tab after a space too', chunked(' \t')],
    ['equal lengths are one', `POST / HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 01\r\n\r\nx`],
    ['an unknown method behind an unknown method', `D /a HTTP/1.1\r\nHost: e\r\n\r\nE /b HTTP/1.1\r\n${HOST}\r\n`],
    [
      'an unknown method with equal lengths',
      `S / HTTP/1.1\r\n${HOST}content-length:1\r\nt:\r\ncontent-length:1\r\n\r\nx`,
    ],
    [
      'no method behind an unknown method, and one at the end of its body',
      'T / HTTP/1.1\r\nhost:a.example.com\r\np:\r\ncontent-length:46\r\nX:\r\n\r\n\xfe\xa7\xc5\xa7I\x96\x870\xc1\x0e/\xa0\xab\xb0\xdb\xe7\xfa\xb7\xb1\x00\xa1S\fN5\x90\xc7\xb2PG\xaf= /B\x86\x17\xd3\xd5\xcd\x01\x82\x0bPUT /\n\r\n',
    ],
    [
      'what looks like a wish to upgrade in a body, in upper case',
      `GET / HTTP/1.1\r\n${HOST}Content-Length:23\r\n\r\nx\r\nConnection:\tUpgrade, `,
    ],
    [
      'the same, at the end of the body and beyond',
      `GET / HTTP/1.1\r\n${HOST}Content-Length:20\r\n\r\nx\r\nConnection:\tUpgrade`,
    ],
    [
      'a request behind one that asked to upgrade and has a body',
      `PUT / HTTP/1.1\r\n${HOST}Connection: upgrade\r\nUpgrade: c\r\nContent-Length: 1\r\n\r\nxGET / HTTP/1.1\r\n${HOST}\r\n`,
    ],
  ] as const) {
    t.equal(await judgeMutated(lane, reader, [text]), '', what)
  }
})

t.test('streams of which the client and the dyno did not tell the same', async (t) => {
  const lane = await Lane.start()
  t.teardown(() => lane.stop())
  const cut = `POST /1 HTTP/1.1\r\n${HOST}Content-Length: 1\r\n\r\nxPOST /2 HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nx`
  for (const pieces of [[cut], [...cut]]) {
    t.equal(
      await judgeStreams(lane, [{ pieces, leaving: 'close', requests: null }], null),
      '',
      'a second request that is cut',
    )
  }
})

t.test('answers that Node reads otherwise', async (t) => {
  const lane = await Lane.start()
  t.teardown(() => lane.stop())
  const tag = 'tag-00000001'
  const coded = (coding: string) =>
    `HTTP/1.1 200 OK\r\nX-Tag: ${tag}\r\nTransfer-Encoding: ${coding}\r\n\r\n1\r\nx\r\n0\r\n\r\n`
  const plan = { ending: 'end', early: false, atMs: 0, excess: true } as const
  const exchange = { client: 0, tag, method: 'GET', minorVersion: 1, body: '', pipelined: false } as const
  for (const coding of ['chunked\t', 'chunked \t', 'chunked']) {
    const answer = { ...exchange, plan: { ...plan, writes: [coded(coding)] } }
    t.equal(await judgeAnswers(lane, [answer]), '', `the coding is ${JSON.stringify(coding)}`)
  }
  const behind = `HTTP/1.1 102 Processing\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\nX-Tag: ${tag}\r\nContent-Length: 01\r\n\r\nx`
  const answer = { ...exchange, plan: { ...plan, excess: false, writes: [behind] } }
  t.equal(await judgeAnswers(lane, [answer]), '', 'an interim answer that says close')
  // What an interim answer says of a body has no meaning (RFC 9112 §6.3) and is not passed on; to Node two equal lengths are an error there too.
  const lengthy = `HTTP/1.1 100 Continue\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nX-Tag: ${tag}\r\nContent-Length: 1\r\n\r\nx`
  const twice = { ...exchange, plan: { ...plan, excess: false, writes: [lengthy] } }
  t.equal(await judgeAnswers(lane, [twice]), '', 'an interim answer with equal lengths')
})

t.test(
  'docs/conformance-differences.md lists each class in which Postern is stricter than Node, and why',
  async (t) => {
    const text = await readFile(new URL('../../docs/conformance-differences.md', import.meta.url), 'utf8')
    const rows = [...text.matchAll(/^\| `(.+)` \| (.+) \|$/gm)].map(([, reason, why]) => [reason, why])
    t.strictSame(rows, [...STRICTER])
  },
)
