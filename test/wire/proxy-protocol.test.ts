import t, { type Test } from 'tap'
import { ProxyHeader, parseProxyHeader } from '../../src/wire/proxy-protocol.ts'
import { bytesOf } from './wire-cases.ts'

const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n'

/** Version 2 header: command and family bytes, then what follows the length. */
function v2(command: number, family: number, rest: Buffer, lengthBytes = rest.length): Buffer {
  const fixed = Buffer.concat([bytesOf(SIGNATURE), Buffer.from([command, family, lengthBytes >> 8, lengthBytes & 255])])
  return Buffer.concat([fixed, rest])
}

const TCP4 = Buffer.from([203, 0, 113, 9, 10, 0, 0, 5, 0xdb, 0x04, 0x01, 0xbb])
const TCP6 = Buffer.from('20010db8000000000000000000000001' + '00000000000000000000ffff0a000005' + 'db0401bb', 'hex')

function parse(text: string | Buffer): { result: number; header: ProxyHeader } {
  const bytes = bytesOf(text)
  const header = new ProxyHeader()
  return { result: parseProxyHeader(bytes, 0, bytes.length, header), header }
}

/** The same, byte by byte and somewhere inside a buffer; checks that nothing is decided too early. */
function parseSlowly(t: Test, text: string | Buffer): { result: number; header: ProxyHeader } {
  const bytes = bytesOf(text)
  const shifted = Buffer.concat([Buffer.alloc(5), bytes])
  const header = new ProxyHeader()
  for (let end = 0; end < bytes.length; end++)
    t.equal(parseProxyHeader(shifted, 5, 5 + end, header), 0, `after ${end} bytes`)
  return { result: parseProxyHeader(shifted, 5, 5 + bytes.length, header), header }
}

t.test('version 1 says source and destination', async (t) => {
  for (const [line, from, fromPort, to, toPort] of [
    ['PROXY TCP4 203.0.113.9 10.0.0.5 56324 443\r\n', '203.0.113.9', 56_324, '10.0.0.5', 443],
    ['PROXY TCP6 2001:db8::1 ::1 0 65535\r\n', '2001:db8::1', 0, '::1', 65_535],
    [
      'PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n',
      '255.255.255.255',
      65_535,
      '255.255.255.255',
      65_535,
    ],
    [
      'PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff FFFF:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n',
      'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      65_535,
      'FFFF:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      65_535,
    ],
  ] as const) {
    for (const { result, header } of [parse(`${line}GET / HTTP/1.1\r\n`), parseSlowly(t, line)]) {
      t.equal(result, line.length)
      t.match(header, {
        version: 1,
        local: false,
        sourceAddress: from,
        sourcePort: fromPort,
        destinationAddress: to,
        destinationPort: toPort,
      })
    }
  }
})

t.test('version 1 UNKNOWN leaves the addresses of the socket, whatever else it says', async (t) => {
  for (const line of [
    'PROXY UNKNOWN\r\n',
    'PROXY UNKNOWN a b c\r\n',
    'PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n',
  ]) {
    const { result, header } = parseSlowly(t, line)
    t.equal(result, line.length)
    t.match(header, { local: true, sourceAddress: '', sourcePort: 0 })
  }
})

t.test('what one header said is forgotten with the next', async (t) => {
  const header = new ProxyHeader()
  const next = (text: string | Buffer) => {
    const bytes = bytesOf(text)
    t.equal(parseProxyHeader(bytes, 0, bytes.length, header), bytes.length)
    return header
  }
  const own = { local: true, sourceAddress: '', sourcePort: 0, destinationAddress: '', destinationPort: 0 }
  const other = { local: false, sourceAddress: '203.0.113.9', sourcePort: 56_068, destinationPort: 443 }
  t.match(next(v2(0x21, 0x11, TCP4)), { version: 2, ...other })
  t.match(next('PROXY UNKNOWN\r\n'), { version: 1, ...own })
  t.match(next('PROXY TCP4 203.0.113.9 10.0.0.5 56068 443\r\n'), { version: 1, ...other })
  t.match(next(v2(0x20, 0x11, TCP4)), { version: 2, ...own })
  t.match(next(v2(0x21, 0x11, TCP4)), { version: 2, ...other })
})

t.test('what lies behind the bytes that came does not count', async (t) => {
  for (const [came, behind] of [
    ['PROXY TCP4 203.0.113.9', '\n'],
    ['PROXY UNKNOWN\r', '\n'],
    ['PROXY', '\n\n\n'],
    [SIGNATURE, '\x21\x11\xff\xff'],
    [`${SIGNATURE}\x21\x11`, '\xff\xff'],
    ['', 'GET'],
  ] as const) {
    const bytes = bytesOf(came + behind)
    t.equal(parseProxyHeader(bytes, 0, came.length, new ProxyHeader()), 0, JSON.stringify(came))
  }
})

