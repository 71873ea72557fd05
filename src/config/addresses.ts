import type * as z from 'zod'
import { parseAddress, parseCidr } from '../model/address.ts'
import type { AdminAddress } from './config.ts'
import { quote, type Reading, type ScalarKind, textScalar } from './scalars.ts'

/** An IP address and a port. */
export interface Endpoint {
  /** Canonical text, IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

const CIDR: ScalarKind = {
  name: 'CIDR',
  expects: 'a CIDR such as 10.0.0.0/16 or 2001:db8::/32',
  json: { type: 'string', pattern: '^[0-9a-fA-F:.]+/[0-9]{1,3}$' },
}

/** Canonical text. */
export function cidr(): z.ZodType<string, string> {
  return textScalar(CIDR, readCidr)
}

export function readCidr(text: string): Reading<string> {
  const address = text.split('/', 1)[0]!
  if (parseAddress(address) === null) return { wrong: `${quote(text)} is not a CIDR: ${whyNoAddress(address)}` }
  const parsed = parseCidr(text)
  return typeof parsed === 'string' ? { wrong: parsed } : { value: parsed.text }
}

/** `any`: 0 lets the system choose a port to bind. `remote`: something to connect to. */
type EndpointUse = 'any' | 'remote'

const ENDPOINT: ScalarKind = {
  name: 'address:port',
  expects: 'an address and port such as 10.0.0.5:8080 or [2001:db8::5]:8080',
  json: { type: 'string', pattern: '^([0-9.]+|\\[[0-9a-fA-F:.]+\\]):[0-9]{1,5}$' },
}

/** An address of this machine to listen at. */
export function localEndpoint(): z.ZodType<Endpoint, string> {
  return textScalar(ENDPOINT, (text) => readEndpoint(text, 'any'))
}

/** A DNS server or a dyno. */
export function remoteEndpoint(): z.ZodType<Endpoint, string> {
  return textScalar(ENDPOINT, (text) => readEndpoint(text, 'remote'))
}

export function readEndpoint(text: string, use: EndpointUse): Reading<Endpoint> {
  const bracketed = /^\[(.*)\](?::(.*))?$/.exec(text)
  const colon = text.lastIndexOf(':')
  const [host, port] = bracketed
    ? [bracketed[1]!, bracketed[2]]
    : colon === -1
      ? [text, undefined]
      : [text.slice(0, colon), text.slice(colon + 1)]
  if (!bracketed && parseAddress(text)?.family === 6) {
    return { wrong: `${text} has no port, or no brackets; write [${text}]:8080` }
  }
  const address = parseAddress(host)
  if (address === null) return { wrong: `${quote(text)} is not an address and port: ${whyNoAddress(host)}` }
  if (!bracketed && host.includes(':')) return { wrong: `${quote(text)} has no brackets; write [${host}]:${port}` }
  if (bracketed && !host.includes(':')) return { wrong: `${quote(text)} has brackets; write ${host}:${port ?? '8080'}` }
  if (port === undefined) return { wrong: `${text} has no port; write ${text}:8080` }
  const least = use === 'remote' ? 1 : 0
  if (!/^(0|[1-9][0-9]{0,4})$/.test(port) || Number(port) > 65_535 || Number(port) < least) {
    return { wrong: `${quote(port)} is not a port; give a whole number from ${least} to 65535` }
  }
  if (use === 'remote' && (address.text === '0.0.0.0' || address.text === '::')) {
    return { wrong: `${address.text} means every address of this machine; give the one address to connect to` }
  }
  return { value: { host: address.text, port: Number(port) } }
}

/** The forms that other parsers take for an address get a sentence of their own (RFC 6943 §3.1.1). */
function whyNoAddress(host: string): string {
  if (/^[0-9.]+$/.test(host)) {
    return `${host} is not four numbers from 0 to 255 without leading zeros; write all four`
  }
  if (host.includes('%')) return 'an interface after % is not allowed; write the address alone'
  if (host.includes(':')) return 'this is not IPv6 text (RFC 4291 §2.2); write one such as 2001:db8::5'
  if (host === '' || host === '*') return 'the address is missing; for every address write 0.0.0.0 or ::'
  return 'names are not looked up here; write the IP address itself'
}

const ADMIN: ScalarKind = {
  name: 'unix:PATH or address:port',
  expects:
    'unix: and the path of a socket such as unix:postern.sock, or a loopback address and port such as 127.0.0.1:9900',
  json: { type: 'string', pattern: '^(unix:.+|([0-9.]+|\\[[0-9a-fA-F:.]+\\]):[0-9]{1,5})$' },
}

/** The socket's path is as written. */
export function adminAddress(): z.ZodType<AdminAddress, string> {
  return textScalar(ADMIN, readAdminAddress)
}

export function readAdminAddress(text: string): Reading<AdminAddress> {
  if (text.startsWith('unix:')) {
    const socket = text.slice('unix:'.length)
    if (socket === '') return { wrong: 'unix: without a path; write unix:postern.sock' }
    return socket.includes('\0') ? { wrong: 'a path has no NUL; write unix:postern.sock' } : { value: { socket } }
  }
  const endpoint = readEndpoint(text, 'any')
  if ('wrong' in endpoint) return { wrong: `${endpoint.wrong}, or unix:postern.sock` }
  return isLoopback(endpoint.value.host)
    ? endpoint
    : { wrong: `${endpoint.value.host} is not a loopback address; give 127.0.0.1, [::1] or a unix: socket` }
}

/** Of canonical text. */
function isLoopback(host: string): boolean {
  return host === '::1' || host.startsWith('127.')
}

/** Canonical `address:port`, IPv6 in brackets. */
export function endpointText({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

const LOG_TARGET: ScalarKind = {
  name: 'stdout, off or a path',
  expects: 'stdout, off or the path of a file',
  json: { type: 'string', minLength: 1 },
}

/** The path is as written. */
export function logTarget(): z.ZodType<string, string> {
  return textScalar(LOG_TARGET, (text) => readPath(text, LOG_TARGET.expects))
}

const FOLDER: ScalarKind = {
  name: 'path',
  expects: 'the path of a folder',
  json: { type: 'string', minLength: 1 },
}

export function folder(): z.ZodType<string, string> {
  return textScalar(FOLDER, (text) => readPath(text, FOLDER.expects))
}

function readPath(text: string, expects: string): Reading<string> {
  if (text === '' || text.includes('\0')) return { wrong: `${quote(text)} is not a path; give ${expects}` }
  return { value: text }
}
