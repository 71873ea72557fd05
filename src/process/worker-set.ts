import type { ListenerConfig, LogConfig } from '../config/config.ts'
import { type CounterDump, mergeCounters, retireCounters } from '../telemetry/counter-dump.ts'
import type { Logger } from '../telemetry/logger.ts'
import { Child, FAILURES_FORGOTTEN_MS, restartDelayMs } from './child.ts'
import type { BoundSocket } from './listening-sockets.ts'
import type { SupervisorToWorker, WorkerFacts, WorkerReport, WorkerToSupervisor } from './messages.ts'
import type { SnapshotParts } from './snapshot-parts.ts'

/** A worker that does not serve within this is taken for one that cannot. */
const START_MS = 30_000
/** Beyond the time that it was given to drain. */
const DRAIN_MARGIN_MS = 5000

export interface WorkerSetContext {
  readonly log: Logger
  /** What a new worker is to serve by, and where; asked when it starts. */
  state(): {
    log: LogConfig
    snapshot: SnapshotParts
    sockets: readonly BoundSocket[]
  }
  drain(): { requestsMs: number; tunnelsMs: number }
  reported(worker: number, report: WorkerReport): void
  /** Something that `facts` tells is different. */
  changed(): void
}

interface Slot {
  failuresInRow: number
  restart: NodeJS.Timeout | null
}

/** The workers: as many as are wanted, each restarted when it fails, each replaced when that is asked for. */
export class WorkerSet {
  readonly #context: WorkerSetContext
  readonly #workers = new Set<Worker>()
  /** By number, from 1. */
  readonly #slots = new Map<number, Slot>()
  #lastId = 0
  #stopping = false
  /** Started in place of one that failed. */
  restarts = 0
  /** What workers that ended had counted. */
  retired: CounterDump | null = null

  constructor(context: WorkerSetContext) {
    this.#context = context
  }

