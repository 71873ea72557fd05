/**
 * One answer of the responder, packet to packet, against dns-packet reading the same question and writing the same records (it does not compress
 * names, so its answers are larger). `node bench/micro/dns.ts`
 */
import dnsPacket, { type Answer, type Question } from 'dns-packet'
import { FORWARD, QueryHandler } from '../../src/dns/query-handler.ts'
import { ZoneSet } from '../../src/dns/zone.ts'
import { zoneApps } from '../dns/zone.ts'
import { zoneSource } from '../dns/zone-source.ts'
import { describeMachine, nanosecondsPer, report } from './measure.ts'

describeMachine()
const handler = new QueryHandler(new ZoneSet([zoneSource()]), false, () => {})
const apps = zoneApps()
for (const [what, type, nameOf] of [
  ['A, four addresses', 'A', (app: (typeof apps)[number]) => app.set],
  ['SRV, four with their addresses', 'SRV', (app: (typeof apps)[number]) => app.service],
  ['TXT', 'TXT', (app: (typeof apps)[number]) => app.dynos[0]!.name],
  ['no such name', 'A', (app: (typeof apps)[number]) => `never.${app.set}`],
] as const) {
  const packets = apps.map((app, id) => question(id, type, nameOf(app)))
  const recordsOf = new Map(packets.map((packet) => sectionsOf(packet)))
  const ours = nanosecondsPer((i) => answer(packets[i % packets.length]!).length)
  const theirs = nanosecondsPer((i) => {
    const { id, questions } = dnsPacket.decode(packets[i % packets.length]!)
    const sections = recordsOf.get(questions![0]!.name)!
    return dnsPacket.encode({ type: 'response', id, flags: dnsPacket.AUTHORITATIVE_ANSWER, questions, ...sections })
      .length
  })
  report(`${what}: QueryHandler`, ours)
  report(`${what}: dns-packet`, theirs, `${(theirs / ours).toFixed(1)}×`)
}

function question(id: number, type: Question['type'], name: string): Buffer {
  return dnsPacket.encode({ type: 'query', id, questions: [{ type, name }] })
}

function answer(packet: Buffer): Buffer {
  const answered = handler.handle(packet, true, 'udp')
  if (answered === null || answered === FORWARD) throw new Error('no answer')
  return answered
}

/** What the responder says to a question, for dns-packet to say the same. */
function sectionsOf(
  packet: Buffer,
): [name: string, { answers?: Answer[]; authorities?: Answer[]; additionals?: Answer[] }] {
  const { questions, answers, authorities, additionals } = dnsPacket.decode(answer(packet))
  return [questions![0]!.name, { answers, authorities, additionals }]
}
