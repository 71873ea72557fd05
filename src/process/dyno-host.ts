import { setTimeout } from 'node:timers/promises'
import { OwnRuntimes } from '../control/runtimes/own-runtimes.ts'
import type { Instance, Launch } from '../control/runtimes/runtime.ts'
import { LaunchError } from '../control/runtimes/runtime.ts'
import { dynoName } from '../model/dyno.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { DynoNews, DynoOrder } from './messages.ts'

/** A child process starts at once; the start command of an operator may fetch an image first. */
const LAUNCH_WAIT_MS = 5000

/**
 * Runs the dynos for the control process, in the supervisor: so that they have a parent that lives as long as the router. When control
 * ends, they go on, their output goes on to the log, and how one ended is known. A process id is never all that is known
 * of a dyno: nobody else can reap it, so the number cannot come to mean another process.
 */
export class DynoHost {
  readonly #runtime: OwnRuntimes
  readonly #log: Logger
  readonly #tell: (news: DynoNews) => void
  readonly #instances = new Map<string, { readonly launch: Launch; readonly instance: Instance; stopping: boolean }>()
  /** Launches under way. */
  readonly #launching = new Map<string, Promise<void>>()

  constructor(options: { graceMs: number; log: Logger; tell(news: DynoNews): void }) {
    this.#runtime = new OwnRuntimes(options)
    this.#log = options.log
    this.#tell = options.tell
  }

  order(order: DynoOrder): void {
    const running = this.#instances.get(order.id)
    if (order.kind === 'launch') {
      const launch = this.#launch(order.id, order.launch).finally(() => this.#launching.delete(order.id))
      this.#launching.set(order.id, launch)
    } else if (running) {
      running.stopping = true
      if (order.kind === 'stopInstance') void running.instance.stop(order.graceMs)
      else running.instance.kill()
    }
  }

  /**
   * What runs, and whether it was asked to end, once every launch that was ordered is through. One that takes its time is not waited
   * for: the next control process knows nothing of it, and ends what comes of it.
   */
  async running(): Promise<{ id: string; launch: Launch; stopping: boolean }[]> {
    const waited = new AbortController()
    await Promise.race([
      Promise.all(this.#launching.values()),
      setTimeout(LAUNCH_WAIT_MS, undefined, { signal: waited.signal }).catch(() => {}),
    ])
    waited.abort()
    return [...this.#instances].map(([id, { launch, stopping }]) => ({ id, launch, stopping }))
  }

  /** Ends what is left; `graceMs` 0: at once. */
  async stop(graceMs: number): Promise<void> {
    await Promise.all(this.#launching.values())
    await Promise.all(
      [...this.#instances.values()].map(({ instance }) => {
        if (graceMs > 0) return instance.stop(graceMs)
        instance.kill()
        return instance.ended
      }),
    )
    await this.#runtime.close()
  }

  async #launch(id: string, launch: Launch): Promise<void> {
    const log = this.#log.child({ app: launch.app, dyno: dynoName(launch.processType, launch.number) })
    try {
      const instance = await this.#runtime.launch(launch, (line) => log.info(line))
      this.#instances.set(id, { launch, instance, stopping: false })
      this.#tell({ kind: 'launched', id })
      void instance.ended.then((how) => {
        this.#instances.delete(id)
        this.#tell({ kind: 'ended', id, how })
      })
    } catch (error) {
      const { message } = error as Error
      const portTaken = error instanceof LaunchError && error.portTaken
      this.#tell({ kind: 'launchFailed', id, message, portTaken })
    }
  }
}
