import { nodePeer } from './node-peer.ts'

/** What one would write today without a proxy package: `node:http` in front, undici's `dispatch` behind. Its server: bench/peers/node-undici.ts */
export const nodeUndici = nodePeer('node-undici', 'undici', ['tunnels'])