t.test('version 2 carries TCP only, whatever would fit', async (t) => {
  for (const family of [0x12, 0x22, 0x31, 0x32, 0x10, 0x01]) {
    for (const bytes of [0, 4, 7, 12, 36, 216]) {
      t.ok(parse(v2(0x21, family, Buffer.alloc(bytes))).result < 0, `${family} with ${bytes} bytes`)
    }
  }
})

t.test('version 1 is exactly as it is written', async (t) => {
  for (const line of [
    'PROXY TCP4 203.0.113.9 10.0.0.5 56324 443\n',
    'PROXY TCP4 203.0.113.9 10.0.0.5 56324 443\r',
    'PROXY TCP4 203.0.113.9 10.0.0.5 56324 443 \r\n',
    'PROXY TCP4  203.0.113.9 10.0.0.5 56324 443\r\n',
    'PROXY  TCP4 203.0.113.9 10.0.0.5 56324 443\r\n',
    'PROXY\tTCP4 203.0.113.9 10.0.0.5 56324 443\r\n',
    'proxy TCP4 203.0.113.9 10.0.0.5 56324 443\r\n',
    'PROXY tcp4 203.0.113.9 10.0.0.5 56324 443\r\n',
    'PROXY TCP5 203.0.113.9 10.0.0.5 56324 443\r\n',
    'PROXY UDP4 203.0.113.9 10.0.0.5 56324 443\r\n',
    'PROXY UDP6 2001:db8::1 ::1 56324 443\r\n',
    'PROXY TCP4 203.0.113.9 10.0.0.5 56324 443\rX',
    'PROXY UNKNOWNS\r\n',
    'PROXY TCP4\r\n',
    'PROXY \r\n',
    'PROXY TCP4 203.0.113.9 10.0.0.5 56324\r\n',
    'PROXY TCP4 203.0.113.9 10.0.0.5 56324 443 1\r\n',
    'PROXY TCP4 203.0.113 10.0.0.5 56324 443\r\n',
    'PROXY TCP4 203.0.113.256 10.0.0.5 56324 443\r\n',
    'PROXY TCP4 203.0.113.09 10.0.0.5 56324 443\r\n',
    'PROXY TCP4 203.0.113.9 10.0.0 56324 443\r\n',
    'PROXY TCP4 2001:db8::1 ::1 56324 443\r\n',
    'PROXY TCP6 203.0.113.9 10.0.0.5 56324 443\r\n',
    'PROXY TCP6 2001:db8::1::2 ::1 56324 443\r\n',
    'PROXY TCP6 2001:db8::1%eth0 ::1 56324 443\r\n',
    'PROXY TCP4 203.0.113.9 10.0.0.5 65536 443\r\n',
    'PROXY TCP4 203.0.113.9 10.0.0.5 056324 443\r\n',
    'PROXY TCP4 203.0.113.9 10.0.0.5 56324 00\r\n',
    'PROXY TCP4 203.0.113.9 10.0.0.5 +1 443\r\n',
    'PROXY TCP4 203.0.113.9 10.0.0.5 56324 -1\r\n',
    'PROXY TCP4 203.0.113.9 10.0.0.5 56324 \r\n',
    'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n',
    'PROXYTCP4',
    'PRI * HTTP/2.0\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    '\n',
  ]) {
    if (line.endsWith('\r')) t.equal(parse(line).result, 0, 'the LF may still come')
    else t.ok(parse(line).result < 0, JSON.stringify(line))
  }
})

t.test('version 1 ends within 107 bytes', async (t) => {
  const line = `PROXY UNKNOWN ${'x'.repeat(107 - 14 - 2)}\r\n`
  t.equal(parse(line).result, 107)
  t.ok(parse(line.replace('x', 'xx')).result < 0)
  t.ok(parse(`PROXY UNKNOWN ${'x'.repeat(93)}`).result < 0, 'before its end came')
  t.equal(parse(`PROXY UNKNOWN ${'x'.repeat(92)}`).result, 0)
  t.ok(parse(`PROXY UNKNOWN ${'x'.repeat(92)}\r`).result < 0, 'no room for the LF')
})

t.test('a version 1 header that is wrong at its first bytes is malformed at once', async (t) => {
  t.ok(parse('G').result < 0)
  t.ok(parse('PX').result < 0)
  t.equal(parse('').result, 0)
})

t.test('version 2 says source and destination', async (t) => {
  for (const [bytes, expected] of [
    [
      v2(0x21, 0x11, TCP4),
      { sourceAddress: '203.0.113.9', sourcePort: 56_068, destinationAddress: '10.0.0.5', destinationPort: 443 },
    ],
    [
      v2(0x21, 0x21, TCP6),
      { sourceAddress: '2001:db8::1', sourcePort: 56_068, destinationAddress: '::ffff:a00:5', destinationPort: 443 },
    ],
  ] as const) {
    for (const { result, header } of [parse(Buffer.concat([bytes, bytesOf('GET /')])), parseSlowly(t, bytes)]) {
      t.equal(result, bytes.length)
      t.match(header, { version: 2, local: false, ...expected })
    }
  }
})

