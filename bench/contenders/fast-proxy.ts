import { nodePeer } from './node-peer.ts'

/** Forwards with the undici that it brings along. Its server: bench/peers/fast-proxy.ts */
export const fastProxy = nodePeer('fast-proxy', 'fast-proxy', ['tunnels'])
