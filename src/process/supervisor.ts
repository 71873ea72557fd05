import type { ListenerConfig } from '../config/config.ts'
import { type ConfigParts, type ConfigSections, ConfigShelf } from '../config/config-parts.ts'
import { createLogger, type Logger } from '../telemetry/logger.ts'
import { ControlKeeper } from './control-keeper.ts'
import { DynoHost } from './dyno-host.ts'
import { type BoundSocket, type InheritedSocket, ListeningSockets } from './listening-sockets.ts'
import type { ControlToSupervisor, Heritage, ProcessStatus } from './messages.ts'
import { SnapshotShelf } from './snapshot-parts.ts'
import { Successor } from './succession.ts'
import { WorkerSet } from './worker-set.ts'

const TICK_MS = 1000
/** As long as a dyno may take to boot, and some more: one that does not boot keeps nobody from taking over. */
const BOOTS_MS = 75_000

/**
 * The process that stays: it starts control and workers and starts them again, passes on what they say to each other, holds the
 * bound sockets and the running dynos, and remembers what a new process needs to go on. It decides nothing about traffic.
 */
export class Supervisor {
  readonly #log: Logger
  readonly #sinceMs = Date.now()
  readonly #sockets: ListeningSockets
  readonly #configs: ConfigShelf
  readonly #shelf = new SnapshotShelf()
  readonly #host: DynoHost
  readonly #control: ControlKeeper
  readonly #workers: WorkerSet
  /** Where the workers are just being told to listen: for one that starts meanwhile. */
  #wanted: readonly BoundSocket[] | null = null
  readonly #succeeds: boolean
  /** What changes where the workers listen, or which workers there are: one at a time. */
  #turn: Promise<unknown> = Promise.resolve()
  #upgrade: ProcessStatus['upgrade'] = ''
  #ticking: NodeJS.Timeout | null = null
  #stopped: Promise<void> | null = null
  #hurry = Promise.withResolvers<void>()
  readonly #replaced = Promise.withResolvers<void>()

  readonly #booted = Promise.withResolvers<void>()

