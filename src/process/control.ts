import { readFileSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import { type ConfigParts, KnownConfig } from '../config/config-parts.ts'
import type { Operations, PlanOutcome, ProcessTable } from '../control/admin/operations.ts'
import { ControlPlane } from '../control/control-plane.ts'
import { StateStore } from '../control/state/state-store.ts'
import { createLogger, type Logger } from '../telemetry/logger.ts'
import { processMetrics } from '../telemetry/process-metrics.ts'
import { RouterMetrics } from '../telemetry/router-metrics.ts'
import { configChanges } from './config-changes.ts'
import { ConfigWatch } from './config-watch.ts'
import type { ControlToSupervisor, Heritage, ProcessStatus, SupervisorToControl } from './messages.ts'
import { Reloader } from './reloader.ts'
import { RemoteRuntime } from './remote-runtime.ts'
import { leaveSignalsToSupervisor } from './signals.ts'
import { SnapshotReader } from './snapshot-parts.ts'
import { WorkerFleet } from './worker-fleet.ts'

const ALIVE_MS = 1000

/** Runs this process as the control process: from the first message on it is in charge of everything but requests. */
export function runControl(): void {
  leaveSignalsToSupervisor()
  process.title = 'postern control'
  let control: Promise<ControlProcess> | null = null
  process.on('message', (message) => {
    const told = message as SupervisorToControl
    if (told.kind === 'takeOver') control = takeOver(told.heritage)
    else void control?.then((process) => process.heard(told))
  })
  setInterval(() => tell({ kind: 'alive' }), ALIVE_MS)
  tell({ kind: 'loaded' })
}

/** What is said meanwhile is heard after it, in order. */
async function takeOver(heritage: Heritage): Promise<ControlProcess> {
  try {
    const known = KnownConfig.of(heritage.config)
    return new ControlProcess(heritage, known, await StateStore.open(known.config.state))
  } catch (error) {
    return giveUp(error as Error)
  }
}

/** Never resolves: the process ends. */
function giveUp({ message }: Error): Promise<never> {
  process.send!({ kind: 'unable', message }, undefined, {}, () => process.exit(1))
  return new Promise(() => {})
}

class ControlProcess implements Operations {
  readonly #log: Logger
  readonly #metrics = new RouterMetrics()
  readonly #ownMetrics = processMetrics()
  readonly #fleet = new WorkerFleet((parts) => {
    tell({ kind: 'snapshot', parts })
    this.#tellBooted()
  })
  readonly #runtime = new RemoteRuntime((order) => tell(order))
  readonly #reloader: Reloader
  readonly #control: ControlPlane
  readonly #state: StateStore
  readonly #answers = new Map<number, (answer: SupervisorToControl & { id: number }) => void>()
  #status: ProcessStatus
  #questions = 0
  #awaitsBoots = false
  #watch: ConfigWatch | null = null

  constructor({ snapshot, instances, status, reports }: Heritage, known: KnownConfig, state: StateStore) {
    this.#state = state
    const { config } = known
    this.#log = createLogger({ level: config.log.level })
    this.#status = status
    this.#fleet.know(status)
    for (const { worker, report } of reports) this.#fleet.heard(worker, report)
    const last = snapshot === null ? null : new SnapshotReader().read(snapshot).data
    if (last !== null) this.#fleet.resume(last)
    this.#reloader = new Reloader(known, { log: this.#log, apply: (next, parts) => this.#apply(next, parts) })
    this.#control = new ControlPlane(config, {
      dataPlane: this.#fleet,
      log: this.#log,
      metrics: this.#metrics,
      state,
      version: ownVersion(),
      listening: () => this.#status.workers.some(({ state }) => state === 'up'),
      exposition: () => this.#exposition(),
      runtime: this.#runtime,
      operations: this,
      ...(last !== null && {
        inheritance: { snapshot: last, instances: this.#runtime.adopt(instances) },
      }),
    })
    this.#metrics.setProcessSource(() => this.#gauges())
    void this.#start(config, last !== null)
  }

  async #start(config: Config, inherits: boolean): Promise<void> {
    try {
      await this.#control.start()
    } catch (error) {
      return giveUp(error as Error)
    }
    this.#watch = new ConfigWatch(config.file, () => void this.#reloader.reload('the file changed'))
    tell({ kind: 'serving' })
    if (!inherits) return
    // The one before may have ended half-way through a reload, and nobody has watched the file since.
    await this.#listen(config).catch((error: Error) => this.#log.error(error.message))
    await this.#reloader.reload('a new control process')
  }

  heard(message: Exclude<SupervisorToControl, { kind: 'takeOver' }>): void {
    switch (message.kind) {
      case 'processes':
        this.#status = message.status
        this.#fleet.know(message.status)
        break
      case 'report':
        this.#fleet.heard(message.worker, message.report)
        break
      case 'listened':
      case 'judged':
        this.#answers.get(message.id)?.(message)
        this.#answers.delete(message.id)
        break
      case 'launched':
      case 'launchFailed':
      case 'ended':
        this.#runtime.heard(message)
        break
      case 'awaitBoots':
        this.#awaitsBoots = true
        this.#tellBooted()
        break
      case 'reload':
        void this.#reloader.reload('SIGHUP')
        break
      case 'relinquish':
        this.#watch?.close()
        void this.#end(this.#control.relinquish())
        break
      case 'announceStop':
        this.#watch?.close()
        this.#control.announceStop()
        break
      case 'stop':
        void this.#end(this.#control.stop())
        break
      case 'hurry':
        this.#control.hurry()
        break
    }
  }

  async #end(over: Promise<void>): Promise<void> {
    await over
    await this.#state.close()
    process.exit(0)
  }

  // --- Operations ----------------------------------------------------------------------------------------------------

  reload() {
    return this.#reloader.reload('postern reload')
  }

  async plan(): Promise<PlanOutcome> {
    const current = this.#reloader.config
    const { found, problems } = await this.#reloader.read()
    if (found === null) return { ok: false, problems, changes: [], endedTunnels: [] }
    const { config } = found.known
    const parts = this.#fleet.preview(this.#control.preview(config))
    const answer = await this.#ask((id) => tell({ kind: 'judge', id, parts }))
    const tunnels = answer.kind === 'judged' ? [...answer.tunnels] : []
    return {
      ok: problems.length === 0,
      problems,
      changes: configChanges(current, config),
      endedTunnels: tunnels.map(([app, count]) => ({ app, tunnels: count })),
    }
  }

  upgrade(supervisor: boolean): void {
    // Whoever asks from now on must not be told how the one before went.
    this.#status = { ...this.#status, upgrade: 'running' }
    tell({ kind: 'upgrade', supervisor })
  }

  processes(): ProcessTable {
    const { supervisor, control, workers, listeners, upgrade } = this.#status
    const none = { snapshotVersion: 0, connections: 0, inFlight: 0, residentBytes: 0, eventLoopDelayMs: 0 }
    const since = (sinceMs: number) => new Date(sinceMs).toISOString()
    return {
      processes: [
        { name: 'supervisor', pid: supervisor.pid, state: 'up', since: since(supervisor.sinceMs), ...none },
        { name: 'control', pid: control.pid, state: 'up', since: since(control.sinceMs), ...none },
        ...workers.map(({ id, slot, pid, state, sinceMs }) => {
          return { name: `worker.${slot}`, pid, state, since: since(sinceMs), ...(this.#fleet.of(id) ?? none) }
        }),
      ],
      listeners,
      upgrade,
    }
  }

  warnings(): string[] {
    const { last } = this.#reloader
    return last === null || last.ok ? [] : [`the last reload failed: ${last.problem}`]
  }

  // --- What these need -----------------------------------------------------------------------------------------------

  /** Sockets first, since those may be taken by somebody else; the rest can only be refused before it begins. */
  async #apply(config: Config, parts: ConfigParts): Promise<void> {
    const before = this.#reloader.config
    await this.#listen(config)
    try {
      await this.#control.apply(config)
    } catch (error) {
      await this.#listen(before)
      throw error
    }
    tell({ kind: 'config', parts })
  }

  async #listen({ listeners }: Config): Promise<void> {
    const answer = await this.#ask((id) => tell({ kind: 'listen', id, listeners }))
    if (answer.kind === 'listened' && answer.problem !== '') throw new Error(answer.problem)
  }

  #ask(put: (id: number) => void): Promise<SupervisorToControl & { id: number | string }> {
    const id = ++this.#questions
    return new Promise((resolve) => {
      this.#answers.set(id, resolve)
      put(id)
    })
  }

  #tellBooted(): void {
    if (!this.#awaitsBoots || this.#fleet.booting) return
    this.#awaitsBoots = false
    tell({ kind: 'booted' })
  }

  async #exposition(): Promise<string> {
    const { retired } = this.#status
    const counted = this.#metrics.exposition([...this.#fleet.counters(), ...(retired === null ? [] : [retired])])
    return counted + (await this.#ownMetrics.metrics())
  }

  #gauges() {
    const inState = (wanted: string) => this.#status.workers.filter(({ state }) => state === wanted).length
    return {
      workers: { starting: inState('starting'), up: inState('up'), draining: inState('draining') },
      restarts: this.#status.restarts,
      reload: this.#reloader.last,
    }
  }
}

function tell(message: ControlToSupervisor): void {
  // Without a supervisor this process is about to end.
  process.send!(message, undefined, {}, () => {})
}

/** The version in package.json, which lies two folders up from both src/process/ and dist/process/. */
function ownVersion(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}
