import { randomUUID } from 'node:crypto'
import type { RunningInstance } from '../control/inheritance.ts'
import type { Instance, Launch, Runtime } from '../control/runtimes/runtime.ts'
import { LaunchError } from '../control/runtimes/runtime.ts'
import type { DynoNews, DynoOrder, Heritage } from './messages.ts'

/** Control's side of the dyno host. What the programs print goes to the log from there. */
export class RemoteRuntime implements Runtime {
  readonly #order: (order: DynoOrder) => void
  readonly #launches = new Map<string, { resolve(instance: Instance): void; reject(error: Error): void }>()
  readonly #instances = new Map<string, RemoteInstance>()

  constructor(order: (order: DynoOrder) => void) {
    this.#order = order
  }

  /** Those that another control process had started. */
  adopt(running: Heritage['instances']): RunningInstance[] {
    return running.map(({ id, launch, stopping }) => ({ launch, instance: this.#instance(id), stopping }))
  }

  launch(launch: Launch): Promise<Instance> {
    const id = randomUUID()
    return new Promise((resolve, reject) => {
      this.#launches.set(id, { resolve, reject })
      this.#order({ kind: 'launch', id, launch })
    })
  }

  heard(news: DynoNews): void {
    const launch = this.#launches.get(news.id)
    this.#launches.delete(news.id)
    if (news.kind === 'launched') {
      if (launch) launch.resolve(this.#instance(news.id))
      // Another control process ordered it, and ended before it ran; this one has started another in its place.
      else if (!this.#instances.has(news.id)) this.#order({ kind: 'stopInstance', id: news.id, graceMs: 0 })
    } else if (news.kind === 'launchFailed') {
      launch?.reject(new LaunchError(news.message, news.portTaken))
    } else {
      this.#instances.get(news.id)?.end(news.how)
      this.#instances.delete(news.id)
    }
  }

  async close(): Promise<void> {}

  #instance(id: string): RemoteInstance {
    const instance = new RemoteInstance(id, this.#order)
    this.#instances.set(id, instance)
    return instance
  }
}

class RemoteInstance implements Instance {
  readonly ended: Promise<string>
  readonly #id: string
  readonly #order: (order: DynoOrder) => void
  end: (how: string) => void = () => {}

  constructor(id: string, order: (order: DynoOrder) => void) {
    this.#id = id
    this.#order = order
    this.ended = new Promise((resolve) => {
      this.end = resolve
    })
  }

  stop(graceMs: number): Promise<string> {
    this.#order({ kind: 'stopInstance', id: this.#id, graceMs })
    return this.ended
  }

  kill(): void {
    this.#order({ kind: 'killInstance', id: this.#id })
  }
}