  facts(): WorkerFacts[] {
    return [...this.#workers]
      .map(({ id, slot, state, child }) => ({ id, slot, state, pid: child.pid, sinceMs: child.sinceMs }))
      .sort((one, other) => one.slot - other.slot || one.id - other.id)
  }

  reports(): { worker: number; report: WorkerReport }[] {
    return [...this.#workers].flatMap(({ id, report }) => (report === null ? [] : [{ worker: id, report }]))
  }

  /** Starts what is missing and drains what is too many. Resolves with '' or the first reason why one does not serve. */
  async resize(count: number): Promise<string> {
    if (this.#stopping) return 'the router stops'
    for (const [number, slot] of this.#slots) {
      if (number <= count) continue
      if (slot.restart !== null) clearTimeout(slot.restart)
      this.#slots.delete(number)
    }
    for (const worker of this.#workers) if (worker.slot > count) this.#drainWorker(worker)
    const starting: Promise<string>[] = []
    for (let number = 1; number <= count; number++) {
      if (this.#slots.has(number)) continue
      this.#slots.set(number, { failuresInRow: 0, restart: null })
      starting.push(this.#start(number).served)
    }
    return (await Promise.all(starting)).find((problem) => problem !== '') ?? ''
  }

  /** Into use in every worker, in those that drain too. */
  apply(parts: SnapshotParts): void {
    for (const worker of this.#workers) worker.apply(parts)
  }

  /** To every worker, those that drain too. */
  broadcast(message: SupervisorToWorker): void {
    for (const { child } of this.#workers) child.send(message)
  }

  /** To those that take connections. Resolves with '' or the first reason why one cannot. */
  async listen(listeners: readonly ListenerConfig[], fresh: readonly BoundSocket[]): Promise<string> {
    const problems = await Promise.all(this.#current().map((worker) => worker.listen(listeners, fresh)))
    return problems.find((problem) => problem !== '') ?? ''
  }

  /** How many tunnels of each app would be cut if this came into use. */
  async judge(parts: SnapshotParts): Promise<Map<string, number>> {
    const sum = new Map<string, number>()
    const answers = await Promise.all([...this.#workers].map((worker) => worker.judge(parts)))
    for (const tunnels of answers) {
      for (const [app, count] of tunnels) sum.set(app, (sum.get(app) ?? 0) + count)
    }
    return sum
  }

  /**
   * Every worker by one from the program as it is on disk, one at a time, each serving before its predecessor drains. Resolves with '' or
   * the reason why a new one does not serve; then the rest of the old ones stay.
   */
  async replaceAll(): Promise<string> {
    for (const number of [...this.#slots.keys()]) {
      if (this.#stopping) return 'the router stops'
      const old = this.#current().find(({ slot }) => slot === number)
      const problem = await this.#start(number, true).served
      if (problem !== '') return problem
      if (old !== undefined) this.#drainWorker(old)
    }
    return ''
  }

  /** All connections to their end. */
  async stop(tunnelsMs: number): Promise<void> {
    this.#stopping = true
    for (const { restart } of this.#slots.values()) if (restart !== null) clearTimeout(restart)
    const { requestsMs } = this.#context.drain()
    // Those that drain already, for longer, get no more time than the others.
    for (const worker of this.#workers) this.#drainWorker(worker, { requestsMs, tunnelsMs })
    await Promise.all([...this.#workers].map(({ gone }) => gone))
  }

  hurry(): void {
    this.broadcast({ kind: 'hurry' })
  }

  kill(): void {
    this.#stopping = true
    for (const { child } of this.#workers) child.kill()
  }

  /** To be called every second. */
  tick(): void {
    for (const { slot, child } of this.#workers) {
      if (!child.tick()) continue
      this.#context.log.error(`worker ${slot} does not answer any more; it is killed and replaced`)
      child.kill()
    }
  }

  #current(): Worker[] {
    return [...this.#workers].filter(({ state }) => state !== 'draining')
  }

  /** `successor`: of one that still serves; when it fails, that one stays and no other is started. */
  #start(slot: number, successor = false): Worker {
    const worker = new Worker(++this.#lastId, slot, {
      reported: (report) => this.#context.reported(worker.id, report),
      changed: () => this.#context.changed(),
    })
    this.#workers.add(worker)
    // Control has to know of it before it can take a request.
    this.#context.changed()
    worker.begin(this.#context.state())
    void worker.child.exited.then((how) => this.#ended(worker, how, successor))
    return worker
  }

  #drainWorker(worker: Worker, limits = this.#context.drain()): void {
    worker.drain(limits)
    this.#context.changed()
  }

  #ended(worker: Worker, how: string, successor: boolean): void {
    const { slot: number, state } = worker
    const wasUp = state === 'up'
    this.#workers.delete(worker)
    this.#retire(worker.report)
    worker.over(how)
    this.#context.changed()
    const slot = this.#slots.get(number)
    if (state === 'draining' || this.#stopping || slot === undefined || (successor && !wasUp)) return
    const livedMs = Date.now() - worker.child.sinceMs
    slot.failuresInRow = livedMs >= FAILURES_FORGOTTEN_MS ? 1 : slot.failuresInRow + 1
    const delayMs = restartDelayMs(slot.failuresInRow)
    this.#context.log.error(`worker ${number} ${how}; another one starts in ${delayMs / 1000} s`)
    slot.restart = setTimeout(() => {
      slot.restart = null
      this.restarts++
      this.#start(number)
    }, delayMs)
  }

  #retire(report: WorkerReport | null): void {
    if (report?.counters == null) return
    try {
      const dumps = this.retired === null ? [] : [this.retired]
      this.retired = mergeCounters([...dumps, retireCounters(report.counters)])
    } catch {
      // Of another version of the table: a new program counts from there on.
      this.retired = null
    }
  }
}

interface WorkerContext {
  reported(report: WorkerReport): void
  changed(): void
}

/** One worker process as the supervisor sees it. */
class Worker {
  readonly id: number
  readonly slot: number
  readonly child: Child<WorkerToSupervisor, SupervisorToWorker>
  /** '' once it takes connections; else why it never will. */
  readonly served: Promise<string>
  readonly gone: Promise<void>
  state: WorkerFacts['state'] = 'starting'
  /** With the newest counters that it sent. */
  report: WorkerReport | null = null
  readonly #context: WorkerContext
  readonly #answers = new Map<number, (answer: (WorkerToSupervisor & { id: number }) | null) => void>()
  readonly #started = Promise.withResolvers<string>()
  readonly #ended = Promise.withResolvers<void>()
  #questions = 0
  #deadline: NodeJS.Timeout | null = null

  constructor(id: number, slot: number, context: WorkerContext) {
    this.id = id
    this.slot = slot
    this.#context = context
    this.served = this.#started.promise
    this.gone = this.#ended.promise
    this.child = new Child('worker', (message: WorkerToSupervisor) => this.#heard(message))
  }

  begin({ log, snapshot, sockets }: ReturnType<WorkerSetContext['state']>): void {
    this.#killAfter(START_MS)
    this.child.send({ kind: 'begin', slot: this.slot, log })
    this.apply(snapshot)
    const listeners = sockets.map(({ listener }) => listener)
    void this.listen(listeners, sockets).then((problem) => {
      if (problem !== '') return this.child.kill()
      if (this.#deadline !== null) clearTimeout(this.#deadline)
      if (this.state !== 'starting') return
      this.state = 'up'
      this.#started.resolve('')
      this.#context.changed()
    })
  }

  apply(parts: SnapshotParts): void {
    this.child.send({ kind: 'snapshot', parts: this.#withAppsAhead(parts) })
  }

  async listen(listeners: readonly ListenerConfig[], fresh: readonly BoundSocket[]): Promise<string> {
    for (const { listener, handle } of fresh) this.child.send({ kind: 'socket', listener: listener.name }, handle)
    const answer = await this.#ask((id) => this.child.send({ kind: 'listen', id, listeners }))
    if (answer?.kind === 'listened' && answer.problem !== '') this.#started.resolve(answer.problem)
    // One that ended is in nobody's way: its successor is told what is in use then.
    return answer?.kind === 'listened' ? answer.problem : ''
  }

  async judge(parts: SnapshotParts): Promise<ReadonlyMap<string, number>> {
    const answer = await this.#ask((id) => this.child.send({ kind: 'judge', id, parts: this.#withAppsAhead(parts) }))
    return answer?.kind === 'judged' ? answer.tunnels : new Map()
  }

  /** The apps are sent; what is left to send after them. */
  #withAppsAhead(parts: SnapshotParts): SnapshotParts {
    for (const apps of parts.apps) this.child.send({ kind: 'apps', apps })
    return { ...parts, apps: [] }
  }

  drain(limits: { requestsMs: number; tunnelsMs: number }): void {
    this.#started.resolve('it was asked to end before it served')
    this.state = 'draining'
    this.child.send({ kind: 'drain', ...limits })
    this.#killAfter(Math.max(limits.requestsMs, limits.tunnelsMs) + DRAIN_MARGIN_MS)
  }

  over(how: string): void {
    if (this.#deadline !== null) clearTimeout(this.#deadline)
    this.#started.resolve(`a new worker ${how}`)
    for (const answer of this.#answers.values()) answer(null)
    this.#answers.clear()
    this.#ended.resolve()
  }

  #killAfter(delayMs: number): void {
    if (this.#deadline !== null) clearTimeout(this.#deadline)
    this.#deadline = setTimeout(() => this.child.kill(), delayMs)
  }

  #heard(message: WorkerToSupervisor): void {
    if (message.kind !== 'report') {
      this.#answers.get(message.id)?.(message)
      this.#answers.delete(message.id)
      return
    }
    const { report } = message
    this.report = { ...report, counters: report.counters ?? this.report?.counters ?? null }
    this.#context.reported(report)
  }

  /** null: it ended before it answered. */
  #ask(put: (id: number) => void): Promise<(WorkerToSupervisor & { id: number }) | null> {
    if (this.child.gone) return Promise.resolve(null)
    const id = ++this.#questions
    return new Promise((resolve) => {
      this.#answers.set(id, resolve)
      put(id)
    })
  }
}
