import type { DeployConfig } from '../../config/config.ts'
import type { Dyno } from '../../model/dyno.ts'
import type { DynoObservation } from '../../model/dyno-observation.ts'
import type { Clock } from '../clock.ts'
import type { AppState } from '../state/records.ts'
import { underWay } from './deploy-record.ts'
import type { DeployFacts, Step, StockFacts } from './deploy-step.ts'
import { nextStep } from './deploy-step.ts'
import type { Sample, Verdict } from './gate.ts'
import { judge } from './gate.ts'
import { GateWatch } from './gate-watch.ts'

/** Between two looks at the dynos of a batch that are watched. */
const LOOK_MS = 1000

export interface DeployRunnerContext {
  readonly clock: Clock
  settings(): DeployConfig
  /** As far as it is durable. */
  state(): AppState
  /** Makes a step durable; then it is acted on and told. */
  take(step: Step): Promise<void>
  stocks(): StockFacts[]
  /** The web dynos that there are. */
  webDynos(): Dyno[]
  observed(dynoId: string): DynoObservation | null
  /** It is time for another `advance`. */
  due(): void
}

/** Takes the deploy of one app from step to step. It remembers nothing that a new control process would need. */
export class DeployRunner {
  readonly #context: DeployRunnerContext
  /** What is compared while a batch is watched, and which batch that is. Times are of the second half: programs that begin are slow. */
  #watch: { readonly batch: string; readonly gate: GateWatch; late: GateWatch | null } | null = null
  #cancelLook: (() => void) | null = null
  #stopped = false

  constructor(context: DeployRunnerContext) {
    this.#context = context
  }

  /** As many steps as can be taken now. Never two calls at once. Rejects when a step cannot be made durable. */
  async advance(): Promise<void> {
    this.#cancelLook?.()
    this.#cancelLook = null
    while (!this.#stopped) {
      const state = this.#context.state()
      if (!underWay(state.deploy)) {
        this.#watch = null
        return
      }
      if (state.deploy.phase === 'watching') this.#beginWatch(state)
      const step = nextStep(state, this.#facts(state))
      if (step === null) break
      await this.#context.take(step)
    }
    this.#lookAgain()
  }

  /** A step that is being made durable is the last. */
  stop(): void {
    this.#stopped = true
    this.#cancelLook?.()
  }

  #beginWatch({ deploy }: AppState): void {
    const batch = `${deploy!.release} ${deploy!.batchNumber}`
    const { webDynos, observed, clock, settings } = this.#context
    if (this.#watch?.batch !== batch) this.#watch = { batch, gate: new GateWatch(webDynos(), observed), late: null }
    const isLate = clock.now() >= deploy!.phaseSinceMs + settings().holdMs / 2
    if (isLate) this.#watch.late ??= new GateWatch(webDynos(), observed)
  }

  /** Nothing tells of the end of the hold time, or that requests fail. What else there is to wait for tells by itself. */
  #lookAgain(): void {
    const { deploy } = this.#context.state()
    if (deploy?.phase !== 'watching' || this.#stopped) return
    const { clock } = this.#context
    const leftMs = deploy.phaseSinceMs + this.#context.settings().holdMs - clock.now()
    this.#cancelLook = clock.after(Math.max(1, Math.min(LOOK_MS, leftMs)), () => this.#context.due())
  }

  #facts(state: AppState): DeployFacts {
    const { clock } = this.#context
    const { batchPercent, holdMs } = this.#context.settings()
    return {
      stocks: this.#context.stocks(),
      verdict: (whole) => this.#verdict(state, whole),
      batchPercent,
      holdMs,
      nowMs: clock.now(),
    }
  }

  #verdict({ deploy }: AppState, whole: boolean): Verdict {
    const { release, from, baseline } = deploy!
    const dynos = this.#context.webDynos()
    const limits = this.#context.settings()
    const { gate, late } = this.#watch!
    const of = (version: number): Sample => {
      const its = dynos.filter((dyno) => dyno.release === `v${version}`)
      const sample = gate.sample(its)
      const lateSample = late?.sample(its)
      const isEnough = lateSample !== undefined && lateSample.requests >= limits.minRequests
      return isEnough ? { ...sample, p95Ms: lateSample.p95Ms } : sample
    }
    return judge(of(release), of(from), baseline, limits, whole)
  }
}
