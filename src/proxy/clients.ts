import type { CompiledSnapshot } from '../model/compiled-snapshot.ts'
import type { RouterMetrics } from '../telemetry/router-metrics.ts'
import type { ClientFacts } from './access.ts'
import { ClientConnection, type ClientHost, type Entrance, type RequestHandler } from './client-connection.ts'
import type { Clock } from './clock.ts'
import type { Ledger } from './ledger.ts'
import { OpenClients } from './open-clients.ts'
import { errorAnswer } from './router-error.ts'
import type { Transport } from './transport.ts'

/** What it takes to let clients in. */
export interface ClientsHost extends ClientHost {
  readonly snapshot: CompiledSnapshot
  readonly clock: Clock
  readonly metrics: RouterMetrics
  readonly ledger: Ledger
}

/** More clients than this that were turned away and take their answer are not waited for: they are reset. */
const MOST_LEAVING = 1000

/** The connections of clients: who is let in, and how many. */
export class Clients {
  readonly #host: ClientsHost
  readonly #handler: RequestHandler
  readonly #open = new OpenClients()
  readonly #openByAddress = new Map<string, number>()
  /** Those that were turned away and have not closed yet. */
  #leaving = 0

  constructor(host: ClientsHost, handler: RequestHandler) {
    this.#host = host
    this.#handler = handler
  }

  get open(): Iterable<ClientConnection> & { readonly size: number } {
    return this.#open
  }

  /** A connection was accepted. null: it is not wanted, and was dealt with. Who sends a PROXY header first is named by that. */
  admit(
    entrance: Entrance,
    transport: Transport,
    facts: ClientFacts,
    needsProxyHeader: boolean,
  ): ClientConnection | null {
    if (!needsProxyHeader && !this.#admitted(facts)) {
      transport.reset()
      return null
    }
    const client = new ClientConnection(this.#host, this.#handler, entrance, transport, facts, needsProxyHeader)
    this.#host.metrics.connectionOpened(entrance.index)
    this.#open.add(client)
    if (!needsProxyHeader) this.#letIn(client)
    return client
  }

  /** The PROXY header was read. False: the client may not come in. */
  named(client: ClientConnection): boolean {
    if (!this.#admitted(client.facts)) return false
    this.#letIn(client)
    return true
  }

  closed(client: ClientConnection): void {
    this.#open.delete(client)
    this.#host.metrics.connectionClosed(client.entrance.index)
    if (client.turnedAway) this.#leaving--
    if (client.countedAddress === '') return
    const left = (this.#openByAddress.get(client.countedAddress) ?? 1) - 1
    if (left === 0) this.#openByAddress.delete(client.countedAddress)
    else this.#openByAddress.set(client.countedAddress, left)
  }

  /** What the peer address alone tells; a 403 waits for the request. */
  #admitted(facts: ClientFacts): boolean {
    const { snapshot, ledger } = this.#host
    const verdict = facts.judgePeer(snapshot.access)
    if (verdict === 'admitted') return true
    if (facts.mayBeTold(snapshot.data.onUntrusted)) return true
    ledger.blocked(facts, verdict)
    return false
  }

  /**
   * H22 when there are too many already, of all or of this client. Those that are turned away do not count while they leave: else a client that comes again
   * and again would keep everyone out. A trusted proxy comes for many clients, so it is no one address.
   */
  #letIn(client: ClientConnection): void {
    const { connections, connectionsPerAddress } = this.#host.snapshot.data.limits
    if (connections > 0 && this.#open.size - this.#leaving > connections) return this.#turnAway(client)
    if (connectionsPerAddress === 0 || client.facts.proxied) return
    const address = client.facts.peerText
    const count = (this.#openByAddress.get(address) ?? 0) + 1
    if (count > connectionsPerAddress) return this.#turnAway(client)
    this.#openByAddress.set(address, count)
    client.countedAddress = address
  }

  #turnAway(client: ClientConnection): void {
    const { clock, ledger } = this.#host
    this.#leaving++
    client.turnedAway = true
    if (this.#leaving > MOST_LEAVING) {
      client.reset()
      ledger.turnedAway(client.facts, 0, 0)
      return
    }
    const answer = errorAnswer({
      code: 'H22',
      status: 503,
      accept: '',
      method: '',
      requestId: '',
      date: clock.date,
      connection: 'close',
      requestIdToClient: false,
    })
    client.writeText(answer.text)
    client.sayGoodbye()
    ledger.turnedAway(client.facts, 503, answer.bodyBytes)
  }
}
