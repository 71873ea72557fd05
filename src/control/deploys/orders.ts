import { basename } from 'node:path'
import type { AppConfig, Config } from '../../config/config.ts'
import { Refusal } from '../refusal.ts'
import type { AppState } from '../state/records.ts'
import { localProcessTypes, quantityOf, releaseContents, settingsOf } from './app-settings.ts'
import { forgetMoved, type NewRelease, releaseOf, rollBack, underWay } from './deploy-record.ts'
import { batchSize } from './plan.ts'

/** What operators may ask of an app, as functions of its state: what comes of it, or a Refusal. */

export interface DeployRequest {
  /** By process type, such as the file does not have. */
  readonly commands?: Readonly<Record<string, string>>
  /** null takes a variable away. Only such as the file does not set. */
  readonly env?: Readonly<Record<string, string | null>>
  readonly label?: string
  /** Start first, in every batch. */
  readonly surge?: boolean
  /** Dynos of the first batch, after which the deploy is paused; 0 or left out: none. */
  readonly canary?: number
  readonly by: string
}

/** A release that is to be brought to the dynos, and how. */
export interface ReleaseOrder {
  readonly release: NewRelease
  /** The API's settings once it has succeeded. */
  readonly settings: Pick<AppState, 'commands' | 'env'>
  readonly surge: boolean
  readonly canary: number
}

const MOST_DYNOS = 1000

/** @throws Refusal */
export function deployOrder(config: Config, app: AppConfig, state: AppState, request: DeployRequest): ReleaseOrder {
  refuseWhileGoing(app.name, state)
  for (const processType of Object.keys(request.commands ?? {})) {
    if (sourceOf(app, processType)) throw owned(config, `the dynos of ${processType} of ${app.name} are`)
  }
  for (const key of Object.keys(request.env ?? {})) {
    if (key in app.env) throw owned(config, `the variable ${key} of ${app.name} is`)
  }
  const env: Record<string, string> = { ...state.env }
  for (const [key, value] of Object.entries(request.env ?? {})) {
    if (value === null) delete env[key]
    else env[key] = value
  }
  const settings = { commands: { ...state.commands, ...request.commands }, env }
  const contents = releaseContents(app, settings, config)
  if (Object.keys(contents.processes).length === 0) {
    throw new Refusal('conflict', `${app.name} has no dynos that run here; give the command of a process type`)
  }
  const { by, label = '', surge = false, canary = 0 } = request
  const web = quantityOf(app, state, 'web')
  const most = batchSize(web, config.deploy.batchPercent)
  if (canary > most) {
    throw new Refusal('invalid_params', `a canary of ${canary}: at most ${most} of ${web} dynos are replaced at once`)
  }
  return { release: { by, label, description: 'Deploy', ...contents }, settings, surge, canary }
}

/** `version` null: of the last release that succeeded before the present one. @throws Refusal */
export function rollbackOrder(app: AppConfig, state: AppState, version: number | null, by: string): ReleaseOrder {
  refuseWhileGoing(app.name, state)
  const before = state.releases.filter((release) => release.version < state.current && release.status === 'succeeded')
  const old = version === null ? before.at(-1) : releaseOf(state, version)
  if (!old) {
    const which = version === null ? 'release before the present one' : `release v${version}`
    throw new Refusal('not_found', `${app.name} has no ${which}`)
  }
  if (old.version === state.current && !underWay(state.deploy)) {
    throw new Refusal('conflict', `${app.name} runs v${old.version}`)
  }
  const { processes, env, label } = old
  const release = { by, label, description: `Rollback to v${old.version}`, processes, env }
  return { release, settings: settingsOf(app, old), surge: false, canary: 0 }
}

/** After the present batch. @throws Refusal */
export function pause(app: string, state: AppState): AppState {
  const deploy = goingDeploy(app, state)
  if (deploy.phase === 'paused') throw new Refusal('conflict', `the deploy of ${app} is paused already`)
  if (deploy.phase === 'rolling-back') {
    throw new Refusal('conflict', `the deploy of ${app} is rolled back; that cannot wait`)
  }
  return { ...state, deploy: { ...deploy, pauseAsked: true } }
}

/** @throws Refusal */
export function resume(app: string, state: AppState, nowMs: number): AppState {
  const deploy = goingDeploy(app, state)
  if (deploy.phase === 'paused') {
    return { ...state, deploy: { ...deploy, phase: 'replacing', phaseSinceMs: nowMs, reason: '' } }
  }
  if (!deploy.pauseAsked) throw new Refusal('conflict', `the deploy of ${app} is not paused`)
  return { ...state, deploy: { ...deploy, pauseAsked: false } }
}

/** Back to the release before. @throws Refusal */
export function abort(app: string, state: AppState, by: string, nowMs: number): AppState {
  const { phase } = goingDeploy(app, state)
  if (phase === 'rolling-back') throw new Refusal('conflict', `the deploy of ${app} is rolled back already`)
  return rollBack(state, `aborted by ${by}`, true, nowMs)
}

/** @throws Refusal */
export function scale(
  config: Config,
  app: AppConfig,
  state: AppState,
  processType: string,
  quantity: number,
): AppState {
  const source = sourceOf(app, processType)
  if (!localProcessTypes(app, state).includes(processType)) {
    if (source) throw new Refusal('conflict', `the dynos of ${processType} of ${app.name} do not run here`)
    throw new Refusal('not_found', `${app.name} has no process type ${processType}`)
  }
  if (source?.kind === 'command' && source.quantity !== null) {
    throw owned(config, `the quantity of ${processType} of ${app.name} is`)
  }
  if (!Number.isInteger(quantity) || quantity < 0 || quantity > MOST_DYNOS) {
    throw new Refusal('invalid_params', `${quantity} dynos: give a whole number from 0 to ${MOST_DYNOS}`)
  }
  const quantities = { ...state.quantities, [processType]: quantity }
  return { ...forgetMoved(state, processType, quantity), quantities }
}

function goingDeploy(app: string, { deploy }: AppState) {
  if (underWay(deploy)) return deploy
  throw new Refusal('conflict', `no deploy of ${app} is under way`)
}

function refuseWhileGoing(app: string, { deploy }: AppState): void {
  if (!underWay(deploy) || deploy.phase === 'paused' || deploy.phase === 'rolling-back') return
  throw new Refusal('conflict', `v${deploy.release} of ${app} is being deployed; wait for it, pause it or abort it`)
}

function sourceOf(app: AppConfig, processType: string) {
  return app.formation.find((each) => each.processType === processType)?.source
}

function owned({ file }: Config, what: string): Refusal {
  return new Refusal('conflict', `${what} set in ${basename(file) || 'the configuration'}; change it there`)
}
