import fc from 'fast-check'
import t from 'tap'
import { AccessRecord, formatJson, formatLogfmt } from '../../src/proxy/access-log.ts'
import { describe, ERRORS } from '../../src/proxy/router-error.ts'

const AT = '2026-04-26T16:58:32.943253Z'

function record(over: Partial<AccessRecord> = {}): AccessRecord {
  return Object.assign(new AccessRecord(), over)
}

const answered = record({
  method: 'GET',
  path: '/a?b=c',
  host: 'shop.example.com',
  requestId: '6903a168-b79b-4c27-83c8-b8f64d8d8792',
  forwardedFor: '203.0.113.9',
  dyno: 'web.1',
  connectMs: 0,
  serviceMs: 18.7,
  status: 200,
  bytes: 13,
  protocol: 'http1.1',
  tls: true,
  tlsVersion: 'tls1.3',
  app: 'shop',
  az: 'a',
  release: 'v7',
})

const interrupted = record({
  sock: 'backend',
  at: 'error',
  code: 'H18',
  desc: 'Server Request Interrupted',
  method: 'POST',
  path: '/b',
  host: 'shop.example.com',
  requestId: 'r',
  forwardedFor: '203.0.113.9, 10.0.0.1',
  dyno: 'web.1',
  connectMs: 0.4,
  serviceMs: 710,
  status: 200,
  bytes: 0,
  protocol: 'http1.1',
  app: 'shop',
  az: 'b',
  release: 'v7',
  retries: 1,
  notRetried: 'the request has a body',
})

