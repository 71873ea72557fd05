import { isIPv6 } from 'node:net'
import { relative, resolve } from 'node:path'
import type { AppConfig, Config } from '../config/config.ts'
import type { Cidr } from '../model/address.ts'
import { parseAddress, parseCidr } from '../model/address.ts'
import { CidrSet } from '../model/cidr-set.ts'
import { DEFAULT_FILE } from './command.ts'
import { formatTable } from './table.ts'

/** Sources that a machine has without being given them: where the space is on loopback, so can its visitors be. */
const LOOPBACK = /^127\./
const VISITORS = ['127.66.0.1', '127.77.0.1', '127.88.0.1', '127.99.0.1']
const OUTSIDE = '127.0.0.1'
/** With so many it stays at 20 lines. */
const MOST_LISTENERS = 3
const MOST_APPS = 5

/** Where the operator is. */
export interface Surroundings {
  /** Paths are shown relative to it. */
  readonly cwd: string
  /** How they call this program: `postern`. */
  readonly command: string
}

/**
 * For a space that lives on this machine's loopback network, as the demo does: what runs where, and commands to try that
 * work as they stand. null for any other space, whose clients are elsewhere. At most 20 lines.
 */
export function banner(config: Config, { cwd, command }: Surroundings): string | null {
  const listener = config.listeners.find(
    ({ exposure, host, port }) => exposure === 'public' && port > 0 && LOOPBACK.test(host),
  )
  if (!listener || !LOOPBACK.test(config.space.cidr)) return null
  if (config.listeners.length > MOST_LISTENERS || config.apps.length > MOST_APPS) return null
  const url = `http://${listener.host}:${listener.port}/`
  const inside = insideAddress(config)
  const publicApp = config.apps.find((app) => !app.internalRouting && hostOf(app))
  const internalApp = config.apps.find((app) => app.internalRouting && hostOf(app))
  const blocked = VISITORS.find((address) => !isIn(address, config.space.cidr) && !mayCome(config, address))
  const tries: string[][] = []
  const curl = (app: AppConfig, source: string) =>
    `curl ${source === OUTSIDE ? '' : `--interface ${source} `}-H 'Host: ${hostOf(app)}' ${url}`
  if (publicApp && mayCome(config, OUTSIDE)) {
    tries.push([curl(publicApp, OUTSIDE), 'a public app; again: another dyno'])
  }
  if (internalApp && mayCome(config, OUTSIDE)) {
    tries.push([curl(internalApp, OUTSIDE), 'an internal app, from outside: no such app'])
  }
  if (internalApp) tries.push([curl(internalApp, inside), 'and from inside'])
  if (publicApp && blocked && config.onUntrusted === 'reset') {
    tries.push([curl(publicApp, blocked), 'not a trusted range: connection reset'])
  }
  const named = publicApp ?? internalApp
  if (named && config.dns.port > 0) {
    const at = `dig +short -b ${inside} -p ${config.dns.port} @${config.dns.host}`
    tries.push([`${at} web.${named.name}.${config.dns.zone}`, 'where its dynos are'])
  }
  tries.push([metricsCommand(config, cwd), 'metrics'])
  const where = config.file === resolve(cwd, DEFAULT_FILE) ? '' : ` --config ${here(config.file, cwd)}`
  tries.push([`${command} ps${where}`, 'every dyno and how it is doing'])
  const runsHere = config.apps.find((app) => app.formation.some(({ source }) => source.kind === 'command'))
  if (runsHere) tries.push([`${command} deploy ${runsHere.name}${where}`, 'its dynos are replaced, a batch at a time'])
  return [
    `Space ${config.space.name}, ${config.space.cidr}`,
    indented(formatTable(parts(config, listener.port, cwd))),
    'Try',
    indented(formatTable(tries.map(([command, what]) => [command!, `# ${what}`]))),
    'Ctrl-C ends it all.',
  ].join('\n')
}

function parts(config: Config, port: number, cwd: string): string[][] {
  const listeners = config.listeners.map(({ name, host, port, exposure }) => [
    name,
    `http://${host}:${port}`,
    `${exposure} listener`,
  ])
  const apps = config.apps.map((app) => [
    app.name,
    app.domains.map((domain) => (domain.endsWith('.localhost') ? `http://${domain}:${port}/` : domain)).join(' '),
    `${app.internalRouting ? 'internal' : 'public'} app, ${dynoCount(app)}`,
  ])
  const admin =
    'socket' in config.admin ? here(config.admin.socket, cwd) : `http://${config.admin.host}:${config.admin.port}`
  return [
    ...listeners,
    ['dns', `${config.dns.host}:${config.dns.port}`, `zone ${config.dns.zone}`],
    ['admin', admin, 'metrics, health, what runs'],
    ...apps,
  ]
}

function dynoCount({ formation }: AppConfig): string {
  let count = 0
  for (const { source } of formation) {
    if (source.kind === 'command') count += source.quantity ?? 1
    else if (source.kind === 'dynos') count += source.dynos.length
    else return source.kind === 'dns' ? 'dynos by DNS' : 'dynos that are announced'
  }
  return `${count} dyno${count === 1 ? '' : 's'}`
}

function metricsCommand({ admin }: Config, cwd: string): string {
  if ('host' in admin)
    return `curl -s -H "Authorization: Bearer $POSTERN_TOKEN" http://${isIPv6(admin.host) ? `[${admin.host}]` : admin.host}:${admin.port}/metrics`
  return `curl -s --unix-socket ${here(admin.socket, cwd)} http://postern/metrics`
}

function hostOf(app: AppConfig): string | undefined {
  return app.domains.find((domain) => !domain.startsWith('*'))
}

/** An address of the space that no dyno gets: those of its first block are free, and 9.9 is easy to read. */
function insideAddress({ space }: Config): string {
  const [a, b, c, d] = space.cidr.split('/')[0]!.split('.')
  const prefixLength = Number(space.cidr.split('/')[1])
  if (prefixLength <= 16) return `${a}.${b}.9.9`
  return `${a}.${b}.${c}.${Number(d) + 1}`
}

/** Whether an outside client gets past the ranges of the space. */
function mayCome({ trustedIpRanges }: Config, text: string): boolean {
  if (trustedIpRanges === null) return true
  const ranges = trustedIpRanges.map(({ cidr, action }) => ({ cidr: parseCidr(cidr) as Cidr, deny: action === 'deny' }))
  const decider = CidrSet.of(ranges).find(parseAddress(text)!)
  return decider >= 0 && !ranges[decider]!.deny
}

function isIn(text: string, cidr: string): boolean {
  return CidrSet.of([{ cidr: parseCidr(cidr) as Cidr, deny: false }]).has(parseAddress(text)!)
}

function here(path: string, cwd: string): string {
  const short = relative(cwd, path)
  return short.length < path.length ? short : path
}

function indented(text: string): string {
  return text.replace(/^/gm, '  ')
}