  /** `parts`: all of a configuration that was read from a file, which later ones are read from too. `sockets`: of the supervisor whose place this one takes. */
  constructor(parts: ConfigParts, sockets: readonly InheritedSocket[] = []) {
    this.#configs = new ConfigShelf(parts)
    const config = this.#config
    this.#sockets = new ListeningSockets(sockets)
    this.#succeeds = sockets.length > 0
    this.#log = createLogger({ level: config.log.level })
    this.#host = new DynoHost({
      graceMs: config.shutdown.dynoGraceMs,
      log: this.#log,
      tell: (news) => this.#control.send(news),
    })
    this.#control = new ControlKeeper({
      log: this.#log,
      heritage: () => this.#heritage(),
      heard: (message) => this.#heard(message),
      changed: () => this.#tellStatus(),
    })
    this.#workers = new WorkerSet({
      log: this.#log,
      state: () => ({
        log: this.#config.log,
        snapshot: this.#shelf.whole()!,
        sockets: this.#wanted ?? this.#sockets.all(),
      }),
      drain: () => ({ requestsMs: this.#config.shutdown.drainMs, tunnelsMs: this.#config.shutdown.tunnelsMs }),
      reported: (worker, report) => this.#control.send({ kind: 'report', worker, report }),
      changed: () => this.#tellStatus(),
    })
  }

  /**
   * Resolves once every worker takes connections. Dynos may still boot then.
   * @throws Error with one line for the operator; then nothing is held and nothing runs.
   */
  async start(): Promise<void> {
    this.#ticking = setInterval(() => {
      this.#control.tick()
      this.#workers.tick()
    }, TICK_MS)
    const problem =
      (await this.#control.start()) ||
      (await this.#inTurn(() => this.#listen(this.#config.listeners))) ||
      (await this.#dynosBooted()) ||
      (await this.#inTurn(() => this.#workers.resize(this.#config.workers)))
    this.#sockets.settle()
    if (problem === '' || this.#stopped !== null) return
    this.hurry()
    await this.stop()
    throw new Error(problem)
  }

  /** Whoever takes another one's place serves no sooner than it can: the other one does meanwhile. Resolves with ''. */
  async #dynosBooted(): Promise<string> {
    if (!this.#succeeds) return ''
    this.#control.send({ kind: 'awaitBoots' })
    await Promise.race([this.#booted.promise, delay(BOOTS_MS), this.#hurry.promise])
    return ''
  }

  /** Reads the configuration again and lets go of log files that were moved away. */
  reload(): void {
    this.#control.send({ kind: 'reload' })
    this.#workers.broadcast({ kind: 'reopenLogs' })
  }

  /**
   * Replaces control and workers by the program as it is on disk; whatever does not come up leaves the old one in place.
   * `supervisor`: this process, too. Then dynos are started anew, and those that run here end once nothing is in flight on them.
   */
  upgrade(supervisor = false): void {
    if (this.#upgrade === 'running' || this.#stopped !== null) return
    this.#upgrade = 'running'
    this.#tellStatus()
    void this.#inTurn(async () => {
      const problem = supervisor
        ? await this.#giveWay()
        : (await this.#control.replace()) || (await this.#workers.replaceAll())
      this.#upgrade = problem === '' ? 'done' : 'failed'
      if (problem === '') this.#log.info('upgraded: the program that is on disk runs')
      else this.#log.error(`not upgraded: ${problem}; what ran before goes on`)
      this.#tellStatus()
    })
  }

  /** Resolves when there is nothing left to do here: another one has taken this one's place, and all connections have ended. */
  get replaced(): Promise<void> {
    return this.#replaced.promise
  }

  /** '' or why this one stays. */
  async #giveWay(): Promise<string> {
    const successor = new Successor(['start', '--config', this.#config.file], this.#sockets.all())
    const loaded = await successor.loaded()
    if (loaded !== '') return loaded
    await this.#control.relinquish()
    const problem = await successor.takeOver()
    if (problem !== '') {
      this.#control.resume()
      return problem
    }
    this.#log.info(`supervisor ${successor.pid} has taken over; what is in flight here ends`)
    successor.release()
    this.#stopped ??= this.#end(this.#config.shutdown.tunnelsMs)
    void this.#stopped.then(() => this.#replaced.resolve())
    return ''
  }

  /** In the order in which it is noticed outside: first word of it, then no more connections, then dynos, then control. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  /** A `stop` under way, or one that comes, waits for nothing. */
  hurry(): void {
    this.#hurry.resolve()
    this.#workers.hurry()
    this.#control.send({ kind: 'hurry' })
  }

  async #stop(): Promise<void> {
    const { noticeMs } = this.#config.shutdown
    this.#control.send({ kind: 'announceStop' })
    if (noticeMs > 0) await Promise.race([delay(noticeMs), this.#hurry.promise])
    await this.#end(this.#config.shutdown.drainMs)
  }

  async #end(tunnelsMs: number): Promise<void> {
    const { dynoGraceMs } = this.#config.shutdown
    void this.#hurry.promise.then(() => {
      this.#workers.hurry()
      this.#control.send({ kind: 'hurry' })
    })
    await this.#workers.stop(tunnelsMs)
    await this.#control.stop(dynoGraceMs)
    // Nothing is left, unless control was not there to end it.
    await this.#host.stop(dynoGraceMs)
    this.#sockets.close()
    if (this.#ticking !== null) clearInterval(this.#ticking)
  }

  #heard(message: ControlToSupervisor): void {
    switch (message.kind) {
      case 'snapshot':
        if (!this.#shelf.add(message.parts)) {
          this.#log.error(`snapshot ${message.parts.version} does not follow ${this.#shelf.version}; it is not used`)
          return
        }
        this.#workers.apply(message.parts)
        break
      case 'listen':
        void this.#inTurn(() => this.#listen(message.listeners)).then((problem) =>
          this.#control.send({ kind: 'listened', id: message.id, problem }),
        )
        break
      case 'config': {
        this.#configs.add(message.parts)
        const { workers } = this.#config
        void this.#inTurn(() => this.#workers.resize(workers))
        break
      }
      case 'launch':
      case 'stopInstance':
      case 'killInstance':
        this.#host.order(message)
        break
      case 'judge':
        void this.#workers
          .judge(message.parts)
          .then((tunnels) => this.#control.send({ kind: 'judged', id: message.id, tunnels }))
        break
      case 'upgrade':
        this.upgrade(message.supervisor)
        break
      case 'booted':
        this.#booted.resolve()
        break
    }
  }

  /** The one in use; of apps there is nothing to know here. */
  get #config(): ConfigSections {
    return this.#configs.sections
  }

  /** '' or why not; then everything is as before. */
  async #listen(listeners: readonly ListenerConfig[]): Promise<string> {
    try {
      const prepared = this.#sockets.prepare(listeners)
      const before = this.#sockets.all()
      this.#wanted = prepared.all
      const problem = await this.#workers.listen(listeners, prepared.fresh)
      this.#wanted = null
      if (problem === '') {
        prepared.commit()
        this.#tellStatus()
      } else {
        // Those that could go back to the sockets that they have closed by now.
        await this.#workers.listen(
          before.map(({ listener }) => listener),
          before,
        )
        prepared.discard()
      }
      return problem
    } catch (error) {
      return (error as Error).message
    }
  }

  async #heritage(): Promise<Heritage> {
    const instances = await this.#host.running()
    return {
      config: this.#configs.whole(),
      snapshot: this.#shelf.whole(),
      instances,
      status: this.#status(),
      reports: this.#workers.reports(),
    }
  }

  #tellStatus(): void {
    this.#control.send({ kind: 'processes', status: this.#status() })
  }

  #status(): ProcessStatus {
    return {
      supervisor: { pid: process.pid, sinceMs: this.#sinceMs },
      control: this.#control.facts,
      workers: this.#workers.facts(),
      restarts: { worker: this.#workers.restarts, control: this.#control.restarts },
      retired: this.#workers.retired,
      listeners: this.#sockets.all().map(({ listener, address }) => ({ name: listener.name, address })),
      upgrade: this.#upgrade,
    }
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(run)
    this.#turn = result.catch(() => {})
    return result
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
