import { isIP } from 'node:net'

/** Where a DNS server listens. The host is an IP address: no one can be asked for the address of who is to be asked. */
export interface ServerAddress {
  readonly host: string
  readonly port: number
}

const DNS_PORT = 53

/** `10.0.0.2`, `10.0.0.2:8600`, `fd00::2` or `[fd00::2]:8600`; null when it is none of these. */
export function parseServerAddress(text: string): ServerAddress | null {
  if (isIP(text) !== 0) return { host: text, port: DNS_PORT }
  const parts = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  const host = parts?.[1] ?? parts?.[2] ?? ''
  const port = Number(parts?.[3])
  if (isIP(host) !== (parts?.[1] === undefined ? 4 : 6) || port < 1 || port > 0xffff) return null
  return { host, port }
}
