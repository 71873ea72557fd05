import type { ClientConnection } from './client-connection.ts'

/**
 * The connections of clients that are open, in no order. No `Set`: one that is full of what was deleted gets another table, and the old table points to it. Once a
 * table is in the old generation, all that come after it are kept there until the next full collection, with every connection that was ever open when one of
 * them was made: two kilobytes for each, copied twice.
 */
export class OpenClients implements Iterable<ClientConnection> {
  readonly #list: ClientConnection[] = []

  get size(): number {
    return this.#list.length
  }

  add(client: ClientConnection): void {
    client.place = this.#list.push(client) - 1
  }

  delete(client: ClientConnection): void {
    const list = this.#list
    if (list[client.place] !== client) return
    const last = list.pop()!
    if (last !== client) {
      list[client.place] = last
      last.place = client.place
    }
    client.place = -1
  }

  /** What is added or deleted meanwhile may be left out, or come twice: whoever changes anything goes through a copy. */
  [Symbol.iterator](): Iterator<ClientConnection> {
    return this.#list[Symbol.iterator]()
  }
}
