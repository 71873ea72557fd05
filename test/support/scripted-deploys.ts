import type { DeployDoor } from '../../src/control/admin/doors.ts'
import type { DeployStatus } from '../../src/control/deploys/deploy-status.ts'
import type { DeployRequest } from '../../src/control/deploys/orders.ts'
import type { EventContent, EventLog } from '../../src/control/events.ts'
import { Refusal } from '../../src/control/refusal.ts'
import type { DeployPhase, ReleaseRecord } from '../../src/control/state/records.ts'

/** How a scripted deploy ends. */
export type Script = 'stands still' | 'succeeds' | 'fails' | 'is paused' | 'is superseded'

const STEP_MS = 30

/** Releases and deploys that follow a script instead of dynos, and the calls that were made. */
export class ScriptedDeploys implements DeployDoor {
  script: Script = 'succeeds'
  readonly calls: unknown[][] = []
  readonly #events: EventLog
  readonly #releases = new Map<string, ReleaseRecord[]>()
  readonly #current = new Map<string, number>()
  readonly #statuses = new Map<string, DeployStatus>()

  constructor(events: EventLog) {
    this.#events = events
  }

  async deploy(app: string, request: DeployRequest): Promise<DeployStatus> {
    this.calls.push(['deploy', app, request])
    if (this.#statuses.get(app)?.phase === 'replacing') throw new Refusal('conflict', `${app} is being deployed`)
    return this.#begin(app, request, 'Deploy')
  }

  async rollback(app: string, { version, by }: { version: number | null; by: string }): Promise<DeployStatus> {
    this.calls.push(['rollback', app, version, by])
    return this.#begin(app, { by }, `Rollback to v${version ?? (this.#current.get(app) ?? 1) - 1}`)
  }

  async pause(app: string, by: string): Promise<DeployStatus> {
    return this.#act('pause', app, by, { pauseAsked: true })
  }

  async resume(app: string, by: string): Promise<DeployStatus> {
    const status = this.#act('resume', app, by, { phase: 'replacing', reason: '' })
    this.#later(app, status.release, [() => this.#succeed(app)])
    return status
  }

  async abort(app: string, by: string): Promise<DeployStatus> {
    const status = this.#act('abort', app, by, { phase: 'rolling-back', reason: `aborted by ${by}` })
    this.#later(app, status.release, [() => this.#end(app, 'aborted')])
    return status
  }

  status(app: string): DeployStatus | null {
    return this.#statuses.get(app) ?? null
  }

  releases(app: string): readonly ReleaseRecord[] {
    return this.#releases.get(app) ?? []
  }

  currentRelease(app: string): number {
    return this.#current.get(app) ?? 0
  }

  async scale(app: string, processType: string, quantity: number, by: string): Promise<void> {
    this.calls.push(['scale', app, processType, quantity, by])
    if (quantity === 999) throw new Refusal('conflict', `the quantity of ${processType} of ${app} is set in space.yml`)
  }

  async restart(app: string, dyno: string, by: string): Promise<void> {
    this.calls.push(['restart', app, dyno, by])
    if (dyno !== 'web.1') throw new Refusal('not_found', `${app} has no dyno ${dyno} that runs here`)
  }

  #begin(app: string, { by, label = '', commands = {}, env = {} }: DeployRequest, description: string): DeployStatus {
    const version = this.releases(app).length + 1
    const processes = Object.fromEntries(
      Object.entries({ web: 'node server.js', ...commands }).map(([type, command]) => [type, { command, cwd: '/' }]),
    )
    const variables = Object.fromEntries(
      Object.entries(env).filter((each): each is [string, string] => each[1] !== null),
    )
    const createdAtMs = Date.now()
    const release = {
      version,
      createdAtMs,
      by,
      label,
      description,
      processes,
      env: variables,
      status: 'pending' as const,
    }
    this.#releases.set(app, [...this.releases(app), release])
    const from = this.currentRelease(app)
    const now = new Date(createdAtMs).toISOString()
    const status: DeployStatus = {
      app,
      release: `v${version}`,
      from: from === 0 ? '' : `v${from}`,
      by,
      label,
      phase: 'replacing',
      underWay: true,
      reason: '',
      pauseAsked: false,
      batch: 0,
      batches: 2,
      batchDynos: [],
      moved: 0,
      dynos: 4,
      startedAt: now,
      since: now,
    }
    this.#statuses.set(app, status)
    this.#later(app, status.release, this.#steps(app))
    return status
  }

  #steps(app: string): (() => void)[] {
    const batch = (number: number, step: string) => () => {
      const batchDynos = [`web.${2 * number - 1}`, `web.${2 * number}`]
      this.#change(app, {
        batch: number,
        batchDynos,
        moved: 2 * number,
        phase: step === 'up' ? 'watching' : 'replacing',
      })
      this.#tell(app, { kind: 'batch', step, release: this.status(app)!.release, number, dynos: batchDynos })
    }
    const gate = (number: number, passed: boolean, reason: string) => () =>
      this.#tell(app, { kind: 'gate', release: this.status(app)!.release, batch: number, passed, reason })
    const stop = (phase: DeployPhase, reason: string) => () => {
      this.#change(app, { phase, reason })
      this.#tell(app, { kind: 'deploy', phase, release: this.status(app)!.release, reason })
    }
    const first = [batch(1, 'replacing'), batch(1, 'up')]
    const failing = '21 % of 240 requests failed'
    switch (this.script) {
      case 'stands still':
        return []
      case 'succeeds':
        return [
          ...first,
          gate(1, true, ''),
          batch(2, 'replacing'),
          batch(2, 'up'),
          gate(2, true, ''),
          () => this.#succeed(app),
        ]
      case 'fails':
        return [...first, gate(1, false, failing), stop('rolling-back', failing), () => this.#end(app, 'failed')]
      case 'is paused':
        return [...first, gate(1, true, ''), stop('paused', 'canary')]
      case 'is superseded':
        return [
          ...first,
          () => {
            this.#end(app, 'superseded')
            this.script = 'is paused'
            void this.#begin(app, { by: 'somebody' }, 'Deploy')
          },
        ]
    }
  }

  /** One after the other, for as long as nothing else has taken the deploy's place. */
  #later(app: string, release: string, [step, ...others]: (() => void)[]): void {
    if (step === undefined) return
    setTimeout(() => {
      if (this.status(app)?.release !== release) return
      step()
      this.#later(app, release, others)
    }, STEP_MS).unref()
  }

  #succeed(app: string): void {
    const version = Number(this.status(app)!.release.slice(1))
    this.#current.set(app, version)
    const releases = this.releases(app).map((each) =>
      each.version === version ? { ...each, status: 'succeeded' as const } : each,
    )
    this.#releases.set(app, releases)
    this.#change(app, { moved: 4 })
    this.#end(app, 'succeeded')
  }

  #end(app: string, phase: DeployPhase): void {
    this.#change(app, { phase, underWay: false, batchDynos: [] })
    this.#tell(app, { kind: 'deploy', phase, release: this.status(app)!.release, reason: this.status(app)!.reason })
  }

  #act(action: string, app: string, by: string, change: Partial<DeployStatus>): DeployStatus {
    this.calls.push([action, app, by])
    if (!this.status(app)?.underWay) throw new Refusal('conflict', `no deploy of ${app} is under way`)
    return this.#change(app, change)
  }

  #change(app: string, change: Partial<DeployStatus>): DeployStatus {
    const status = { ...this.#statuses.get(app)!, ...change }
    this.#statuses.set(app, status)
    return status
  }

  #tell(app: string, event: EventContent): void {
    this.#events.emit({ app, ...event })
  }
}
