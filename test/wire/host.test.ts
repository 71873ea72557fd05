import t from 'tap'
import { isIPv6 } from '../../src/wire/address-text.ts'
import { DEFAULT_LIMITS } from '../../src/wire/limits.ts'
import { parseRequestHead, RequestHead } from '../../src/wire/request-head.ts'
import { accepted, bytesOf, message, request, verdict } from './wire-cases.ts'

function hostVerdict(value: string): string {
  return verdict(message('GET / HTTP/1.1', `Host: ${value}`))
}

function absolute(target: string, ...headers: string[]): string {
  return message(`GET ${target} HTTP/1.1`, ...headers)
}

t.test('case, port and one trailing dot do not tell hosts apart', async (t) => {
  for (const [value, host] of [
    ['a.example', 'a.example'],
    ['A.Example', 'a.example'],
    ['a.example.', 'a.example'],
    ['a.example:8080', 'a.example'],
    ['A.EXAMPLE.:80', 'a.example'],
    ['a', 'a'],
    ['a_b.example', 'a_b.example'],
    ['_dmarc.a.example', '_dmarc.a.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['1a.2b', '1a.2b'],
    ['AZ.example', 'az.example'],
    ['a.1-1', 'a.1-1'],
    ['a.example:9', 'a.example'],
    ['3.example', '3.example'],
    ['127.0.0.1', '127.0.0.1'],
    ['127.0.0.1:80', '127.0.0.1'],
    ['[::1]', '[::1]'],
    ['[::1]:8080', '[::1]'],
    ['[2001:DB8::A]', '[2001:db8::a]'],
    ['[::ffff:10.0.0.1]', '[::ffff:10.0.0.1]'],
    [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`],
    ['a.example:0', 'a.example'],
    ['a.example:65535', 'a.example'],
  ] as const) {
    const head = accepted(message('GET / HTTP/1.1', `Host: ${value}`))
    t.equal(head.host, host, value)
    t.equal(head.authority, value, 'what goes on is what came')
  }
})

t.test('what is no host is refused', async (t) => {
  const long = `${`${'a'.repeat(61)}.`.repeat(4)}`
  for (const value of [
    '.',
    '..',
    '.a.example',
    'a..example',
    'a.example..',
    'a b',
    'a\tb',
    'a,b',
    'a.example, b.example',
    'a/b',
    'a?b',
    'a#b',
    'a@b',
    'user:pw@a.example',
    'a\\b',
    'a%2eb',
    'a%00b',
    '\xe4.example',
    'a\x80.example',
    '-a.example',
    'a-.example',
    'a.-b',
    'a.example-',
    'a.example-:80',
    `${'a'.repeat(64)}.example`,
    `${long}${'b'.repeat(9)}`,
    '*',
    '*.example',
    'a.example/80',
    'a.example;80',
    "a'b",
    'a(b)',
    'a~b',
    'a;b',
    'http://a.example',
    '"a.example"',
  ]) {
    t.equal(hostVerdict(value), '400 bad Host', JSON.stringify(value))
  }
  t.equal(hostVerdict(`${long}${'b'.repeat(5)}`), 'accepted', '253 bytes are a name')
  t.equal(hostVerdict(`${long}${'b'.repeat(6)}`), '400 bad Host', '254 are none')
})

t.test('a port is one to five digits up to 65,535', async (t) => {
  for (const port of [
    '',
    ' 80',
    '80 80',
    '-1',
    '+80',
    '65536',
    '99999',
    '080808',
    '000080',
    '0x50',
    '8o',
    '80:80',
    ':',
    ':12:3',
    '::1.2.3.',
    '80.',
    '1e3',
  ]) {
    t.equal(hostVerdict(`a.example:${port}`), '400 bad Host', JSON.stringify(port))
    t.equal(hostVerdict(`[::1]:${port}`), '400 bad Host', JSON.stringify(port))
  }
})

t.test('a host that ends in a number is a strict dotted quad or nothing', async (t) => {
  for (const value of [
    '127.1',
    '2130706433',
    '010.8.8.8',
    '1.2.3.256',
    '1.2.3',
    '1.2.3.4.5',
    '0',
    'a.1',
    'a.0.0.1',
    '1.b.0.1',
    '1.2.3./4',
    'example.0x7f.1',
    '1.2.3.04',
    '1..2.3',
    '999.999.999.999',
  ]) {
    t.equal(hostVerdict(value), '400 bad Host', value)
  }
  t.equal(hostVerdict('0.0.0.0'), 'accepted')
  t.equal(hostVerdict('255.255.255.255'), 'accepted')
})

t.test('an IPv6 literal is strict RFC 4291 text in brackets', async (t) => {
  for (const text of [
    '::',
    '::1',
    '1::',
    '1:2:3:4:5:6:7:8',
    '::2:3:4:5:6:7:8',
    '1:2:3:4:5:6:7::',
    '1::8',
    'fe80::1',
    '::ffff:1.2.3.4',
    '1:2:3:4:5:6:1.2.3.4',
    '1::5:1.2.3.4',
    '::1:2:3:4:5:1.2.3.4',
  ]) {
    t.equal(hostVerdict(`[${text}]`), 'accepted', text)
  }
  for (const text of [
    '',
    ':',
    ':::',
    '1',
    '1:2',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    ':1:2:3:4:5:6:7:8',
    '1:2:3:4:5:6:7:8:',
    '1:2:3:4:5:6:7:8::',
    '1:2:3:4::5:6:7:8',
    '12345::',
    '1:::2',
    'g::',
    '::1%eth0',
    '::1%25eth0',
    'fe80::1%1',
    '1.2.3.4',
    '::1.2.3',
    '::1.2.3.256',
    '::01.2.3.4',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::1:2:3:4:5:6:1.2.3.4',
    '1.2.3.4::',
    '::1.2.3.4:5',
    'v1.a',
    ' ::1',
    '::1 ',
  ]) {
    t.equal(hostVerdict(`[${text}]`), '400 bad Host', JSON.stringify(text))
  }
  for (const value of [
    '[::1',
    '::1',
    '[::1]]',
    '[[::1]]',
    '[::1]a',
    '[::1].',
    '[]',
    '[',
    '[::1]x80',
    '::1]',
    'a[::1]',
  ]) {
    t.equal(hostVerdict(value), '400 bad Host', value)
  }
  t.notOk(isIPv6(bytesOf('0000:0000:0000:0000:0000:0000:0000:0000:0000'), 0, 44))
})

t.test('HTTP/1.1 has exactly one Host and it is not empty', async (t) => {
  t.equal(verdict(message('GET / HTTP/1.1', 'Accept: */*')), '400 no Host')
  t.equal(verdict(message('GET / HTTP/1.1')), '400 no Host')
  t.equal(verdict(message('GET / HTTP/1.1', 'Host: a.example', 'Host: b.example')), '400 more than one Host')
  t.equal(verdict(message('GET / HTTP/1.1', 'Host: a.example', 'hOST: a.example')), '400 more than one Host')
  t.equal(verdict(message('GET / HTTP/1.1', 'Host:')), '400 bad Host')
  t.equal(verdict(message('GET / HTTP/1.1', 'Host: \t ')), '400 bad Host')
  t.equal(verdict(message('GET http://a.example/ HTTP/1.1', 'Accept: */*')), '400 no Host')
})

t.test('HTTP/1.0 may come without Host, but not with two or an invalid one', async (t) => {
  const head = accepted(message('GET / HTTP/1.0'))
  t.equal(head.host, '')
  t.equal(head.authority, '')
  t.equal(verdict(message('GET / HTTP/1.0', 'Host: a.example', 'Host: a.example')), '400 more than one Host')
  t.equal(verdict(message('GET / HTTP/1.0', 'Host:')), '400 bad Host')
  t.match(accepted(message('GET http://B.example:81/ HTTP/1.0')), { host: 'b.example', authority: 'B.example:81' })
})

t.test('an absolute form agrees with Host when both mean the same place', async (t) => {
  for (const [target, host] of [
    ['http://a.example/', 'a.example'],
    ['http://A.EXAMPLE/', 'a.example'],
    ['http://a.example/', 'A.example.'],
    ['http://a.example./', 'a.example'],
    ['http://a.example:80/', 'a.example'],
    ['http://a.example/', 'a.example:80'],
    ['http://a.example:0080/', 'a.example:80'],
    ['https://a.example/', 'a.example:443'],
    ['https://a.example:443/', 'a.example'],
    ['http://a.example:8080/', 'a.example:8080'],
    ['http://[::A]/', '[::a]:80'],
  ] as const) {
    const { head, consumed } = request(absolute(target, `Host: ${host}`))
    t.ok(consumed > 0, `${target} and ${host}`)
    t.equal(head.authority, target.split('/')[2], 'the authority of the target wins')
  }
})

t.test('an absolute form that disagrees with Host is refused', async (t) => {
  for (const [target, host] of [
    ['http://a.example/', 'b.example'],
    ['http://a.example/', 'a.example:81'],
    ['http://a.example:81/', 'a.example'],
    ['http://a.example/', 'a.example:443'],
    ['https://a.example/', 'a.example:80'],
    ['https://a.example:80/', 'a.example'],
    ['http://a.example/', 'a.example.b'],
    ['http://[::1]/', '[::2]'],
    ['http://127.0.0.1/', '[::ffff:127.0.0.1]'],
  ] as const) {
    t.equal(verdict(absolute(target, `Host: ${host}`)), '400 Host and request target disagree', `${target} and ${host}`)
  }
})

t.test('the port of one request is forgotten with it', async (t) => {
  const head = new RequestHead()
  const parse = (text: string) => parseRequestHead(bytesOf(text), 0, text.length, head, DEFAULT_LIMITS)
  parse(message('GET / HTTP/1.1', 'Host: a.example:81'))
  head.reset()
  const next = absolute('http://a.example/', 'Host: a.example')
  t.equal(parse(next), next.length)
})

t.test('a refused Host is refused as soon as its line is through', async (t) => {
  t.equal(verdict('GET / HTTP/1.1\r\nHost: a b\r\n'), '400 bad Host')
  t.equal(verdict('GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n'), '400 more than one Host')
})

t.test('white space around Host is not part of it', async (t) => {
  t.equal(accepted(message('GET / HTTP/1.1', 'Host:\t a.example \t')).authority, 'a.example')
})
