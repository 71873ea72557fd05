import { dirname } from 'node:path'
import type { AppConfig, CommandSource, Config, FormationConfig } from '../../config/config.ts'
import type { Wanted } from '../dyno-slot.ts'
import type { AppState, ProcessRecord, ReleaseRecord } from '../state/records.ts'
import { releaseOf, underWay, versionOf } from './deploy-record.ts'

/**
 * What the file and the API say of an app, brought together. What the file sets belongs to the file; the API sets what it leaves
 * out: a process type, how many dynos one has, a variable of the environment.
 */

/** What a release is, beside its number and its history. */
export type ReleaseContents = Pick<ReleaseRecord, 'processes' | 'env'>

/** What the file says of what dynos run, as text to compare by; '' nothing. How many, and where, is no part of it. */
export function fileContents(app: AppConfig): string {
  const processes = fileProcesses(app)
  return Object.keys(processes).length === 0 ? '' : contentsText({ processes, env: app.env })
}

/** As text to compare by. */
export function contentsText({ processes, env }: ReleaseContents): string {
  const sorted = (map: object) => Object.entries(map).sort(([one], [other]) => (one < other ? -1 : 1))
  return JSON.stringify([
    sorted(env),
    sorted(processes).map(([processType, { command, cwd, exec }]) => [
      processType,
      command,
      cwd,
      ...(exec ? [exec] : []),
    ]),
  ])
}

/** What a release made now would be, with these settings of the API. */
export function releaseContents(
  app: AppConfig,
  { commands, env }: Pick<AppState, 'commands' | 'env'>,
  config: Config,
): ReleaseContents {
  const processes: Record<string, ProcessRecord> = {}
  const cwd = config.file === '' ? process.cwd() : dirname(config.file)
  for (const [processType, command] of Object.entries(commands)) processes[processType] = { command, cwd }
  for (const { processType } of app.formation) delete processes[processType]
  return { processes: { ...processes, ...fileProcesses(app) }, env: { ...env, ...app.env } }
}

/** What the settings of the API were when this release was made, as far as it tells. */
export function settingsOf(app: AppConfig, { processes, env }: ReleaseContents): Pick<AppState, 'commands' | 'env'> {
  const owned = new Set(app.formation.map(({ processType }) => processType))
  const commands = Object.entries(processes).filter(([processType]) => !owned.has(processType))
  return {
    commands: Object.fromEntries(commands.map(([processType, { command }]) => [processType, command])),
    env: Object.fromEntries(Object.entries(env).filter(([key]) => !(key in app.env))),
  }
}

/** How many dynos a process type that runs here has. */
export function quantityOf(app: AppConfig, state: AppState, processType: string): number {
  const source = app.formation.find((formation) => formation.processType === processType)?.source
  if (source?.kind === 'command' && source.quantity !== null) return source.quantity
  return state.quantities[processType] ?? 1
}

/** The process types whose dynos run here, those that only the API knows too. */
export function localProcessTypes(app: AppConfig, state: AppState): string[] {
  const inFile = new Map(app.formation.map(({ processType, source }) => [processType, source.kind]))
  const commands = { ...state.commands, ...(underWay(state.deploy) ? state.deploy.commands : {}) }
  const added = Object.keys(commands).filter((processType) => !inFile.has(processType))
  return [...[...inFile].filter(([, kind]) => kind === 'command').map(([processType]) => processType), ...added]
}

/** The app with the formation that it really has: what routing goes by. */
export function effectiveApp(app: AppConfig, state: AppState): AppConfig {
  const types = localProcessTypes(app, state)
  if (types.length === 0) return app
  const others = app.formation.filter(({ source }) => source.kind !== 'command')
  const local = types.map((processType): FormationConfig => {
    const inFile = app.formation.find((formation) => formation.processType === processType)?.source
    const source = inFile?.kind === 'command' ? inFile : { kind: 'command' as const, command: '', cwd: '', exec: null }
    return { processType, source: { ...source, quantity: quantityOf(app, state, processType) } }
  })
  return { ...app, formation: [...others, ...local] }
}

/** What every number of every process type is to run: a function of what is durable, and of how many there are to be. */
export function wantedDynos(app: AppConfig, state: AppState): Map<string, Map<number, Wanted>> {
  const releases = new Map<number, Wanted['release'] | null>()
  const batch = underWay(state.deploy) ? state.deploy.batch : []
  const types = new Map<string, Map<number, Wanted>>()
  for (const processType of localProcessTypes(app, state)) {
    const quantity = quantityOf(app, state, processType)
    const numbers = new Map<number, Wanted>()
    releases.clear()
    for (let number = 1; number <= quantity; number++) {
      const version = versionOf(state, processType, number)
      if (!releases.has(version)) releases.set(version, runnable(releaseOf(state, version), processType))
      const release = releases.get(version) ?? null
      if (release === null) continue
      const part = batch.find((each) => each.processType === processType && each.numbers.includes(number))
      numbers.set(number, { release, startFirst: part?.startFirst ?? quantity === 1 })
    }
    types.set(processType, numbers)
  }
  return types
}

/** What dynos of this process type run in a release; null: it has none. */
function runnable(release: ReleaseRecord | null, processType: string): Wanted['release'] | null {
  const process = release?.processes[processType]
  if (!release || !process) return null
  return { name: `v${release.version}`, ...process, env: release.env }
}

function fileProcesses({ formation }: AppConfig): Record<string, ProcessRecord> {
  const local = formation.filter((each): each is FormationConfig & { source: CommandSource } => {
    return each.source.kind === 'command'
  })
  return Object.fromEntries(
    local.map(({ processType, source: { command, cwd, exec } }) => {
      return [processType, exec === null ? { command, cwd } : { command, cwd, exec }]
    }),
  )
}
