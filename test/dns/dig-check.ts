/**
 * Asks the embedded responder with the real `dig` (BIND 9.18 or newer) about a zone of dynos: one line for each check, 1 at the end
 * when one failed, and a clear word when there is no dig.
 *
 *   node test/dns/dig-check.ts
 */
import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { dynoZones } from '../../src/control/dyno-zone.ts'
import { Responder } from '../../src/dns/responder.ts'
import { ZoneSet } from '../../src/dns/zone.ts'
import type { Dyno } from '../../src/model/dyno.ts'

if (spawnSync('dig', ['-v']).error !== undefined) {
  console.log('skipped: there is no dig on this machine (Debian: dnsutils)')
  process.exit(0)
}

const INSIDE = '127.10.9.9'
const OUTSIDE = '127.0.0.1'

function dynos(app: string, count: number, address: (n: number) => string): Dyno[] {
  return Array.from({ length: count }, (_, index) => ({
    app,
    processType: 'web',
    number: index + 1,
    address: address(index + 1),
    port: 5000 + index,
    az: 'abc'[index % 3]!,
    release: 'v7',
    state: 'up' as const,
    sinceMs: 0,
  }))
}

const space: Dyno[] = [
  ...dynos('shop', 4, (n) => `127.10.1.${n}`),
  ...dynos('big', 100, (n) => `127.10.2.${n}`),
  ...dynos('six', 2, (n) => `fd00::${n}`),
  { ...dynos('shop', 5, () => '127.10.1.5')[4]!, state: 'draining' },
]

/** How often the responder asked whether a client is inside: once for each datagram and each TCP connection. */
let clients = 0

const responder = new Responder({
  host: '127.0.0.1',
  port: 0,
  zones: new ZoneSet(
    dynoZones(space, {
      zone: 'app.localspace',
      cidr: '127.10.0.0/16',
      ttlSeconds: 5,
      serial: 1,
      nameServerAddresses: ['127.0.0.1'],
    }),
  ),
  allow: (address) => {
    clients++
    return address.startsWith('127.10.')
  },
})
const { port } = await responder.start()

/** One answer as dig prints it. */
interface Printed {
  readonly status: string
  readonly flags: readonly string[]
  readonly edns: string
  readonly question: string
  /** Lines of each section, blanks as one. */
  readonly answer: readonly string[]
  readonly authority: readonly string[]
  readonly additional: readonly string[]
  readonly bytes: number
  readonly overTcp: boolean
}

const run = promisify(execFile)

/** Every answer that dig got, in order. */
async function dig(from: string, ...args: string[]): Promise<Printed[]> {
  const base = ['-b', from, '@127.0.0.1', '-p', String(port), '+tries=1', '+time=3', '+nocookie']
  // dig reads the user's .digrc; what a person likes there must not change the checks.
  const { stdout } = await run('dig', ['-r', ...base, ...args], { env: { ...process.env, LC_ALL: 'C' } })
  return stdout.split(';; Got answer:').slice(1).map(read)
}

function read(text: string): Printed {
  const lines = text.split('\n').map((line) => line.trim().replaceAll(/\s+/g, ' '))
  const section = (name: string): string[] => {
    const start = lines.indexOf(`;; ${name} SECTION:`)
    if (start < 0) return []
    return lines.slice(start + 1, lines.indexOf('', start))
  }
  return {
    status: /status: (\w+)/.exec(text)?.[1] ?? '',
    flags: /;; flags: ([\w ]*);/.exec(text)?.[1]?.split(' ') ?? [],
    edns: /; EDNS: (.*)/.exec(text)?.[1] ?? '',
    question: section('QUESTION')[0] ?? '',
    answer: section('ANSWER'),
    authority: section('AUTHORITY'),
    additional: section('ADDITIONAL'),
    bytes: Number(/MSG SIZE\s+rcvd: (\d+)/.exec(text)?.[1]),
    overTcp: text.includes('(TCP)'),
  }
}

let failed = 0

/** One line; `expected` says in words what must hold. */
function report(name: string, expected: string, holds: boolean, got: unknown): void {
  console.log(`${holds ? 'ok    ' : 'FAILED'} ${name}: ${expected}`)
  if (holds) return
  failed++
  console.log(JSON.stringify(got, null, 2))
}

