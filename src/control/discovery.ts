import { samePlainData } from '../model/plain-data.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Clock } from './clock.ts'
import { pause } from './clock.ts'
import { DynoNames } from './dyno-names.ts'
import { endpoint } from './registry.ts'
import type { DiscoveredDyno } from './routing-state.ts'
import type { ServiceLookup, ServiceQuestion } from './service-lookup.ts'
import { Turns } from './turns.ts'

/** However short the TTL is. */
const SHORTEST_WAIT_MS = 250
/** The same for an answer without dynos: a server that comes up empty gets a moment to learn what there is. */
const SHORTEST_EMPTY_WAIT_MS = 1000
/** However long the TTL is: an operator who repairs a zone does not wait for a day. */
const LONGEST_WAIT_MS = 60_000
/** Where changes wake it, to be sure. Once in a minute would keep a processor busy for seconds of each where there are ten thousand apps. */
const RECHECK_MS = 600_000
/** The longest pause before a server that fails is asked again; the first is the shortest wait, then they double. */
const LONGEST_FAILURE_WAIT_MS = 5000
/** Many dynos that come up together wake it once. */
const WAKE_GAP_MS = 20
/**
 * So many apps ask one server at once. A thousand that ask together would overflow the buffer of its socket, and wait for
 * answers that were never sent.
 */
const QUESTIONS_AT_ONCE = 32
/** Every wait is shortened by up to this part of it, so that many apps do not all ask at once. */
const JITTER = 0.1

/** How well informed the router is about one app. */
export interface DiscoveryStatus {
  readonly app: string
  /** A first answer came, or could not be had. */
  readonly tried: boolean
  /** When the last good answer came, Unix milliseconds; 0 never. */
  readonly answeredAtMs: number
  /** Why the last question was not answered; '' when it was. */
  readonly failure: string
}

export interface DiscoveryContext {
  readonly lookup: ServiceLookup
  readonly clock: Clock
  readonly log: Logger
  /** Called for every answer that is believed, also when it says the same as the one before. */
  onDynos(app: string, dynos: readonly DiscoveredDyno[]): void
}

/** What an app's dynos are learned from. */
export interface DiscoverySource {
  readonly question: ServiceQuestion
  /** So many empty answers in a row are believed. */
  readonly emptyAfter: number
  /** `wake` comes with every change, so that there is no need to ask at the pace of the TTL as well. */
  readonly wakes: boolean
}

/** Learns of the web dynos of every app by DNS. */
export class Discovery {
  readonly #context: DiscoveryContext
  readonly #apps = new Map<string, AppDiscovery>()
  /** By server: one that is silent must not keep the questions to another waiting. */
  readonly #turns = new Map<string, Turns>()

  constructor(context: DiscoveryContext) {
    this.#context = context
  }

  /** An app whose source stays the same keeps its pace and its last good answer. */
  apply(sources: ReadonlyMap<string, DiscoverySource>): void {
    for (const [name, app] of this.#apps) {
      if (samePlainData(app.source, sources.get(name))) continue
      app.stop()
      this.#apps.delete(name)
    }
    for (const [name, source] of sources) {
      if (this.#apps.has(name)) continue
      const app = new AppDiscovery(name, source, this.#context, this.#turnsAt(source.question))
      this.#apps.set(name, app)
      app.start()
    }
  }

  #turnsAt({ host, port }: ServiceQuestion): Turns {
    const server = endpoint(host, port)
    const turns = this.#turns.get(server) ?? new Turns(QUESTIONS_AT_ONCE)
    this.#turns.set(server, turns)
    return turns
  }

  /** What the app's server knows has changed: ask now. */
  wake(name: string): void {
    this.#apps.get(name)?.wake()
  }

  statuses(): DiscoveryStatus[] {
    return [...this.#apps.values()].map((app) => app.status)
  }

  stop(): void {
    for (const app of this.#apps.values()) app.stop()
    this.#apps.clear()
  }
}

/**
 * The questions about one app: the TTL paces them, a wake-up comes at once. While the server fails or is silent the last
 * good answer stays in use for as long as that takes.
 */
class AppDiscovery {
  readonly name: string
  readonly source: DiscoverySource
  readonly #context: DiscoveryContext
  readonly #turns: Turns
  readonly #names: DynoNames
  readonly #stopped = new AbortController()
  #wait = new AbortController()
  /** A wake-up came since the last question was put; its answer may be older than what woke us. */
  #woken = false
  #emptyAnswers = 0
  #failures = 0
  #status: DiscoveryStatus

  constructor(name: string, source: DiscoverySource, context: DiscoveryContext, turns: Turns) {
    this.name = name
    this.source = source
    this.#context = context
    this.#turns = turns
    this.#names = new DynoNames(name)
    this.#status = { app: name, tried: false, answeredAtMs: 0, failure: '' }
  }

  get status(): DiscoveryStatus {
    return this.#status
  }

  start(): void {
    void this.#live()
  }

  wake(): void {
    this.#woken = true
    this.#wait.abort()
  }

  stop(): void {
    this.#stopped.abort()
    this.#wait.abort()
  }

  async #live(): Promise<void> {
    const { clock } = this.#context
    while (!this.#stopped.signal.aborted) {
      const waitMs = await this.#ask()
      this.#wait = new AbortController()
      if (!this.#woken) await pause(clock, waitMs * (1 - JITTER * Math.random()), this.#wait.signal)
      if (this.#woken) await pause(clock, WAKE_GAP_MS, this.#stopped.signal)
    }
  }

  /** Resolves with how long to wait before the next question. Never rejects. */
  async #ask(): Promise<number> {
    const { lookup, clock, onDynos } = this.#context
    try {
      const answer = await this.#turns.take(() => {
        this.#woken = false
        return lookup(this.source.question, this.#stopped.signal)
      })
      if (this.#stopped.signal.aborted) return 0
      this.#failures = 0
      this.#emptyAnswers = answer.dynos.length === 0 ? this.#emptyAnswers + 1 : 0
      const isBelieved = answer.dynos.length > 0 || this.#emptyAnswers >= this.source.emptyAfter
      if (isBelieved) onDynos(this.name, this.#names.name(answer.dynos))
      this.#note({ app: this.name, tried: true, answeredAtMs: clock.now(), failure: '' })
      if (this.source.wakes) return RECHECK_MS
      const shortestMs = answer.dynos.length > 0 ? SHORTEST_WAIT_MS : SHORTEST_EMPTY_WAIT_MS
      return Math.min(Math.max(answer.ttlMs, shortestMs), LONGEST_WAIT_MS)
    } catch (error) {
      if (this.#stopped.signal.aborted) return 0
      this.#note({ ...this.#status, tried: true, failure: (error as Error).message })
      return Math.min(SHORTEST_WAIT_MS * 2 ** this.#failures++, LONGEST_FAILURE_WAIT_MS)
    }
  }

  #note(status: DiscoveryStatus): void {
    const before = this.#status
    this.#status = status
    if (before.failure === '' && status.failure !== '') {
      this.#context.log.warn(
        { app: this.name },
        `discovery fails: ${status.failure}; the last good answer stays in use`,
      )
    } else if (before.failure !== '' && status.failure === '') {
      this.#context.log.info({ app: this.name }, 'discovery works again')
    }
  }
}
