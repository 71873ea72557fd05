import { Listener, type ListenerHost, type ListenerOptions } from './listener.ts'

/** The bound sockets, as the config wants them. */
export class Listeners {
  readonly #host: ListenerHost
  readonly #byName = new Map<string, Listener>()

  constructor(host: ListenerHost) {
    this.#host = host
  }

  /** Bound ports by listener name. */
  get ports(): Map<string, number> {
    return new Map([...this.#byName].map(([name, listener]) => [name, listener.port]))
  }

  /**
   * Opens what is new, then closes what is gone. Rejects, with nothing changed, when an address cannot be bound.
   * `boundFor`: gives the handle of a socket that somebody else bound for a listener, or null; asked for what is new only.
   */
  async follow(wanted: readonly ListenerOptions[], boundFor: (listener: string) => object | null): Promise<void> {
    const opened: Listener[] = []
    try {
      for (const options of wanted) {
        if (sameSocket(this.#byName.get(options.name)?.options, options)) continue
        const listener = new Listener(options, this.#host, boundFor(options.name))
        await listener.listen()
        opened.push(listener)
      }
    } catch (error) {
      for (const listener of opened) listener.close()
      throw error
    }
    for (const [name, listener] of this.#byName) {
      const options = wanted.find((options) => options.name === name)
      if (options !== undefined && sameSocket(listener.options, options)) {
        listener.configure(options)
      } else {
        listener.close()
        this.#byName.delete(name)
      }
    }
    for (const listener of opened) this.#byName.set(listener.options.name, listener)
  }

  close(): void {
    for (const listener of this.#byName.values()) listener.close()
    this.#byName.clear()
  }
}

/** Whether a listener can stay bound. Port 0 asks for any: the one that it has will do. */
function sameSocket(bound: ListenerOptions | undefined, wanted: ListenerOptions): boolean {
  return bound !== undefined && bound.host === wanted.host && bound.port === wanted.port
}
