import { caddy } from './caddy.ts'
import type { Contender } from './contender.ts'
import { fastProxy } from './fast-proxy.ts'
import { haproxy } from './haproxy.ts'
import { httpProxy3 } from './http-proxy-3.ts'
import { nginx } from './nginx.ts'
import { nodeUndici } from './node-undici.ts'
import { postern } from './postern.ts'

/** In the order of every round. */
export const CONTENDERS: readonly Contender[] = [postern, nginx, haproxy, caddy, nodeUndici, fastProxy, httpProxy3]
