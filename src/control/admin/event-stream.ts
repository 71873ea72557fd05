import type { ServerResponse } from 'node:http'
import type { EventLog, SpaceEvent } from '../events.ts'
import { Refusal } from '../refusal.ts'

/** Watchers at once. */
const MOST_SUBSCRIBERS = 64
/** Who has more than this unread is too slow, and is cut; it can come again with the last id it has seen. */
export const MOST_UNREAD_BYTES = 1024 * 1024
/** Shows both sides that the other is still there, and keeps whatever is in between from closing the connection. */
const KEEP_ALIVE_MS = 15_000
/** A client that is cut comes again after this. */
const RETRY_MS = 1000

export interface Subscription {
  /** '' for every app. */
  readonly app: string
  /** None: all. */
  readonly kinds: readonly string[]
  /** The last event that the watcher has; null: begin with what comes. */
  readonly lastId: number | null
}

/** Tells watchers what happens, as server-sent events (WHATWG HTML §9.2). */
export class EventStream {
  readonly #events: EventLog
  readonly #subscribers = new Set<ServerResponse>()
  #keepAlive: NodeJS.Timeout | null = null

  constructor(events: EventLog) {
    this.#events = events
  }

  get subscribers(): number {
    return this.#subscribers.size
  }

  /** Writes to the response until its client goes, or reads too slowly. @throws Refusal unavailable */
  subscribe(response: ServerResponse, { app, kinds, lastId }: Subscription): void {
    if (this.#subscribers.size >= MOST_SUBSCRIBERS) {
      throw new Refusal('unavailable', `${MOST_SUBSCRIBERS} watchers are there already`)
    }
    const isWanted = (event: SpaceEvent) =>
      (app === '' || event.app === app) && (kinds.length === 0 || kinds.includes(event.kind))
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    let beginning = `retry: ${RETRY_MS}\n: watching\n\n`
    if (lastId !== null) {
      if (this.#events.isGone(lastId))
        beginning += 'event: lost\ndata: {"message":"some events are not kept any more"}\n\n'
      beginning += this.#events.since(lastId).filter(isWanted).map(eventText).join('')
    }
    response.write(beginning)
    const unsubscribe = this.#events.subscribe((event) => {
      if (isWanted(event)) this.#write(response, eventText(event))
    })
    this.#subscribers.add(response)
    this.#keepAlive ??= setInterval(() => {
      for (const each of this.#subscribers) this.#write(each, ': still here\n\n')
    }, KEEP_ALIVE_MS)
    response.on('close', () => {
      unsubscribe()
      this.#subscribers.delete(response)
      if (this.#subscribers.size === 0) this.close()
    })
  }

  /** Ends what it holds itself; the connections are the server's. */
  close(): void {
    if (this.#keepAlive !== null) clearInterval(this.#keepAlive)
    this.#keepAlive = null
  }

  #write(response: ServerResponse, text: string): void {
    if (response.writableLength > MOST_UNREAD_BYTES) response.destroy()
    else response.write(text)
  }
}

function eventText(event: SpaceEvent): string {
  return `id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`
}