async function check(
  name: string,
  args: string,
  expected: string,
  holds: (answer: Printed) => boolean,
  from: string = INSIDE,
) {
  const [answer] = await dig(from, ...args.split(' '))
  report(name, expected, answer !== undefined && holds(answer), answer)
}

const SHOP = 'web.shop.app.localspace'
const SERVICES = `_http._tcp.${SHOP}`
const BIG = 'web.big.app.localspace'
const good = ({ status, flags }: Printed): boolean =>
  status === 'NOERROR' && flags.includes('aa') && !flags.includes('tc')
const soa = ({ authority }: Printed): boolean =>
  authority.length === 1 && authority[0]!.startsWith('app.localspace. 5 IN SOA ')
const lines = (records: readonly string[]): string => [...records].sort().join('\n')

await check(
  'A',
  `${SHOP} A`,
  '4 addresses, TTL 5',
  (a) => good(a) && lines(a.answer) === lines([1, 2, 3, 4].map((n) => `${SHOP}. 5 IN A 127.10.1.${n}`)),
)
await check(
  'A of one dyno',
  `1.${SHOP} A`,
  'its address',
  (a) => good(a) && lines(a.answer) === `1.${SHOP}. 5 IN A 127.10.1.1`,
)
await check(
  'AAAA',
  'web.six.app.localspace AAAA',
  '2 addresses',
  (a) => good(a) && a.answer.length === 2 && lines(a.answer).includes('AAAA fd00::1'),
)
await check('SRV', `${SERVICES} SRV`, '4 targets with ports, addresses in the additional section', (a) => {
  const addresses = a.additional.filter((line) => line.includes(' IN A '))
  return (
    good(a) &&
    lines(a.answer) === lines([1, 2, 3, 4].map((n) => `${SERVICES}. 5 IN SRV 0 0 ${4999 + n} ${n}.${SHOP}.`)) &&
    addresses.length === 4
  )
})
await check(
  'TXT',
  `2.${SHOP} TXT`,
  'az, release and state as strings',
  (a) => good(a) && a.answer[0] === `2.${SHOP}. 5 IN TXT "az=b" "release=v7" "state=up"`,
)
await check(
  'TXT of a draining dyno',
  `5.${SHOP} TXT`,
  'says that it drains',
  (a) => good(a) && a.answer[0]!.endsWith('"state=draining"'),
)
await check('A of a draining dyno', `5.${SHOP} A`, 'NODATA', (a) => good(a) && a.answer.length === 0 && soa(a))
await check(
  'PTR',
  '-x 127.10.1.3',
  'the name of the dyno',
  (a) => good(a) && a.answer[0] === `3.1.10.127.in-addr.arpa. 5 IN PTR 3.${SHOP}.`,
)
await check(
  'SOA',
  'app.localspace SOA',
  'at the apex',
  (a) =>
    good(a) && a.answer[0]!.startsWith('app.localspace. 5 IN SOA ns.app.localspace. hostmaster.app.localspace. 1 '),
)
await check(
  'NS',
  'app.localspace NS',
  'at the apex',
  (a) => good(a) && a.answer[0] === 'app.localspace. 5 IN NS ns.app.localspace.',
)
await check('ANY', `1.${SHOP} ANY`, 'every set of the name', (a) => good(a) && a.answer.length === 2)
await check(
  'NXDOMAIN',
  'nope.app.localspace A',
  'with the SOA',
  (a) => a.status === 'NXDOMAIN' && a.answer.length === 0 && soa(a),
)
await check('NODATA', `${SHOP} AAAA`, 'with the SOA', (a) => good(a) && a.answer.length === 0 && soa(a))
await check(
  'empty non-terminal',
  'shop.app.localspace A',
  'NODATA and not NXDOMAIN',
  (a) => good(a) && a.answer.length === 0 && soa(a),
)
await check(
  'PTR of no one',
  '-x 127.10.77.77',
  'NXDOMAIN of the reverse zone',
  (a) => a.status === 'NXDOMAIN' && a.authority[0]!.startsWith('10.127.in-addr.arpa. 5 IN SOA '),
)
await check(
  'mixed case',
  'wEb.ShOp.App.LocalSpace A',
  'comes back as it was asked',
  (a) =>
    good(a) &&
    a.question === ';wEb.ShOp.App.LocalSpace. IN A' &&
    a.answer.every((line) => line.startsWith('wEb.ShOp.App.LocalSpace. ')),
)
await check('outside of the zone', 'example.com A', 'REFUSED', (a) => a.status === 'REFUSED' && !a.flags.includes('aa'))
await check('class CH', 'version.bind CH TXT', 'REFUSED', (a) => a.status === 'REFUSED')
await check('+opcode', `+opcode=notify ${SHOP} A`, 'NOTIMP', (a) => a.status === 'NOTIMP')
await check('+edns=1', `+edns=1 +noednsnegotiation ${SHOP} A`, 'BADVERS', (a) => a.status === 'BADVERS')
await check('+tcp', `+tcp ${SHOP} A`, 'the same over TCP', (a) => good(a) && a.overTcp && a.answer.length === 4)
await check('100 dynos, +notcp +ignore', `+notcp +ignore ${BIG} A`, 'TC, whole records, at most 1,232 bytes', (a) => {
  return (
    a.status === 'NOERROR' &&
    a.flags.includes('tc') &&
    !a.overTcp &&
    a.bytes <= 1232 &&
    a.bytes > 1232 - 16 &&
    a.answer.length === Math.floor((1232 - 12 - 28 - 11) / 16)
  )
})
await check(
  '100 dynos',
  `${BIG} A`,
  'all 100 over TCP after TC',
  (a) => good(a) && a.overTcp && a.answer.length === 100,
)
await check(
  '100 dynos, SRV',
  `_http._tcp.${BIG} SRV`,
  'all 100 with addresses over TCP after TC',
  (a) =>
    good(a) &&
    a.overTcp &&
    a.answer.length === 100 &&
    a.additional.filter((line) => line.includes(' IN A ')).length === 100,
)
await check(
  '+bufsize=800',
  `+bufsize=800 +notcp +ignore ${BIG} A`,
  'at most 800 bytes',
  (a) => a.flags.includes('tc') && a.bytes <= 800 && a.bytes > 780,
)
await check(
  '+bufsize=4096',
  `+bufsize=4096 +notcp +ignore ${BIG} A`,
  'still at most 1,232 bytes',
  (a) => a.flags.includes('tc') && a.bytes <= 1232,
)
await check(
  '+noedns',
  `+noedns +notcp +ignore ${BIG} A`,
  'at most 512 bytes and no OPT',
  (a) => a.flags.includes('tc') && a.bytes <= 512 && a.bytes > 490 && a.edns === '',
)
await check('+edns', `${SHOP} A`, 'version 0 and 1,232 bytes', (a) => a.edns === 'version: 0, flags:; udp: 1232')
await check('+dnssec', `+dnssec ${SHOP} A`, 'the DO flag comes back', (a) =>
  a.edns.startsWith('version: 0, flags: do;'),
)
await check(
  '+cookie',
  `+cookie ${SHOP} A`,
  'options that are not known do no harm',
  (a) => good(a) && a.answer.length === 4,
)

