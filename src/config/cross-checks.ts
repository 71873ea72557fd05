import { parseCidr } from '../model/address.ts'
import { endpointText, readAdminAddress, readEndpoint } from './addresses.ts'
import { dynoCapacity } from './dyno-capacity.ts'
import { readDomain, readName, readVariable } from './names.ts'
import { keysAt, type Outline } from './outline.ts'
import { type Found, type Path, select, valueAt } from './path.ts'
import type { ProblemList } from './problems.ts'
import { orList } from './scalars.ts'

/** The data as written, not checked: it may be of any shape. */
interface Written {
  readonly data: unknown
  readonly outline: Outline
}

/**
 * What must hold between keys. It looks at the data as written, whether or not the schema likes it, so that all problems
 * come at once; what cannot be read is passed over here, for the schema has said so already.
 */
export function crossCheck(written: Written, problems: ProblemList): void {
  const { data } = written
  checkNames(data, problems)
  unique(texts(data, 'listeners.*.name'), problems, 'each listener needs a name of its own')
  unique(texts(data, 'networks.*.name'), problems, 'each network needs a name of its own')
  unique(domains(data), problems, 'a domain leads to one app, once')
  unique(boundAddresses(written), problems, 'each socket needs an address and port of its own')
  unique(texts(data, 'admin.tokens.*.name'), problems, 'each token needs a name of its own')
  checkAdmin(written, problems)
  for (const pattern of ['trustedIpRanges', 'apps.*.trustedIpRanges']) {
    for (const list of select(data, pattern)) checkTrustedRanges(list, written, problems)
  }
  for (const balance of select(data, 'apps.*.balance')) checkBalance(balance, problems)
  for (const app of select(data, 'apps.*')) checkEnvironment(app, problems)
  for (const type of select(data, 'apps.*.formation.*')) checkSource(type, problems)
  checkRoom(written, problems)
}

function checkNames(data: unknown, problems: ProblemList): void {
  const rules = { 'apps.*': readName, 'apps.*.formation.*': readName, 'apps.*.env.*': readVariable }
  for (const [pattern, read] of Object.entries(rules)) {
    for (const { path } of select(data, pattern)) {
      const reading = read(String(path.at(-1)))
      if ('wrong' in reading) problems.add(path, 'key', reading.wrong)
    }
  }
}

/** Something that may be there once only, in canonical text. */
interface Claim {
  readonly path: Path
  readonly text: string
}

function unique(claims: readonly Claim[], problems: ProblemList, rule: string): void {
  const first = new Map<string, Path>()
  for (const { path, text } of claims) {
    const other = first.get(text)
    if (other === undefined) first.set(text, path)
    else problems.add(path, 'value', `${text} is already at ${problems.where(other)}; ${rule}`)
  }
}

function texts(data: unknown, pattern: string): Claim[] {
  return select(data, pattern).flatMap(({ path, value }) => (typeof value === 'string' ? [{ path, text: value }] : []))
}

function domains(data: unknown): Claim[] {
  return texts(data, 'apps.*.domains.*').flatMap(({ path, text }) => {
    const domain = readDomain(text)
    return 'value' in domain ? [{ path, text: domain.value }] : []
  })
}

/** Everything that listens on TCP, the embedded DNS included. */
function boundAddresses(written: Written): Claim[] {
  const dns = { path: ['dns', 'address'], value: effective(written, ['dns', 'address']) }
  const listeners = select(written.data, 'listeners.*.address')
  const endpoints = [dns, ...listeners].map(({ path, value }) => ({
    path,
    reading: readEndpoint(textOf(value), 'any'),
  }))
  const adminAddress = effective(written, ['admin', 'address'])
  const admin = { path: ['admin', 'address'], reading: readAdminAddress(textOf(adminAddress)) }
  return [...endpoints, admin].flatMap(({ path, reading }) => {
    if ('wrong' in reading || 'socket' in reading.value || reading.value.port === 0) return []
    return [{ path, text: endpointText(reading.value) }]
  })
}

function checkAdmin(written: Written, problems: ProblemList): void {
  const address = readAdminAddress(textOf(effective(written, ['admin', 'address'])))
  if ('wrong' in address || 'socket' in address.value || select(written.data, 'admin.tokens.*').length > 0) return
  const advice = 'give admin.tokens, or a unix: socket'
  const text = endpointText(address.value)
  problems.add(['admin', 'address'], 'value', `every user of this machine could change things at ${text}; ${advice}`)
}