/** An independent reader of logfmt: `name=value` or `name="value with escapes"`, one space between. Throws on anything else. */
function parseLogfmt(line: string): Map<string, string> {
  const fields = new Map<string, string>()
  let rest = line
  while (rest !== '') {
    const match = /^([a-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"=]*))(?: |$)/.exec(rest)
    if (match === null) throw new Error(`not logfmt: ${rest}`)
    if (fields.has(match[1]!)) throw new Error(`twice: ${match[1]}`)
    fields.set(match[1]!, match[3] ?? JSON.parse(`"${match[2]}"`))
    rest = rest.slice(match[0].length)
  }
  return fields
}

const PREFIX = `${AT} postern[router]: `

function fieldsOf(line: string): Map<string, string> {
  if (!line.startsWith(PREFIX) || !line.endsWith('\n')) throw new Error(`no line: ${line}`)
  return parseLogfmt(line.slice(PREFIX.length, -1))
}

t.test('a request that was answered', async (t) => {
  t.equal(
    formatLogfmt(answered, AT),
    '2026-04-26T16:58:32.943253Z postern[router]: at=info method=GET path="/a?b=c" host=shop.example.com ' +
      'request_id=6903a168-b79b-4c27-83c8-b8f64d8d8792 fwd="203.0.113.9" dyno=web.1 connect=0ms service=18ms status=200 ' +
      'bytes=13 protocol=http1.1 tls=true tls_version=tls1.3 app=shop az=a release=v7 retries=0\n',
  )
})

t.test('a request that a dyno interrupted, and why it was not retried', async (t) => {
  t.equal(
    formatLogfmt(interrupted, AT),
    '2026-04-26T16:58:32.943253Z postern[router]: sock=backend at=error code=H18 desc="Server Request Interrupted" ' +
      'method=POST path="/b" host=shop.example.com request_id=r fwd="203.0.113.9, 10.0.0.1" dyno=web.1 connect=0ms ' +
      'service=710ms status=200 bytes=0 protocol=http1.1 tls=false app=shop az=b release=v7 retries=1 ' +
      'not_retried="the request has a body"\n',
  )
})

t.test('a client that was blocked before it sent a request: what is unknown is empty', async (t) => {
  const { desc, at, sock } = ERRORS.P01
  const blocked = record({ code: 'P01', desc, at, sock, cause: 'untrusted-source', forwardedFor: '198.51.100.7' })
  t.equal(
    formatLogfmt(blocked, AT),
    '2026-04-26T16:58:32.943253Z postern[router]: at=warning code=P01 desc="Untrusted source" cause="untrusted-source" ' +
      'method= path="" host= request_id= fwd="198.51.100.7" dyno= connect= service= status= bytes= protocol= tls=false ' +
      'app= az= release= retries=0\n',
  )
})

t.test('a request that was malformed shows its cause', async (t) => {
  const refused = record({
    code: 'H26',
    desc: describe('H26'),
    at: 'error',
    cause: 'bad "chunk"',
    status: 400,
    bytes: 0,
  })
  t.match(formatLogfmt(refused, AT), 'at=error code=H26 desc="Request Error" cause="bad \\"chunk\\"" method= path=""')
})

t.test('quotes, backslashes, control bytes and what is not ASCII are escaped as in JSON', async (t) => {
  const path = '/a"b\\c\n\x7f\xe9\u20ac'
  const shown = String.raw`"/a\"b\\c\u000a\u007f\u00e9\u20ac"`
  t.match(formatLogfmt(record({ path }), AT), ` path=${shown} `)
  t.match(formatJson(record({ path }), AT), `"path":${shown},`)
})

t.test('JSON has the same names and values, numbers as numbers, unknown ones as null', async (t) => {
  t.strictSame(JSON.parse(formatJson(answered, AT)), {
    time: AT,
    at: 'info',
    method: 'GET',
    path: '/a?b=c',
    host: 'shop.example.com',
    request_id: '6903a168-b79b-4c27-83c8-b8f64d8d8792',
    fwd: '203.0.113.9',
    dyno: 'web.1',
    connect: 0,
    service: 18,
    status: 200,
    bytes: 13,
    protocol: 'http1.1',
    tls: true,
    tls_version: 'tls1.3',
    app: 'shop',
    az: 'a',
    release: 'v7',
    retries: 0,
  })
  const unknown = JSON.parse(formatJson(record(), AT))
  t.match(unknown, { dyno: '', connect: null, service: null, status: null, bytes: null })
  for (const x of [answered, interrupted, record(), record({ cause: 'c', notRetried: 'n' })]) {
    const names = Object.keys(JSON.parse(formatJson(x, AT))).filter((name) => name !== 'time')
    t.strictSame(names, [...fieldsOf(formatLogfmt(x, AT)).keys()], 'the same names in the same order')
  }
})

t.test('a line says what its record says, whatever the lines before it said', async () => {
  const some = (...values: string[]) => fc.constantFrom(...values)
  const records = fc.record({
    at: some('info', 'warning'),
    method: some('', 'GET', 'PUT', 'POST'),
    connectMs: fc.constantFrom(-1, 0, 0.4, 1, 64),
    serviceMs: fc.constantFrom(-1, 0, 0.9, 63, 64, 128, 5000),
    status: fc.constantFrom(0, 200, 404),
    protocol: some('http1.0', 'http1.1'),
    tls: fc.boolean(),
    app: some('', 'shop', 'shed', 'sh"p'),
    az: some('', 'a', 'b', 'ab'),
    release: some('', 'v1', 'v2'),
    retries: fc.constantFrom(0, 1),
    notRetried: some('', 'retry budget'),
  })
  const shown = (ms: number) => (ms < 0 ? '' : `${Math.trunc(ms)}ms`)
  fc.assert(
    fc.property(fc.array(records, { minLength: 20, maxLength: 60 }), (several) => {
      for (const one of several) {
        const fields = fieldsOf(formatLogfmt(record(one), AT))
        const expected = {
          at: one.at,
          method: one.method,
          connect: shown(one.connectMs),
          service: shown(one.serviceMs),
          status: one.status === 0 ? '' : String(one.status),
          protocol: one.protocol,
          tls: String(one.tls),
          app: one.app,
          az: one.az,
          release: one.release,
          retries: String(one.retries),
          not_retried: one.notRetried === '' ? undefined : one.notRetried,
        }
        for (const [name, value] of Object.entries(expected)) {
          if (fields.get(name) !== value) throw new Error(`${name} is ${fields.get(name)} and should be ${value}`)
        }
      }
    }),
  )
})

const FORGERIES = [
  'x"\n2026-04-26T16:58:32.943253Z postern[router]: at=info',
  'a" status=200 x="',
  'a status=200',
  'a=status=200',
  'a\\',
  'a\\" status=200 x="',
  '"',
  '',
  ' ',
  'a\tb',
  '\r\nat=info',
  '\0\x1b[2J\x7f',
  'gr\xfc\xdfe',
  '\u2028\u2029\u0085\u202e',
  '\ud800',
  '\u{1f600}',
  '","status":200,"x":"',
]

t.test('no value of a client or a dyno can forge a line or a field', async (t) => {
  const hostile = fc.oneof(
    fc.constantFrom(...FORGERIES),
    fc.array(fc.nat(0xffff), { maxLength: 20 }).map((units) => String.fromCharCode(...units)),
    fc
      .array(fc.constantFrom('"', '\\', '\n', '\r', ' ', '=', 'a', '\0', '\xe9'), { maxLength: 12 })
      .map((parts) => parts.join('')),
  )
  const names = ['method', 'path', 'host', 'requestId', 'forwardedFor', 'dyno', 'app', 'az', 'release'] as const
  const expected = ['method', 'path', 'host', 'request_id', 'fwd', 'dyno', 'app', 'az', 'release']
  fc.assert(
    fc.property(fc.array(hostile, { minLength: 12, maxLength: 12 }), (values) => {
      const x = record({ ...answered, code: 'H26', desc: values[9]!, cause: values[10]!, notRetried: values[11]! })
      names.forEach((name, index) => {
        x[name] = values[index]!
      })
      const line = formatLogfmt(x, AT)
      const json = formatJson(x, AT)
      if (!/^[\x20-\x7e]*\n$/.test(line) || !/^[\x20-\x7e]*\n$/.test(json)) throw new Error('not one line of ASCII')
      const fields = fieldsOf(line)
      const object = JSON.parse(json) as Record<string, unknown>
      if (fields.size !== Object.keys(object).length - 1) throw new Error('fields were added or lost')
      for (const [index, name] of [...expected, 'desc'].entries()) {
        if (fields.get(name) !== values[index]) throw new Error(`${name} reads as ${fields.get(name)}`)
        if (object[name] !== values[index]) throw new Error(`${name} reads as ${object[name]} in JSON`)
      }
      for (const [name, value] of [
        ['cause', values[10]!],
        ['not_retried', values[11]!],
      ] as const) {
        if ((fields.get(name) ?? '') !== value || (object[name] ?? '') !== value) throw new Error(`${name} is another`)
      }
      if (fields.get('status') !== '200' || object.status !== 200) throw new Error('another status')
    }),
    { numRuns: 2000 },
  )
  t.pass()
})

t.test('a request id that looks like a field is put in quotes', async (t) => {
  const line = formatLogfmt(record({ requestId: 'AAAAAAAAAAAAAAAAAAAA=status=200' }), AT)
  t.match(line, 'request_id="AAAAAAAAAAAAAAAAAAAA=status=200" ')
  t.equal(line.match(/ status=\S*/g)?.length, 1)
})

t.test('a line has its bound whatever is in the request', async (t) => {
  const huge = '\0'.repeat(1_000_000)
  const x = record({
    method: huge,
    path: huge,
    host: huge,
    requestId: huge,
    forwardedFor: huge,
    dyno: huge,
    cause: huge,
  })
  t.ok(formatLogfmt(x, AT).length < 100_000)
  t.ok(formatJson(x, AT).length < 100_000)
  t.equal(fieldsOf(formatLogfmt(record({ path: `/${'a'.repeat(9000)}` }), AT)).get('path')?.length, 8192)
})
