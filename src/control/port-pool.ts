/** Below what operating systems give to outgoing connections (Linux 32768, others 49152). */
const FIRST_PORT = 5000
const LAST_PORT = 29_999

/**
 * Ports for the dynos that run here. Each dyno gets one that no other dyno has, although it has an address of its own:
 * most programs listen on every address of the machine. They are given out in turn, so that a dyno whose port turns out
 * to be taken by somebody else comes back with another.
 */
export class PortPool {
  readonly #inUse = new Set<number>()
  #next = FIRST_PORT

  /** @throws RangeError when all are in use. */
  take(): number {
    for (let tries = FIRST_PORT; tries <= LAST_PORT; tries++) {
      const port = this.#next
      this.#next = port === LAST_PORT ? FIRST_PORT : port + 1
      if (this.#inUse.has(port)) continue
      this.#inUse.add(port)
      return port
    }
    throw new RangeError(`all ports from ${FIRST_PORT} to ${LAST_PORT} are in use by dynos`)
  }

  /** For a dyno that has it already. */
  keep(port: number): void {
    this.#inUse.add(port)
  }

  give(port: number): void {
    this.#inUse.delete(port)
  }
}