const queries = [SHOP, 'A', SERVICES, 'SRV', 'nope.app.localspace', 'A', `1.${SHOP}`, 'TXT']
const before = clients
const together = await dig(INSIDE, '+tcp', '+keepopen', ...queries)
report(
  '+tcp +keepopen',
  '4 queries on one TCP connection',
  together.map(({ status, answer }) => `${status} ${answer.length}`).join() ===
    'NOERROR 4,NOERROR 4,NXDOMAIN 0,NOERROR 1' &&
    together.every(({ overTcp }) => overTcp) &&
    clients === before + 1,
  { together, connections: clients - before },
)

const orders = new Set<string>()
for (let n = 0; n < 4; n++) orders.add((await dig(INSIDE, SHOP, 'A'))[0]!.answer[0]!)
report('rotation', 'each of 4 answers begins with another dyno', orders.size === 4, [...orders])

await check('from outside', `${SHOP} A`, 'REFUSED', (a) => a.status === 'REFUSED' && a.answer.length === 0, OUTSIDE)
await check('from outside, +tcp', `+tcp ${SHOP} A`, 'REFUSED', (a) => a.status === 'REFUSED' && a.overTcp, OUTSIDE)
await check(
  'from outside, an unknown name',
  'example.com A',
  'REFUSED, the same',
  (a) => a.status === 'REFUSED',
  OUTSIDE,
)

await responder.stop()
console.log(failed === 0 ? 'all checks passed' : `${failed} checks failed`)
process.exitCode = failed === 0 ? 0 : 1
