import { HANDLES_USABLE, HandleTransport } from './handle-transport.ts'
import { SocketTransport } from './socket-transport.ts'
import type { Transport } from './transport.ts'

/** For a connection that was accepted: `handle` as `onconnection` gives it. */
export function acceptedTransport(handle: unknown): Transport {
  return HANDLES_USABLE ? HandleTransport.accepted(handle) : SocketTransport.accepted(handle)
}

/** Opens a connection to an IP address. That it cannot be opened is told by `onClose`. */
export function connectTransport(address: string, port: number): Transport {
  return HANDLES_USABLE ? HandleTransport.connect(address, port) : SocketTransport.connect(address, port)
}
