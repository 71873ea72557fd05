import { domainToASCII } from 'node:url'
import type * as z from 'zod'
import { parseAddress } from '../model/address.ts'
import { quote, type Reading, type ScalarKind, textScalar } from './scalars.ts'

/** Names of apps, process types, zones and the rest: each of them is, or may become, a label of a DNS name. */
export const NAME = /^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$/

/** `what`: `the name of an app`. */
export function name(what: string): z.ZodType<string, string> {
  const kind = { name: 'name', expects: `${what}, such as shop-2`, json: { type: 'string', pattern: NAME.source } }
  return textScalar(kind, readName)
}

export function readName(text: string): Reading<string> {
  if (NAME.test(text)) return { value: text }
  const rule = 'up to 30 of a-z, 0-9 and -, a letter first and no - at the end'
  const repaired = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 30)
    .replace(/-+$/, '')
  const instead = NAME.test(repaired) ? `, such as ${repaired}` : ''
  return { wrong: `${quote(text)} is not a name; write ${rule}${instead}` }
}

/** POSIX names (IEEE 1003.1 §8.1): others cannot be set by a shell. */
export const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/

/** What each dyno is told by the router itself: a value from the file could only lie. */
const ROUTER_VARIABLES = new Set([
  'PORT',
  'DYNO',
  'HEROKU_APP_NAME',
  'HEROKU_DNS_APP_NAME',
  'HEROKU_DNS_DYNO_NAME',
  'HEROKU_DNS_FORMATION_NAME',
  'HEROKU_PRIVATE_IP',
  'HEROKU_RELEASE_VERSION',
])

export function readVariable(text: string): Reading<string> {
  if (ROUTER_VARIABLES.has(text)) return { wrong: `${text} is set by the router for each dyno; leave it out` }
  if (VARIABLE.test(text)) return { value: text }
  return { wrong: `${quote(text)} is not the name of a variable; write letters, digits and _, no digit first` }
}

const DOMAIN: ScalarKind = {
  name: 'domain',
  expects: 'a domain such as shop.example.com or *.shop.example.com',
  json: { type: 'string', minLength: 1, maxLength: 255 },
}

/** Lower case; a leading `*.` makes a wildcard. */
export function domain(): z.ZodType<string, string> {
  return textScalar(DOMAIN, readDomain)
}

export function readDomain(text: string): Reading<string> {
  const wildcard = text.startsWith('*.')
  const host = wildcard ? text.slice(2) : text
  if (host.includes('*')) {
    return {
      wrong: `${quote(text)} has a * in a place where none can be; the only wildcard is a leading *. as in *.example.com`,
    }
  }
  const reading = readHostName(host)
  if ('wrong' in reading) return reading
  return { value: wildcard ? `*.${reading.value}` : reading.value }
}

/** `_http._tcp.web.shop.app.localspace` must fit into 255 octets (RFC 1035 §2.3.4) whatever the app is called. */
const LONGEST_ZONE = 180

const ZONE: ScalarKind = {
  name: 'domain',
  expects: 'a domain such as app.localspace',
  json: { type: 'string', minLength: 1, maxLength: LONGEST_ZONE },
}

export function zone(): z.ZodType<string, string> {
  return textScalar(ZONE, (text) => {
    const reading = readHostName(text)
    if ('wrong' in reading || reading.value.length <= LONGEST_ZONE) return reading
    return { wrong: `${text.length} characters leave no room for the names of dynos; give at most ${LONGEST_ZONE}` }
  })
}