t.test('version 2 writes IPv6 as RFC 5952 does', async (t) => {
  for (const [hex, text] of [
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000000000001', '::1'],
    ['00010000000000000000000000000000', '1::'],
    ['20010db8000000010000000000000001', '2001:db8:0:1::1'],
    ['20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
    ['20010db800000000000100000000ABCD', '2001:db8::1:0:0:abcd'],
    ['ffffffffffffffffffffffffffffffff', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ] as const) {
    const { header } = parse(v2(0x21, 0x21, Buffer.concat([Buffer.from(hex, 'hex'), TCP6.subarray(16)])))
    t.equal(header.sourceAddress, text)
  }
})

t.test('version 2 LOCAL leaves the addresses of the socket, whatever follows', async (t) => {
  for (const bytes of [
    v2(0x20, 0, Buffer.alloc(0)),
    v2(0x20, 0x11, TCP4),
    v2(0x20, 0x31, Buffer.alloc(216)),
    v2(0x20, 0xff, Buffer.alloc(7, 0xff)),
  ]) {
    const { result, header } = parse(bytes)
    t.equal(result, bytes.length)
    t.match(header, { local: true, sourceAddress: '' })
  }
})

t.test('version 2 of an unspecified family leaves the addresses of the socket', async (t) => {
  const bytes = v2(0x21, 0x00, Buffer.alloc(9))
  t.equal(parse(bytes).result, bytes.length)
  t.equal(parse(bytes).header.local, true)
})

t.test('version 2 vectors after the addresses are skipped, when they fill the header exactly', async (t) => {
  const authority = Buffer.concat([Buffer.from([0x02, 0, 9]), bytesOf('a.example')])
  const noop = Buffer.from([0x04, 0, 0])
  const bytes = v2(0x21, 0x11, Buffer.concat([TCP4, authority, noop]))
  t.equal(parse(bytes).result, bytes.length)
  t.equal(parse(bytes).header.sourceAddress, '203.0.113.9')
  for (const wrong of [[4], [4, 0], [4, 0, 1], [4, 0xff, 0xff], [4, 0, 0, 4]]) {
    t.ok(parse(v2(0x21, 0x11, Buffer.concat([TCP4, Buffer.from(wrong)]))).result < 0, wrong.join())
  }
})

t.test('version 2 with another version, command, family or too few bytes is malformed', async (t) => {
  for (const bytes of [
    v2(0x11, 0x11, TCP4),
    v2(0x31, 0x11, TCP4),
    v2(0x22, 0x11, TCP4),
    v2(0x2f, 0x11, TCP4),
    v2(0x01, 0x11, TCP4),
    v2(0x21, 0x10, TCP4),
    v2(0x21, 0x12, TCP4),
    v2(0x21, 0x13, TCP4),
    v2(0x21, 0x22, TCP6),
    v2(0x21, 0x31, Buffer.alloc(216)),
    v2(0x21, 0x41, TCP6),
    v2(0x21, 0x01, TCP4),
    v2(0x21, 0x11, TCP4.subarray(0, 11)),
    v2(0x21, 0x21, TCP4),
    v2(0x21, 0x21, TCP6.subarray(0, 35)),
    v2(0x21, 0x11, Buffer.alloc(0)),
  ]) {
    t.ok(parse(bytes).result < 0, bytes.subarray(12).toString('hex'))
  }
  t.ok(parse(`${SIGNATURE.slice(0, -1)}\r`).result < 0, 'another signature')
  t.ok(parse('\r\n\r\nG').result < 0)
})

t.test('version 2 fits in 536 bytes', async (t) => {
  const noop = (bytes: number) =>
    Buffer.concat([Buffer.from([4, (bytes - 3) >> 8, (bytes - 3) & 255]), Buffer.alloc(bytes - 3)])
  const fits = v2(0x21, 0x11, Buffer.concat([TCP4, noop(536 - 28)]))
  t.equal(parse(fits).result, 536)
  t.ok(parse(v2(0x21, 0x11, Buffer.concat([TCP4, noop(537 - 28)]))).result < 0)
  t.ok(parse(v2(0x20, 0x00, Buffer.alloc(0), 0xffff)).result < 0, 'before the rest came')
})

t.test('a header that was used before says only what came last', async (t) => {
  const header = new ProxyHeader()
  const known = bytesOf('PROXY TCP4 203.0.113.9 10.0.0.5 56324 443\r\n')
  const unknown = bytesOf('PROXY UNKNOWN\r\n')
  parseProxyHeader(known, 0, known.length, header)
  parseProxyHeader(unknown, 0, unknown.length, header)
  t.match(header, { local: true, sourceAddress: '', sourcePort: 0, destinationAddress: '', destinationPort: 0 })
})
