/**
 * Why a question has no answer. `timeout`: nothing that answers it came in time; `unreachable`: the network or the server's host
 * said no; `malformed`: an answer that cannot be read; `failed`: the server answered that it cannot say (SERVFAIL, REFUSED …).
 */
export type DnsErrorCode = 'timeout' | 'unreachable' | 'malformed' | 'failed'

export class DnsError extends Error {
  override readonly name = 'DnsError'
  readonly code: DnsErrorCode

  constructor(code: DnsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
