import { nodePeer } from './node-peer.ts'

/** The maintained descendant of http-proxy, on `node:http` both ways. Its server: bench/peers/http-proxy-3.ts */
export const httpProxy3 = nodePeer('http-proxy-3', 'http-proxy-3', [])