function checkTrustedRanges({ path, value }: Found, written: Written, problems: ProblemList): void {
  if (!Array.isArray(value)) return
  const most = effective(written, ['limits', 'trustedIpRanges'])
  if (typeof most === 'number' && most >= 1 && value.length > most) {
    const advice = 'join neighbours into a larger range, or raise limits.trustedIpRanges'
    problems.add([...path, Math.floor(most)], 'value', `${value.length} ranges where at most ${most} may be; ${advice}`)
  }
  if (value.length > 0 && value.every((range) => valueAt(range, ['action']) === 'deny')) {
    const advice = 'add what to allow (0.0.0.0/0 and ::/0 for all others), or write [] to block everyone'
    problems.add(path, 'key', `only deny: no one may come; ${advice}`)
  }
}

function checkBalance({ path, value }: Found, problems: ProblemList): void {
  const algorithm = valueAt(value, ['algorithm'])
  if (valueAt(value, ['on']) === undefined || typeof algorithm !== 'string' || algorithm === 'hash') return
  problems.add([...path, 'on'], 'key', `only hash looks at it; write algorithm: hash, or take it out`)
}

function checkEnvironment({ path, value }: Found, problems: ProblemList): void {
  const types = select(value, 'formation.*')
  if (types.length === 0 || select(value, 'env.*').length === 0) return
  if (types.some((type) => STARTED.some((key) => isThere(type, key, problems)))) return
  problems.add([...path, 'env'], 'key', 'no dyno of this app runs here, so nothing would read it; take it out')
}

/** Under its name, or under one that was told to be nearly it. */
function isThere({ path, value }: Found, key: string, problems: ProblemList): boolean {
  return valueAt(value, [key]) !== undefined || problems.wasMeant([...path, key])
}

const SOURCES = ['command', 'exec', 'dynos', 'registered', 'dns']
/** Of those, which the router starts. */
const STARTED = ['command', 'exec']
const WITH_COMMAND = ['quantity', 'cwd']

function checkSource({ path, value }: Found, problems: ProblemList): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return
  const [source, ...others] = SOURCES.filter((key) => isThere({ path, value }, key, problems))
  if (source === undefined) {
    problems.add(path, 'key', `does not say where its dynos are; give one of ${orList(SOURCES)}`)
    return
  }
  for (const other of others) {
    problems.add(
      [...path, other],
      'key',
      `${source} says already where the dynos are; give only one of ${orList(SOURCES)}`,
    )
  }
  if (!STARTED.includes(source)) {
    for (const key of WITH_COMMAND.filter((each) => valueAt(value, [each]) !== undefined)) {
      problems.add([...path, key], 'key', `goes with command or exec, not with ${source}; take it out`)
    }
  }
  const endpoints = texts(value, 'dynos.*.address').flatMap((claim) => {
    const reading = readEndpoint(claim.text, 'remote')
    return 'value' in reading ? [{ path: [...path, ...claim.path], text: endpointText(reading.value) }] : []
  })
  unique(endpoints, problems, 'list each dyno once')
}

function checkRoom(written: Written, problems: ProblemList): void {
  const network = parseCidr(textOf(effective(written, ['space', 'cidr'])))
  if (typeof network === 'string') return
  let dynos = 0
  for (const { value } of select(written.data, 'apps.*.formation.*')) {
    const quantity = valueAt(value, ['quantity']) ?? 1
    const isStarted = STARTED.some((key) => valueAt(value, [key]) !== undefined)
    if (isStarted && typeof quantity === 'number') dynos += Math.max(0, quantity)
  }
  const room = dynoCapacity(network)
  if (dynos <= room) return
  const advice = 'give a larger network, such as 10.0.0.0/16'
  problems.add(
    ['space', 'cidr'],
    'value',
    `${network.text} has room for ${room} dynos, the apps have ${dynos}; ${advice}`,
  )
}

/** As written, or the default. */
function effective({ data, outline }: Written, path: [...Path, string]): unknown {
  const written = valueAt(data, path)
  if (written !== undefined) return written
  const key = path.at(-1)
  return keysAt(outline, path.slice(0, -1)).find((known) => known.key === key)?.info.shown
}

/** What is no text is told elsewhere, and some values cannot even be made one. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