/** Letters, digits and hyphens (RFC 1123 §2.1), in lower case. */
function readHostName(text: string): Reading<string> {
  const not = `${quote(text)} is not a domain`
  if (text === '') return { wrong: 'empty domain; write one such as shop.example.com' }
  if (text.includes('/')) return { wrong: `${not}; write the host name alone, without scheme and path` }
  if (parseAddress(text) || /^\[|^[0-9.]+$/.test(text)) {
    return { wrong: `${not} but an address; apps are found by name, such as shop.example.com` }
  }
  if (/:[0-9]*$/.test(text))
    return { wrong: `${not}: ports are ignored; write ${text.slice(0, text.lastIndexOf(':'))}` }
  if (text.endsWith('.')) return { wrong: `${not}; write it without the final dot: ${text.slice(0, -1)}` }
  if (/[^\u0000-\u007f]/.test(text)) return { wrong: `${not} in ASCII; ${aLabelAdvice(text)}` }
  if (text.length > 253) return { wrong: `${text.length} characters; a domain has at most 253 (RFC 1035 §2.3.4)` }
  for (const label of text.split('.')) {
    if (label === '') return { wrong: `${not}: two dots in a row or one in front; write one between two labels` }
    if (label.length > 63) return { wrong: `${quote(label)} is longer than a label may be; give at most 63 characters` }
    if (/[^A-Za-z0-9-]/.test(label)) return { wrong: `${not}: ${quote(label)} has more than letters, digits and -` }
    if (/^-|-$/.test(label)) return { wrong: `${not}: ${quote(label)} begins or ends with -; write it without` }
  }
  // RFC 3696 §2: a last label of digits alone would read as an IPv4 address to some (WHATWG URL, "ends in a number").
  if (/(^|\.)[0-9]+$/.test(text)) return { wrong: `${not}: the last label is a number; write one that has a letter` }
  return { value: text.toLowerCase() }
}

function aLabelAdvice(text: string): string {
  const ascii = domainToASCII(text)
  return ascii === '' ? 'write its A-label (xn--…)' : `write its A-label: ${ascii}`
}

const DNS_NAME: ScalarKind = {
  name: 'DNS name',
  expects: 'a DNS name such as _http._tcp.web.example.com',
  json: { type: 'string', minLength: 1, maxLength: 254 },
}

/** A name to ask a DNS server for: unlike a domain it may have underscores (RFC 2782). Lower case, without the final dot. */
export function dnsName(): z.ZodType<string, string> {
  return textScalar(DNS_NAME, (text): Reading<string> => {
    const name = text.endsWith('.') ? text.slice(0, -1) : text
    const labels = name.split('.')
    if (name.length <= 253 && labels.every((label) => /^[A-Za-z0-9_-]{1,63}$/.test(label))) {
      return { value: name.toLowerCase() }
    }
    return {
      wrong: `${quote(text)} is not a DNS name; write labels of letters, digits, - and _, such as _http._tcp.web.example.com`,
    }
  })
}

/** RFC 9110 §5.6.2. */
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/

/** The name under which the router is known in Via (RFC 9110 §7.6.3). */
export function pseudonym(): z.ZodType<string, string> {
  const kind = { name: 'token', expects: 'a token such as postern', json: { type: 'string', pattern: TOKEN.source } }
  return textScalar(kind, (text): Reading<string> => {
    if (TOKEN.test(text)) return { value: text }
    return { wrong: `${quote(text)} is not a token (RFC 9110 §5.6.2); write letters, digits and -, such as postern` }
  })
}

export interface HashKey {
  readonly hashOn: 'client' | 'header' | 'cookie'
  /** Lower case for a header; '' for client. */
  readonly hashName: string
}

const HASH_KEY: ScalarKind = {
  name: 'client, header:NAME or cookie:NAME',
  expects: 'client, header:NAME or cookie:NAME',
  json: { type: 'string', pattern: '^(client|(header|cookie):.+)$' },
}

export function hashKey(): z.ZodType<HashKey, string> {
  return textScalar(HASH_KEY, (text): Reading<HashKey> => {
    if (text === 'client') return { value: { hashOn: 'client', hashName: '' } }
    const match = /^(header|cookie):(.*)$/s.exec(text)
    if (match === null) return { wrong: `${quote(text)} is not known here; write client, header:NAME or cookie:NAME` }
    const [, on, named] = match
    if (!TOKEN.test(named!))
      return { wrong: `${quote(named!)} is not the name of a ${on}; write a token, such as ${on}:session` }
    return {
      value:
        on === 'header' ? { hashOn: 'header', hashName: named!.toLowerCase() } : { hashOn: 'cookie', hashName: named! },
    }
  })
}
