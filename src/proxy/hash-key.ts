import { header } from '../wire/request-head.ts'
import type { Exchange } from './exchange.ts'

/** What requests have in common that `balance: hash` gives to one dyno. While the exchange begins. */
export function hashKey(x: Exchange): string {
  const { hashOn, hashName } = x.app!.entry.balance
  const { head, facts } = x.client
  if (hashOn === 'header') return header(head, hashName)
  return hashOn === 'cookie' ? cookieValue(head.cookie, hashName) : facts.text
}

/** The value of one cookie (RFC 6265 §4.2.1); '' when it is not there. */
function cookieValue(header: string, name: string): string {
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals !== -1 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
  }
  return ''
}
